//! The members of one outermost container, examined on several threads.
//!
//! In: members as the walk meets them. Out: what each gave, in the order of the container. A member is examined as if the whole
//! budget were its own; whether it fits beside the others is seen when its turn comes. Where it does not, or where anything was
//! only counted, the parallel walk is given up and the file is walked again on one thread, so that a report never depends on
//! the number of threads.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::walk::{Cx, Walked, step};
use crate::archive::{self, Spent, Walk};
use crate::fact::Gap;
use crate::source::{Blob, Stop};

/// Members that wait for each thread, and their bytes in memory.
const WAITING: usize = 16;
const BYTES: u64 = 64 << 20;

/// Members to be examined, shared by the threads.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<(VecDeque<Arc<Job>>, bool)>,
    change: Condvar,
}

/// One member.
struct Job {
    slot: Mutex<Slot>,
    done: Condvar,
}

enum Slot {
    /// With the bytes that may be unpacked of it.
    Waiting(Blob, u64),
    Running,
    /// Nothing after a panic.
    Done(Option<Box<Done>>),
}

/// What a member gave.
struct Done {
    walked: Walked,
    gaps: Vec<Gap>,
    spent: Spent,
    /// Whether that is all of it, within the budget that was left.
    whole: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    /// Examines members until the container is at its end.
    pub fn work(&self, cx: &Cx<'_>) {
        loop {
            let mut waiting = lock(&self.waiting);
            let job = loop {
                if let Some(job) = waiting.0.pop_front() {
                    break job;
                }
                if waiting.1 {
                    return;
                }
                waiting = self.change.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            };
            drop(waiting);
            job.run(cx);
        }
    }

    /// Lets the threads go once it is dropped.
    pub fn until_dropped(&self) -> Closes<'_> {
        Closes(self)
    }
}

/// Ends the work on a queue.
pub(super) struct Closes<'q>(&'q Queue);

impl Drop for Closes<'_> {
    fn drop(&mut self) {
        lock(&self.0.waiting).1 = true;
        self.0.change.notify_all();
    }
}

impl Job {
    /// Examines the member, unless another thread has begun.
    fn run(&self, cx: &Cx<'_>) {
        let mut slot = lock(&self.slot);
        let (blob, left) = match std::mem::replace(&mut *slot, Slot::Running) {
            Slot::Waiting(blob, left) => (blob, left),
            other => {
                *slot = other;
                return;
            }
        };
        drop(slot);
        let done = catch_unwind(AssertUnwindSafe(|| examine(blob, left, cx))).ok();
        if done.as_ref().is_none_or(|done| !done.whole) {
            // What the others do is for nothing.
            cx.limits.stop.raise();
        }
        *lock(&self.slot) = Slot::Done(done.map(Box::new));
        self.done.notify_all();
    }

    fn is_done(&self) -> bool {
        matches!(*lock(&self.slot), Slot::Done(_))
    }

    /// What it gave, once it is there.
    fn take(&self) -> Option<Box<Done>> {
        let mut slot = lock(&self.slot);
        loop {
            match std::mem::replace(&mut *slot, Slot::Running) {
                Slot::Done(done) => return done,
                other => *slot = other,
            }
            slot = self.done.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn examine(mut blob: Blob, left: u64, cx: &Cx<'_>) -> Done {
    let mut walked = Walked::default();
    // Whether it fits beside the others is seen when its turn comes.
    let mut walk = Walk::of_part(cx.limits, left);
    let before = walk.spent();
    let mut frames = Vec::new();
    archive::walk(&mut blob, &mut walk, &mut |one, walk| step(one, walk, cx, &mut walked, &mut frames));
    let whole = !walk.is_cut() && walked.is_whole();
    Done { walked, gaps: walk.gaps_since(&before).to_vec(), spent: walk.spent(), whole }
}

/// The members that wait for their turn.
pub(super) struct Pending<'q> {
    queue: &'q Queue,
    jobs: VecDeque<(Arc<Job>, u64)>,
    bytes: u64,
    /// Set once the parallel walk would not give what one thread gives.
    pub spoiled: bool,
    /// Raised when the whole run is to end.
    over: Stop,
}

impl<'q> Pending<'q> {
    pub fn new(queue: &'q Queue, over: Stop) -> Self {
        Pending { queue, jobs: VecDeque::new(), bytes: 0, spoiled: false, over }
    }

    /// Takes a member in, and makes room by letting the first have its turn.
    pub fn push(&mut self, blob: Blob, walk: &mut Walk<'_>, cx: &Cx<'_>, walked: &mut Walked) {
        if self.spoiled {
            return;
        }
        let held = if blob.held().is_some() { blob.len() } else { 0 };
        let job = Arc::new(Job { slot: Mutex::new(Slot::Waiting(blob, walk.left())), done: Condvar::new() });
        lock(&self.queue.waiting).0.push_back(Arc::clone(&job));
        self.queue.change.notify_one();
        self.jobs.push_back((job, held));
        self.bytes += held;
        walk.hold(held);
        while self.jobs.len() > WAITING * cx.limits.threads || (self.bytes > BYTES && self.jobs.len() > 1) {
            self.turn(walk, cx, walked);
        }
    }

    /// Lets all have their turn.
    pub fn settle(&mut self, walk: &mut Walk<'_>, cx: &Cx<'_>, walked: &mut Walked) {
        while !self.jobs.is_empty() {
            self.turn(walk, cx, walked);
        }
    }

    fn turn(&mut self, walk: &mut Walk<'_>, cx: &Cx<'_>, walked: &mut Walked) {
        let Some((job, held)) = self.jobs.pop_front() else { return };
        job.run(cx);
        // While another thread is at it, others wait to be examined.
        while !job.is_done() {
            let other = lock(&self.queue.waiting).0.pop_front();
            let Some(other) = other else { break };
            other.run(cx);
        }
        let done = job.take();
        self.bytes -= held;
        walk.release(held);
        // What was seen before the time was over is told.
        let fits = |done: &Done| (done.whole && walk.affords(&done.spent)) || self.over.raised();
        match done.filter(|done| !self.spoiled && fits(done)) {
            Some(done) => {
                walk.spend(&done.spent);
                done.gaps.into_iter().for_each(|gap| walk.gap(gap.at, gap.reason, gap.detail));
                walked.absorb(done.walked);
            }
            None => {
                self.spoiled = true;
                walk.give_up();
            }
        }
    }
}
