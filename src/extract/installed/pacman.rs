//! pacman's list of installed packages: a folder for each, with `desc` and `files`.
//!
//! In: text that begins with `%NAME%` or `%FILES%`. Out: a component. What a repository offers begins with `%FILENAME%`:
//! it says nothing.

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::{Entry, Packages, below, no_files};
use crate::fact::{FactKind, Inventory};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "installed/pacman", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    let start = |mark: &[u8]| head.data.starts_with(mark);
    (start(b"%NAME%\n") || start(b"%FILES%\n")) && !text::is_binary(head.data)
}

/// What each part says.
const PARTS: &[(&str, FactKind)] = &[
    ("%DESC%", FactKind::Description),
    ("%URL%", FactKind::Url),
    ("%LICENSE%", FactKind::License),
    ("%PACKAGER%", FactKind::Supplier),
];

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    let mut entry = Entry { kind: Some("alpm"), fields: ("%NAME%", "%VERSION%"), ..Entry::default() };
    let mut packages = Packages::new(EXTRACTOR.name, doc.limits);
    if text.starts_with("%FILES%") {
        // The folder is called `name-version-release`.
        let path = inventory.file.path.clone();
        let folder = below(&path, "pacman/local/").and_then(|rest| rest.split('/').next());
        let split = folder.and_then(|folder| folder.rmatch_indices('-').nth(1).map(|(at, _)| folder.split_at(at)));
        let Some((name, version)) = split else { return Mine::No };
        entry.name = name.into();
        entry.version = version.trim_start_matches('-').into();
        let files = text.lines().skip(1).take_while(|line| !line.is_empty()).filter(|line| !line.ends_with('/'));
        packages.add(&entry, files.map(|line| format!("/{}", crate::fact::cut(line, super::TEXT))), inventory);
        return Mine::Yes;
    }
    let mut part = "";
    for line in text.lines() {
        if line.starts_with('%') && line.ends_with('%') {
            part = line;
            continue;
        }
        if line.is_empty() || entry.facts.len() > 100 {
            continue;
        }
        match part {
            "%NAME%" => entry.name = line.into(),
            "%VERSION%" => entry.version = line.into(),
            "%ARCH%" if entry.qualifiers.is_empty() => entry.qualifiers.push(("arch", line.into())),
            _ => match PARTS.iter().find(|(name, _)| *name == part) {
                Some((field, kind @ FactKind::Supplier)) => entry.maker(*kind, line, field),
                Some((field, kind)) => entry.add(*kind, line, field),
                None => {}
            },
        }
    }
    if entry.name.is_empty() {
        return Mine::No;
    }
    packages.add(&entry, no_files(), inventory);
    Mine::Yes
}
