//! JAR manifests (`META-INF/MANIFEST.MF`), with the headers of OSGi bundles.
//!
//! In: a file of that name. Out: vendors, titles, versions, names, classes to start, and the label. Of the sections of
//! single entries only what states a vendor, a title or a version is read; their digests are the signature's.

use std::borrow::Cow;

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "java/manifest", claim, extract: Read::Whole(extract) };

/// Lines that are no attribute: beyond these it is no manifest.
const ODD: usize = 20;

fn claim(head: &Head<'_>) -> bool {
    head.name.eq_ignore_ascii_case("MANIFEST.MF") && !text::is_binary(head.data)
}

/// The attributes of a manifest, section by section. Long lines are folded: what begins with one space goes on.
pub(in super::super) struct Attributes<'d> {
    rest: &'d [u8],
}

/// What stands in a line.
pub(in super::super) enum Line<'d> {
    Attribute(Cow<'d, str>, Cow<'d, str>),
    /// A section ends.
    Blank,
    Odd,
}

impl<'d> Attributes<'d> {
    pub fn of(data: &'d [u8]) -> Attributes<'d> {
        Attributes { rest: data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data) }
    }

    /// Bytes that were not read yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// One line without its end: CR LF, LF, or CR.
    fn line(&mut self) -> Option<&'d [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\r', b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, mut rest) = self.rest.split_at(end);
        rest = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
        self.rest = rest;
        Some(line)
    }
}

impl<'d> Iterator for Attributes<'d> {
    type Item = Line<'d>;

    fn next(&mut self) -> Option<Line<'d>> {
        let first = self.line()?;
        if first.is_empty() {
            return Some(Line::Blank);
        }
        // Lines are folded by bytes, within letters too, so they are joined before they are decoded.
        let mut joined = Cow::Borrowed(first);
        while self.rest.first() == Some(&b' ') {
            let more = self.line().unwrap_or_default();
            joined.to_mut().extend_from_slice(more.get(1..).unwrap_or_default());
        }
        let Some(at) = memchr::memchr(b':', &joined).filter(|at| *at > 0) else { return Some(Line::Odd) };
        let part = |range: std::ops::Range<usize>| match &joined {
            Cow::Borrowed(line) => String::from_utf8_lossy(line.get(range).unwrap_or_default()),
            Cow::Owned(line) => Cow::Owned(String::from_utf8_lossy(line.get(range).unwrap_or_default()).into_owned()),
        };
        let value = part(at + 1..joined.len());
        let value = match value {
            Cow::Borrowed(value) => Cow::Borrowed(value.trim()),
            Cow::Owned(value) => Cow::Owned(value.trim().to_owned()),
        };
        Some(Line::Attribute(part(0..at), value))
    }
}

/// What an attribute holds.
fn kind(key: &str) -> FactKind {
    match key {
        "implementation-vendor" | "bundle-vendor" | "specification-vendor" => FactKind::CompanyName,
        "implementation-title" | "bundle-name" | "specification-title" | "application-name" => FactKind::ProductName,
        "implementation-version" | "bundle-version" => FactKind::ProductVersion,
        "bundle-symbolicname" | "automatic-module-name" | "extension-name" => FactKind::Name,
        "bundle-description" => FactKind::Description,
        "bundle-copyright" => FactKind::Copyright,
        "bundle-license" => FactKind::License,
        "bundle-docurl" | "implementation-url" | "bundle-updatelocation" => FactKind::Url,
        "class-path" => FactKind::FileReference,
        "main-class"
        | "start-class"
        | "premain-class"
        | "agent-class"
        | "launcher-agent-class"
        | "bundle-activator" => FactKind::ClassReference,
        _ => FactKind::ManifestAttribute,
    }
}

/// The label, as far as it was met: by vendor, title and version, the telling one of each first.
#[derive(Default)]
struct Shown {
    vendor: [Option<String>; 3],
    title: [Option<String>; 3],
    version: [Option<String>; 3],
}

impl Shown {
    fn see(&mut self, key: &str, value: &str) {
        let Some((from, what)) = key.split_once('-') else { return };
        let slots = match what {
            "vendor" => &mut self.vendor,
            "title" | "name" => &mut self.title,
            "version" => &mut self.version,
            _ => return,
        };
        let rank = ["implementation", "bundle", "specification"].iter().position(|name| *name == from);
        if let Some(slot) = rank.and_then(|rank| slots.get_mut(rank)).filter(|_| !value.is_empty()) {
            *slot = Some(value.to_owned());
        }
    }

