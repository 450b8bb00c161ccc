//! What is inside: opens containers, members within members, within a budget.
//!
//! In: a [`Blob`]. Out: every blob in it, one call of the visitor each, and gaps for what stayed shut.
//! Must not know: what the members mean. Nothing is ever written to disk, and no path from an
//! archive reaches the file system: member names are text.
//!
//! A new container format costs one file here and one line in [`FORMATS`]; one that is only
//! recognised costs one line in `known.rs`.

mod gzip;
mod known;
mod tar;
mod zip;
mod zstd;

use std::io::{self, Read};

use crate::fact::{Embedded, Gap, Location, Reason, cut};
use crate::source::{Blob, Limits};

/// A container format that is opened.
struct Format {
    /// Stable name, shown with `--verbose` and in the table of formats.
    name: &'static str,
    /// Cheap: looks at the first and last bytes only.
    claim: fn(&Blob) -> bool,
    /// Hands every member to the visitor.
    open: fn(&Blob, &mut Walk<'_>, Visit<'_>),
}

/// Every container format that is opened, in the order of trial.
const FORMATS: &[Format] = &[zip::FORMAT, gzip::FORMAT, zstd::FORMAT, tar::FORMAT];

/// Called for each blob, containers included, before its members. Gives back the documents inside it, which are
/// walked like members.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(&mut Blob, &mut Walk<'_>, Opened) -> Vec<Embedded>;

/// What became of a blob as a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// Opened as a container of this format.
    As(&'static str),
    /// Known to be a container, and left shut for the gap already noted.
    Shut,
    /// No container.
    Leaf,
}

/// The name of a container format by its first bytes, opened or not.
pub(crate) fn recognise(head: &[u8]) -> Option<&'static str> {
    let opened =
        [(&b"\x1f\x8b\x08"[..], "gzip stream"), (b"\x28\xb5\x2f\xfd", "zstd stream"), (b"PK\x03\x04", "ZIP archive")];
    let opened = opened.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name);
    let tar = tar::is_tar(head).then_some("tar archive");
    opened.filter(|name| *name != "ZIP archive").or(tar).or_else(|| known::recognise(head, ""))
}

/// True where the data ends as a ZIP does: it is opened as one.
pub(crate) fn ends_as_zip(data: &[u8]) -> bool {
    zip::ends_as_zip(data.get(data.len().saturating_sub(zip::TAIL)..).unwrap_or(data), data.len() as u64)
}

/// Longest name of a member that is kept.
const NAME: usize = 4096;

/// The names of the container formats that are opened.
pub(crate) fn names() -> Vec<&'static str> {
    FORMATS.iter().map(|f| f.name).collect()
}

/// The names of the formats that are recognised and not opened.
pub(crate) fn recognised_only() -> Vec<&'static str> {
    known::names()
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
    /// Bytes of members held at this moment.
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
    pub fn into_gaps(self, path: &std::sync::Arc<str>) -> Vec<Gap> {
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
            format!("{what}: more than the {} bytes held of one member; not read", self.limits.max_member_bytes)
        };
        self.gap(at.clone(), Reason::Limit, detail);
    }

    /// Reads one member into memory. A member that is cut by a limit or a break is noted as a gap and
    /// what stood before the break is returned: a sign in it still counts.
    fn read_member(&mut self, at: &Location, declared: Option<u64>, reader: &mut impl Read) -> Option<Vec<u8>> {
        let room = self.limits.max_held_bytes.saturating_sub(self.held);
        let most = self.limits.max_member_bytes.min(room).min(self.allowed.saturating_sub(self.unpacked));
        // The budget of the whole walk is said once, for all that follows; the others are said of the member.
        let budget = most < room && most < self.limits.max_member_bytes;
        if let Some(size) = declared.filter(|size| *size > most) {
            self.too_long(at, budget, &format!("{size} bytes as declared"));
            return None;
        }
        let mut data = Vec::new();
        let result = read_up_to(reader, most, &mut data, self);
        self.unpacked = self.unpacked.saturating_add(data.len() as u64);
        match result {
            Ok(true) => {
                self.too_long(at, budget, "longer than declared or undeclared");
                return None;
            }
            Ok(false) => {
                if let Some(size) = declared.filter(|size| *size != data.len() as u64) {
                    let what = format!("{} bytes where {size} are declared", data.len());
                    self.gap(at.clone(), Reason::Truncated, what);
                }
            }
            Err(error) => {
                let reason = match error.kind() {
                    io::ErrorKind::UnexpectedEof => Reason::Truncated,
                    io::ErrorKind::Interrupted => Reason::Limit,
                    _ => Reason::Malformed,
                };
                self.gap(at.clone(), reason, format!("{error}, after {} bytes", data.len()));
            }
        }
        Some(data)
    }
}

/// Reads to the end or to `most` bytes; true when there was more.
fn read_up_to(reader: &mut impl Read, most: u64, data: &mut Vec<u8>, walk: &Walk<'_>) -> io::Result<bool> {
    const STEP: u64 = 4 << 20;
    loop {
        if walk.limits.stop.raised() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped (time limit or interrupt)"));
        }
        let left = most.saturating_sub(data.len() as u64);
        if left == 0 {
            return Ok(reader.read(&mut [0])? > 0);
        }
        if reader.take(left.min(STEP)).read_to_end(data)? == 0 {
            return Ok(false);
        }
    }
}

/// Walks a blob and everything inside it.
pub(crate) fn walk(blob: &mut Blob, walk: &mut Walk<'_>, visit: Visit<'_>) {
    let at = Location::whole(&blob.path);
    let Some(format) = FORMATS.iter().find(|format| (format.claim)(blob)) else {
        let opened = match known::recognise(blob.head(), blob.name()) {
            Some(name) => {
                walk.gap(at, Reason::Unsupported, format!("{name}: recognised, not opened by this version"));
                Opened::Shut
            }
            None => Opened::Leaf,
        };
        let inside = visit(blob, walk, opened);
        embedded(blob, inside, walk, visit);
        return;
    };
    if blob.depth >= walk.limits.max_depth {
        walk.gap(at, Reason::Limit, format!("{} containers deep; not opened", blob.depth));
        let inside = visit(blob, walk, Opened::Shut);
        embedded(blob, inside, walk, visit);
        return;
    }
    let inside = visit(blob, walk, Opened::As(format.name));
    embedded(blob, inside, walk, visit);
    let held = blob.len().min(if blob.depth > 0 { u64::MAX } else { 0 });
    walk.held = walk.held.saturating_add(held);
    (format.open)(blob, walk, visit);
    walk.held = walk.held.saturating_sub(held);
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
        descend(parent, &one.name, one.data, state, visit);
    }
}

/// A member whose bytes are at hand goes round again.
fn descend(parent: &Blob, inner: &str, data: Vec<u8>, state: &mut Walk<'_>, visit: Visit<'_>) {
    if inner.len() > NAME {
        state.gap(
            Location::whole(&parent.path),
            Reason::Limit,
            format!("a member's name of {} bytes, cut to {NAME}", inner.len()),
        );
    }
    let inner = cut(inner, NAME);
    let mut member = Blob::member(parent, inner, data);
    walk(&mut member, state, visit);
}
