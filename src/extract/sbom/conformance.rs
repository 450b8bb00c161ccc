//! A second opinion by the strict parsers, as notes beside the result (`--strict`).
//!
//! In: the text of a claimed document. Out: notes. The strict parsers refuse many real documents and
//! know only some versions, so they never decide what is read.

use std::panic::catch_unwind;

use cyclonedx_bom::models::bom::{Bom, SpecVersion};
use cyclonedx_bom::validation::{Validate, ValidationErrorsKind, ValidationResult};

use crate::fact::Inventory;

/// The strict CycloneDX parser takes some twenty times a document's size.
const MOST: usize = 16 << 20;
/// More complaints than this are counted.
const SHOWN: usize = 10;

/// CycloneDX 1.3 to 1.5 by `cyclonedx-bom`.
pub(super) fn cyclonedx(text: &str, version: Option<&str>, inventory: &mut Inventory) {
    let version = match version {
        Some("1.3") => SpecVersion::V1_3,
        Some("1.4") => SpecVersion::V1_4,
        Some("1.5") => SpecVersion::V1_5,
        other => {
            let version = other.unwrap_or("without a version");
            return inventory.remark(
                "",
                format!("conformance not checked: the strict parser knows CycloneDX 1.3 to 1.5, this is {version}"),
            );
        }
    };
    if text.len() > MOST {
        return inventory.remark("", format!("conformance not checked: larger than {MOST} bytes"));
    }
    let checked = catch_unwind(|| match Bom::parse_from_json_with_version(text.as_bytes(), version) {
        Err(error) => vec![error.to_string()],
        Ok(bom) => {
            let mut found = Vec::new();
            flatten(bom.validate_version(version), "", &mut found);
            found
        }
    });
    say(checked.unwrap_or_else(|_| vec!["the strict parser gave up".to_owned()]), "CycloneDX", inventory);
}

/// SPDX 2.2 and 2.3 JSON by `spdx-rs`.
pub(super) fn spdx(text: &str, version: Option<&str>, inventory: &mut Inventory) {
    if !matches!(version, Some("SPDX-2.2" | "SPDX-2.3")) {
        let version = version.unwrap_or("without a version");
        return inventory.remark(
            "",
            format!("conformance not checked: the strict parser knows SPDX 2.2 and 2.3, this is {version}"),
        );
    }
    if text.len() > MOST {
        return inventory.remark("", format!("conformance not checked: larger than {MOST} bytes"));
    }
    let checked = catch_unwind(|| serde_json::from_str::<spdx_rs::models::SPDX>(text).err().map(|e| e.to_string()));
    let found = checked.unwrap_or_else(|_| Some("the strict parser gave up".to_owned()));
    say(found.into_iter().collect(), "SPDX", inventory);
}

fn say(found: Vec<String>, what: &str, inventory: &mut Inventory) {
    let more = found.len().saturating_sub(SHOWN);
    for complaint in found.into_iter().take(SHOWN) {
        inventory.note("", format!("not conforming {what}: {complaint}"));
    }
    if more > 0 {
        inventory.note("", format!("not conforming {what}: {more} more complaints"));
    }
}

/// Every complaint with the path of the field it is about.
fn flatten(result: ValidationResult, at: &str, found: &mut Vec<String>) {
    for (field, kind) in result.errors() {
        let at = format!("{at}/{field}");
        match kind {
            ValidationErrorsKind::Struct(inner) => flatten(inner, &at, found),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    flatten(inner, &format!("{at}/{index}"), found);
                }
            }
            ValidationErrorsKind::Field(errors) | ValidationErrorsKind::Custom(errors) => {
                found.extend(errors.into_iter().map(|e| format!("{at}: {}", e.message)));
            }
            ValidationErrorsKind::Enum(error) => found.push(format!("{at}: {}", error.message)),
        }
    }
}
