//! The walk of one input file: containers, extractors and matching, blob by blob.
//!
//! In: files of the input and what is looked for. Out: what each gave: matches, labels, gaps, counts. Each file has a
//! budget of its own, so that the result is the same for any number of threads. Must not know: findings, rules, reports.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::layers::Layers;
use super::memo::{Frame, Key, Memo};
use crate::archive::{self, Opened, Seen, Step, Walk};
use crate::bytes::hex;
use crate::extract;
use crate::fact::{self, Inventory, Location, Reason};
use crate::matching::{Match, Matcher, Matches};
use crate::report::{Container, Document};
use crate::source::{self, Entry, Limits};

/// Gaps told per input file; the rest is counted.
const GAPS: usize = 1000;
/// Opened containers listed per input file.
const OPENED: usize = 10_000;
/// Documents whose completeness is told per input file.
const DOCUMENTS: usize = 1000;

/// What every file's walk needs.
pub(super) struct Cx<'a> {
    pub matcher: &'a Matcher<'a>,
    pub limits: &'a Limits,
    pub options: &'a extract::Options,
    /// Whether to list the containers that were opened.
    pub opened: bool,
    /// What is known of members met before.
    pub memo: Memo,
}

/// What the walk of one input file gave.
#[derive(Default)]
pub(super) struct Walked {
    pub path: Arc<str>,
    pub relative: String,
    pub container: bool,
    pub bytes: u64,
    pub sha256: Option<String>,
    pub matches: Matches,
    pub labels: Vec<fact::Label>,
    pub gaps: Vec<fact::Gap>,
    pub notes: Vec<fact::Note>,
    pub notes_dropped: usize,
    pub members: u64,
    pub unpacked: u64,
    pub recognised: u64,
    pub unrecognised: u64,
    pub containers: u64,
    pub gaps_dropped: u64,
    pub components: u64,
    pub documents: Vec<Document>,
    pub documents_dropped: u64,
    pub formats: Vec<&'static str>,
    pub opened: Vec<Container>,
    pub opened_dropped: u64,
    pub layers: Layers,
}

impl Walked {
    /// Gaps that readers noted, with the number of those they only counted.
    pub fn take_gaps(&mut self, mut gaps: Vec<fact::Gap>, dropped: u64) {
        let room = GAPS.saturating_sub(self.gaps.len());
        self.gaps_dropped += gaps.len().saturating_sub(room) as u64 + dropped;
        gaps.truncate(room);
        self.gaps.append(&mut gaps);
    }

    /// How complete a document is.
    pub fn take_document(&mut self, document: Document) {
        if self.documents.len() < DOCUMENTS {
            self.documents.push(document);
        } else {
            self.documents_dropped += 1;
        }
    }

    /// A container that was opened.
    pub fn take_opened(&mut self, container: Container) {
        if self.opened.len() < OPENED {
            self.opened.push(container);
        } else {
            self.opened_dropped += 1;
        }
    }
}

/// Walks all files, on as many threads as allowed; results come back in the order of the input.
pub(super) fn walk_all(entries: Vec<Entry>, digest: bool, cx: &Cx<'_>) -> Vec<Walked> {
    let threads = cx.limits.threads.clamp(1, entries.len().max(1));
    let entries: Vec<Mutex<Entry>> = entries.into_iter().map(Mutex::new).collect();
    let done: Vec<Mutex<Option<Walked>>> = entries.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(entry), Some(slot)) = (entries.get(at), done.get(at)) else { return };
            let walked = walk_one(&mut entry.lock().unwrap_or_else(PoisonError::into_inner), digest, cx);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(walked);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    done.into_iter().filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

fn walk_one(entry: &mut Entry, digest: bool, cx: &Cx<'_>) -> Walked {
    let mut walked = Walked { path: Arc::clone(&entry.path), relative: entry.relative.clone(), ..Walked::default() };
    if cx.limits.stop.raised() {
        let at = Location::whole(&entry.path);
        walked.gaps.push(fact::Gap {
            at,
            reason: Reason::Limit,
            detail: "not examined: stopped (time limit or interrupt)".to_owned(),
        });
        return walked;
    }
    let mut blob = match entry.open() {
        Ok(blob) => blob,
        Err(gap) => {
            walked.gaps.push(gap);
            return walked;
        }
    };
    walked.bytes = blob.len();
    if digest {
        walked.sha256 = sha256(blob.reader(), cx.limits);
    }
    let mut walk = Walk::new(cx.limits, blob.len());
    let mut frames = Vec::new();
    archive::walk(&mut blob, &mut walk, &mut |step, walk| match step {
        Step::Look(blob, opened) => examine(blob, opened, cx, &mut walked),
        Step::Begin(blob) => begin(blob, walk, cx, &mut walked, &mut frames),
        Step::End(levels) => {
            if let Some(Some(frame)) = frames.pop() {
                cx.memo.keep(frame, levels, walk, &walked);
            }
            Seen::default()
        }
    });
    walked.members = walk.members;
    walked.unpacked = walk.unpacked;
    walked.gaps.append(&mut walk.into_gaps(&entry.path));
    if walked.gaps_dropped > 0 {
        let detail = format!("{} more places could not be examined", walked.gaps_dropped);
        walked.gaps.push(fact::Gap { at: Location::whole(&entry.path), reason: Reason::Limit, detail });
    }
    walked
}

