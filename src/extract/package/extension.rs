//! Browser extensions: `manifest.json` of Chromium and Firefox, `install.rdf` of old Firefox, the manifests of
//! native messaging hosts.
//!
//! In: JSON with a numeric `manifest_version`; RDF/XML of Mozilla's install manifest; JSON of a host that talks over
//! `stdio`. Out: names, ids, permissions, addresses and the label. Must not know: the texts of other members
//! (`_locales`), so that a name from there stays a key.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::super::json::{self, Node};
use super::super::xml::{Element, Met, stream};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason};

pub(in super::super) const MANIFEST: Extractor =
    Extractor { name: "package/browser-extension", claim: claim_manifest, extract: Read::Whole(manifest) };
pub(in super::super) const RDF: Extractor =
    Extractor { name: "package/install-rdf", claim: claim_rdf, extract: Read::Whole(rdf) };
pub(in super::super) const HOST: Extractor =
    Extractor { name: "package/native-host", claim: claim_host, extract: Read::Whole(host) };

/// A manifest is short; a longer file is another's.
const MOST: usize = 4 << 20;
/// Permissions and hosts said of one manifest.
const PERMISSIONS: usize = 10_000;
/// The name space of Mozilla's install manifests.
const EM: &[u8] = b"http://www.mozilla.org/2004/em-rdf#";

/// The id Chromium gives an extension: the first half of its key's SHA-256, each hex digit as a letter from `a` to `p`.
pub(super) fn chromium_id(half: &[u8]) -> String {
    half.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(b'a' + digit)).collect()
}

/// The same of a public key.
pub(super) fn id_of_key(key: &[u8]) -> String {
    chromium_id(Sha256::digest(key).get(..16).unwrap_or_default())
}

fn is_object(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'{') || (head.data.starts_with(b"/") && head.name == "manifest.json")
}

fn holds(head: &Head<'_>, what: &[u8]) -> bool {
    memchr::memmem::find(head.data, what).is_some()
}

fn claim_manifest(head: &Head<'_>) -> bool {
    (is_object(head) && holds(head, b"\"manifest_version\""))
        || (head.name == "manifest.json" && text::decode(head.data).0.contains("\"manifest_version\""))
}

fn claim_host(head: &Head<'_>) -> bool {
    is_object(head)
        && holds(head, b"\"stdio\"")
        && (holds(head, b"\"allowed_origins\"") || holds(head, b"\"allowed_extensions\""))
}

fn claim_rdf(head: &Head<'_>) -> bool {
    text::first_mark(head.data) == Some(b'<') && holds(head, EM) && holds(head, b"urn:mozilla:install-manifest")
}

/// Chromium allows comments in manifests: they become blanks.
fn without_comments(text: &str) -> Vec<u8> {
    let mut out = text.as_bytes().to_vec();
    let (mut quoted, mut escaped, mut comment) = (false, false, false);
    let mut at = 0;
    while let Some(byte) = out.get(at).copied() {
        let next = out.get(at + 1).copied();
        match byte {
            b'\n' => comment = false,
            _ if comment => {}
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'/' if !quoted && next == Some(b'/') => comment = true,
            _ => {}
        }
        if comment && let Some(slot) = out.get_mut(at) {
            *slot = b' ';
        }
        at += 1;
    }
    out
}

/// Reads the whole of a short JSON document; a break is a gap, and what stood before it is read.
pub(super) fn tree<'t>(text: &'t [u8], inventory: &mut Inventory<'_>) -> Option<Node<'t>> {
    match json::parse(text) {
        Ok((node, end)) => {
            if text.get(end..).is_some_and(|rest| !rest.iter().all(u8::is_ascii_whitespace)) {
                inventory.note("", "text behind the end of the JSON object; not read");
            }
            Some(node)
        }
        Err((error, partial)) => {
            let reason = if error.is_eof() { Reason::Truncated } else { Reason::Malformed };
            let field = format!("line {}, column {}", error.line(), error.column());
            inventory.gap(field, reason, format!("JSON breaks here: {error}; what stood before is in the result"));
            partial
        }
    }
}

