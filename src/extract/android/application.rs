//! The name an application shows, where its manifest only refers to it.
//!
//! In: an APK or app bundle as a whole. Out: the name in each language, and the label. The manifest holds a reference,
//! the resources the text; each alone says too little.

use super::super::packed::Packed;
use super::super::{Extractor, Head, Input, Mine, Read};
use super::manifest::{self, Shown};
use super::protobuf;
use super::resources::field;
use super::table::{self, Found, Want};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Location};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "android/application", claim, extract: Read::Stream(extract) };

/// Manifest and resources, as APKs and as bundles have them.
const FORMS: &[(&str, &str)] =
    &[("AndroidManifest.xml", "resources.arsc"), ("base/manifest/AndroidManifest.xml", "base/resources.pb")];
/// Bytes of a manifest and of a table; the largest applications have 20 MiB of the latter.
const MANIFEST: u64 = 16 << 20;
const TABLE: u64 = 128 << 20;
/// References that lead on to references.
const STEPS: usize = 8;

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"PK\x03\x04")
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    for (manifest, resources) in FORMS {
        let Some(mut packed) = Packed::open(input.blob, &[manifest.as_bytes(), resources.as_bytes()]) else { continue };
        // What cannot be read here is a gap of the archive stage.
        let Ok(data) = packed.member(manifest, MANIFEST.min(input.limits.max_member_bytes)) else { continue };
        let Some(shown) = manifest::shown(&data).filter(|shown| shown.label.starts_with('@')) else { continue };
        let Ok(data) = packed.member(resources, TABLE.min(input.limits.max_member_bytes)) else { continue };
        let found = look_up(&data, &shown.label);
        if found.iter().any(|found| !found.value.starts_with('@')) {
            say(&shown, &found, (manifest, resources), inventory);
            return Mine::Yes;
        }
    }
    Mine::No
}

/// What a reference stands for, in each language.
fn look_up(data: &[u8], reference: &str) -> Vec<Found> {
    let mut reference = reference.to_owned();
    for _ in 0..STEPS {
        let found = match reference.strip_prefix("@0x").map(|hex| u32::from_str_radix(hex, 16)) {
            Some(Ok(id)) if table::is_table(data) => table::read(data, Want::Id(id)).found,
            Some(_) => return Vec::new(),
            None => {
                let name = reference.rsplit('/').next().unwrap_or_default();
                if table::is_table(data) {
                    table::read(data, Want::Names(&[name])).found
                } else {
                    protobuf::table(data, &[name]).found
                }
            }
        };
        match default(&found) {
            Some(found) if found.value.starts_with('@') => reference = found.value.clone(),
            _ => return found,
        }
    }
    Vec::new()
}

/// The one for any language, else the first.
fn default(found: &[Found]) -> Option<&Found> {
    found.iter().find(|found| found.locale.is_empty()).or_else(|| found.first())
}

fn say(shown: &Shown, found: &[Found], (manifest, resources): (&str, &str), inventory: &mut Inventory<'_>) {
    for found in found.iter().filter(|found| !found.value.starts_with('@')) {
        let field = format!("{resources}/{}", field(&found.name, &found.locale));
        inventory.say(FactKind::ProductName, &found.value, field);
    }
    if let Some(title) = default(found) {
        let path = format!("{}!/{manifest}", inventory.file.path).into();
        inventory.labels.push(Label {
            vendor: None,
            product: Some(format!("{} ({})", title.value, shown.package)),
            version: shown.version.clone(),
            at: Location { path, field: "application/label".to_owned() },
            from: LabelSource::AndroidPackage,
        });
    }
}
