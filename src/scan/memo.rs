//! Members with the same bytes and name are examined once and told at every place.
//!
//! In: what the walk of a member gave. Out: the same, for another place. What depends on the place (a limit that was reached, a
//! path that is a sign) is never kept, so that a report is the same with and without.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::walk::Walked;
use crate::archive::{Spent, Walk};
use crate::fact::{Gap, Label, Location, Note, Reason};
use crate::matching::Match;
use crate::report::{Container, Document};
use crate::source::Blob;

/// Members kept. Beyond, they are examined again.
const KEPT: usize = 100_000;

/// What tells members apart: readers look at the content, and some at the base name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub digest: [u8; 32],
    pub name: Box<str>,
    pub open_ended: bool,
}

/// What the walk of a member and all in it gave.
struct Outcome {
    path: Arc<str>,
    scope: Arc<str>,
    /// Depth of the deepest blob in it, below itself.
    levels: usize,
    matches: Vec<Match>,
    labels: Vec<Label>,
    notes: Vec<Note>,
    /// Gaps that the readers noted, and those of the walk.
    gaps: [Vec<Gap>; 2],
    documents: Vec<Document>,
    opened: Vec<Container>,
    spent: Spent,
    counts: [u64; 4],
}

/// The outcomes of a run, shared by its threads.
#[derive(Default)]
pub(super) struct Memo(Mutex<HashMap<Key, Arc<Outcome>>>);

/// Where the lists stood when a member began.
pub(super) struct Frame {
    key: Key,
    path: Arc<str>,
    scope: Arc<str>,
    lists: [usize; 6],
    dropped: u64,
    spent: Spent,
    counts: [u64; 4],
}

fn lists(walked: &Walked) -> [usize; 6] {
    let w = walked;
    [w.matches.list.len(), w.labels.len(), w.notes.len(), w.gaps.len(), w.documents.len(), w.opened.len()]
}

fn counts(walked: &Walked) -> [u64; 4] {
    let w = walked;
    [w.recognised, w.unrecognised, w.containers, w.components]
}

/// What was met and not kept, or not by its place: then an outcome is not the whole of it.
fn dropped(walked: &Walked) -> u64 {
    let w = walked;
    w.layers.met() as u64
        + w.matches.dropped
        + w.gaps_dropped
        + w.notes_dropped as u64
        + w.documents_dropped
        + w.opened_dropped
}

impl Frame {
    pub fn new(key: Key, blob: &Blob, walk: &Walk<'_>, walked: &Walked) -> Frame {
        Frame {
            key,
            path: Arc::clone(&blob.path),
            scope: Arc::clone(&blob.scope),
            lists: lists(walked),
            dropped: dropped(walked),
            spent: walk.spent(),
            counts: counts(walked),
        }
    }
}

impl Memo {
    /// Keeps what a member gave.
    pub fn keep(&self, frame: Frame, levels: usize, walk: &Walk<'_>, walked: &Walked) {
        let Some(spent) = walk.spent_since(&frame.spent) else { return };
        let [matches, labels, notes, gaps, documents, opened] = frame.lists;
        let gaps = [walked.gaps.get(gaps..).unwrap_or_default().to_vec(), walk.gaps_since(&frame.spent).to_vec()];
        if dropped(walked) > frame.dropped || gaps.iter().flatten().any(|gap| gap.reason == Reason::Limit) {
            return;
        }
        let now = counts(walked);
        let mut told = frame.counts;
        told.iter_mut().zip(now).for_each(|(before, now)| *before = now - *before);
        let outcome = Outcome {
            path: frame.path,
            scope: frame.scope,
            levels,
            matches: walked.matches.list.get(matches..).unwrap_or_default().to_vec(),
            labels: walked.labels.get(labels..).unwrap_or_default().to_vec(),
            notes: walked.notes.get(notes..).unwrap_or_default().to_vec(),
            gaps,
            documents: walked.documents.get(documents..).unwrap_or_default().to_vec(),
            opened: walked.opened.get(opened..).unwrap_or_default().to_vec(),
            spent,
            counts: told,
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.entry(frame.key).or_insert_with(|| Arc::new(outcome));
        }
    }

    /// Tells what is known of a member, as lying at another place; false where nothing is known, or where it would not be the
    /// same there.
    pub fn repeat(&self, key: &Key, blob: &Blob, walk: &mut Walk<'_>, walked: &mut Walked) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        let Some(known) = known else { return false };
        if blob.depth + known.levels >= walk.limits.max_depth || !walk.affords(&known.spent) {
            return false;
        }
        let place = Move { from: &known.path, to: &blob.path, scope: (&known.scope, &blob.scope) };
        walk.spend(&known.spent);
        for one in &known.matches {
            let mut one = one.clone();
            one.at.path = place.path(&one.at.path);
            one.component = place.path(&one.component);
            one.scope = place.path(&one.scope);
            walked.matches.again(one);
        }
        walked.labels.extend(known.labels.iter().map(|l| Label { at: place.location(&l.at), ..l.clone() }));
        walked.notes.extend(known.notes.iter().map(|n| Note { at: place.location(&n.at), ..n.clone() }));
        let [read, met] = &known.gaps;
        walked.take_gaps(read.iter().map(|g| Gap { at: place.location(&g.at), ..g.clone() }).collect(), 0);
        for gap in met {
            walk.gap(place.location(&gap.at), gap.reason, gap.detail.clone());
        }
        for one in &known.documents {
            walked.take_document(Document { path: place.text(&one.path), ..one.clone() });
        }
        for one in &known.opened {
            walked.take_opened(Container { path: place.text(&one.path), ..one.clone() });
        }
        let [recognised, unrecognised, containers, components] = known.counts;
        walked.recognised += recognised;
        walked.unrecognised += unrecognised;
        walked.containers += containers;
        walked.components += components;
        true
    }
}

/// From the place a member was examined at to another.
struct Move<'m> {
    from: &'m str,
    to: &'m str,
    scope: (&'m str, &'m str),
}

impl Move<'_> {
    fn text(&self, path: &str) -> String {
        match path.strip_prefix(self.from) {
            Some(rest) => format!("{}{rest}", self.to),
            None if path == self.scope.0 => self.scope.1.to_owned(),
            None => path.to_owned(),
        }
    }

    fn path(&self, path: &Arc<str>) -> Arc<str> {
        self.text(path).into()
    }

    fn location(&self, at: &Location) -> Location {
        Location { path: self.path(&at.path), field: at.field.clone() }
    }
}