/// A document that is too long to be one of these.
pub(super) fn too_long(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> bool {
    let long = doc.data.len() > MOST;
    if long {
        inventory.gap("", Reason::Limit, format!("{} bytes, more than {MOST} of a manifest; not read", doc.data.len()));
    }
    long
}

/// A text that is not a key into the messages of a language.
fn plain<'n>(node: &'n Node<'_>, key: &str, inventory: &mut Inventory<'_>) -> Option<&'n str> {
    let value = node.str(key)?;
    if value.starts_with("__MSG_") {
        inventory.remark(format!("/{key}"), format!("{value}: stands in the extension's message files"));
        return None;
    }
    Some(value)
}

/// Ids a manifest declares, each with its place.
fn ids(node: &Node<'_>, inventory: &mut Inventory<'_>) {
    if let Some(key) = node.str("key") {
        let packed: String = key.chars().filter(|c| !c.is_whitespace()).collect();
        match STANDARD.decode(packed) {
            Ok(der) => inventory.say(FactKind::ExtensionId, id_of_key(&der), "/key"),
            Err(_) => inventory.gap("/key", Reason::Malformed, "the extension's public key is no base64"),
        }
    }
    for outer in ["browser_specific_settings", "applications"] {
        for inner in ["gecko", "gecko_android"] {
            if let Some(id) = node.get(outer).and_then(|n| n.get(inner)).and_then(|n| n.str("id")) {
                inventory.say(FactKind::ExtensionId, id, format!("/{outer}/{inner}/id"));
            }
        }
    }
}

fn manifest(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if too_long(doc, inventory) {
        return Mine::Yes;
    }
    let text = text::decode(doc.data).0;
    let text = without_comments(text.strip_prefix('\u{feff}').unwrap_or(&text));
    let mut told = Inventory::new(&inventory.file.path, &inventory.file.scope);
    let node = tree(&text, &mut told);
    let broken = !told.gaps.is_empty();
    let version = node.as_ref().and_then(|n| n.get("manifest_version"));
    // Other kinds of manifest hold the member, too, as text or as a number of their own.
    let ours = matches!(version, Some(Node::Number(n)) if matches!(n.as_str(), "1" | "2" | "3"))
        && node.as_ref().is_some_and(|n| n.get("name").is_some() || broken);
    let may_be = broken && version.is_none();
    if !ours && !may_be {
        return Mine::No;
    }
    inventory.gaps.append(&mut told.gaps);
    let Some(node) = node.filter(|_| ours) else { return Mine::Yes };
    let name = plain(&node, "name", inventory);
    inventory.say(FactKind::Name, name.or(node.str("name")).unwrap_or_default(), "/name");
    let version = node.str("version");
    inventory.say(FactKind::Version, version.unwrap_or_default(), "/version");
    if let Some(text) = plain(&node, "description", inventory) {
        inventory.say(FactKind::Description, text, "/description");
    }
    let author = node.get("author").and_then(|a| a.text().or_else(|| a.str("name")).or_else(|| a.str("email")));
    let developer = node.get("developer").and_then(|d| d.str("name"));
    inventory.say(FactKind::Author, author.unwrap_or_default(), "/author");
    inventory.say(FactKind::Author, developer.unwrap_or_default(), "/developer/name");
    inventory.say(FactKind::Url, node.str("homepage_url").unwrap_or_default(), "/homepage_url");
    inventory.say(
        FactKind::Url,
        node.get("developer").and_then(|d| d.str("url")).unwrap_or_default(),
        "/developer/url",
    );
    inventory.say(FactKind::Url, node.str("update_url").unwrap_or_default(), "/update_url");
    ids(&node, inventory);
    let mut left = PERMISSIONS;
    for key in ["permissions", "optional_permissions", "host_permissions", "optional_host_permissions"] {
        for (index, item) in node.get(key).map(Node::items).unwrap_or_default().iter().enumerate() {
            if left == 0 || inventory.file.full() {
                inventory.gap(format!("/{key}"), Reason::Limit, format!("more than {PERMISSIONS} permissions"));
                break;
            }
            left -= 1;
            inventory.say(FactKind::ManifestPermission, item.text().unwrap_or_default(), format!("/{key}/{index}"));
        }
    }
    inventory.labels.push(Label {
        vendor: author.or(developer).map(str::to_owned),
        product: name.map(str::to_owned),
        version: version.map(str::to_owned),
        at: inventory.at("/name"),
        from: LabelSource::PackageMetadata,
    });
    Mine::Yes
}

