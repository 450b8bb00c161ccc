//! The bounds of a run, the flag that ends it early, and how far it has come.
//!
//! In: numbers from whoever starts the run. Out: the same for every stage. Must not know: the clock, and what is done
//! where a bound bites.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Blob;

/// The bounds of a run. Every one that bites becomes a gap. They hold for each file of the input, so
/// that the result does not depend on the order or number of threads.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Containers inside containers.
    pub max_depth: usize,
    /// Archive members per input file.
    pub max_members: u64,
    /// Bytes unpacked of one member.
    pub max_member_bytes: u64,
    /// Bytes of one file or member that a reader of whole documents may hold in memory; streams are searched whatever
    /// their size.
    pub max_loaded_bytes: u64,
    /// Bytes of nested members held in memory at one time; what is beyond lies in temporary files without a name.
    pub max_held_bytes: u64,
    /// Bytes unpacked from one input file, whatever its size.
    pub max_total_bytes: u64,
    /// Bytes unpacked per byte of input; only counts above `ratio_floor`.
    pub max_ratio: u64,
    /// Up to here, expansion is not held against a file.
    pub ratio_floor: u64,
    /// Bytes of a member's name that are kept.
    pub max_name_bytes: usize,
    /// Components read from one document.
    pub max_components: u64,
    /// Worker threads; the result is the same for any number.
    pub threads: usize,
    /// Raised from outside (a time limit, an interrupt) to end the run early.
    pub stop: Stop,
    /// How far the run has come, for whoever watches it.
    pub progress: Progress,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_depth: 16,
            max_members: 1_000_000,
            max_member_bytes: 16 << 30,
            max_loaded_bytes: 256 << 20,
            max_held_bytes: 128 << 20,
            max_total_bytes: 64 << 30,
            max_ratio: 200,
            ratio_floor: 256 << 20,
            max_name_bytes: 4096,
            max_components: 5_000_000,
            threads: 1,
            stop: Stop::default(),
            progress: Progress::default(),
        }
    }
}

/// How far a run has come. Counts only: no result depends on it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    blobs: AtomicU64,
    bytes: AtomicU64,
    place: Mutex<Option<Arc<str>>>,
}

impl Progress {
    /// Notes that a blob is begun.
    pub(crate) fn begin(&self, blob: &Blob) {
        self.0.blobs.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(blob.len(), Ordering::Relaxed);
        // Whoever watches may hold it: then the next one is shown.
        if let Ok(mut place) = self.0.place.try_lock() {
            *place = Some(Arc::clone(&blob.path));
        }
    }

    /// Files and members begun, their bytes, and where the run is.
    #[must_use]
    pub fn now(&self) -> (u64, u64, Option<Arc<str>>) {
        let place = self.0.place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.0.blobs.load(Ordering::Relaxed), self.0.bytes.load(Ordering::Relaxed), place)
    }
}

/// A flag that ends a run early. No stage reads the clock: whoever holds the flag does.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    /// The flag of the whole run, where this one is of a part.
    above: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// Raises the flag.
    pub fn raise(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// True once raised.
    #[must_use]
    pub fn raised(&self) -> bool {
        let raised = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        raised(&self.flag) || self.above.as_deref().is_some_and(raised)
    }

    /// A flag for a part of the run: raised with this one, or by itself.
    pub(crate) fn below(&self) -> Stop {
        Stop { flag: Arc::default(), above: Some(Arc::clone(&self.flag)) }
    }
}
