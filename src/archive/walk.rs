//! The budget of one input file and the way down into its containers.
//!
//! In: what a container's reader meets: members as streams or as parts of the blob, and what broke. Out: a visit of every
//! blob, and gaps. Must not know: any format.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{FORMATS, Format, carve, known, tar};
use crate::fact::{Embedded, Gap, Location, Reason, cut};
use crate::source::{Blob, Content, Limits, Spool};

/// Called for each blob, containers included, before its members.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(&mut Blob, &mut Walk<'_>, Opened) -> Seen;

/// What a visit tells of a blob.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The documents inside it, which are walked like members.
    pub embedded: Vec<Embedded>,
    /// Whether its format is one that is read.
    pub recognised: bool,
    /// Where a program's own parts end: an installer keeps its payload behind them.
    pub program_end: Option<u64>,
}

/// What becomes of a blob as a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// Opened as a container of this format.
    As(&'static str),
    /// Known to be a container, and left shut for the gap already noted.
    Shut,
    /// No container.
    Leaf,
}

/// First bytes by which an embedded document is known again.
const TOLD: usize = 64;

/// Gaps told per input file.
const GAPS: usize = 1000;

/// The budget of one input file and what its walk met.
pub(crate) struct Walk<'l> {
    pub limits: &'l Limits,
    gaps: Vec<Gap>,
    gaps_dropped: u64,
    /// Members met so far.
    pub members: u64,
    /// Bytes unpacked so far.
    pub unpacked: u64,
    /// Bytes that may be unpacked in all.
    allowed: u64,
    /// Bytes of members held in memory at this moment.
    held: u64,
    /// Set once a limit of the whole walk is reached: nothing more is opened, one gap was noted.
    exhausted: bool,
}

impl<'l> Walk<'l> {
    pub fn new(limits: &'l Limits, input_len: u64) -> Self {
        let by_ratio = input_len.saturating_mul(limits.max_ratio).max(limits.ratio_floor);
        Walk {
            limits,
            gaps: Vec::new(),
            gaps_dropped: 0,
            members: 0,
            unpacked: 0,
            allowed: by_ratio.min(limits.max_total_bytes),
            held: 0,
            exhausted: false,
        }
    }

    /// Notes what could not be opened. A hostile archive may break in a million places: the first
    /// thousand are told, the rest is counted.
    pub fn gap(&mut self, at: Location, reason: Reason, detail: impl Into<String>) {
        if self.gaps.len() < GAPS {
            self.gaps.push(Gap { at, reason, detail: detail.into() });
        } else {
            self.gaps_dropped += 1;
        }
    }

    /// All gaps, with one more for those that were only counted.
    pub fn into_gaps(self, path: &Arc<str>) -> Vec<Gap> {
        let mut gaps = self.gaps;
        if self.gaps_dropped > 0 {
            let detail = format!("{} more places could not be examined", self.gaps_dropped);
            gaps.push(Gap { at: Location::whole(path), reason: Reason::Limit, detail });
        }
        gaps
    }

    /// True while more may be opened; notes the gap once when not.
    fn go_on(&mut self, at: &Blob) -> bool {
        if self.exhausted {
            return false;
        }
        let why = if self.limits.stop.raised() {
            "stopped before the end (time limit or interrupt)".to_owned()
        } else if self.members >= self.limits.max_members {
            format!("more than {} archive members; the rest was not read", self.limits.max_members)
        } else if self.unpacked >= self.allowed {
            format!("unpacks to more than {} bytes; the rest was not read", self.allowed)
        } else {
            return true;
        };
        self.exhausted = true;
        self.gap(Location::whole(&at.path), Reason::Limit, why);
        false
    }

    /// A member that does not fit.
    fn too_long(&mut self, at: &Location, budget: bool, what: &str) {
        let detail = if budget {
            self.exhausted = true;
            format!("{what}: the file unpacks to more than {} bytes; this and the rest was not read", self.allowed)
        } else {
            format!("{what}: more than the {} bytes unpacked of one member; not read", self.limits.max_member_bytes)
        };
        self.gap(at.clone(), Reason::Limit, detail);
    }

