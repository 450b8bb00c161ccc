//! Container images: the configuration of one, manifests and indexes with their annotations.
//!
//! In: JSON, by its members: no name tells of them. Out: labels, annotations, authors, what each layer was made by, and
//! the label. Layers are read by themselves.

use super::super::json::Node;
use super::super::sbom::close;
use super::super::stream::{Want, Window};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Entry;
use crate::fact::{Component, FactKind, Inventory, cut};

pub(in super::super) const CONFIG: Extractor =
    Extractor { name: "image/oci-config", claim: claim_config, extract: Read::Whole(config) };
pub(in super::super) const MANIFEST: Extractor =
    Extractor { name: "image/oci-manifest", claim: claim_manifest, extract: Read::Whole(manifest) };

/// Labels, variables or steps said of one image; real ones have some dozens.
const MANY: usize = 2000;

fn holds(head: &Head<'_>, what: &[u8]) -> bool {
    memchr::memmem::find(head.data, what).is_some()
}

fn claim_config(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'{')
        && ((holds(head, b"\"rootfs\"") && holds(head, b"\"diff_ids\""))
            || (holds(head, b"\"history\"") && holds(head, b"\"created_by\"")))
}

fn claim_manifest(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'{')
        && holds(head, b"\"schemaVersion\"")
        && (holds(head, b"\"vnd.oci.")
            || holds(head, b"application/vnd.oci.image.")
            || holds(head, b"application/vnd.docker.distribution."))
}

/// What each label says, by the names of OCI, of Label Schema before it, and of Red Hat.
const LABELS: &[(&str, FactKind)] = &[
    ("org.opencontainers.image.title", FactKind::ProductName),
    ("org.opencontainers.image.version", FactKind::Version),
    ("org.opencontainers.image.vendor", FactKind::Supplier),
    ("org.opencontainers.image.authors", FactKind::Author),
    ("org.opencontainers.image.description", FactKind::Description),
    ("org.opencontainers.image.licenses", FactKind::License),
    ("org.opencontainers.image.source", FactKind::Url),
    ("org.opencontainers.image.url", FactKind::Url),
    ("org.opencontainers.image.documentation", FactKind::Url),
    ("org.opencontainers.image.ref.name", FactKind::Name),
    ("org.label-schema.name", FactKind::ProductName),
    ("org.label-schema.version", FactKind::Version),
    ("org.label-schema.vendor", FactKind::Supplier),
    ("org.label-schema.url", FactKind::Url),
    ("org.label-schema.vcs-url", FactKind::Url),
    ("org.label-schema.description", FactKind::Description),
    ("maintainer", FactKind::Author),
    ("vendor", FactKind::Supplier),
    ("name", FactKind::Name),
    ("version", FactKind::Version),
    ("summary", FactKind::Description),
    ("url", FactKind::Url),
];

/// Says the labels or annotations of one thing.
fn labels(node: &Node<'_>, at: &str, c: &mut Component) {
    for (key, value) in node.members().take(MANY) {
        let Some(value) = value.text() else { continue };
        let (key, value) = (cut(key, 256), cut(value, super::TEXT));
        match LABELS.iter().find(|(name, _)| *name == key) {
            Some((_, FactKind::Author)) => {
                c.say_at(FactKind::Author, super::without_address(value), format_args!("{at}/{key}"));
            }
            Some((_, kind)) => c.say_at(*kind, value, format_args!("{at}/{key}")),
            None => c.say_at(FactKind::Property, format!("{key}={value}"), format_args!("{at}/{key}")),
        }
    }
}

