//! Signed JARs (and APKs of scheme v1): who signed, and whether every member still is what was signed.
//!
//! In: an archive with a signature file (`META-INF/*.SF`) and its block (`.RSA`, `.DSA`, `.EC`). Out: the signers, and
//! what came of comparing: the block with the signature file, that with the manifest, and the manifest with every
//! member. Whether the key made the signature is not looked at.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::packed::{Packed, Unread};
use super::super::signature::digest::Algorithm;
use super::super::signature::{self, Verdict};
use super::super::{Extractor, Head, Input, Mine, Read};
use super::manifest::{Attributes, Line};
use crate::fact::{Inventory, Reason, cut};
use crate::source::Stop;

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "java/signature", claim, extract: Read::Stream(extract) };

const MANIFEST: &str = "META-INF/MANIFEST.MF";
/// Bytes of a manifest, of all signature files, and of a block.
const TEXT: u64 = 64 << 20;
const BLOCK: u64 = 1 << 20;
/// Bytes of sections hashed of one archive.
const SECTIONS: usize = 256 << 20;
/// Signature files of one archive.
const SIGNERS: usize = 16;

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"PK\x03\x04")
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let Some(mut packed) = Packed::open(input.blob, &[b"META-INF/", b".SF"]) else { return Mine::No };
    let names: Vec<String> = packed.names().collect();
    // In this folder, Java takes names in any case.
    let files: HashMap<String, &String> = names
        .iter()
        .filter_map(|name| Some((inside(name)?, name)))
        .filter(|(inner, _)| inner == "MANIFEST.MF" || inner.ends_with(".SF"))
        .collect();
    let blocks: Vec<(&String, &String)> = names
        .iter()
        .filter_map(|name| {
            let inner = inside(name)?;
            let stem = [".RSA", ".DSA", ".EC"].iter().find_map(|ending| inner.strip_suffix(ending))?;
            Some((name, *files.get(&format!("{stem}.SF"))?))
        })
        .take(SIGNERS + 1)
        .collect();
    if blocks.is_empty() {
        return Mine::No;
    }
    let stop = &input.limits.stop;
    let name = files.get("MANIFEST.MF").map_or(MANIFEST, |name| name.as_str());
    let manifest = packed.member(name, TEXT.min(input.limits.max_member_bytes)).ok();
    let members = match &manifest {
        Some(manifest) => members(manifest, &names, &mut packed, input),
        None => Verdict::NotChecked("the manifest could not be read".to_owned()),
    };
    let mut manifest = manifest.as_deref().map(Manifest::of);
    let mut left = TEXT;
    for (block, file) in blocks.iter().take(SIGNERS) {
        if stop.raised() {
            break;
        }
        let (Ok(block_data), Ok(file)) = (packed.member(block, BLOCK), packed.member(file, left)) else {
            inventory.gap(cut(block, 256), Reason::Limit, "a signature that was not compared: unreadable or too long");
            continue;
        };
        left = left.saturating_sub(file.len() as u64);
        let Some(message) = signature::read(&block_data) else {
            inventory.gap(cut(block, 256), Reason::Malformed, "a signature block that could not be read");
            continue;
        };
        let listed = match &mut manifest {
            Some(manifest) => listed(&file, manifest, stop),
            None => Verdict::NotChecked("the manifest could not be read".to_owned()),
        };
        // The worst of all is what holds; a mismatch anywhere is one.
        let before = members.clone().and(listed);
        let mut digests = Digests::of(&file);
        let mut compare = |message: &signature::Message<'_>, _: &mut Inventory<'_>| {
            if stop.raised() {
                return stopped();
            }
            before.clone().and(signed(message, &mut digests))
        };
        signature::say(&message, cut(block, 256), &mut compare, inventory);
    }
    if blocks.len() > SIGNERS {
        inventory.gap("META-INF", Reason::Limit, format!("more than {SIGNERS} signatures; the rest was not read"));
    }
    Mine::Yes
}

fn stopped() -> Verdict {
    Verdict::NotChecked("stopped (time limit or interrupt)".to_owned())
}

/// The digests of one text, each made once: a block may ask for them again and again.
struct Digests<'d> {
    data: &'d [u8],
    made: Vec<(Algorithm, Vec<u8>)>,
}

impl<'d> Digests<'d> {
    fn of(data: &'d [u8]) -> Digests<'d> {
        Digests { data, made: Vec::new() }
    }

    fn get(&mut self, algorithm: Algorithm) -> Vec<u8> {
        if let Some((_, made)) = self.made.iter().find(|(known, _)| *known == algorithm) {
            return made.clone();
        }
        let made = algorithm.digest([self.data]);
        self.made.push((algorithm, made.clone()));
        made
    }
}

/// Whether the block is of this signature file, by the word of every signer.
fn signed(message: &signature::Message<'_>, file: &mut Digests<'_>) -> Verdict {
    let one = |signer: &signature::cms::Signer<'_>| match (signer.algorithm, &signer.digest) {
        (Some(algorithm), Some(stated)) => Verdict::of(algorithm, stated, &file.get(algorithm), "the signature file"),
        _ => {
            Verdict::NotChecked("the block states no digest of the signature file; only its key could tell".to_owned())
        }
    };
    let all = message.signers().iter().map(one).reduce(Verdict::and);
    all.unwrap_or_else(|| Verdict::NotChecked("no signer".to_owned()))
}

/// A manifest, and where the section of each entry stands in it.
struct Manifest<'d> {
    whole: Digests<'d>,
    main: &'d [u8],
    sections: HashMap<String, &'d [u8]>,
    /// Bytes of sections that may still be hashed.
    left: usize,
}

