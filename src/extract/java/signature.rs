//! Signed JARs (and APKs of scheme v1): who signed, and whether every member still is what was signed.
//!
//! In: an archive with a signature file (`META-INF/*.SF`) and its block (`.RSA`, `.DSA`, `.EC`). Out: the signers, and
//! what came of comparing: the block with the signature file, that with the manifest, and the manifest with every
//! member. Whether the key made the signature is not looked at.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::packed::{Packed, Unread};
use super::super::signature::digest::Algorithm;
use super::super::signature::{self, Verdict};
use super::super::{Extractor, Head, Input, Mine, Read};
use super::manifest::{Attributes, Line};
use crate::fact::{Inventory, Reason, cut};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "java/signature", claim, extract: Read::Stream(extract) };

const MANIFEST: &str = "META-INF/MANIFEST.MF";
/// Bytes of a manifest or signature file, and of a block.
const TEXT: u64 = 64 << 20;
const BLOCK: u64 = 1 << 20;
/// Signature files of one archive.
const SIGNERS: usize = 16;

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"PK\x03\x04")
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let Some(mut packed) = Packed::open(input.blob, &[b"META-INF/", b".SF"]) else { return Mine::No };
    let names: Vec<String> = packed.names().collect();
    let inside = |name: &&String| name.rsplit_once('/').is_some_and(|(folder, _)| folder == "META-INF");
    let files: HashSet<&str> = names.iter().filter(inside).map(String::as_str).filter(|n| n.ends_with(".SF")).collect();
    let blocks: Vec<(&String, String)> = names
        .iter()
        .filter(inside)
        .filter_map(|name| {
            let stem = [".RSA", ".DSA", ".EC"].iter().find_map(|ending| name.strip_suffix(ending))?;
            let file = format!("{stem}.SF");
            files.contains(file.as_str()).then_some((name, file))
        })
        .take(SIGNERS + 1)
        .collect();
    if blocks.is_empty() {
        return Mine::No;
    }
    let manifest = packed.member(MANIFEST, TEXT.min(input.limits.max_member_bytes));
    let members = match &manifest {
        Ok(manifest) => members(manifest, &names, &mut packed, input),
        Err(_) => Verdict::NotChecked("the manifest could not be read".to_owned()),
    };
    for (block, file) in blocks.iter().take(SIGNERS) {
        let (Ok(block_data), Ok(file)) = (packed.member(block, BLOCK), packed.member(file, TEXT)) else {
            inventory.gap(cut(block, 256), Reason::Limit, "a signature that was not compared: unreadable or too long");
            continue;
        };
        let Some(message) = signature::read(&block_data) else {
            inventory.gap(cut(block, 256), Reason::Malformed, "a signature block that could not be read");
            continue;
        };
        let mut compare = |message: &signature::Message<'_>, _: &mut Inventory<'_>| {
            let listed = match &manifest {
                Ok(manifest) => listed(&file, manifest),
                Err(_) => Verdict::NotChecked("the manifest could not be read".to_owned()),
            };
            // The worst of all is what holds; a mismatch anywhere is one.
            members.clone().and(listed).and(signed(message, &file))
        };
        signature::say(&message, cut(block, 256), &mut compare, inventory);
    }
    if blocks.len() > SIGNERS {
        inventory.gap("META-INF", Reason::Limit, format!("more than {SIGNERS} signatures; the rest was not read"));
    }
    Mine::Yes
}

/// Whether the block is of this signature file.
fn signed(message: &signature::Message<'_>, file: &[u8]) -> Verdict {
    let Some(signer) = message.signers().first() else { return Verdict::NotChecked("no signer".to_owned()) };
    match (signer.algorithm, &signer.digest) {
        (Some(algorithm), Some(stated)) => {
            Verdict::of(algorithm, stated, &algorithm.digest([file]), "the signature file")
        }
        _ => {
            Verdict::NotChecked("the block states no digest of the signature file; only its key could tell".to_owned())
        }
    }
}