/// A member begins: if the same was met before, all is told at once.
fn begin(
    blob: &source::Blob,
    walk: &mut Walk<'_>,
    cx: &Cx<'_>,
    walked: &mut Walked,
    frames: &mut Vec<Option<Frame>>,
) -> Seen {
    let frame = key(blob, cx).map(|key| {
        let known = cx.memo.repeat(&key, blob, walk, walked);
        (!known).then(|| Frame::new(key, blob, walk, walked))
    });
    match frame {
        Some(None) => return Seen { repeated: true, ..Seen::default() },
        Some(frame) => frames.push(frame),
        None => frames.push(None),
    }
    Seen::default()
}

/// What a member is known again by. Where its path is a sign, it is not.
fn key(blob: &source::Blob, cx: &Cx<'_>) -> Option<Key> {
    let mut named = Inventory::new(&blob.path, &blob.scope);
    extract::name_facts(&blob.inner, &mut named);
    let mut by_name = Matches::default();
    cx.matcher.matches(&named.file, &mut by_name);
    if by_name.list.iter().any(|m| m.kind == fact::FactKind::Path) {
        return None;
    }
    let digest = digest(blob.reader(), cx.limits)?;
    Some(Key { digest, name: blob.name().into(), open_ended: blob.open_ended })
}

fn sha256(reader: source::Reader, limits: &Limits) -> Option<String> {
    digest(reader, limits).map(|digest| hex(&digest))
}

fn digest(mut reader: source::Reader, limits: &Limits) -> Option<[u8; 32]> {
    use std::io::Read as _;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        if limits.stop.raised() {
            return None;
        }
        let n = reader.read(&mut buffer).ok()?;
        if n == 0 {
            return Some(hash.finalize().into());
        }
        hash.update(buffer.get(..n)?);
    }
}

/// One blob: its facts, matched at once, so that only what matched is kept. Documents inside it come back.
fn examine(blob: &mut source::Blob, opened: Opened, cx: &Cx<'_>, walked: &mut Walked) -> Seen {
    walked.layers.meet(blob);
    let first = walked.matches.list.len();
    let mut taker = |component: &fact::Component| cx.matcher.matches(component, &mut walked.matches);
    let mut inventory = Inventory::with_taker(&blob.path, &blob.scope, &mut taker);
    inventory.strict = cx.options.strict;
    extract::name_facts(&blob.inner, &mut inventory);
    read(blob, opened, cx.limits, cx.options, &mut inventory);
    let mut inventory = inventory.without_taker();
    cx.matcher.matches(&inventory.file, &mut walked.matches);
    trace(walked.matches.list.get_mut(first..).unwrap_or_default(), &inventory);
    // A container is only a wrapper: something in it must be recognised, too.
    let recognised = !inventory.formats.is_empty();
    if let Opened::As(format) = opened {
        inventory.formats.insert(0, format);
        if cx.opened {
            walked.take_opened(Container { path: blob.path.to_string(), format: format.to_owned() });
        }
    }
    if blob.depth == 0 {
        walked.container = matches!(opened, Opened::As(_)) || !inventory.embedded.is_empty();
        walked.formats.clone_from(&inventory.formats);
    }
    match opened {
        _ if recognised => walked.recognised += 1,
        Opened::As(_) => walked.containers += 1,
        _ => walked.unrecognised += 1,
    }
    walked.components += inventory.declared;
    if let Some(coverage) = inventory.coverage.take() {
        walked.take_document(Document { path: blob.path.to_string(), coverage });
    }
    walked.labels.append(&mut inventory.labels);
    walked.take_gaps(std::mem::take(&mut inventory.gaps), inventory.gaps_dropped);
    walked.notes.append(&mut inventory.notes);
    walked.notes_dropped += inventory.notes_dropped;
    let embedded = std::mem::take(&mut inventory.embedded);
    Seen { embedded, recognised, program_end: inventory.program_end, repeated: false }
}

/// Lets the extractors read a blob.
pub(super) fn read(
    blob: &mut source::Blob,
    opened: Opened,
    limits: &Limits,
    options: &extract::Options,
    inventory: &mut Inventory<'_>,
) {
    // What is packed says nothing as bytes; a program in front of an archive does.
    let packed = matches!(opened, Opened::As(_)) && !extract::is_program(blob.head());
    extract::extract(blob, packed, limits, options, inventory);
    if opened == Opened::Leaf {
        extract::header_fact(blob.head(), inventory);
    }
    inventory.close();
}

/// Adds to the signs of one document how the product comes to each component.
fn trace(matches: &mut [Match], inventory: &Inventory<'_>) {
    let wanted: HashSet<u64> = matches.iter().filter_map(|m| m.reference).collect();
    let routes: HashMap<u64, Arc<fact::Route>> =
        inventory.graph.routes(&wanted).into_iter().map(|(key, route)| (key, Arc::new(route))).collect();
    for one in matches {
        if let Some(reference) = one.reference {
            one.route = routes.get(&reference).cloned();
            one.usage = inventory.usages.get(&reference).copied().or(one.usage);
        }
    }
}