    /// Reads one member, into memory or, where that is full, into a temporary file. A member that is cut by a
    /// break is noted as a gap and what stood before the break is returned: a sign in it still counts.
    fn read_member(&mut self, at: &Location, declared: Option<u64>, reader: &mut dyn Read) -> Option<Content> {
        let left = self.allowed.saturating_sub(self.unpacked);
        let most = self.limits.max_member_bytes.min(left);
        // The budget of the whole walk is said once, for all that follows; the other of the member.
        let budget = left < self.limits.max_member_bytes;
        if let Some(size) = declared.filter(|size| *size > most) {
            self.too_long(at, budget, &format!("{size} bytes as declared"));
            return None;
        }
        let mut spool = Spool::new(self.limits.max_held_bytes.saturating_sub(self.held));
        spool.expect(declared.unwrap_or(0));
        let result = read_up_to(reader, most, &mut spool, self.limits);
        let len = spool.len();
        self.unpacked = self.unpacked.saturating_add(len);
        match result {
            Ok(true) => {
                self.too_long(at, budget, "longer than declared or undeclared");
                return None;
            }
            Ok(false) => {
                if let Some(size) = declared.filter(|size| *size != len) {
                    self.gap(at.clone(), Reason::Truncated, format!("{len} bytes where {size} are declared"));
                }
            }
            Err(error) => {
                let reason = reason(&error);
                self.gap(at.clone(), reason, format!("{error}, after {len} bytes"));
            }
        }
        match spool.finish() {
            Ok(content) => Some(content),
            Err(error) => {
                self.gap(at.clone(), Reason::Unreadable, format!("temporary file: {error}"));
                None
            }
        }
    }
}

/// What kind of gap an error of reading is.
pub(super) fn reason(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Reason::Truncated,
        io::ErrorKind::Interrupted => Reason::Limit,
        io::ErrorKind::Unsupported => Reason::Unsupported,
        io::ErrorKind::StorageFull => Reason::Unreadable,
        _ => Reason::Malformed,
    }
}

/// Reads to the end or to `most` bytes; true when there was more.
fn read_up_to(reader: &mut dyn Read, most: u64, spool: &mut Spool, limits: &Limits) -> io::Result<bool> {
    const STEP: u64 = 4 << 20;
    loop {
        if limits.stop.raised() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped (time limit or interrupt)"));
        }
        let left = most.saturating_sub(spool.len());
        if left == 0 {
            return Ok(reader.read(&mut [0])? > 0);
        }
        if spool.take(reader, left.min(STEP))? == 0 {
            return Ok(false);
        }
    }
}

/// A container that is open: where its reader hands what it meets.
pub(super) struct Inside<'a, 'l> {
    /// The container.
    pub blob: &'a Blob,
    walk: &'a mut Walk<'l>,
    visit: Visit<'a>,
    /// Where the container ends, where its reader knows that.
    end: Option<u64>,
    /// What this container calls the members of its members.
    names: Option<Arc<HashMap<String, String>>>,
}

impl Inside<'_, '_> {
    /// The bounds of the run.
    pub fn limits(&self) -> &Limits {
        self.walk.limits
    }

    /// Bytes that may still be unpacked.
    pub fn left(&self) -> u64 {
        self.walk.allowed.saturating_sub(self.walk.unpacked)
    }

    /// True while more may be opened: to be asked before each member. Notes the gap once when not.
    pub fn go_on(&mut self) -> bool {
        self.walk.go_on(self.blob)
    }

    /// Notes where the container ends. What lies behind it is looked at by itself.
    pub fn ends_at(&mut self, end: u64) {
        self.end = Some(end);
    }

    /// A gap of the container as a whole.
    pub fn gap(&mut self, reason: Reason, detail: impl Into<String>) {
        self.walk.gap(Location::whole(&self.blob.path), reason, detail);
    }

    /// A gap at a place within the container: an offset, a table, an entry.
    pub fn gap_at(&mut self, field: impl Into<String>, reason: Reason, detail: impl Into<String>) {
        self.walk.gap(Location::field(&self.blob.path, field.into()), reason, detail);
    }