    fn say(self, inventory: &mut Inventory<'_>) {
        let first = |of: [Option<String>; 3]| of.into_iter().flatten().next();
        let (vendor, product) = (first(self.vendor), first(self.title));
        if vendor.is_some() || product.is_some() {
            let at = inventory.at("manifest");
            let version = first(self.version);
            inventory.labels.push(Label { vendor, product, version, at, from: LabelSource::PackageMetadata });
        }
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let mut shown = Shown::default();
    // The entry whose section is read; none in the main one.
    let mut entry: Option<String> = None;
    let (mut met, mut odd, mut lines, mut main) = (0usize, 0usize, 0usize, true);
    for line in Attributes::of(doc.data) {
        lines += 1;
        if lines % 4096 == 0 && (inventory.file.full() || doc.limits.stop.raised()) {
            let detail = format!("the manifest was read up to its line {lines}; the rest was not");
            inventory.gap("", Reason::Limit, detail);
            break;
        }
        match line {
            Line::Blank => {
                main &= met == 0;
                entry = None;
            }
            Line::Odd => odd += 1,
            Line::Attribute(key, value) => {
                met += 1;
                if main {
                    say(&key, &value, "", &mut shown, inventory);
                } else if key.eq_ignore_ascii_case("Name") {
                    entry = Some(value.into_owned());
                } else if let Some(entry) = &entry
                    && matches!(
                        kind(&key.to_ascii_lowercase()),
                        FactKind::CompanyName | FactKind::ProductName | FactKind::ProductVersion
                    )
                {
                    let entry = crate::fact::cut(entry, 512);
                    say(&key, &value, &format!("{entry}#"), &mut Shown::default(), inventory);
                }
            }
        }
        if met == 0 && odd > ODD {
            return Mine::No;
        }
    }
    if odd > 0 {
        inventory.gap("", Reason::Malformed, format!("{odd} lines of the manifest are no attributes"));
    }
    shown.say(inventory);
    Mine::Yes
}

fn say(key: &str, value: &str, entry: &str, shown: &mut Shown, inventory: &mut Inventory<'_>) {
    let lower = key.to_ascii_lowercase();
    let field = format!("{entry}{}", crate::fact::cut(key, 256));
    // A key of the bundle's translations, or a variable nobody filled in, is no name.
    if value.starts_with('%') || value.contains("${") {
        return inventory.say(FactKind::ManifestAttribute, format!("{key}={value}"), field);
    }
    shown.see(&lower, value);
    match kind(&lower) {
        FactKind::ManifestAttribute => {
            inventory.say(FactKind::ManifestAttribute, format!("{key}={value}"), field);
        }
        FactKind::ClassReference => inventory.say(FactKind::ClassReference, value.replace('.', "/"), field),
        FactKind::FileReference => {
            value.split_ascii_whitespace().for_each(|file| inventory.say(FactKind::FileReference, file, &field));
        }
        // Directives follow the name.
        FactKind::Name => inventory.say(FactKind::Name, value.split(';').next().unwrap_or_default(), field),
        kind => inventory.say(kind, value, field),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn folded_lines_are_joined_before_they_are_decoded() {
        let folded = b"Manifest-Version: 1.0\r\nImplementation-Vendor: Acme N\xc3\r\n \xa4tworks\r\nOdd\r\n\r\nName: a/\r\nSpecification-Title: X\r\nSHA-256-Digest: q=\r\n";
        let (facts, gaps) = said(&EXTRACTOR, "MANIFEST.MF", folded);
        assert_eq!(
            facts,
            [
                "manifest-attribute Manifest-Version Manifest-Version=1.0",
                "company-name Implementation-Vendor Acme Nätworks",
                "product-name a/#Specification-Title X",
            ]
        );
        assert_eq!(gaps.len(), 1);
    }

    #[test]
    fn a_bundle_says_its_name_without_directives() {
        let data = b"\nBundle-SymbolicName: com.acme.guard;singleton:=true\rBundle-Name: %name\rMain-Class: com.acme.Main\rClass-Path: a.jar lib/b.jar";
        let (facts, gaps) = said(&EXTRACTOR, "MANIFEST.MF", data);
        assert_eq!(
            facts,
            [
                "name Bundle-SymbolicName com.acme.guard",
                "manifest-attribute Bundle-Name Bundle-Name=%name",
                "class-reference Main-Class com/acme/Main",
                "file-reference Class-Path a.jar",
                "file-reference Class-Path lib/b.jar",
            ]
        );
        assert!(gaps.is_empty());
    }

    #[test]
    fn a_text_of_that_name_is_none() {
        let text = "no manifest at all\n".repeat(50);
        assert!(said(&EXTRACTOR, "MANIFEST.MF", text.as_bytes()).0.is_empty());
    }
}