impl<'d> Manifest<'d> {
    fn of(data: &'d [u8]) -> Manifest<'d> {
        let (mut main, mut sections) = (None, HashMap::new());
        let mut lines = Attributes::of(data);
        let (mut start, mut name) = (0, None);
        loop {
            let line = lines.next();
            match line {
                Some(Line::Attribute(key, value)) if main.is_some() && key.eq_ignore_ascii_case("Name") => {
                    name = Some(value.into_owned());
                }
                // A section ends behind the empty line.
                None | Some(Line::Blank) => {
                    let end = data.len() - lines.left();
                    let section = data.get(start..end).unwrap_or_default();
                    if main.is_none() {
                        main = Some(section);
                    } else if let Some(name) = name.take() {
                        sections.entry(name).or_insert(section);
                    }
                    start = end;
                    if line.is_none() {
                        break;
                    }
                }
                Some(_) => {}
            }
        }
        let main = main.unwrap_or_default();
        Manifest { whole: Digests::of(data), main, sections, left: SECTIONS }
    }
}

/// Whether the signature file is of this manifest: of all of it, or of every section of it.
fn listed(file: &[u8], manifest: &mut Manifest<'_>, stop: &Stop) -> Verdict {
    let (mut whole, mut main): (Option<Verdict>, Option<Verdict>) = (None, None);
    let mut lines = Attributes::of(file);
    for line in lines.by_ref() {
        match line {
            Line::Attribute(key, value) => {
                if let Some((algorithm, stated)) = digest(&key, "-Digest-Manifest", &value) {
                    let verdict = Verdict::of(algorithm, &stated, &manifest.whole.get(algorithm), "the manifest");
                    whole.get_or_insert(verdict);
                } else if let Some((algorithm, stated)) = digest(&key, "-Digest-Manifest-Main-Attributes", &value) {
                    main.get_or_insert_with(|| {
                        let made = algorithm.digest([manifest.main]);
                        Verdict::of(algorithm, &stated, &made, "the manifest's main section")
                    });
                }
            }
            Line::Blank => break,
            Line::Odd => {}
        }
    }
    match (whole, main) {
        // Who signs after another adds entries, so that only the sections fit the first.
        (Some(Verdict::Mismatch(_)), Some(main)) => {
            if matches!(main, Verdict::Valid(_)) {
                by_section(lines, manifest, stop)
            } else {
                main
            }
        }
        (Some(whole), _) => whole,
        (None, _) => Verdict::NotChecked("the signature file states no digest of the manifest".to_owned()),
    }
}

/// Whether the sections are those the signature file lists. What it does not list was added later, by anyone.
fn by_section(file: Attributes<'_>, manifest: &mut Manifest<'_>, stop: &Stop) -> Verdict {
    let mut met: HashSet<String> = HashSet::new();
    let mut entry: Option<String> = None;
    let mut least: Option<Verdict> = None;
    for line in file {
        match line {
            Line::Blank => entry = None,
            Line::Odd => {}
            Line::Attribute(key, value) if key.eq_ignore_ascii_case("Name") => entry = Some(value.into_owned()),
            Line::Attribute(key, value) => {
                let Some((algorithm, stated)) = digest(&key, "-Digest", &value) else { continue };
                let Some(name) = entry.take() else { continue };
                let shown = cut(&name, 200).to_owned();
                let Some(section) = manifest.sections.get(&name) else {
                    return Verdict::Mismatch(format!("{shown} is missing in the manifest"));
                };
                if !met.insert(name) {
                    continue;
                }
                if stop.raised() {
                    return stopped();
                }
                let Some(left) = manifest.left.checked_sub(section.len()) else {
                    return Verdict::NotChecked("sections of more bytes than are compared".to_owned());
                };
                manifest.left = left;
                match Verdict::of(
                    algorithm,
                    &stated,
                    &algorithm.digest([*section]),
                    &format!("{shown} in the manifest"),
                ) {
                    Verdict::Valid(algorithm) => least = Some(Verdict::Valid(algorithm)),
                    other => return other,
                }
            }
        }
    }
    match manifest.sections.len().saturating_sub(met.len()) {
        0 => least.unwrap_or_else(|| Verdict::NotChecked("the signature file lists no member".to_owned())),
        added => Verdict::NotChecked(format!("what it lists fits; {added} members were added behind it")),
    }
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
fn members(manifest: &[u8], names: &[String], packed: &mut Packed, input: &Input<'_>) -> Verdict {
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
                    return stopped();
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
    // A folder needs no signature, unless it has content: whoever unpacks may make a file of it.
    let mut unsigned = names.iter().filter(|name| {
        // An empty folder is nothing that could be signed.
        let known = is_signature(name) || met.contains(*name);
        !known && (!name.ends_with('/') || packed.each(name, 0, &mut |_| {}).is_err())
    });
    if let Some(first) = unsigned.next() {
        let extra = 1 + unsigned.count();
        return Verdict::Mismatch(format!("{extra} members are not signed, {} the first", cut(first, 200)));
    }
    least.unwrap_or_else(|| Verdict::NotChecked("the manifest lists no member".to_owned()))
}

/// What a name in the signature's folder is within it, in upper case.
fn inside(name: &str) -> Option<String> {
    let (folder, inner) = name.rsplit_once('/')?;
    folder.eq_ignore_ascii_case("META-INF").then(|| inner.to_ascii_uppercase())
}

/// What belongs to the signature itself.
fn is_signature(name: &str) -> bool {
    inside(name).is_some_and(|rest| {
        rest == "MANIFEST.MF"
            || rest.starts_with("SIG-")
            || [".SF", ".RSA", ".DSA", ".EC"].iter().any(|ending| rest.ends_with(ending))
    })
}