fn host(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if too_long(doc, inventory) {
        return Mine::Yes;
    }
    let text = text::decode(doc.data).0;
    let mut told = Inventory::new(&inventory.file.path, &inventory.file.scope);
    let Some(node) = tree(text.as_bytes(), &mut told) else {
        inventory.gaps.append(&mut told.gaps);
        return Mine::Yes;
    };
    if told.gaps.is_empty() && (node.str("type") != Some("stdio") || node.str("name").is_none()) {
        return Mine::No;
    }
    inventory.gaps.append(&mut told.gaps);
    inventory.say(FactKind::NativeHost, node.str("name").unwrap_or_default(), "/name");
    inventory.say(FactKind::Description, node.str("description").unwrap_or_default(), "/description");
    inventory.say(FactKind::FileReference, node.str("path").unwrap_or_default(), "/path");
    Mine::Yes
}

/// A property of an install manifest, as child or as attribute, under any prefix.
fn property<'e>(element: &'e Element, name: &str) -> Option<&'e str> {
    let child = element.children.iter().find(|c| c.name.trim_start_matches(':') == name).map(|c| c.text.trim());
    let attribute = || {
        let mut attributes = element.attributes.iter();
        attributes.find(|(key, _)| key.rsplit(':').next() == Some(name)).map(|(_, value)| value.trim())
    };
    child.or_else(attribute).filter(|value| !value.is_empty())
}

fn rdf(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if too_long(doc, inventory) {
        return Mine::Yes;
    }
    let (text, encoding) = text::decode_xml(doc.data);
    let mut found = None;
    let fault = stream(&text, &|_| false, &mut |met| {
        if let Met::Child { element, .. } = met
            && element.name == "Description"
            && element.attributes.iter().any(|(_, value)| value == "urn:mozilla:install-manifest")
        {
            found = Some(element);
        }
    });
    let broken = fault.is_some();
    super::super::sbom::close_xml(fault, encoding, inventory);
    let Some(element) = found else { return if broken { Mine::Yes } else { Mine::No } };
    let mut at = String::new();
    for (kind, name) in [
        (FactKind::ExtensionId, "id"),
        (FactKind::Name, "name"),
        (FactKind::Version, "version"),
        (FactKind::Author, "creator"),
        (FactKind::Description, "description"),
        (FactKind::Url, "homepageURL"),
        (FactKind::Url, "updateURL"),
    ] {
        at.clear();
        let _ = write!(at, "em:{name}");
        inventory.say(kind, property(&element, name).unwrap_or_default(), &at);
    }
    inventory.labels.push(Label {
        vendor: property(&element, "creator").map(str::to_owned),
        product: property(&element, "name").map(str::to_owned),
        version: property(&element, "version").map(str::to_owned),
        at: inventory.at("em:name"),
        from: LabelSource::PackageMetadata,
    });
    Mine::Yes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_half_of_the_keys_digest() {
        // SHA-256 of nothing begins e3b0c442 98fc1c14 9afbf4c8 996fb924.
        assert_eq!(id_of_key(b""), "odlameecjipmbmbejkplpemijjgpljce");
    }

    #[test]
    fn comments_are_blanks_and_addresses_are_not() {
        let text = "{ // a \"note\"\n \"url\": \"https://a\\\"//b\" }";
        assert_eq!(without_comments(text), b"{            \n \"url\": \"https://a\\\"//b\" }");
    }
}
