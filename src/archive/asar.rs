//! Electron's archives (`app.asar`): a directory as JSON, then the files one behind the other.
//!
//! In: a blob. Out: its files, as parts of it.

use std::io::{Read, Seek, SeekFrom};

use serde_json::{Map, Value};

use super::{Carve, Format, Inside};
use crate::bytes::le32;
use crate::fact::Reason;
use crate::source::Blob;

pub(super) const FORMAT: Format = Format { name: "asar", claim, open, carve: &[Carve { magic: MARK, at: 16, sound }] };

/// What the directory begins with.
const MARK: &[u8] = b"{\"files\":";
/// Bytes of a directory that are read: some 100,000 files.
const DIRECTORY: u32 = 32 << 20;
/// Folders within folders; the JSON reader stops at half of that.
const DEPTH: usize = 128;

/// Lengths within lengths: of the number, of the directory with its own length, of its text.
fn lengths(head: &[u8]) -> Option<(u64, u32)> {
    let word = |at| le32(head, at);
    let (outer, pickle, text) = (word(4)?, word(8)?, word(12)?);
    let fits = word(0)? == 4 && outer.checked_sub(pickle)? == 4 && pickle.checked_sub(text)? < 8;
    (fits && head.get(16..)?.starts_with(MARK)).then_some((8 + u64::from(outer), text))
}

fn claim(blob: &Blob) -> bool {
    lengths(blob.head()).is_some()
}

fn sound(blob: &Blob) -> bool {
    lengths(blob.head()).is_some_and(|(base, _)| base <= blob.len())
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some((base, len)) = lengths(inside.blob.head()) else { return };
    if len > DIRECTORY {
        return inside.gap(Reason::Limit, format!("asar: a directory of {len} bytes, more than {DIRECTORY}"));
    }
    let mut reader = inside.blob.reader();
    let mut text = Vec::new();
    let read = reader.seek(SeekFrom::Start(16)).and_then(|_| reader.take(u64::from(len)).read_to_end(&mut text));
    if let Err(error) = read {
        return inside.failed("asar: directory", &error);
    }
    if text.len() < len as usize {
        return inside.gap(Reason::Truncated, "asar: its directory is cut");
    }
    let mut end = base;
    match serde_json::from_slice::<Value>(&text) {
        Ok(Value::Object(root)) => folder(inside, &root, "", base, &mut end, DEPTH),
        Ok(_) => inside.gap(Reason::Malformed, "asar: a directory that is none"),
        Err(error) => inside.gap(Reason::Malformed, format!("asar: directory: {error}")),
    }
    inside.ends_at(end.min(inside.blob.len()));
}

fn folder(inside: &mut Inside<'_, '_>, node: &Map<String, Value>, path: &str, base: u64, end: &mut u64, depth: usize) {
    let Some(Value::Object(files)) = node.get("files") else { return };
    for (name, node) in files {
        if !inside.go_on() {
            return;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let Value::Object(node) = node else { continue };
        if node.contains_key("files") {
            inside.count();
            match depth.checked_sub(1) {
                Some(depth) => folder(inside, node, &path, base, end, depth),
                None => inside.gap(Reason::Limit, "asar: folders too deep"),
            }
            continue;
        }
        let number = |key: &str| {
            let value = node.get(key)?;
            value.as_u64().or_else(|| value.as_str()?.parse().ok())
        };
        match (number("offset"), number("size")) {
            _ if node.contains_key("link") => inside.count(),
            // Kept beside the archive, in a folder of its own.
            _ if node.get("unpacked") == Some(&Value::Bool(true)) => inside.name_only(&path),
            (_, Some(0)) => inside.name_only(&path),
            (Some(offset), Some(size)) => {
                let start = base.saturating_add(offset);
                *end = (*end).max(start.saturating_add(size));
                inside.part(&path, start, size);
            }
            _ => {
                inside.count();
                inside.shut(&path, Reason::Malformed, "an entry without its place or size");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_do_not_fit_claim_nothing() {
        let head = |words: [u32; 4]| {
            let mut head: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            head.extend_from_slice(MARK);
            head
        };
        assert_eq!(lengths(&head([4, 72, 68, 65])), Some((80, 65)));
        assert_eq!(lengths(&head([4, 72, 69, 65])), None);
        assert_eq!(lengths(&head([4, 72, 68, 70])), None);
        assert_eq!(lengths(&head([4, u32::MAX, 0, 0])), None);
    }
}