/// Whether the signature file is of this manifest.
fn listed(file: &[u8], manifest: &[u8]) -> Verdict {
    for line in Attributes::of(file) {
        match line {
            Line::Attribute(key, value) => {
                if let Some((algorithm, digest)) = digest(&key, "-Digest-Manifest", &value) {
                    return Verdict::of(algorithm, &digest, &algorithm.digest([manifest]), "the manifest");
                }
            }
            Line::Blank => break,
            Line::Odd => {}
        }
    }
    Verdict::NotChecked("the signature file states no digest of the manifest".to_owned())
}

/// An attribute that holds a digest.
fn digest(key: &str, ending: &str, value: &str) -> Option<(Algorithm, Vec<u8>)> {
    let at = key.len().checked_sub(ending.len())?;
    let (name, rest) = key.split_at_checked(at)?;
    if !rest.eq_ignore_ascii_case(ending) {
        return None;
    }
    let algorithm = match name.to_ascii_uppercase().as_str() {
        "SHA-256" | "SHA256" => Algorithm::Sha256,
        "SHA-512" | "SHA512" => Algorithm::Sha512,
        "SHA-384" | "SHA384" => Algorithm::Sha384,
        "SHA1" | "SHA-1" | "SHA" => Algorithm::Sha1,
        "MD5" => Algorithm::Md5,
        _ => return None,
    };
    Some((algorithm, STANDARD.decode(value).ok()?))
}

/// Whether every member is what the manifest says, and none is left out.
fn members(manifest: &[u8], names: &[String], packed: &mut Packed<'_>, input: &Input<'_>) -> Verdict {
    let limits = input.limits;
    let by_ratio = input.blob.len().saturating_mul(limits.max_ratio).max(limits.ratio_floor);
    let mut left = by_ratio.min(limits.max_total_bytes);
    let mut met: HashSet<String> = HashSet::new();
    let mut entry: Option<String> = None;
    let mut least: Option<Verdict> = None;
    for line in Attributes::of(manifest) {
        match line {
            Line::Blank => entry = None,
            Line::Odd => {}
            Line::Attribute(key, value) if key.eq_ignore_ascii_case("Name") => entry = Some(value.into_owned()),
            Line::Attribute(key, value) => {
                let Some(name) = &entry else { continue };
                let Some((algorithm, stated)) = digest(&key, "-Digest", &value) else { continue };
                if limits.stop.raised() {
                    return Verdict::NotChecked("stopped (time limit or interrupt)".to_owned());
                }
                // Each member is read once, whatever the manifest repeats.
                if !met.insert(name.clone()) {
                    continue;
                }
                let mut hasher = algorithm.hasher();
                let shown = cut(name, 200);
                match packed.each(name, left, &mut |part| hasher.update(part)) {
                    Ok(read) => left = left.saturating_sub(read),
                    Err(Unread::TooLong) => {
                        return Verdict::NotChecked(format!("{shown}: the archive unpacks to more than is read"));
                    }
                    Err(Unread::Absent) => return Verdict::Mismatch(format!("{shown} is missing")),
                    Err(Unread::Broken) => return Verdict::Mismatch(format!("{shown} could not be unpacked")),
                }
                match Verdict::of(algorithm, &stated, &hasher.finish(), shown) {
                    Verdict::Valid(algorithm) => least = Some(Verdict::Valid(algorithm)),
                    other => return other,
                }
            }
        }
    }
    let unsigned = |name: &&String| !name.ends_with('/') && !is_signature(name) && !met.contains(*name);
    let extra = names.iter().filter(unsigned).count();
    if let Some(first) = names.iter().find(unsigned) {
        return Verdict::Mismatch(format!("{extra} members are not signed, {} the first", cut(first, 200)));
    }
    least.unwrap_or_else(|| Verdict::NotChecked("the manifest lists no member".to_owned()))
}

/// What belongs to the signature itself.
fn is_signature(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.strip_prefix("META-INF/").is_some_and(|rest| {
        !rest.contains('/')
            && (rest == "MANIFEST.MF"
                || rest.starts_with("SIG-")
                || [".SF", ".RSA", ".DSA", ".EC"].iter().any(|ending| rest.ends_with(ending)))
    })
}
