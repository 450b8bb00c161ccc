//! ndb, the database of SUSE's RPM: slots that lead to blobs.
//!
//! In: the bytes of a `Packages.db`. Out: one blob after the other, and what stood in the way. Must not know: what the
//! blobs hold.

use super::Broken;
use crate::bytes::le32;
use crate::fact::Reason;

pub(super) const MAGIC: &[u8] = b"RpmP";
/// Bytes of a page of slots, of a slot, and of the unit in which blobs are placed.
const PAGE: usize = 4096;
const SLOT: usize = 16;
const BLOCK: usize = 16;
/// Bytes in front of a blob: its mark, package, generation and length.
const BEFORE: usize = 16;

fn word(data: &[u8], at: usize) -> Option<usize> {
    le32(data, at).and_then(|n| usize::try_from(n).ok())
}

/// Hands over every blob until `take` says that it is enough.
pub(super) fn read(data: &[u8], take: &mut dyn FnMut(&[u8]) -> bool) -> Broken {
    match (le32(data, 4), word(data, 12)) {
        (Some(0), Some(pages)) => slots(data, pages, take),
        (Some(_), Some(_)) => Some((4, Reason::Unsupported, "a version of ndb that is not known")),
        _ => Some((0, Reason::Truncated, "the file ends within its header")),
    }
}

fn slots(data: &[u8], pages: usize, take: &mut dyn FnMut(&[u8]) -> bool) -> Broken {
    let end = pages.saturating_mul(PAGE);
    let mut broken = (end > data.len()).then_some((12, Reason::Truncated, "the file ends within its slots"));
    // Blobs do not lie over each other: together they are no longer than the file.
    let mut left = data.len();
    // The header takes the place of the first two.
    for at in (2 * SLOT..end.min(data.len())).step_by(SLOT) {
        let Some(slot) = data.get(at..at + SLOT) else { break };
        let (package, block) = (le32(slot, 4), word(slot, 8));
        if !slot.starts_with(b"Slot") {
            broken = broken.or(Some((at, Reason::Malformed, "a slot that is none")));
            continue;
        }
        if package == Some(0) {
            continue;
        }
        let start = block.and_then(|block| block.checked_mul(BLOCK));
        let blob = start.and_then(|start| {
            let head = data.get(start..start.checked_add(BEFORE)?)?;
            let fits = head.starts_with(b"BlbS") && le32(head, 4) == package;
            let from = start + BEFORE;
            data.get(from..from.checked_add(word(head, 12)?)?).filter(|_| fits)
        });
        let Some(blob) = blob else {
            let reason =
                if start.is_none_or(|start| start >= data.len()) { Reason::Truncated } else { Reason::Malformed };
            broken = broken.or(Some((at, reason, "a slot that leads to no blob")));
            continue;
        };
        let Some(fewer) = left.checked_sub(blob.len()) else {
            return broken.or(Some((at, Reason::Malformed, "blobs that lie over each other")));
        };
        left = fewer;
        if !take(blob) {
            break;
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database whose slots lead to these blocks, with one blob at block 256.
    fn made(slots: &[(u32, u32)], blob: &[u8]) -> Vec<u8> {
        let word = |n: u32| n.to_le_bytes();
        let mut data = [MAGIC, &word(0), &word(1), &word(1), &word(9)].concat();
        data.resize(32, 0);
        for (package, block) in slots {
            data.extend([&b"Slot"[..], &word(*package), &word(*block), &word(4)].concat());
        }
        while data.len() < PAGE {
            data.extend([&b"Slot"[..], &[0; 12]].concat());
        }
        data.extend([&b"BlbS"[..], &word(1), &word(1), &word(blob.len() as u32), blob].concat());
        data
    }

    #[test]
    fn slots_lead_to_blobs() {
        let run = |data: &[u8]| {
            let mut seen = 0;
            let broken = read(data, &mut |blob| {
                seen += blob.len();
                true
            });
            (seen, broken.map(|(_, reason, _)| reason))
        };
        assert_eq!(run(&made(&[(1, 256)], b"blob")), (4, None));
        assert_eq!(run(&made(&[(2, 256)], b"blob")), (0, Some(Reason::Malformed)));
        assert_eq!(run(&made(&[(1, u32::MAX), (1, 256)], b"blob")), (4, Some(Reason::Truncated)));
        // A thousand slots with one long blob.
        let long = vec![0; 1 << 16];
        let (seen, broken) = run(&made(&[(1, 256); 250], &long));
        assert!(seen <= 2 << 16 && broken == Some(Reason::Malformed));
        let whole = made(&[(1, 256)], b"blob");
        assert_eq!(run(&whole[..40]).1, Some(Reason::Truncated));
        assert_eq!(run(&whole[..whole.len() - 1]).1, Some(Reason::Malformed));
        assert_eq!(run(b"RpmP").1, Some(Reason::Truncated));
    }
}
