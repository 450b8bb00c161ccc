//! dpkg and opkg: the list of installed packages, and the control file of a package.
//!
//! In: paragraphs that begin with `Package:`. Out: a component per package that is installed; of a control file facts and
//! the label. The same paragraphs without a status list what could be installed: they say nothing.

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::deb822::{Paragraph, paragraphs};
use super::{Entry, Packages, ends};
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "installed/dpkg", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"Package: ") && !text::is_binary(head.data)
}

/// What each field says.
const FIELDS: &[(&str, FactKind)] = &[
    ("Homepage", FactKind::Url),
    ("Description", FactKind::Description),
    ("Origin", FactKind::Originator),
    ("License", FactKind::License),
];
/// Fields that name a maker. Who maintains a binary package is who supplies it.
const MAKERS: &[(&str, FactKind)] =
    &[("Maintainer", FactKind::Supplier), ("Vendor", FactKind::Supplier), ("Original-Maintainer", FactKind::Author)];

fn entry<'t>(paragraph: &Paragraph<'t>) -> Option<Entry<'t>> {
    let mut entry = Entry {
        kind: Some("deb"),
        name: paragraph.get("Package")?.into(),
        version: paragraph.get("Version").unwrap_or_default().into(),
        fields: ("Package", "Version"),
        ..Entry::default()
    };
    entry.qualifiers.extend(paragraph.get("Architecture").map(|arch| ("arch", arch.into())));
    for (key, kind) in MAKERS {
        if let Some(value) = paragraph.get(key) {
            entry.maker(*kind, value, key);
        }
    }
    for (key, kind) in FIELDS {
        entry.facts.extend(paragraph.get(key).map(|value| (*kind, value.into(), *key)));
    }
    if let Some(source) = paragraph.get("Source") {
        entry.add(FactKind::Property, format!("Source={source}"), "Source");
    }
    Some(entry)
}

/// What a package became, by the last word of its status: of some only the settings are left.
fn installed(status: &str) -> bool {
    !matches!(status.split_whitespace().last(), None | Some("not-installed" | "config-files"))
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    let path = inventory.file.path.clone();
    // Images without a shell have a file for each package, with no status in it; opkg has one beside its list.
    let listed = path.contains("status.d/") || path.contains("/info/");
    let control = !listed && (ends(&path, "control") || path.ends_with(".control"));
    let opkg = path.contains("opkg/");
    let mut packages = Packages::new(EXTRACTOR.name, doc.limits);
    let (mut mine, mut more, mut removed) = (Mine::No, false, 0u64);
    paragraphs(&text, &mut |paragraph| {
        let Some(mut entry) = entry(paragraph) else { return true };
        // The packages of OpenWrt have no package URL of their own.
        if opkg {
            entry.kind = None;
        }
        more |= paragraph.more;
        let status = paragraph.get("Status");
        if control && status.is_none() {
            mine = Mine::Yes;
            entry.describe(inventory);
            return false;
        }
        if !(listed || status.is_some()) {
            return mine == Mine::Yes;
        }
        mine = Mine::Yes;
        if !status.is_none_or(installed) {
            removed += 1;
            return true;
        }
        let settings = paragraph.lines("Conffiles").iter().filter_map(|line| line.split(' ').next());
        packages.add(&entry, settings, inventory)
    });
    if more {
        inventory.gap("", Reason::Limit, "a paragraph of more fields or lines than are taken; the rest was not read");
    }
    if removed > 0 {
        inventory.remark("", format!("{removed} packages were removed, or never installed: not said"));
    }
    mine
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, data: &str) -> (usize, usize, Vec<String>) {
        let path = name.into();
        let mut inventory = Inventory::new(&path, &path);
        let (options, limits) = (super::super::super::Options::default(), crate::source::Limits::default());
        extract(&Doc { data: data.as_bytes(), options: &options, limits: &limits }, &mut inventory);
        let names = inventory.components.iter().flat_map(|c| c.facts().filter(|f| f.kind == FactKind::Path));
        let names = names.map(|f| f.value.to_owned()).collect();
        (inventory.components.len(), inventory.labels.len(), names)
    }

    #[test]
    fn only_what_is_installed_counts() {
        let list = "Package: a\nStatus: install ok installed\nVersion: 1\nConffiles:\n /etc/a.conf 0\n\n\
                    Package: b\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                    Package: c\nStatus: install user half-configured\n";
        assert_eq!(run("var/lib/dpkg/status", list), (2, 0, vec!["/etc/a.conf".to_owned()]));
        let one = "Package: a\nVersion: 1\nMaintainer: Acme\n";
        assert_eq!(run("x.tar!/control", one), (0, 1, vec![]));
        assert_eq!(run("x.tar!/var/lib/dpkg/status.d/a", one), (1, 0, vec![]));
        assert_eq!(run("lists/main_Packages", one), (0, 0, vec![]));
    }
}