    /// The gap for an error of reading the container.
    pub fn failed(&mut self, what: &str, error: &io::Error) {
        self.gap(reason(error), format!("{what}: {error}"));
    }

    /// A member that stays shut.
    pub fn shut(&mut self, name: &str, reason: Reason, detail: impl Into<String>) {
        let at = self.place(name);
        self.walk.gap(at, reason, detail);
    }

    /// The members of members are called so from here on, by the names they have there: an installer's cabinets know only
    /// the keys of its tables.
    pub fn know_names(&mut self, names: Arc<HashMap<String, String>>) {
        self.names = Some(names);
    }

    /// The place of a member.
    fn place(&self, name: &str) -> Location {
        let name = called(self.blob, name);
        let name = cut(name.trim_start_matches('/'), self.walk.limits.max_name_bytes);
        Location { path: format!("{}!/{name}", self.blob.path).into(), field: String::new() }
    }

    /// Counts a member that is only a name: a folder, a link, a device.
    pub fn count(&mut self) {
        self.walk.members += 1;
    }

    /// A member that is read from a stream. `declared` is its length as the container states it: what comes out is
    /// compared with it.
    pub fn member(&mut self, name: &str, declared: Option<u64>, reader: &mut dyn Read) {
        self.walk.members += 1;
        let at = self.place(name);
        if let Some(content) = self.walk.read_member(&at, declared, reader) {
            self.descend(name, content);
        }
    }

    /// A member whose bytes stand in the container as they are.
    pub fn part(&mut self, name: &str, start: u64, len: u64) {
        self.walk.members += 1;
        let have = self.blob.len().saturating_sub(start).min(len);
        if have < len {
            let at = self.place(name);
            self.walk.gap(at, Reason::Truncated, format!("{have} bytes where {len} are declared"));
        }
        match self.blob.content().slice(start, have) {
            Ok(content) => {
                // Parts may overlap: looking at them again and again counts as unpacking does.
                self.walk.unpacked = self.walk.unpacked.saturating_add(content.len());
                self.descend(name, content);
            }
            Err(error) => {
                let at = self.place(name);
                self.walk.gap(at, reason(&error), error.to_string());
            }
        }
    }

    /// A member without bytes of its own: a hard link, an empty file. Its name still says something.
    pub fn name_only(&mut self, name: &str) {
        self.walk.members += 1;
        self.descend(name, Content::from(Vec::new()));
    }

    /// The plain content of a compressed stream. A tar inside is read as a stream, so that a large one is never held
    /// whole; its members are shown as lying in the compressed file.
    pub fn plain(&mut self, name: &str, mut reader: impl Read) {
        let mut head = Vec::new();
        // A break within the first block is met again below, where it is noted.
        let error = (&mut reader).take(512).read_to_end(&mut head).err();
        if tar::is_tar(&head) {
            return tar::read(self, Cursor::new(head).chain(Failing { error, inner: reader }));
        }
        let mut rest = Cursor::new(head).chain(Failing { error, inner: reader });
        self.walk.members += 1;
        let at = self.place(name);
        if let Some(content) = self.walk.read_member(&at, None, &mut rest)
            && content.len() > 0
        {
            self.descend(name, content);
        }
    }

    fn descend(&mut self, name: &str, content: Content) -> Option<u64> {
        let name = called(self.blob, name);
        descend(self.blob, name, content, self.names.as_ref(), self.walk, self.visit)
    }

    /// A container found within other data, which may reach to the end of what is given or not; where it ended, if its reader
    /// says so.
    pub fn carved(&mut self, name: &str, content: Content) -> Option<u64> {
        self.walk.members += 1;
        let mut member = Blob::member(self.blob, name, content);
        member.open_ended = true;
        walk(&mut member, self.walk, self.visit)
    }
}

/// Gives back an error met earlier at the place where it stood.
struct Failing<R> {
    error: Option<io::Error>,
    inner: R,
}

impl<R: Read> Read for Failing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.inner.read(buffer),
        }
    }
}

