//! The walk of one input file: containers, extractors and matching, blob by blob.
//!
//! In: files of the input and what is looked for. Out: what each gave: matches, labels, gaps, counts. Each file has a
//! budget of its own, so that the result is the same for any number of threads. Must not know: findings, rules, reports.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::jobs::{Pending, Queue};
use super::layers::Layers;
use super::listed::List;
use super::memo::{Frame, Key, Memo};
use crate::archive::{self, Opened, Seen, Step, Walk};
use crate::bytes::hex;
use crate::extract;
use crate::fact::{self, Inventory, Location, Reason};
use crate::matching::{Match, Matcher, Matches};
use crate::report::{Container, Document};
use crate::source::{self, Entry, Limits, Stop};

/// Gaps told per input file; the rest is counted.
const GAPS: usize = 1000;
/// Opened containers listed per input file.
const OPENED: usize = 10_000;
/// Bytes from which on the digest of an input file is made beside its walk.
const APART: u64 = 1 << 20;
/// Documents whose completeness is told per input file.
const DOCUMENTS: usize = 1000;

/// What every file's walk needs.
pub(super) struct Cx<'a> {
    pub matcher: &'a Matcher<'a>,
    pub limits: &'a Limits,
    pub options: &'a extract::Options,
    /// Whether to list the containers that were opened.
    pub opened: bool,
    /// Whether to list the components that documents name.
    pub listed: bool,
    /// What is known of members met before.
    pub memo: &'a Memo,
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
    pub listed: List,
}

impl Walked {
    /// What is known of the file before it is walked.
    fn clone_head(&self) -> Walked {
        Walked { path: Arc::clone(&self.path), relative: self.relative.clone(), bytes: self.bytes, ..Walked::default() }
    }

    /// True while nothing was only counted.
    pub fn is_whole(&self) -> bool {
        self.gaps_dropped + self.documents_dropped + self.opened_dropped + self.matches.dropped == 0
            && self.notes_dropped == 0
    }

    /// Takes what a member gave.
    pub fn absorb(&mut self, other: Walked) {
        other.matches.list.into_iter().for_each(|one| self.matches.again(one));
        self.matches.dropped += other.matches.dropped;
        self.labels.extend(other.labels);
        self.take_gaps(other.gaps, other.gaps_dropped);
        self.notes.extend(other.notes);
        self.notes_dropped += other.notes_dropped;
        self.recognised += other.recognised;
        self.unrecognised += other.unrecognised;
        self.containers += other.containers;
        self.components += other.components;
        other.documents.into_iter().for_each(|one| self.take_document(one));
        self.documents_dropped += other.documents_dropped;
        other.opened.into_iter().for_each(|one| self.take_opened(one));
        self.opened_dropped += other.opened_dropped;
        self.layers.append(other.layers);
        self.listed.append(other.listed);
    }

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

/// Walks all files, on as many threads as allowed; results come back in the order of the input. Of a single file, the members
/// are shared out.
pub(super) fn walk_all(mut entries: Vec<Entry>, digest: bool, cx: &Cx<'_>) -> Vec<Walked> {
    if let ([entry], 2..) = (entries.as_mut_slice(), cx.limits.threads) {
        return vec![walk_one(entry, digest, cx)];
    }
    let threads = cx.limits.threads.clamp(1, entries.len().max(1));
    let entries: Vec<Mutex<Entry>> = entries.into_iter().map(Mutex::new).collect();
    let done: Vec<Mutex<Option<Walked>>> = entries.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let alone = Cx { limits: &Limits { threads: 1, ..cx.limits.clone() }, ..*cx };
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(entry), Some(slot)) = (entries.get(at), done.get(at)) else { return };
            let walked = walk_one(&mut entry.lock().unwrap_or_else(PoisonError::into_inner), digest, &alone);
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
    // A digest has a thread of its own where it takes longer than to begin one; other threads are for members.
    let apart = digest && blob.len() > APART;
    let workers = if archive::is_container(&blob) { cx.limits.threads.saturating_sub(1) } else { 0 };
    if cx.limits.threads < 2 || (workers == 0 && !apart) {
        if digest {
            walked.sha256 = sha256(blob.reader(), cx.limits);
        }
        within(&mut blob, &mut walked, cx, None);
        return walked;
    }
    let reader = blob.reader();
    let queue = Queue::default();
    let begun = walked.clone_head();
    let part = Limits { stop: cx.limits.stop.below(), ..cx.limits.clone() };
    let part = Cx { limits: &part, ..*cx };
    let whole = std::thread::scope(|scope| {
        let sum = scope.spawn(|| if digest { sha256(reader, cx.limits) } else { None });
        // Closed even if the walk panics: the threads would wait for ever.
        let _closes = queue.until_dropped();
        for _ in 0..workers {
            scope.spawn(|| queue.work(&part));
        }
        let whole = within(&mut blob, &mut walked, &part, Some((&queue, cx.limits.stop.clone())));
        walked.sha256 = sum.join().unwrap_or_default();
        whole
    });
    if !whole && !cx.limits.stop.raised() {
        let sum = walked.sha256.take();
        walked = Walked { sha256: sum, ..begun };
        within(&mut blob, &mut walked, cx, None);
    }
    walked
}

