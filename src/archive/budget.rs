//! The budget of one input file.
//!
//! In: [`Limits`], and what is spent. Out: whether more may be read, members read as far as that goes, and the gaps met
//! on the way. Must not know: any format, and in which order members come.

use std::io::{self, Read};
use std::sync::Arc;

use super::walk::reason;
use crate::fact::{Gap, Location, Reason};
use crate::source::{Blob, Content, Limits, Spool};

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
    pub(super) deepest: usize,
    /// Bytes of members held in memory at this moment.
    pub(super) held: u64,
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
    pub(super) fn go_on(&mut self, at: &Blob) -> bool {
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
    pub(super) fn too_long(&mut self, at: &Location, budget: bool, what: &str) {
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
    pub(super) fn read_member(
        &mut self,
        at: &Location,
        declared: Option<u64>,
        reader: &mut dyn Read,
    ) -> Option<Content> {
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
