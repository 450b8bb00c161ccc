//! What comes round an application when it is passed on: the description in an XAPK (`manifest.json`) or APKM
//! (`info.json`), and Flutter's list of the packages it is made of (`NOTICES`).
//!
//! In: files of these names and shapes. Out: package id, name and version with the label; package names.

use serde_json::Value;

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason, cut};

pub(in super::super) const XAPK: Extractor =
    Extractor { name: "android/xapk", claim: claim_xapk, extract: Read::Whole(xapk) };
pub(in super::super) const NOTICES: Extractor =
    Extractor { name: "flutter/notices", claim: claim_notices, extract: Read::Whole(notices) };

/// Bytes of a description; the largest list every permission and split and have some KiB.
const DESCRIPTION: usize = 1 << 20;
/// Letters of a value.
const VALUE: usize = 4 << 10;
/// Package names of one list.
const PACKAGES: usize = 10_000;
/// The line between two notices.
const RULE: &str = "--------------------------------------------------------------------------------";

/// Both forms: package id, name, version, number of the version.
const FORMS: &[[&str; 4]] = &[
    ["package_name", "name", "version_name", "version_code"],
    ["pname", "apk_title", "release_version", "versioncode"],
    ["pname", "app_name", "release_version", "versioncode"],
];

fn claim_xapk(head: &Head<'_>) -> bool {
    let holds = |key: &[u8]| memchr::memmem::find(head.data, key).is_some();
    matches!(head.name, "manifest.json" | "info.json")
        && text::first_mark(head.data) == Some(b'{')
        && FORMS.iter().any(|keys| keys.iter().take(3).all(|key| holds(format!("\"{key}\"").as_bytes())))
}

fn xapk(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    if doc.data.len() > DESCRIPTION {
        let detail = format!("a description of more than {DESCRIPTION} bytes; not read");
        inventory.gap("", Reason::Limit, detail);
        return Mine::No;
    }
    let (text, _) = text::decode(doc.data);
    let Ok(value) = serde_json::from_str::<Value>(&text) else {
        inventory.gap("", Reason::Malformed, "the description of an XAPK or APKM that is no JSON");
        return Mine::Yes;
    };
    let get = |key: &str| match value.get(key)? {
        Value::String(text) => Some(cut(text, VALUE).to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let form = FORMS.iter().find_map(|[package, name, version, code]| {
        Some(((package, get(package)?), (name, get(name)?), (version, get(version)?), (code, get(code))))
    });
    let Some(((package_at, package), (name_at, name), (version_at, version), (code_at, code))) = form else {
        return Mine::No;
    };
    inventory.say(FactKind::AndroidPackage, &package, package_at);
    inventory.say(FactKind::ProductName, &name, name_at);
    inventory.say(FactKind::ProductVersion, &version, version_at);
    if let Some(code) = code {
        inventory.say(FactKind::FileVersion, code, code_at);
    }
    let permissions = value.get("permissions").and_then(Value::as_array).into_iter().flatten();
    for permission in permissions.filter_map(Value::as_str) {
        inventory.say(FactKind::ManifestPermission, permission, "permissions");
    }
    inventory.labels.push(Label {
        vendor: None,
        product: Some(format!("{name} ({package})")),
        version: Some(version),
        at: inventory.at(*package_at),
        from: LabelSource::AndroidPackage,
    });
    Mine::Yes
}

fn claim_notices(head: &Head<'_>) -> bool {
    matches!(head.name, "NOTICES" | "NOTICES.Z") && memchr::memmem::find(head.data, RULE.as_bytes()).is_some()
}

/// Notices stand one behind the other: names of packages, a line each, an empty line, then the licence.
fn notices(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    let mut names: Vec<&str> = Vec::new();
    let mut at_names = true;
    for line in text.lines() {
        match line.trim() {
            RULE => at_names = true,
            "" => at_names = false,
            name if at_names && name.len() <= 128 && !name.contains(' ') => names.push(name),
            // No name of a package: a licence without names, or some other text with such a line.
            _ => at_names = false,
        }
    }
    names.sort_unstable();
    names.dedup();
    if names.len() > PACKAGES {
        let detail = format!("{} names of packages; {PACKAGES} were kept", names.len());
        inventory.gap("", Reason::Limit, detail);
    }
    for name in names.iter().take(PACKAGES) {
        inventory.say(FactKind::Plugin, name, "notices");
    }
    if names.is_empty() { Mine::No } else { Mine::Yes }
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn descriptions_say_what_is_shipped() {
        let xapk_json = br#"{"xapk_version":2,"package_name":"com.acme.guard","name":"Acme Guard","version_code":"31","version_name":"3.1","permissions":["android.permission.INTERNET"]}"#;
        let (facts, gaps) = said(&XAPK, "manifest.json", xapk_json);
        assert_eq!(
            facts,
            [
                "android-package package_name com.acme.guard",
                "product-name name Acme Guard",
                "product-version version_name 3.1",
                "file-version version_code 31",
                "manifest-permission permissions android.permission.INTERNET",
            ]
        );
        assert!(gaps.is_empty());
        let apkm =
            br#"{"apk_title":"Acme Guard 3.1","pname":"com.acme.guard","release_version":"3.1","versioncode":31}"#;
        assert_eq!(said(&XAPK, "info.json", apkm).0.len(), 4);
        assert!(said(&XAPK, "manifest.json", br#"{"name":"x","version":"1"}"#).0.is_empty());
    }

    #[test]
    fn notices_name_packages() {
        let data = format!("acme_guard\nother\n\nCopyright (c) x\nline two\n\n{RULE}\nkavsdk_flutter\n\nMIT\n");
        let (facts, _) = said(&NOTICES, "NOTICES", data.as_bytes());
        assert_eq!(facts, ["plugin notices acme_guard", "plugin notices kavsdk_flutter", "plugin notices other"]);
    }
}
