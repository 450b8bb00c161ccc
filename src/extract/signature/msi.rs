//! Signatures of Windows Installer files (MSI, MSP): a stream of the compound file, compared with all other streams.
//!
//! In: a compound file. Out: its signers. What the tables say is another reader's matter.

use std::io::{Cursor, Read as _};

use cfb::CompoundFile;

use super::super::{Doc, Extractor, Head, Mine, Read};
use super::authenticode::stated;
use super::cms::{self, Message};
use super::digest::{Algorithm, Hasher};
use super::{Verdict, say};
use crate::fact::{Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "signature/msi", claim, extract: Read::Whole(extract) };

const SIGNATURE: &str = "\u{5}DigitalSignature";
/// The digest of names and times, which stands in front of that of the contents.
const EXTENDED: &str = "\u{5}MsiDigitalSignatureEx";
/// Longest signature read, and storages within storages.
const LONGEST: u64 = 16 << 20;
const DEPTH: usize = 16;

type File<'d> = CompoundFile<Cursor<&'d [u8]>>;

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    // What cannot be opened is said by the reader of the container.
    let Ok(mut file) = CompoundFile::open(Cursor::new(doc.data)) else { return Mine::No };
    let path = format!("/{SIGNATURE}");
    if !file.is_stream(&path) {
        return Mine::No;
    }
    let field = "DigitalSignature";
    let bytes = match stream(&mut file, &path) {
        Ok(bytes) => bytes,
        Err(why) => {
            inventory.gap(field, Reason::Malformed, why);
            return Mine::Yes;
        }
    };
    match cms::read(&bytes) {
        Some(message) => {
            // Nested signatures share the digest of their algorithm: it is made once.
            let mut made: Vec<(Algorithm, Result<Vec<u8>, String>)> = Vec::new();
            let with_names = file.is_stream(format!("/{EXTENDED}"));
            let mut compare = |message: &Message<'_>, inventory: &mut Inventory<'_>| {
                let stated = match stated(message) {
                    Ok(stated) => stated,
                    Err(verdict) => return verdict,
                };
                if !made.iter().any(|(algorithm, _)| *algorithm == stated.algorithm) {
                    made.push((stated.algorithm, digest(&mut file, stated.algorithm, doc.data.len() as u64)));
                }
                match made.iter().find(|(algorithm, _)| *algorithm == stated.algorithm) {
                    Some((algorithm, Ok(made))) => {
                        let verdict = Verdict::of(*algorithm, &stated.digest, made, "the installer");
                        if with_names && matches!(verdict, Verdict::Valid(_)) {
                            inventory.remark(field, "the digest of its streams' names and times is not compared");
                        }
                        verdict
                    }
                    Some((_, Err(why))) => Verdict::NotChecked(why.clone()),
                    None => Verdict::NotChecked("no digest was made".to_owned()),
                }
            };
            say(&message, field, &mut compare, inventory);
        }
        None => inventory.gap(field, Reason::Malformed, "a signature that is no signed message"),
    }
    Mine::Yes
}

fn stream(file: &mut File<'_>, path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let stream = file.open_stream(path).map_err(|e| e.to_string())?;
    stream.take(LONGEST).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// The digest of every stream, storage by storage, in the order of their names.
fn digest(file: &mut File<'_>, algorithm: Algorithm, len: u64) -> Result<Vec<u8>, String> {
    let mut hasher = algorithm.hasher();
    let extended = format!("/{EXTENDED}");
    if file.is_stream(&extended) {
        // The digest of names and times is taken as it stands: what it is made over is not compared.
        hasher.update(&stream(file, &extended)?);
    }
    // Hostile streams share their sectors: no more is read than twice the file.
    let mut left = len.saturating_mul(2);
    storage(file, "/", DEPTH, &mut left, &mut hasher)?;
    Ok(hasher.finish())
}

fn storage(file: &mut File<'_>, path: &str, depth: usize, left: &mut u64, hasher: &mut Hasher) -> Result<(), String> {
    let depth = depth.checked_sub(1).ok_or("storages too deep")?;
    let entries = file.read_storage(path).map_err(|e| e.to_string())?;
    let mut entries: Vec<_> = entries.map(|e| (e.name().to_owned(), e.path().to_owned(), e.is_stream())).collect();
    // By the bytes of their names as they stand in the file, the shorter first.
    let key = |name: &str| name.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    entries.sort_by_cached_key(|(name, ..)| key(name));
    for (name, path, is_stream) in entries {
        if depth == DEPTH - 1 && (name == SIGNATURE || name == EXTENDED) {
            continue;
        }
        if !is_stream {
            storage(file, &path.to_string_lossy(), depth, left, hasher)?;
            continue;
        }
        let mut stream = file.open_stream(&path).map_err(|e| e.to_string())?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let n = stream.read(&mut buffer).map_err(|e| e.to_string())?;
            if n == 0 {
                break;
            }
            *left = left.checked_sub(n as u64).ok_or("its streams overlap")?;
            hasher.update(buffer.get(..n).unwrap_or_default());
        }
    }
    let class = file.entry(path).map_err(|e| e.to_string())?;
    hasher.update(&class.clsid().to_bytes_le());
    Ok(())
}
