//! The APK signing block (schemes v2, v3, v3.1): who signed an application, and whether it still is what was signed.
//!
//! In: an archive with the block between its entries and its directory. Out: the signers, and whether the digest of
//! the three parts round the block fits. Whether the key made the signature is not looked at.

use std::io::{Read as _, Seek, SeekFrom};

use super::super::packed::{self, End};
use super::super::signature::digest::Algorithm;
use super::super::signature::{Certificate, Verdict, certificate};
use super::super::{Extractor, Head, Input, Mine, Read};
use crate::bytes::{le32, le64};
use crate::fact::{FactKind, Inventory, Reason};
use crate::source::{Blob, Limits};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "android/apk-signature", claim, extract: Read::Stream(extract) };

const MAGIC: &[u8] = b"APK Sig Block 42";
/// Bytes of a block that are read: real ones have a few KiB, or some MiB where a store adds its own.
const BLOCK: u64 = 64 << 20;
/// Pairs in a block, signers of a scheme, certificates and digests of a signer: real ones have a handful.
const MANY: usize = 64;
/// The digest is made of pieces of this length.
const PIECE: usize = 1 << 20;

/// The schemes by the number of their pair.
const SCHEMES: &[(u32, &str)] = &[(0x7109_871a, "v2"), (0xf053_68c0, "v3"), (0x1b93_ad61, "v3.1")];

/// Signature algorithms: number, name, the digest over pieces where there is one.
const ALGORITHMS: &[(u32, &str, Option<Algorithm>)] = &[
    (0x0101, "RSASSA-PSS with SHA-256", Some(Algorithm::Sha256)),
    (0x0102, "RSASSA-PSS with SHA-512", Some(Algorithm::Sha512)),
    (0x0103, "RSASSA-PKCS1-v1_5 with SHA-256", Some(Algorithm::Sha256)),
    (0x0104, "RSASSA-PKCS1-v1_5 with SHA-512", Some(Algorithm::Sha512)),
    (0x0201, "ECDSA with SHA-256", Some(Algorithm::Sha256)),
    (0x0202, "ECDSA with SHA-512", Some(Algorithm::Sha512)),
    (0x0301, "DSA with SHA-256", Some(Algorithm::Sha256)),
    (0x0421, "RSASSA-PKCS1-v1_5 with SHA-256 in fs-verity", None),
    (0x0423, "ECDSA with SHA-256 in fs-verity", None),
    (0x0425, "DSA with SHA-256 in fs-verity", None),
];

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"PK\x03\x04")
}

/// The block: where it begins, and its pairs.
struct Block {
    start: u64,
    pairs: Vec<u8>,
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let Some(end) = packed::end(input.blob) else { return Mine::No };
    let Some(at) = end.directory.checked_sub(24) else { return Mine::No };
    let Some(foot) = packed::read_at(input.blob, at, 24).filter(|foot| foot.ends_with(MAGIC)) else { return Mine::No };
    let field = "APK Signing Block";
    match block(input.blob, &end, &foot) {
        Ok(block) => pairs(input, &end, &block, inventory),
        Err(reason) => inventory.gap(field, reason, "the signing block could not be read"),
    }
    Mine::Yes
}

fn block(blob: &Blob, end: &End, foot: &[u8]) -> Result<Block, Reason> {
    let size = le64(foot, 0).ok_or(Reason::Truncated)?;
    if size > BLOCK {
        return Err(if size > end.directory { Reason::Malformed } else { Reason::Limit });
    }
    // The size does not count the first field, which repeats it.
    let start = end.directory.checked_sub(size).and_then(|at| at.checked_sub(8)).ok_or(Reason::Malformed)?;
    let whole = packed::read_at(blob, start, size).ok_or(Reason::Unreadable)?;
    if size < 24 || whole.get(..8) != foot.get(..8) {
        return Err(Reason::Malformed);
    }
    let len = usize::try_from(size).unwrap_or(0);
    Ok(Block { start, pairs: whole.get(8..len.saturating_sub(16)).ok_or(Reason::Truncated)?.to_vec() })
}

fn pairs(input: &Input<'_>, end: &End, block: &Block, inventory: &mut Inventory<'_>) {
    let mut digests: Vec<(Algorithm, Option<Vec<u8>>)> = Vec::new();
    let mut made = |algorithm: Algorithm| {
        if let Some((_, made)) = digests.iter().find(|(known, _)| *known == algorithm) {
            return made.clone();
        }
        let made = digest(input.blob, end, block.start, algorithm, input.limits);
        digests.push((algorithm, made.clone()));
        made
    };
    let mut rest = block.pairs.as_slice();
    for _ in 0..MANY {
        if rest.is_empty() {
            return;
        }
        let size = le64(rest, 0);
        let pair = size.and_then(|size| rest.get(8..usize::try_from(size).ok()?.checked_add(8)?));
        let Some(pair) = pair else {
            return inventory.gap("APK Signing Block", Reason::Malformed, "a pair that leads out of the signing block");
        };
        rest = rest.get(8 + pair.len()..).unwrap_or_default();
        let Some((id, value)) = le32(pair, 0).zip(pair.get(4..)) else { continue };
        if let Some((_, scheme)) = SCHEMES.iter().find(|(known, _)| *known == id) {
            let field = format!("APK Signature Scheme {scheme}");
            if signers(value, *scheme != "v2", &field, &mut made, inventory).is_none() {
                inventory.gap(field, Reason::Malformed, "a signer that could not be read");
            }
        }
    }
    inventory.gap("APK Signing Block", Reason::Limit, format!("more than {MANY} pairs; the rest was not read"));
}

