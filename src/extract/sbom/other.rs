//! SBOM forms that are recognised and not read: each is a gap that names it.
//!
//! In: the head of a document. Out: a gap. A line leaves this table when its reader comes.

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use crate::fact::{Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/other", claim, extract: Read::Whole(extract) };

/// The member of an Office workbook that names its sheets.
const WORKBOOK: &str = "workbook.xml";

fn claim(head: &Head<'_>) -> bool {
    recognise(head.name, head.data).is_some()
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    match recognise(WORKBOOK, doc.data.get(..64 << 10).unwrap_or(doc.data)) {
        Some(name) => {
            inventory.gap("", Reason::Unsupported, format!("{name}: recognised, not read by this version"));
            Mine::Yes
        }
        None => Mine::No,
    }
}

fn recognise(name: &str, head: &[u8]) -> Option<&'static str> {
    let sheets = ["name=\"Document Info\"", "name=\"Package Info\""];
    let (text, _) = text::decode(head);
    (name == WORKBOOK && sheets.iter().all(|sheet| text.contains(sheet))).then_some("SPDX spreadsheet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_is_known_by_its_sheets() {
        let book =
            br#"<workbook><sheets><sheet name="Document Info"/><sheet name="Package Info"/></sheets></workbook>"#;
        assert_eq!(recognise(WORKBOOK, book), Some("SPDX spreadsheet"));
        assert_eq!(recognise(WORKBOOK, br#"<sheet name="Package Info"/>"#), None);
        assert_eq!(recognise("x.xml", book), None);
    }
}
