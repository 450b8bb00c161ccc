//! Compound files: Windows Installer packages, patches and transforms, old Office documents, whatever else is one.
//!
//! In: a blob. Out: every stream; of an installer under its plain name, with the files of its cabinets under the names they
//! are installed by. What the tables say is another reader's matter.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::{Carve, Format, Inside};
use super::compound::{Compound, MAGIC, Pieces};
use super::database::{Database, decode, is_installer};
use crate::bytes::{le16, le32};
use crate::fact::Reason;
use crate::source::Blob;

pub(in super::super) const FORMAT: Format =
    Format { name: "ole", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

/// A byte order, a version and a size of sectors that exist, and a directory and a first table that lie within.
fn sound(blob: &Blob) -> bool {
    let word = |at| le16(blob.head(), at);
    let shift = match (word(26), word(30)) {
        (Some(3), Some(9)) => 9,
        (Some(4), Some(12)) => 12,
        _ => return false,
    };
    let sectors = blob.len() >> shift;
    let within = |at| le32(blob.head(), at).is_some_and(|sector| u64::from(sector) + 1 < sectors);
    // How many tables there are, where the directory begins, and the first of the tables.
    word(28) == Some(0xfffe) && [44, 48, 76].into_iter().all(within)
}

fn open(inside: &mut Inside<'_, '_>) {
    let blob = inside.blob;
    let mut reader = blob.reader();
    let file = match Compound::open(&mut reader, blob.len()) {
        Ok(file) => file,
        Err(error) => return inside.failed("compound file", &error),
    };
    for fault in &file.faults {
        inside.gap(Reason::Malformed, format!("compound file: {fault}"));
    }
    if blob.open_ended || file.end < blob.len() {
        inside.ends_at(file.end.min(blob.len()));
    }
    let installer = is_installer(&file);
    if installer {
        inside.know_names(Arc::new(names(&file, inside)));
    }
    for stream in &file.streams {
        if !inside.go_on() {
            return;
        }
        // The extractor of the signature reads it together with what it signs.
        if installer && stream.path.starts_with("[5]") && stream.path.contains("DigitalSignature") {
            inside.count();
            continue;
        }
        let name = if installer { decode(&stream.path) } else { stream.path.clone() };
        let places = file.places(stream);
        let have: u64 = places.iter().map(|(_, len)| len).sum();
        match places.as_slice() {
            [] if stream.len == 0 => inside.name_only(&name),
            [(at, len)] if *len == stream.len => inside.part(&name, *at, *len),
            _ => {
                // A length that nothing stands behind is told by what is missing.
                let mut pieces = Pieces::new(blob.reader(), places);
                let declared = (have == stream.len).then_some(stream.len);
                inside.member(&name, declared, &mut pieces);
                if declared.is_none() {
                    let detail = format!("{have} bytes where {} are declared", stream.len);
                    inside.shut(&name, Reason::Truncated, detail);
                }
            }
        }
    }
}

/// The names of files by their keys, which is how the cabinets of an installer call them.
fn names(file: &Compound, inside: &Inside<'_, '_>) -> HashMap<String, String> {
    let mut reader = inside.blob.reader();
    let mut names = HashMap::new();
    if let Some(mut database) = Database::open(file, &mut reader)
        && let Some(table) = database.table(file, &mut reader, "File")
    {
        for row in 0..table.rows {
            let (key, name) = (table.text(row, "File"), long_name(table.text(row, "FileName")));
            if !name.is_empty() && !key.is_empty() {
                names.insert(key.to_owned(), format!("{key}/{name}"));
            }
        }
    }
    names
}

/// The long one of `SHORT|Long name`.
pub(crate) fn long_name(name: &str) -> &str {
    name.split_once('|').map_or(name, |(_, long)| long)
}
