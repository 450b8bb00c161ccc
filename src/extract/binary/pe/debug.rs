//! The debug directory of a PE image: where its program database stood when it was linked, and which build it is.
//!
//! In: the headers as [`Image`]. Out: path and identifier of CodeView entries, the latter as symbol servers write it.
//! All other entries (POGO, reproducible builds, embedded symbols) say nothing of a name.

use super::{Image, NAME, broken};
use crate::bytes::{le16, le32};
use crate::extract::text;
use crate::fact::{FactKind, Inventory, Reason};

/// Entries read; real files have at most a dozen.
const ENTRIES: usize = 64;
const IMAGE_DEBUG_TYPE_CODEVIEW: u32 = 2;

pub(super) fn say(data: &[u8], image: &Image, inventory: &mut Inventory<'_>) {
    let Some((address, size)) = image.directory(data, 6) else { return };
    if size == 0 {
        return;
    }
    let table = image.part(data, address, size).filter(|table| table.len() as u64 == u64::from(size));
    let Some(table) = table else { return broken(inventory, "DEBUG") };
    if table.len() / 28 > ENTRIES {
        inventory.gap("DEBUG", Reason::Limit, format!("more than {ENTRIES} entries; the rest was not read"));
    }
    for (i, entry) in table.chunks_exact(28).take(ENTRIES).enumerate() {
        let field = |at: usize| le32(entry, at).unwrap_or(0);
        let (kind, size, address, pointer) = (field(12), field(16), field(20), field(24));
        if kind != IMAGE_DEBUG_TYPE_CODEVIEW || size == 0 {
            continue;
        }
        // Debugging data need not be mapped, so the place in the file comes first.
        let at = usize::try_from(pointer).ok().filter(|at| *at != 0).or_else(|| image.offset(address));
        let record = at.and_then(|at| data.get(at..at.checked_add(usize::try_from(size).ok()?)?));
        match record {
            Some(record) => code_view(record, &format!("DEBUG[{i}]"), inventory),
            None => broken(inventory, "DEBUG"),
        }
    }
}

fn code_view(record: &[u8], field: &str, inventory: &mut Inventory<'_>) {
    let number = |at: usize| le32(record, at);
    let (id, path) = match record.get(..4) {
        Some(b"RSDS") => {
            let parts = number(4).zip(le16(record, 8)).zip(le16(record, 10)).zip(number(20));
            let Some((((first, second), third), age)) = parts else { return broken(inventory, field) };
            let rest: String = record.get(12..20).unwrap_or_default().iter().map(|b| format!("{b:02X}")).collect();
            (format!("{first:08X}{second:04X}{third:04X}{rest}{age:X}"), record.get(24..))
        }
        Some(b"NB10") => {
            let Some((stamp, age)) = number(8).zip(number(12)) else { return broken(inventory, field) };
            (format!("{stamp:08X}{age:X}"), record.get(16..))
        }
        // Older forms keep the symbols in the file and name no other.
        _ => return,
    };
    inventory.say(FactKind::BuildId, id, field);
    let path = path.unwrap_or_default();
    let end = memchr::memchr(0, path).unwrap_or(path.len());
    if end > NAME {
        inventory.gap(field, Reason::Limit, format!("a path of more than {NAME} bytes; the rest was not read"));
    }
    let (path, _) = text::decode(path.get(..end.min(NAME)).unwrap_or_default());
    inventory.say(FactKind::DebugFile, path, field);
}
