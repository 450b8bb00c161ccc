//! What systems know of the packages that are installed on them, and what packages say of themselves to such systems.
//!
//! In: databases of package managers, metadata files of packages, images and systems. Out: a component per installed
//! package; of a package's own metadata facts and the label. Must not know: how packages are unpacked.

pub(super) mod apk;
pub(super) mod apple;
pub(super) mod conda;
pub(super) mod deb822;
pub(super) mod desktop;
pub(super) mod dpkg;
pub(super) mod homebrew;
pub(super) mod msix;
pub(super) mod oci;
pub(super) mod os_release;
pub(super) mod pacman;
pub(super) mod rpm;
pub(super) mod snap;
pub(super) mod vsix;

use std::borrow::Cow;

use packageurl::PackageUrl;

use crate::fact::{Component, FactKind, Inventory, Label, LabelSource, Reason, cut};
use crate::source::{Limits, base_name};

/// Bytes kept of one text: names and descriptions have some hundred.
const TEXT: usize = 4096;
/// Files named of one package; the largest real ones have some 50,000.
const FILES: usize = 200_000;
/// Bytes of file names that one database may say in all.
const FILE_BYTES: usize = 128 << 20;

/// What is told of one package, whatever wrote it down.
#[derive(Default)]
pub(super) struct Entry<'a> {
    /// The type of its package URL, where the specification has one.
    pub kind: Option<&'static str>,
    pub namespace: Option<&'a str>,
    pub name: Cow<'a, str>,
    pub version: Cow<'a, str>,
    /// Where name and version stood.
    pub fields: (&'static str, &'static str),
    pub qualifiers: Vec<(&'static str, Cow<'a, str>)>,
    pub facts: Vec<(FactKind, Cow<'a, str>, &'static str)>,
}

impl<'a> Entry<'a> {
    /// Adds what one field says.
    pub fn add(&mut self, kind: FactKind, value: impl Into<Cow<'a, str>>, field: &'static str) {
        self.facts.push((kind, value.into(), field));
    }

    /// Adds a maker: `Name <address>` is the name.
    pub fn maker(&mut self, kind: FactKind, value: &'a str, field: &'static str) {
        self.facts.push((kind, Cow::Borrowed(without_address(value)), field));
    }

    /// The package URL.
    fn purl(&self) -> Option<String> {
        let mut purl = PackageUrl::new(self.kind?, cut(&self.name, TEXT)).ok()?;
        if let Some(namespace) = self.namespace.filter(|n| !n.is_empty()) {
            purl.with_namespace(cut(namespace, TEXT)).ok()?;
        }
        if !self.version.is_empty() {
            purl.with_version(cut(&self.version, TEXT)).ok()?;
        }
        for (key, value) in self.qualifiers.iter().filter(|(_, value)| !value.is_empty()) {
            purl.add_qualifier(*key, cut(value, TEXT).to_owned()).ok()?;
        }
        Some(purl.to_string())
    }

    /// Says it of a component, with `between` in front of every field.
    pub fn say(&self, between: &str, c: &mut Component) {
        let (name, version) = self.fields;
        c.say_at(FactKind::Name, cut(&self.name, TEXT), format_args!("{between}{name}"));
        c.say_at(FactKind::Version, cut(&self.version, TEXT), format_args!("{between}{version}"));
        if let Some(purl) = self.purl() {
            c.say_at(FactKind::Purl, purl, format_args!("{between}{name}"));
        }
        for (kind, value, field) in &self.facts {
            let value = cut(value, TEXT);
            c.say_at(*kind, value, format_args!("{between}{field}"));
            // A program is known by its name, wherever it is installed.
            let name = base_name(value);
            if *kind == FactKind::FileReference && name != value {
                c.say_at(*kind, name, format_args!("{between}{field}"));
            }
        }
    }

    /// Says it of the file itself, which describes the package it lies in, with the label.
    pub fn describe(&self, inventory: &mut Inventory<'_>) {
        self.say("", &mut inventory.file);
        let label = self.label(inventory, None);
        inventory.labels.push(label);
    }

    /// The label; `shown` is a name for people, where the package has one.
    pub fn label(&self, inventory: &Inventory<'_>, shown: Option<&str>) -> Label {
        let text = |text: &str| Some(cut(text.trim(), TEXT).to_owned()).filter(|t| !t.is_empty());
        let of = |wanted: FactKind| self.facts.iter().find(|(k, v, _)| *k == wanted && !v.trim().is_empty());
        let vendor = [FactKind::Supplier, FactKind::Publisher, FactKind::CompanyName, FactKind::Author];
        Label {
            vendor: vendor.iter().find_map(|kind| of(*kind)).and_then(|(_, value, _)| text(value)),
            product: shown.and_then(text).or_else(|| text(&self.name)),
            version: text(&self.version),
            at: inventory.at(self.fields.0),
            from: LabelSource::PackageMetadata,
        }
    }
}

/// `Name <address>` without the address, where there is a name.
fn without_address(value: &str) -> &str {
    let name = value.split('<').next().unwrap_or(value).trim().trim_matches('"');
    if name.is_empty() { value } else { name }
}

