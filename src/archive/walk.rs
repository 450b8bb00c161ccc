//! The budget of one input file and the way down into its containers.
//!
//! In: what a container's reader meets: members as streams or as parts of the blob, and what broke. Out: a visit of every
//! blob, and gaps. Must not know: any format.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{FORMATS, Format, carve, cpio, known, tar};
use crate::fact::{Embedded, Gap, Location, Reason, cut};
use crate::source::{Blob, Content, Extent, Limits, Spool};

/// Called at each step of the walk.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(Step<'_>, &mut Walk<'_>) -> Seen;

/// A step of the walk.
pub(crate) enum Step<'b> {
    /// A member begins whose reading costs more than a digest of it.
    Begin(&'b Blob),
    /// A blob is to be looked at, containers included, before its members.
    Look(&'b mut Blob, Opened),
    /// All in a member that began was walked, so many levels deep.
    End(&'b Blob, usize),
    /// A member of the outermost container, to be walked when it suits; only where [`Walk::defer`] is set.
    Defer(Blob),
    /// All that was deferred is to be walked now.
    Settle,
}

/// What a visit tells of a blob.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The documents inside it, which are walked like members.
    pub embedded: Vec<Embedded>,
    /// Whether all in it is known already and was told: nothing is left to do.
    pub repeated: bool,
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

/// What a part of a walk took of the budget.
#[derive(Clone, Debug)]
pub(crate) struct Spent {
    members: u64,
    unpacked: u64,
    gaps: usize,
    gaps_dropped: u64,
}

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
    /// Whether the members of the outermost container are handed out to be walked on other threads.
    pub defer: bool,
    /// Depth of the deepest blob met since that was last set.
    deepest: usize,
    /// Bytes of members held in memory at this moment.
    held: u64,
    /// Set once a limit of the whole walk is reached: nothing more is opened, one gap was noted.
    exhausted: bool,
}

impl<'l> Walk<'l> {
    pub fn new(limits: &'l Limits, input_len: u64) -> Self {
        let by_ratio = input_len.saturating_mul(limits.max_ratio).max(limits.ratio_floor);
        Walk::of_part(limits, by_ratio.min(limits.max_total_bytes))
    }

    /// The walk of a part, of which so many bytes may be unpacked.
    pub fn of_part(limits: &'l Limits, allowed: u64) -> Self {
        Walk {
            limits,
            gaps: Vec::new(),
            gaps_dropped: 0,
            members: 0,
            unpacked: 0,
            allowed,
            defer: false,
            deepest: 0,
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

    /// What was spent so far.
    pub fn spent(&self) -> Spent {
        Spent { members: self.members, unpacked: self.unpacked, gaps: self.gaps.len(), gaps_dropped: self.gaps_dropped }
    }

    /// What was spent since then; nothing where it cannot be told in full.
    pub fn spent_since(&self, before: &Spent) -> Option<Spent> {
        let whole = !self.exhausted && self.gaps_dropped == before.gaps_dropped;
        whole.then(|| Spent {
            members: self.members - before.members,
            unpacked: self.unpacked - before.unpacked,
            gaps: 0,
            gaps_dropped: 0,
        })
    }

    /// The gaps noted since then.
    pub fn gaps_since(&self, before: &Spent) -> &[Gap] {
        self.gaps.get(before.gaps..).unwrap_or_default()
    }

    /// Bytes that may still be unpacked.
    pub fn left(&self) -> u64 {
        self.allowed.saturating_sub(self.unpacked)
    }

    /// True where no limit would be met by spending so much.
    pub fn affords(&self, spent: &Spent) -> bool {
        !self.exhausted
            && self.members.saturating_add(spent.members) < self.limits.max_members
            && self.unpacked.saturating_add(spent.unpacked) < self.allowed
    }

    /// True where a limit of the whole walk was reached, or gaps were only counted.
    pub fn is_cut(&self) -> bool {
        self.exhausted || self.gaps_dropped > 0
    }

    /// Ends the walk without a word: it is done again in another way.
    pub fn give_up(&mut self) {
        self.exhausted = true;
    }

    /// Notes that so many bytes of members are held in memory.
    pub fn hold(&mut self, bytes: u64) {
        self.held = self.held.saturating_add(bytes);
    }

    /// Notes that they are no longer.
    pub fn release(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Spends so much without doing anything for it.
    pub fn spend(&mut self, spent: &Spent) {
        self.members += spent.members;
        self.unpacked += spent.unpacked;
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
        // Never `Interrupted`: what reads to an end would try again for ever.
        io::ErrorKind::QuotaExceeded | io::ErrorKind::OutOfMemory => Reason::Limit,
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
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "stopped (time limit or interrupt)"));
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
        self.walk.left()
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

    /// A member that its reader had to unpack by itself.
    pub fn unpacked(&mut self, name: &str, declared: Option<u64>, spool: Spool) {
        self.walk.members += 1;
        let len = spool.len();
        self.walk.unpacked = self.walk.unpacked.saturating_add(len);
        if let Some(size) = declared.filter(|size| *size != len) {
            self.shut(name, Reason::Truncated, format!("{len} bytes where {size} are declared"));
        }
        match spool.finish() {
            Ok(content) => self.descend(name, content),
            Err(error) => self.shut(name, Reason::Unreadable, format!("temporary file: {error}")),
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
                self.walk.unpacked = self.walk.unpacked.saturating_add(content.weight());
                self.descend(name, content);
            }
            Err(error) => {
                let at = self.place(name);
                self.walk.gap(at, reason(&error), error.to_string());
            }
        }
    }

    /// A symbolic link: a name for what lies elsewhere. It is told and never followed.
    pub fn link(&mut self, name: &str, target: &[u8]) {
        self.walk.members += 1;
        let target = String::from_utf8_lossy(target.get(..4096).unwrap_or(target)).into_owned();
        let mut member = named(self.blob, name, Content::from(Vec::new()), self.walk);
        member.link = Some(target);
        self.hand(member);
    }

    /// A member that stands in the container in pieces, with holes that read as zeros. Nothing is copied.
    pub fn mapped(&mut self, name: &str, extents: impl IntoIterator<Item = Extent>) {
        let mapped = self.blob.content().mapped(extents);
        self.put_together(name, mapped);
    }

    /// The same of pieces that stand in the container and pieces that had to be unpacked: these are counted on behind the
    /// container's end.
    pub fn mapped_with(&mut self, name: &str, unpacked: Spool, extents: impl IntoIterator<Item = Extent>) {
        let mapped = unpacked.finish().and_then(|more| self.blob.content().mapped_with(Some(more), extents));
        self.put_together(name, mapped);
    }

    fn put_together(&mut self, name: &str, mapped: io::Result<(Content, u64)>) {
        self.walk.members += 1;
        let at = self.place(name);
        let (content, missing) = match mapped {
            Ok(mapped) => mapped,
            Err(error) => return self.walk.gap(at, reason(&error), error.to_string()),
        };
        let weight = content.weight();
        if weight > self.left() {
            return self.walk.too_long(&at, true, &format!("{} bytes as declared", content.len()));
        }
        if missing > 0 {
            self.walk.gap(at, Reason::Truncated, format!("{missing} bytes of it lie beyond the end of the container"));
        }
        self.walk.unpacked = self.walk.unpacked.saturating_add(weight);
        self.descend(name, content);
    }

    /// Where unpacked pieces of a member are collected.
    pub fn spool(&self) -> Spool {
        Spool::new(self.walk.limits.max_held_bytes.saturating_sub(self.walk.held))
    }

    /// A member without bytes of its own: a hard link, an empty file. Its name still says something.
    pub fn name_only(&mut self, name: &str) {
        self.walk.members += 1;
        self.descend(name, Content::from(Vec::new()));
    }

    /// The plain content of a compressed stream. A tar or cpio archive inside is read as a stream, so that a large one
    /// is never held whole; its members are shown as lying in the compressed file.
    pub fn plain(&mut self, name: &str, mut reader: impl Read) {
        let mut head = Vec::new();
        // A break within the first block is met again below, where it is noted.
        let error = (&mut reader).take(512).read_to_end(&mut head).err();
        if tar::is_tar(&head) {
            return tar::read(self, Cursor::new(head).chain(Failing { error, inner: reader }));
        }
        if cpio::is_cpio(&head) {
            return cpio::stream(self, Cursor::new(head).chain(Failing { error, inner: reader }));
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

    fn descend(&mut self, name: &str, content: Content) {
        let mut member = named(self.blob, called(self.blob, name), content, self.walk);
        member.names = self.names.clone();
        self.hand(member);
    }

    fn hand(&mut self, mut member: Blob) {
        if self.walk.defer && self.blob.depth == 0 {
            (self.visit)(Step::Defer(member), self.walk);
        } else {
            walk(&mut member, self.walk, self.visit);
        }
    }

    /// A container found within other data, which may reach to the end of what is given or not; where it ended, if its reader
    /// says so.
    pub fn carved(&mut self, name: &str, content: Content) -> Option<u64> {
        self.walk.members += 1;
        if self.walk.defer && self.blob.depth == 0 {
            (self.visit)(Step::Settle, self.walk);
        }
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
    walk.deepest = walk.deepest.max(blob.depth);
    // A container found within other data has no end of its own to make a digest of.
    let format = FORMATS.iter().find(|format| (format.claim)(blob));
    let costly = blob.depth > 0 && !blob.open_ended && (format.is_some() || carve::is_program(blob.head()));
    if !costly {
        return within(blob, format, walk, visit);
    }
    if visit(Step::Begin(blob), walk).repeated {
        return None;
    }
    let above = std::mem::replace(&mut walk.deepest, blob.depth);
    let end = within(blob, format, walk, visit);
    let levels = walk.deepest.saturating_sub(blob.depth);
    visit(Step::End(blob, levels), walk);
    walk.deepest = walk.deepest.max(above);
    end
}

/// Walks a blob that was not told of yet.
fn within(blob: &mut Blob, format: Option<&Format>, walk: &mut Walk<'_>, visit: Visit<'_>) -> Option<u64> {
    let at = Location::whole(&blob.path);
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
    let seen = visit(Step::Look(blob, opened), walk);
    let told: Vec<Vec<u8>> = seen.embedded.iter().map(|one| one.data.iter().take(TOLD).copied().collect()).collect();
    embedded(blob, seen.embedded, walk, visit);
    let held = if blob.depth > 0 && blob.held().is_some() { blob.len() } else { 0 };
    walk.held = walk.held.saturating_add(held);
    let end = match (format, opened) {
        (Some(format), Opened::As(_)) => {
            let end = open(format, blob, walk, visit);
            if let Some(end) = seen.program_end {
                guarded(blob, walk, visit, "carver", &mut |inside| carve::resources(inside, end));
            }
            end
        }
        (_, Opened::Leaf) => {
            let told = carve::Told { recognised: seen.recognised, end: seen.program_end, embedded: told };
            guarded(blob, walk, visit, "carver", &mut |inside| carve::look(inside, &told))
        }
        _ => None,
    };
    walk.held = walk.held.saturating_sub(held);
    end
}

/// Opens a container, and looks at what lies behind it. Says where it ends.
fn open(format: &Format, blob: &Blob, walk: &mut Walk<'_>, visit: Visit<'_>) -> Option<u64> {
    let end = guarded(blob, walk, visit, format.name, &mut |inside| (format.open)(inside));
    if walk.defer && blob.depth == 0 {
        visit(Step::Settle, walk);
    }
    let end = end.filter(|end| *end <= blob.len());
    if let Some(end) = end.filter(|end| *end < blob.len() && !blob.open_ended) {
        guarded(blob, walk, visit, "carver", &mut |inside| carve::behind(inside, end, format.name));
    }
    end
}

/// Runs a reader, whose panic ends as a gap and not as an abort. Gives the end it told.
fn guarded(
    blob: &Blob,
    walk: &mut Walk<'_>,
    visit: Visit<'_>,
    name: &str,
    read: &mut dyn FnMut(&mut Inside<'_, '_>),
) -> Option<u64> {
    let held = walk.held;
    let mut inside = Inside { blob, walk, visit, end: None, names: None };
    if catch_unwind(AssertUnwindSafe(|| read(&mut inside))).is_err() {
        inside.gap(Reason::Malformed, format!("{name} gave up on this input"));
        inside.walk.held = held;
    }
    inside.end
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
        descend(parent, &one.name, Content::from(one.data), state, visit);
    }
}

/// What a member is called by the container round its container, else by its own.
fn called<'n>(container: &'n Blob, name: &'n str) -> &'n str {
    container.names.as_ref().and_then(|names| names.get(name)).map_or(name, String::as_str)
}

/// A member whose bytes are at hand goes round again.
fn descend(parent: &Blob, inner: &str, content: Content, state: &mut Walk<'_>, visit: Visit<'_>) {
    let mut member = named(parent, inner, content, state);
    walk(&mut member, state, visit);
}

/// A member by its name, as far as that is kept.
fn named(parent: &Blob, inner: &str, content: Content, state: &mut Walk<'_>) -> Blob {
    let most = state.limits.max_name_bytes;
    if inner.len() > most {
        let detail = format!("a member's name of {} bytes, cut to {most}", inner.len());
        state.gap(Location::whole(&parent.path), Reason::Limit, detail);
    }
    Blob::member(parent, cut(inner, most), content)
}