/// The label that labels or annotations give: only those under the names of OCI or Label Schema are of the image.
fn label(node: &Node<'_>, at: &'static str, inventory: &mut Inventory<'_>) {
    let text = |key: &str| {
        let of =
            |space: &str| node.get(&format!("{space}.{key}")).and_then(Node::text).filter(|t| !t.trim().is_empty());
        of("org.opencontainers.image").or_else(|| of("org.label-schema")).map(|t| cut(t, super::TEXT).to_owned())
    };
    let (vendor, product) = (text("vendor"), text("title").or_else(|| text("name")));
    if vendor.is_none() && product.is_none() {
        return;
    }
    let mut entry = Entry { name: product.unwrap_or_default().into(), fields: (at, at), ..Entry::default() };
    entry.version = text("version").unwrap_or_default().into();
    entry.facts.extend(vendor.map(|vendor| (FactKind::Supplier, vendor.into(), at)));
    let label = entry.label(inventory, None);
    inventory.labels.push(label);
}

fn want_config(key: &str) -> Want {
    match key {
        "config" | "author" | "architecture" | "os" | "rootfs" => Want::Whole,
        "history" => Want::Items,
        _ => Want::Skip,
    }
}

fn config(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (mut mine, mut steps) = (false, 0usize);
    let mut window = Window::over(doc.data);
    let outcome = window.members(&want_config, &mut |key, index, node| match key {
        "config" => {
            let Some(own) = node.get("Labels") else { return };
            labels(own, "/config/Labels", &mut inventory.file);
            label(own, "/config/Labels", inventory);
        }
        "author" => inventory.say(FactKind::Author, super::without_address(node.text().unwrap_or_default()), "/author"),
        "architecture" | "os" => {
            let value = cut(node.text().unwrap_or_default(), 256);
            inventory.say(FactKind::Property, format!("{key}={value}"), format!("/{key}"));
        }
        "rootfs" => mine |= node.get("diff_ids").is_some(),
        _ => {
            let Some(made) = node.str("created_by").filter(|_| index.is_some()) else { return };
            mine = true;
            steps += 1;
            if steps <= MANY {
                let at = format!("/history/{}/created_by", index.unwrap_or(0));
                inventory.say(FactKind::Property, format!("created_by={}", cut(made, super::TEXT)), at);
            }
        }
    });
    if !mine && outcome.whole() {
        return Mine::No;
    }
    close(&mut window, &outcome, inventory);
    Mine::Yes
}

fn want_manifest(key: &str) -> Want {
    match key {
        "annotations" | "mediaType" | "schemaVersion" | "config" => Want::Whole,
        "manifests" | "layers" => Want::Items,
        _ => Want::Skip,
    }
}

fn manifest(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (mut mine, mut many) = (false, 0usize);
    let mut window = Window::over(doc.data);
    let outcome = window.members(&want_manifest, &mut |key, index, node| match key {
        "annotations" => {
            labels(&node, "/annotations", &mut inventory.file);
            label(&node, "/annotations", inventory);
        }
        "manifests" | "layers" => {
            mine |= node.str("mediaType").is_some();
            many += 1;
            if let Some(own) = node.get("annotations").filter(|_| many <= MANY) {
                labels(own, &format!("/{key}/{}/annotations", index.unwrap_or(0)), &mut inventory.file);
            }
        }
        _ => {}
    });
    if !mine && outcome.whole() {
        return Mine::No;
    }
    close(&mut window, &outcome, inventory);
    Mine::Yes
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn images_are_known_by_their_members() {
        let data = br#"{"architecture":"amd64","config":{"Labels":{"maintainer":"Acme <a@acme.example>","org.opencontainers.image.vendor":"Acme","x":"y"}},"history":[{"created_by":"COPY a /b"}],"rootfs":{"type":"layers","diff_ids":["sha256:00"]}}"#;
        let (facts, gaps) = said(&CONFIG, "0123", data);
        let wanted = [
            "property /architecture architecture=amd64",
            "author /config/Labels/maintainer Acme",
            "supplier /config/Labels/org.opencontainers.image.vendor Acme",
            "property /config/Labels/x x=y",
            "property /history/0/created_by created_by=COPY a /b",
        ];
        assert_eq!((facts, gaps.len()), (wanted.map(str::to_owned).to_vec(), 0));
        assert!(said(&CONFIG, "x.json", br#"{"rootfs":"diff_ids \"diff_ids\" "}"#).0.is_empty());
    }
}
