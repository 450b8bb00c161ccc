//! The way down into the containers of one input file.
//!
//! In: a blob. Out: a visit of it and of every blob in it, and gaps. Must not know: any format.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::budget::Walk;
use super::{FORMATS, Format, Inside, carve, known};
use crate::fact::{Embedded, Location, Reason, cut};
use crate::source::{Blob, Content};

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
    let mut inside = Inside::new(blob, walk, visit);
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

/// A member whose bytes are at hand goes round again.
fn descend(parent: &Blob, inner: &str, content: Content, state: &mut Walk<'_>, visit: Visit<'_>) {
    let mut member = named(parent, inner, content, state);
    walk(&mut member, state, visit);
}

/// A member by its name, as far as that is kept.
pub(super) fn named(parent: &Blob, inner: &str, content: Content, state: &mut Walk<'_>) -> Blob {
    let most = state.limits.max_name_bytes;
    if inner.len() > most {
        let detail = format!("a member's name of {} bytes, cut to {most}", inner.len());
        state.gap(Location::whole(&parent.path), Reason::Limit, detail);
    }
    Blob::member(parent, cut(inner, most), content)
}