/// What a length of four bytes stands in front of, and what follows.
fn part(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = le32(data, 0)? as usize;
    data.get(4..)?.split_at_checked(len)
}

/// Parts one behind the other.
fn parts(mut data: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    // One more tells that there are more than are read.
    while !data.is_empty() && parts.len() <= MANY {
        let (one, rest) = part(data)?;
        parts.push(one);
        data = rest;
    }
    Some(parts)
}

fn signers(
    value: &[u8],
    ranged: bool,
    field: &str,
    made: &mut dyn FnMut(Algorithm) -> Option<Vec<u8>>,
    inventory: &mut Inventory<'_>,
) -> Option<()> {
    let all = parts(part(value)?.0)?;
    if all.len() > MANY {
        inventory.gap(field, Reason::Limit, format!("more than {MANY} signers; the rest was not read"));
    }
    for (index, signer) in all.into_iter().take(MANY).enumerate() {
        let field = if index == 0 { field.to_owned() } else { format!("{field}/signer[{index}]") };
        let (signed, rest) = part(signer)?;
        // From v3 on, the versions of Android it holds for stand in between.
        let (signatures, _) = part(if ranged { rest.get(8..)? } else { rest })?;
        let (digests, rest) = part(signed)?;
        let (certificates, _) = part(rest)?;
        let (digests, signatures) = (parts(digests)?, parts(signatures)?);
        if digests.len() > MANY || signatures.len() > MANY {
            let detail = format!("more than {MANY} digests or signatures of one signer; the rest was not read");
            inventory.gap(&field, Reason::Limit, detail);
        }
        let verdict = compare(&digests, made);
        inventory.say(FactKind::SignatureDigest, verdict.to_string(), format!("{field}/digest"));
        for algorithm in signatures.iter().filter_map(|s| le32(s, 0)) {
            let name = ALGORITHMS.iter().find(|(known, ..)| *known == algorithm).map(|(_, name, _)| (*name).to_owned());
            let name = name.unwrap_or_else(|| format!("0x{algorithm:04x}"));
            inventory.say(FactKind::Property, format!("signature-algorithm={name}"), format!("{field}/signatures"));
        }
        // The first certificate is the signer's, those behind it are of who issued it.
        let first = parts(certificates)?.into_iter().next()?;
        match Certificate::read(first) {
            Some(found) => certificate(&found, &field, &verdict, None, inventory),
            None => inventory.gap(field, Reason::Malformed, "a certificate that could not be read"),
        }
    }
    Some(())
}

/// All digests that can be made must fit.
fn compare(digests: &[&[u8]], made: &mut dyn FnMut(Algorithm) -> Option<Vec<u8>>) -> Verdict {
    let mut verdict: Option<Verdict> = None;
    for digest in digests {
        let Some((id, (stated, _))) = le32(digest, 0).zip(digest.get(4..).and_then(part)) else {
            return Verdict::NotChecked("a digest that could not be read".to_owned());
        };
        let algorithm = ALGORITHMS.iter().find(|(known, ..)| *known == id).and_then(|(.., digest)| *digest);
        // A digest in a form that is not made is no fault of another one that is.
        let Some(algorithm) = algorithm else { continue };
        let one = match made(algorithm) {
            Some(made) => Verdict::of(algorithm, stated, &made, "the archive"),
            None => Verdict::NotChecked("the archive was not read to its end".to_owned()),
        };
        verdict = Some(match verdict {
            Some(before) => before.and(one),
            None => one,
        });
    }
    verdict.unwrap_or_else(|| Verdict::NotChecked("only digests of forms that are not made".to_owned()))
}

/// The digest over the entries, the directory and the end record, which speaks of the block as of the directory.
fn digest(blob: &Blob, end: &End, start: u64, algorithm: Algorithm, limits: &Limits) -> Option<Vec<u8>> {
    let mut tail = packed::read_at(blob, end.record, blob.len().checked_sub(end.record)?)?;
    tail.get_mut(16..20)?.copy_from_slice(&u32::try_from(start).ok()?.to_le_bytes());
    let mut reader = blob.reader();
    let mut pieces = Vec::new();
    let mut count = 0u32;
    let mut buffer = vec![0; PIECE];
    let mut piece = |data: &[u8]| {
        let len = u32::try_from(data.len()).unwrap_or(0).to_le_bytes();
        pieces.extend(algorithm.digest([&[0xa5][..], &len, data]));
        count += 1;
    };
    for (from, to) in [(0, start), (end.directory, end.record)] {
        reader.seek(SeekFrom::Start(from)).ok()?;
        let mut left = to.checked_sub(from)?;
        while left > 0 {
            if limits.stop.raised() {
                return None;
            }
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let part = buffer.get_mut(..most)?;
            reader.read_exact(part).ok()?;
            piece(part);
            left -= most as u64;
        }
    }
    tail.chunks(PIECE).for_each(&mut piece);
    Some(algorithm.digest([&[0x5a][..], &count.to_le_bytes(), &pieces]))
}