/// Walks a blob and everything inside it. Says where the container ended, where its reader knows.
pub(crate) fn walk(blob: &mut Blob, walk: &mut Walk<'_>, visit: Visit<'_>) -> Option<u64> {
    walk.limits.progress.begin(blob);
    let at = Location::whole(&blob.path);
    let format = FORMATS.iter().find(|format| (format.claim)(blob));
    let opened = match format {
        Some(_) if blob.depth >= walk.limits.max_depth => {
            walk.gap(at, Reason::Limit, format!("{} containers deep; not opened", blob.depth));
            Opened::Shut
        }
        Some(format) => Opened::As(format.name),
        None => match known::recognise(blob.head(), blob.name()) {
            Some(name) => {
                walk.gap(at, Reason::Unsupported, format!("{name}: recognised, not opened by this version"));
                Opened::Shut
            }
            None => Opened::Leaf,
        },
    };
    let seen = visit(blob, walk, opened);
    let told: Vec<Vec<u8>> = seen.embedded.iter().map(|one| one.data.iter().take(TOLD).copied().collect()).collect();
    embedded(blob, seen.embedded, walk, visit);
    let held = if blob.depth > 0 && blob.held().is_some() { blob.len() } else { 0 };
    walk.held = walk.held.saturating_add(held);
    let end = match (format, opened) {
        (Some(format), Opened::As(_)) => open(format, blob, walk, visit),
        (_, Opened::Leaf) => {
            let inside = &mut Inside { blob, walk, visit, end: None, names: None };
            carve::look(inside, &carve::Told { recognised: seen.recognised, end: seen.program_end, embedded: told });
            None
        }
        _ => None,
    };
    walk.held = walk.held.saturating_sub(held);
    end
}

/// Opens a container. A reader that panics ends as a gap, not as an abort.
fn open(format: &Format, blob: &Blob, walk: &mut Walk<'_>, visit: Visit<'_>) -> Option<u64> {
    let mut inside = Inside { blob, walk, visit, end: None, names: None };
    if catch_unwind(AssertUnwindSafe(|| (format.open)(&mut inside))).is_err() {
        inside.gap(Reason::Malformed, format!("{} gave up on this input", format.name));
    }
    let end = inside.end.filter(|end| *end <= blob.len());
    if let Some(end) = end.filter(|end| *end < blob.len() && !blob.open_ended) {
        carve::behind(&mut inside, end, format.name);
    }
    end
}

/// Documents inside a document go round again, within the same budget.
fn embedded(parent: &Blob, inside: Vec<Embedded>, state: &mut Walk<'_>, visit: Visit<'_>) {
    for one in inside {
        if !state.go_on(parent) {
            return;
        }
        if parent.depth >= state.limits.max_depth {
            let at = Location { path: format!("{}!/{}", parent.path, one.name).into(), field: String::new() };
            state.gap(at, Reason::Limit, format!("{} containers deep; not opened", parent.depth));
            continue;
        }
        state.members += 1;
        state.unpacked = state.unpacked.saturating_add(one.data.len() as u64);
        descend(parent, &one.name, Content::from(one.data), None, state, visit);
    }
}

/// What a member is called by the container round its container, else by its own.
fn called<'n>(container: &'n Blob, name: &'n str) -> &'n str {
    container.names.as_ref().and_then(|names| names.get(name)).map_or(name, String::as_str)
}

/// A member whose bytes are at hand goes round again.
fn descend(
    parent: &Blob,
    inner: &str,
    content: Content,
    names: Option<&Arc<HashMap<String, String>>>,
    state: &mut Walk<'_>,
    visit: Visit<'_>,
) -> Option<u64> {
    let most = state.limits.max_name_bytes;
    if inner.len() > most {
        let detail = format!("a member's name of {} bytes, cut to {most}", inner.len());
        state.gap(Location::whole(&parent.path), Reason::Limit, detail);
    }
    let mut member = Blob::member(parent, cut(inner, most), content);
    member.names = names.map(Arc::clone);
    walk(&mut member, state, visit)
}
