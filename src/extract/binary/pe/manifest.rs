//! Application manifests (Windows side-by-side assemblies) in RT_MANIFEST resources.
//!
//! In: the bytes of one resource. Out: the identity, what it depends on, the files it names. The name alone is the
//! value, so that it can be compared as a whole; version, processor and token stand in the field.

use crate::extract::text;
use crate::extract::xml::{Element, Met, stream};
use crate::fact::{FactKind, Inventory, Reason};

/// Bytes of manifests read of one file: real ones have a few KiB, and entries may all point at one.
pub(super) const BYTES: usize = 4 << 20;
/// Facts of one manifest.
const FACTS: usize = 2000;

pub(super) fn say(data: &[u8], field: &str, budget: &mut usize, inventory: &mut Inventory<'_>) {
    if data.len() > *budget {
        inventory.gap(field, Reason::Limit, format!("more than {} MiB of manifests; not read", BYTES >> 20));
        return;
    }
    *budget -= data.len();
    let (xml, _) = text::decode_xml(data);
    let mut reader = Reader { field, left: FACTS, inventory };
    let mut foreign = false;
    let fault = stream(xml.trim_matches(['\0', '\u{feff}']), &|_| false, &mut |met| match met {
        Met::Root { name, .. } => foreign = name != "assembly",
        Met::Child { element, .. } => reader.child(&element),
        Met::Foreign { .. } => {}
    });
    if reader.left == 0 {
        inventory.gap(field, Reason::Limit, format!("more than {FACTS} statements; the rest was not read"));
    }
    if let Some(fault) = fault {
        let reason = if fault.limit { Reason::Limit } else { Reason::Malformed };
        let detail = format!("line {}, column {}: {}", fault.line, fault.column, fault.why);
        inventory.gap(field, reason, detail);
    } else if foreign {
        inventory.gap(field, Reason::Malformed, "a manifest that describes no assembly");
    }
}

struct Reader<'r, 's> {
    field: &'r str,
    left: usize,
    inventory: &'r mut Inventory<'s>,
}

impl Reader<'_, '_> {
    fn child(&mut self, element: &Element) {
        match element.name.as_str() {
            "assemblyIdentity" => self.identity(FactKind::AssemblyIdentity, element, "assemblyIdentity"),
            "description" => {
                self.say(FactKind::FileDescription, &element.text, "description");
                // The stub of this installer says nothing else of what made it.
                if element.text.trim().starts_with("Nullsoft Install System") {
                    self.say(FactKind::Toolchain, &element.text, "description");
                }
            }
            "file" => self.say(FactKind::FileReference, element.attribute("name").unwrap_or_default(), "file"),
            "dependency" => {
                let dependent = element.children.iter().filter(|child| child.name == "dependentAssembly");
                for identity in dependent.flat_map(|child| &child.children) {
                    if identity.name == "assemblyIdentity" {
                        self.identity(FactKind::AssemblyReference, identity, "dependency");
                    }
                }
            }
            _ => {}
        }
    }

    fn identity(&mut self, kind: FactKind, element: &Element, at: &str) {
        let mut at = at.to_owned();
        for key in ["version", "processorArchitecture", "publicKeyToken", "language"] {
            if let Some(value) = element.attribute(key) {
                at.push_str(&format!(", {key}={}", crate::fact::cut(value, 100)));
            }
        }
        self.say(kind, element.attribute("name").unwrap_or_default(), &at);
    }

    fn say(&mut self, kind: FactKind, value: &str, at: &str) {
        if self.left > 0 {
            self.left -= 1;
            self.inventory.file.say_at(kind, value, format_args!("{}/{at}", self.field));
        }
    }
}