/// Walks a file. With a queue, its members are shared out; false then where one thread would not have given the same.
fn within(blob: &mut source::Blob, walked: &mut Walked, cx: &Cx<'_>, queue: Option<(&Queue, Stop)>) -> bool {
    let path = Arc::clone(&blob.path);
    let mut walk = Walk::new(cx.limits, blob.len());
    let mut frames = Vec::new();
    let mut pending = queue.map(|(queue, over)| Pending::new(queue, over));
    walk.defer = pending.is_some();
    archive::walk(blob, &mut walk, &mut |one, walk| match (one, &mut pending) {
        (Step::Defer(member), Some(pending)) => {
            pending.push(member, walk, cx, walked);
            Seen::default()
        }
        (Step::Settle, Some(pending)) => {
            pending.settle(walk, cx, walked);
            Seen::default()
        }
        (one, _) => step(one, walk, cx, walked, &mut frames),
    });
    let whole = pending.is_none_or(|pending| !pending.spoiled && !walk.is_cut() && walked.is_whole());
    walked.members = walk.members;
    walked.unpacked = walk.unpacked;
    walked.gaps.append(&mut walk.into_gaps(&path));
    if walked.gaps_dropped > 0 {
        let detail = format!("{} more places could not be examined", walked.gaps_dropped);
        walked.gaps.push(fact::Gap { at: Location::whole(&path), reason: Reason::Limit, detail });
    }
    whole
}

/// The members that began and did not end, the outermost first.
pub(super) type Frames = Vec<(Arc<str>, Option<Frame>)>;

/// One step of the walk.
pub(super) fn step(one: Step<'_>, walk: &mut Walk<'_>, cx: &Cx<'_>, walked: &mut Walked, frames: &mut Frames) -> Seen {
    match one {
        Step::Look(blob, opened) => examine(blob, opened, cx, walked),
        Step::Begin(blob) => begin(blob, walk, cx, walked, frames),
        Step::End(blob, levels) => {
            // What began within and gave up has no end of its own.
            while let Some((path, frame)) = frames.pop() {
                if path != blob.path {
                    continue;
                }
                if let Some(frame) = frame {
                    cx.memo.keep(frame, levels, walk, walked);
                }
                break;
            }
            Seen::default()
        }
        Step::Defer(_) | Step::Settle => Seen::default(),
    }
}

/// A member begins: if the same was met before, all is told at once.
fn begin(blob: &source::Blob, walk: &mut Walk<'_>, cx: &Cx<'_>, walked: &mut Walked, frames: &mut Frames) -> Seen {
    let path = Arc::clone(&blob.path);
    let Some(key) = key(blob, cx) else {
        frames.push((path, None));
        return Seen::default();
    };
    if cx.memo.repeat(&key, blob, walk, walked) {
        return Seen { repeated: true, ..Seen::default() };
    }
    frames.push((path, Some(Frame::new(key, blob, walk, walked))));
    Seen::default()
}

/// What a member is known again by. Where its path is a sign, it is not.
fn key(blob: &source::Blob, cx: &Cx<'_>) -> Option<Key> {
    // What its members are called depends on the container round it.
    if blob.names.is_some() {
        return None;
    }
    let mut named = Inventory::new(&blob.path, &blob.scope);
    extract::name_facts(blob, &mut named);
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
    let mut taker = |component: &fact::Component| {
        cx.matcher.matches(component, &mut walked.matches);
        if cx.listed && component.declared {
            walked.listed.add(component);
        }
    };
    let mut inventory = Inventory::with_taker(&blob.path, &blob.scope, &mut taker);
    inventory.strict = cx.options.strict;
    extract::name_facts(blob, &mut inventory);
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
    let packed = matches!(opened, Opened::As(_)) && !archive::is_program(blob.head());
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
