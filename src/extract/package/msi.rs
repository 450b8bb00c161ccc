//! Windows Installer: packages (MSI), merge modules, patches and transforms, by their tables.
//!
//! In: a compound file with a database. Out: who made the product and what it is called, the files, services and registry
//! keys it brings, the summary, and the label. Its streams and cabinets are opened by the container's reader.

use super::super::{Extractor, Head, Input, Mine, Read};
use crate::archive::microsoft::compound::Compound;
use crate::archive::microsoft::database::Database;
use crate::archive::microsoft::ole::long_name;
use crate::bytes::{le16, le32, until_zero, utf16};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason};
use crate::source::Reader;

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "package/msi", claim, extract: Read::Stream(extract) };

/// Bytes read of the summary, and properties of it.
const SUMMARY: u64 = 1 << 20;
const PROPERTIES: usize = 1000;

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let mut reader = input.blob.reader();
    // What is broken in the file itself is said by the reader of the container.
    let Ok(file) = Compound::open(&mut reader, input.blob.len()) else { return Mine::No };
    let Some(mut database) = Database::open(&file, &mut reader) else { return Mine::No };
    let mut label = Label {
        vendor: None,
        product: None,
        version: None,
        at: inventory.at("Property"),
        from: LabelSource::PackageMetadata,
    };
    summary(&file, &mut reader, inventory);
    if let Some(table) = database.table(&file, &mut reader, "Property") {
        for row in 0..table.rows {
            let (name, value) = (table.text(row, "Property"), table.text(row, "Value"));
            if value.is_empty() || inventory.file.full() {
                continue;
            }
            let filled = |slot: &mut Option<String>| *slot = Some(value.to_owned());
            let kind = match name {
                "Manufacturer" => {
                    filled(&mut label.vendor);
                    FactKind::CompanyName
                }
                "ProductName" => {
                    filled(&mut label.product);
                    FactKind::ProductName
                }
                "ProductVersion" => {
                    filled(&mut label.version);
                    FactKind::ProductVersion
                }
                "ARPURLINFOABOUT" | "ARPHELPLINK" | "ARPURLUPDATEINFO" => FactKind::Url,
                "ARPCOMMENTS" => FactKind::FileDescription,
                _ => FactKind::Property,
            };
            let field = format!("Property/{name}");
            if kind == FactKind::Property {
                inventory.say(kind, format!("{name}={value}"), field);
            } else {
                inventory.say(kind, value, field);
            }
        }
    }
    if label.vendor.is_some() || label.product.is_some() {
        inventory.labels.push(label);
    }
    for (table, kind, columns) in [
        ("File", FactKind::FileReference, &["FileName"] as &[&str]),
        ("MsiAssemblyName", FactKind::Property, &["Name", "Value"]),
        ("ServiceInstall", FactKind::ServiceName, &["Name", "DisplayName"]),
        ("Registry", FactKind::RegistryKey, &["Key"]),
    ] {
        let Some(rows) = database.table(&file, &mut reader, table) else { continue };
        let mut before = String::new();
        for row in 0..rows.rows {
            if input.limits.stop.raised() || inventory.file.full() {
                break;
            }
            let field = format!("{table}[{row}]");
            match kind {
                FactKind::Property => {
                    let pair = format!("{}={}", rows.text(row, "Name"), rows.text(row, "Value"));
                    inventory.say(kind, pair, field);
                }
                FactKind::RegistryKey => {
                    let root = match rows.number(row, "Root") {
                        Some(0) => "HKEY_CLASSES_ROOT",
                        Some(1) => "HKEY_CURRENT_USER",
                        Some(2) => "HKEY_LOCAL_MACHINE",
                        Some(3) => "HKEY_USERS",
                        _ => "HKMU",
                    };
                    let key = format!("{root}\\{}", rows.text(row, "Key"));
                    // One key has many values.
                    if key != before {
                        inventory.say(kind, &key, field);
                        before = key;
                    }
                }
                _ => columns.iter().for_each(|column| {
                    inventory.say(kind, long_name(rows.text(row, column)), &field);
                }),
            }
        }
    }
    for fault in database.faults {
        inventory.gap("", Reason::Malformed, fault);
    }
    Mine::Yes
}

/// The summary of a compound file: a set of numbered properties ([MS-OLEPS]).
fn summary(file: &Compound, reader: &mut Reader, inventory: &mut Inventory<'_>) {
    let Some(stream) = file.stream("[5]SummaryInformation") else { return };
    let field = "SummaryInformation";
    let Some(data) = file.content(reader, stream, SUMMARY) else {
        return inventory.gap(field, Reason::Malformed, "the summary could not be read");
    };
    let set = le32(&data, 44).and_then(|at| data.get(at as usize..)).unwrap_or_default();
    let count = le32(set, 4).unwrap_or_default() as usize;
    let value = |index: usize| {
        let (id, at) = (le32(set, 8 + index * 8)?, le32(set, 12 + index * 8)? as usize);
        Some((id, le32(set, at)?, at.checked_add(4)?))
    };
    let page = (0..count.min(PROPERTIES)).filter_map(value).find(|(id, ..)| *id == 1);
    let utf8 = page.and_then(|(.., at)| le16(set, at)).is_some_and(|page| page == 65001);
    for (id, form, at) in (0..count.min(PROPERTIES)).filter_map(value) {
        let (kind, name) = match id {
            3 => (FactKind::FileDescription, "Subject"),
            4 => (FactKind::Author, "Author"),
            6 => (FactKind::FileDescription, "Comments"),
            18 => (FactKind::Toolchain, "Application"),
            _ => continue,
        };
        let len = le32(set, at).unwrap_or_default() as usize;
        let text = match form {
            30 => {
                let bytes = until_zero(set.get(at + 4..).unwrap_or_default(), len);
                let text = std::str::from_utf8(bytes).ok().filter(|text| utf8 || text.is_ascii());
                text.map_or_else(
                    || encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
                    str::to_owned,
                )
            }
            31 => utf16(set.get(at + 4..).and_then(|rest| rest.get(..len.saturating_mul(2))).unwrap_or_default()),
            _ => continue,
        };
        inventory.say(kind, text.trim_end_matches('\0'), format!("{field}/{name}"));
    }
}