/// The packages of one database, counted against the limits.
pub(super) struct Packages {
    found_by: &'static str,
    left: u64,
    files: usize,
    more: bool,
    cut: bool,
}

impl Packages {
    pub fn new(found_by: &'static str, limits: &Limits) -> Packages {
        Packages { found_by, left: limits.max_components, files: FILE_BYTES, more: false, cut: false }
    }

    /// Adds one package with the files it brought. False when no more are taken.
    pub fn add<F: AsRef<str>>(
        &mut self,
        entry: &Entry<'_>,
        files: impl Iterator<Item = F>,
        inventory: &mut Inventory<'_>,
    ) -> bool {
        let Some(left) = self.left.checked_sub(1) else {
            self.cut(inventory, "more packages than are taken of one document; the rest was not read");
            return false;
        };
        self.left = left;
        let mut c = inventory.declare(self.found_by, cut(&entry.name, 256));
        entry.say("/", &mut c);
        self.say_files(files, "/files", &mut c);
        inventory.add(c);
        self.close(inventory);
        true
    }

    /// Says the files a package brought.
    pub fn say_files<F: AsRef<str>>(&mut self, files: impl Iterator<Item = F>, field: &str, c: &mut Component) {
        for (index, path) in files.enumerate() {
            let path = cut(path.as_ref(), TEXT);
            let left = self.files.checked_sub(path.len() + 16);
            if index >= FILES || left.is_none() || c.full() {
                self.more = true;
                break;
            }
            self.files = left.unwrap_or(0);
            c.say(FactKind::Path, path, field);
            c.say(FactKind::FileName, base_name(path), field);
        }
    }

    /// Says whether names of files were left out.
    pub fn close(&mut self, inventory: &mut Inventory<'_>) {
        if self.more {
            self.cut(inventory, "more names of files than are taken of one document; the rest was not read");
        }
    }

    fn cut(&mut self, inventory: &mut Inventory<'_>, why: &str) {
        if !self.cut {
            self.cut = true;
            inventory.gap("", Reason::Limit, why);
        }
    }

    /// True while none was added.
    pub fn none(&self, limits: &Limits) -> bool {
        self.left == limits.max_components
    }
}

/// No files are known of a package.
pub(super) fn no_files() -> std::iter::Empty<&'static str> {
    std::iter::empty()
}

/// True where a path ends with these parts.
pub(super) fn ends(path: &str, with: &str) -> bool {
    path.strip_suffix(with).is_some_and(|before| before.is_empty() || before.ends_with(['/', '!']))
}

/// The part of a path below a folder that it names.
pub(super) fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let at = path.rfind(folder)?;
    let clear = at == 0 || path.get(..at).is_some_and(|before| before.ends_with('/'));
    path.get(at + folder.len()..).filter(|_| clear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_facts_purl_and_label() {
        let path = "x".into();
        let mut inventory = Inventory::new(&path, &path);
        let mut entry = Entry { kind: Some("deb"), name: "acme".into(), version: "1:2".into(), ..Entry::default() };
        entry.fields = ("Package", "Version");
        entry.qualifiers.push(("arch", "amd64".into()));
        entry.maker(FactKind::Supplier, "\"Acme, Inc.\" <a@acme.example>", "Maintainer");
        entry.describe(&mut inventory);
        let facts: Vec<_> = inventory.file.facts().map(|f| format!("{} {}", f.field, f.value)).collect();
        let wanted = ["Package acme", "Version 1:2", "Package pkg:deb/acme@1:2?arch=amd64", "Maintainer Acme, Inc."];
        assert_eq!(facts, wanted);
        assert_eq!(inventory.labels[0].vendor.as_deref(), Some("Acme, Inc."));
        assert_eq!(without_address("<a@acme.example>"), "<a@acme.example>");
    }

    #[test]
    fn paths_are_compared_by_their_parts() {
        assert!(ends("a.tar!/meta/snap.yaml", "meta/snap.yaml") && ends("meta/snap.yaml", "meta/snap.yaml"));
        assert!(!ends("a/xmeta/snap.yaml", "meta/snap.yaml"));
        assert_eq!(below("r/Cellar/x/1/f", "Cellar/"), Some("x/1/f"));
        assert_eq!(below("r/WineCellar/x", "Cellar/"), None);
    }

    #[test]
    fn many_names_end() {
        let path = "x".into();
        let mut inventory = Inventory::new(&path, &path);
        let mut packages = Packages::new("t", &Limits::default());
        let long = "a".repeat(1 << 20);
        let entry = Entry { name: "x".into(), ..Entry::default() };
        for _ in 0..3 {
            packages.add(&entry, std::iter::repeat_n(long.as_str(), 1 << 20), &mut inventory);
        }
        assert_eq!((inventory.gaps.len(), inventory.gaps[0].reason), (1, Reason::Limit));
        let few = Limits { max_components: 1, ..Limits::default() };
        let mut packages = Packages::new("t", &few);
        assert!(packages.add(&entry, no_files(), &mut inventory) && !packages.add(&entry, no_files(), &mut inventory));
    }
}
