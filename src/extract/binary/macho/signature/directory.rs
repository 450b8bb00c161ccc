//! A code directory: who the code is, and the digest of every page.
//!
//! In: its bytes, and the image. Out: identifier, team, and whether the digests fit.

use super::super::super::super::signature::Verdict;
use super::super::super::super::signature::digest::Algorithm;
use super::super::image::Image;
use super::{algorithm, big};
use crate::bytes::until_zero;

/// Longest identifier.
const NAME: usize = 1024;

/// One code directory.
pub(super) struct Directory<'a> {
    /// 0 for the primary one, from 0x1000 on for the others.
    pub slot: u64,
    pub whole: &'a [u8],
    pub identifier: String,
    pub team: String,
    algorithm: Option<(Algorithm, usize)>,
    hashes: usize,
    special: usize,
    code: usize,
    limit: u64,
    /// 0: all in one page.
    page: u64,
    scattered: bool,
}

impl<'a> Directory<'a> {
    pub fn read(slot: u64, whole: &'a [u8]) -> Option<Directory<'a>> {
        let word = |at: usize| big(whole, at, 4);
        let byte = |at: usize| whole.get(at).copied();
        let version = word(8)?;
        let newer =
            |since: u64, at: usize, width: usize| if version >= since { big(whole, at, width) } else { Some(0) };
        let text = |at: u64| {
            let from = usize::try_from(at).ok().filter(|at| *at > 0).and_then(|at| whole.get(at..)).unwrap_or_default();
            String::from_utf8_lossy(until_zero(from, NAME)).into_owned()
        };
        let (kind, size) = (byte(37)?, usize::from(byte(36)?));
        let long = newer(0x20300, 56, 8)?;
        let directory = Directory {
            slot,
            whole,
            identifier: text(word(20)?),
            team: text(newer(0x20200, 48, 4)?),
            algorithm: algorithm(kind).filter(|(_, len)| *len == size),
            hashes: usize::try_from(word(16)?).ok()?,
            special: usize::try_from(word(24)?).ok()?,
            code: usize::try_from(word(28)?).ok()?,
            limit: if long > 0 { long } else { word(32)? },
            page: match byte(39)? {
                0 => 0,
                bits => 1u64.checked_shl(u32::from(bits))?,
            },
            scattered: newer(0x20100, 44, 4)? != 0,
        };
        let before = directory.special.checked_mul(size)?;
        let behind = directory.code.checked_mul(size)?.checked_add(directory.hashes)?;
        (directory.hashes >= before && behind <= whole.len()).then_some(directory)
    }

    /// Where it stands, for a field.
    pub fn field(&self) -> String {
        if self.slot == 0 {
            "CodeDirectory".to_owned()
        } else {
            format!("CodeDirectory[{}]", self.slot.saturating_sub(0xfff))
        }
    }

    /// Its own digest as signers list it, cut to twenty bytes.
    pub fn short_digest(&self) -> Vec<u8> {
        let Some((algorithm, _)) = self.algorithm else { return Vec::new() };
        let mut digest = algorithm.digest([self.whole]);
        digest.truncate(20);
        digest
    }

    /// The digest of a part, as long as this directory keeps them.
    pub fn digest_of(&self, part: &[u8]) -> Vec<u8> {
        let Some((algorithm, len)) = self.algorithm else { return Vec::new() };
        let mut digest = algorithm.digest([part]);
        digest.truncate(len);
        digest
    }

    /// The digest stated for another part of the signature: they stand in front of the pages', counted backwards.
    pub fn special(&self, slot: u64) -> Option<&'a [u8]> {
        let (_, len) = self.algorithm?;
        let slot = usize::try_from(slot).ok().filter(|slot| *slot <= self.special)?;
        let at = self.hashes.checked_sub(slot.checked_mul(len)?)?;
        self.whole.get(at..at + len)
    }

    /// Whether every page has its digest, and the pages are all of the code.
    pub fn pages(&self, image: &Image<'_>, budget: &mut usize) -> Verdict {
        let Some((algorithm, len)) = self.algorithm else {
            return Verdict::NotChecked("the code directory's digest algorithm is unknown".to_owned());
        };
        if self.scattered {
            return Verdict::NotChecked("the code directory covers scattered pages".to_owned());
        }
        let Some(code) = usize::try_from(self.limit).ok().and_then(|limit| image.data.get(..limit)) else {
            return Verdict::Mismatch("the signed code is longer than the file".to_owned());
        };
        if let Some(why) = self.uncovered(image) {
            return Verdict::Mismatch(why);
        }
        let Some(left) = budget.checked_sub(code.len()) else {
            return Verdict::NotChecked("more signed code than the file has bytes".to_owned());
        };
        *budget = left;
        let page = usize::try_from(self.page).ok().filter(|page| *page > 0).unwrap_or(code.len().max(1));
        let slots = self.whole.get(self.hashes..self.hashes + self.code * len).unwrap_or_default();
        let pages = code.len().div_ceil(page);
        if pages != self.code {
            return Verdict::Mismatch(format!("{} digests for {pages} pages", self.code));
        }
        for (index, (page, stated)) in code.chunks(page).zip(slots.chunks_exact(len)).enumerate() {
            if algorithm.digest([page]).get(..len) != Some(stated) {
                return Verdict::Mismatch(format!("the {} digest of page {index} is another", algorithm.name()));
            }
        }
        Verdict::Valid(algorithm.name())
    }

    /// What of the image lies outside the signed pages and the signature. A signature that covers a genuine beginning only
    /// says nothing of the rest.
    fn uncovered(&self, image: &Image<'_>) -> Option<String> {
        let (at, len) = image.signature?;
        let (start, end) = (u64::from(at), u64::from(at) + u64::from(len));
        // Signers start the signature at a multiple of sixteen.
        if self.limit > start || start - self.limit >= 16 {
            return Some(format!("the signed code ends at byte {} and the signature begins at {start}", self.limit));
        }
        let beyond = |s: &&super::super::image::Segment| {
            let reached = s.offset.saturating_add(s.length);
            s.length > 0 && reached > self.limit && (s.name != "__LINKEDIT" || reached > end.saturating_add(16))
        };
        let segment = image.segments.iter().find(beyond)?;
        Some(format!("the segment {} is not signed to its end", segment.name))
    }
}
