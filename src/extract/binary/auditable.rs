//! cargo-auditable: the dependency tree of a Rust program, as JSON compressed by zlib, in a section of its own.
//!
//! In: the bytes of the section, whatever the format of the program. Out: the JSON as a document of its own, which
//! `sbom/cargo-auditable` reads.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use crate::bytes::{le16, le32};
use crate::fact::{Inventory, Reason};

/// The name of the section: in Mach-O it lies in the segment `__DATA`.
pub(super) const SECTION: &str = ".dep-v0";

/// Bytes of JSON read; trees of a thousand crates have some 100 KiB.
const MOST: u64 = 8 << 20;

/// Hands on what the section holds. The prefix stands before the section's name, where one file holds several programs.
pub(super) fn say(section: &[u8], prefix: &str, inventory: &mut Inventory<'_>) {
    let field = format!("{prefix}{SECTION}");
    let mut json = Vec::new();
    let read = ZlibDecoder::new(section).take(MOST + 1).read_to_end(&mut json);
    match read {
        _ if json.len() as u64 > MOST => {
            inventory.gap(field, Reason::Limit, format!("dependencies of more than {} MiB; not read", MOST >> 20));
            return;
        }
        Ok(_) => {}
        Err(error) => {
            let cut = error.kind() == std::io::ErrorKind::UnexpectedEof;
            let reason = if cut { Reason::Truncated } else { Reason::Malformed };
            inventory.gap(&field, reason, format!("dependencies that cannot be unpacked: {error}"));
        }
    }
    if !json.is_empty() {
        inventory.embed(field, json);
    }
}

/// The same for a PE file, whose header stands at `header`.
pub(super) fn of_pe(data: &[u8], header: usize, inventory: &mut Inventory<'_>) {
    let count = header.checked_add(6).and_then(|at| le16(data, at)).unwrap_or(0);
    let optional = header.checked_add(20).and_then(|at| le16(data, at)).unwrap_or(0);
    for i in 0..usize::from(count) {
        let Some(at) = header.checked_add(24 + usize::from(optional) + i * 40) else { return };
        let Some(entry) = data.get(at..).and_then(|rest| rest.get(..40)) else { return };
        if !entry.starts_with(b".dep-v0\0") {
            continue;
        }
        let word = |at: usize| le32(entry, at).unwrap_or(0) as usize;
        let (used, held, start) = (word(8), word(16), word(20));
        match data.get(start..).and_then(|rest| rest.get(..used.min(held))) {
            Some(section) => say(section, "", inventory),
            None => inventory.gap(SECTION, Reason::Malformed, "the section leads out of the file; not read"),
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use super::*;

    fn said(section: &[u8]) -> (Vec<Vec<u8>>, Vec<Reason>) {
        let path = Arc::from("x");
        let mut inventory = Inventory::new(&path, &path);
        say(section, "", &mut inventory);
        (
            inventory.embedded.into_iter().map(|e| e.data).collect(),
            inventory.gaps.into_iter().map(|g| g.reason).collect(),
        )
    }

    fn packed(json: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(json).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn what_is_packed_comes_out_within_its_bound() {
        let json = br#"{"packages":[]}"#;
        assert_eq!(said(&packed(json)), (vec![json.to_vec()], vec![]));
        assert_eq!(said(&packed(&vec![b' '; 9 << 20])), (vec![], vec![Reason::Limit]));
        assert_eq!(said(b"no zlib at all"), (vec![], vec![Reason::Malformed]));
        assert_eq!(said(b"").0, Vec::<Vec<u8>>::new());
        let long: Vec<u8> = (0..100_000u32).flat_map(|i| i.wrapping_mul(0x9e37_79b9).to_be_bytes()).collect();
        let whole = packed(&long);
        let (kept, gaps) = said(&whole[..whole.len() / 2]);
        assert_eq!((kept.len(), gaps), (1, vec![Reason::Truncated]));
    }
}
