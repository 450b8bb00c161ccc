//! What a package says of itself, in its ecosystem's own metadata file.
//!
//! In: metadata files. Out: name, version, maker and purl as facts, and the label.

pub(super) mod burn;
pub(super) mod cargo;
pub(super) mod crx;
pub(super) mod extension;
pub(super) mod flutter;
pub(super) mod gem;
pub(super) mod info_plist;
pub(super) mod msi;
pub(super) mod npm;
pub(super) mod nuget;
pub(super) mod provisioning;
pub(super) mod python;
pub(super) mod rpm;

use packageurl::PackageUrl;

use crate::fact::{FactKind, Inventory, Label, LabelSource};

/// What every ecosystem tells.
struct Package<'a> {
    kind: &'static str,
    namespace: Option<&'a str>,
    name: &'a str,
    version: Option<&'a str>,
    makers: Vec<(FactKind, &'a str, &'static str)>,
}

impl Package<'_> {
    fn say(&self, inventory: &mut Inventory) {
        let shown = self.namespace.map_or_else(|| self.name.to_owned(), |n| format!("{n}/{}", self.name));
        inventory.say(FactKind::Name, &shown, "name");
        inventory.say(FactKind::Version, self.version.unwrap_or_default(), "version");
        for (kind, value, field) in &self.makers {
            inventory.say(*kind, value, *field);
        }
        let purl = PackageUrl::new(self.kind, self.name).map(|mut purl| {
            if let Some(namespace) = self.namespace {
                let _ = purl.with_namespace(namespace.to_owned());
            }
            if let Some(version) = self.version {
                let _ = purl.with_version(version.to_owned());
            }
            purl.to_string()
        });
        if let Ok(purl) = purl {
            inventory.say(FactKind::Purl, purl, "name");
        }
        inventory.labels.push(Label {
            vendor: self.makers.iter().map(|(_, value, _)| (*value).trim().to_owned()).find(|v| !v.is_empty()),
            product: Some(shown),
            version: self.version.map(str::to_owned),
            at: inventory.at("name"),
            from: LabelSource::PackageMetadata,
        });
    }
}
