//! SPDX tag-value 2.0 to 2.3: `Tag: value` lines, `<text>` over several.
//!
//! In: text with a line `SPDXVersion:`. Out: the tree of the JSON form, element by element. Line ends of every kind,
//! a bare carriage return among them.

use std::borrow::Cow;

use super::super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Reader;
use crate::extract::json::Node;
use crate::fact::{Inventory, Reason};

pub(in super::super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/spdx-tag-value", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    let (text, _) = text::decode(head.data);
    !text.trim_start().starts_with(['<', '{']) && text.split(['\r', '\n']).take(400).any(|l| tag(l).0 == "SPDXVersion")
}

/// A line's tag and value.
fn tag(line: &str) -> (&str, &str) {
    match line.split_once(':') {
        Some((tag, value)) if !tag.trim().contains(char::is_whitespace) => (tag.trim(), value.trim()),
        _ => ("", line),
    }
}

/// Which kind of element the lines speak of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Document,
    Package,
    File,
    Snippet,
    License,
    Annotation,
}

impl Part {
    const fn key(self) -> &'static str {
        match self {
            Part::Document => "",
            Part::Package => "packages",
            Part::File => "files",
            Part::Snippet => "snippets",
            Part::License => "hasExtractedLicensingInfos",
            Part::Annotation => "annotations",
        }
    }
}

/// Tags that open an element, and those that fill it, with the name in the JSON form.
const OPENS: &[(&str, Part, &str)] = &[
    ("PackageName", Part::Package, "name"),
    ("FileName", Part::File, "fileName"),
    ("SnippetSPDXID", Part::Snippet, "SPDXID"),
    ("SnippetSPDXIdentifier", Part::Snippet, "SPDXID"),
    ("LicenseID", Part::License, "licenseId"),
    ("Annotator", Part::Annotation, "annotator"),
];
const FILLS: &[(&str, &str)] = &[
    ("SPDXID", "SPDXID"),
    ("SPDXIdentifier", "SPDXID"),
    ("PackageVersion", "versionInfo"),
    ("PackageFileName", "packageFileName"),
    ("PackageSupplier", "supplier"),
    ("PackageOriginator", "originator"),
    ("PackageDownloadLocation", "downloadLocation"),
    ("PackageHomePage", "homepage"),
    ("PackageSourceInfo", "sourceInfo"),
    ("PackageLicenseComments", "licenseComments"),
    ("PackageCopyrightText", "copyrightText"),
    ("PackageSummary", "summary"),
    ("PackageDescription", "description"),
    ("PackageComment", "comment"),
    ("PackageAttributionText", "attributionTexts"),
    ("FileCopyrightText", "copyrightText"),
    ("FileNotice", "noticeText"),
    ("FileContributor", "fileContributors"),
    ("FileComment", "comment"),
    ("FileAttributionText", "attributionTexts"),
    ("LicenseComments", "licenseComments"),
    ("SnippetFromFileSPDXID", "snippetFromFile"),
    ("SnippetName", "name"),
    ("SnippetCopyrightText", "copyrightText"),
    ("SnippetComment", "comment"),
    ("SnippetLicenseComments", "licenseComments"),
    ("SnippetAttributionText", "attributionTexts"),
    ("ExtractedText", "extractedText"),
    ("LicenseName", "name"),
    ("LicenseComment", "comment"),
    ("AnnotationComment", "comment"),
    ("SPDXREF", "SPDXREF"),
    ("ExternalRefComment", "comment"),
];

struct Lines<'r, 'i, 's> {
    reader: &'r mut Reader<'i, 's>,
    part: Part,
    members: Vec<(Cow<'static, str>, Node<'static>)>,
    counts: [usize; 6],
    creation: Vec<(Cow<'static, str>, Node<'static>)>,
    relations: usize,
    references: usize,
    package: Option<String>,
    /// Lines that say nothing known.
    odd: u64,
}

fn owned(text: &str) -> Node<'static> {
    Node::Str(Cow::Owned(text.to_owned()))
}

fn map(members: &[(&'static str, &str)]) -> Node<'static> {
    Node::Map(members.iter().map(|(key, value)| (Cow::Borrowed(*key), owned(value))).collect())
}

/// A tag that stands again makes a list.
fn add(members: &mut Vec<(Cow<'static, str>, Node<'static>)>, key: &'static str, value: Node<'static>) {
    match members.iter_mut().find(|(k, _)| k == key) {
        Some((_, Node::List(items))) => items.push(value),
        Some((_, held)) => {
            let first = std::mem::replace(held, Node::Null);
            *held = Node::List(vec![first, value]);
        }
        None => members.push((Cow::Borrowed(key), value)),
    }
}

impl Lines<'_, '_, '_> {
    fn flush(&mut self) {
        let members = std::mem::take(&mut self.members);
        let node = Node::Map(members);
        if self.part == Part::Document {
            for (key, value) in match &node {
                Node::Map(members) => members.as_slice(),
                _ => &[],
            } {
                self.reader.member(key, None, value);
            }
            return;
        }
        // A file that stands behind a package belongs to it.
        let id = node.str("SPDXID").map(str::to_owned);
        match (self.part, id) {
            (Part::Package, id) => self.package = id,
            (Part::File, Some(id)) => {
                if let Some(package) = &self.package {
                    let relation = map(&[
                        ("spdxElementId", package),
                        ("relationshipType", "CONTAINS"),
                        ("relatedSpdxElement", &id),
                    ]);
                    self.reader.member("relationships", Some(0), &relation);
                }
            }
            _ => {}
        }
        let index = self.counts.get_mut(self.part as usize).map_or(0, |count| {
            *count += 1;
            *count - 1
        });
        self.reader.member(self.part.key(), Some(index), &node);
    }

    fn line(&mut self, tag: &str, value: &str) {
        if let Some((_, part, key)) = OPENS.iter().find(|(t, ..)| *t == tag) {
            self.flush();
            self.part = *part;
            return self.members.push((Cow::Borrowed(*key), owned(value)));
        }
        if let Some((_, key)) = FILLS.iter().find(|(t, _)| *t == tag) {
            if tag == "ExternalRefComment" {
                return add(&mut self.members, "externalRefs", map(&[("comment", value)]));
            }
            return add(&mut self.members, key, owned(value));
        }
        match tag {
            "SPDXVersion" => self.reader.member("spdxVersion", None, &owned(value)),
            "DocumentName" => self.reader.member("name", None, &owned(value)),
            "Creator" => add(&mut self.creation, "creators", owned(value)),
            "Created" => add(&mut self.creation, "created", owned(value)),
            "CreatorComment" => add(&mut self.creation, "comment", owned(value)),
            "ExternalDocumentRef" => {
                let mut words = value.split_whitespace();
                let (id, document) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let node = map(&[("externalDocumentId", id), ("spdxDocument", document)]);
                self.reader.member("externalDocumentRefs", Some(self.references), &node);
                self.references += 1;
            }
            "PackageChecksum" | "FileChecksum" => {
                let (algorithm, sum) = value.split_once(':').unwrap_or(("", value));
                let sum = map(&[("algorithm", algorithm.trim()), ("checksumValue", sum.trim())]);
                add(&mut self.members, "checksums", sum);
            }
            "ExternalRef" => {
                let mut words = value.splitn(3, char::is_whitespace);
                let (category, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let locator = words.next().unwrap_or_default().trim();
                let reference =
                    map(&[("referenceCategory", category), ("referenceType", kind), ("referenceLocator", locator)]);
                add(&mut self.members, "externalRefs", reference);
            }
            "ArtifactOfProjectName" => add(&mut self.members, "artifactOfs", map(&[("name", value)])),
            "ArtifactOfProjectHomePage" => add(&mut self.members, "artifactOfs", map(&[("homePage", value)])),
            "Relationship" => {
                let mut words = value.split_whitespace();
                let (from, kind, to) = (words.next(), words.next(), words.next());
                let node = map(&[
                    ("spdxElementId", from.unwrap_or_default()),
                    ("relationshipType", kind.unwrap_or_default()),
                    ("relatedSpdxElement", to.unwrap_or_default()),
                ]);
                self.reader.member("relationships", Some(self.relations), &node);
                self.relations += 1;
            }
            "" => self.odd += 1,
            // Licences, dates, verification codes: nothing to compare.
            _ => {}
        }
    }
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, encoding) = text::decode(doc.data);
    let mut reader = Reader::new(EXTRACTOR.name, doc.limits.max_components, inventory);
    let mut lines = Lines {
        reader: &mut reader,
        part: Part::Document,
        members: Vec::new(),
        counts: [0; 6],
        creation: Vec::new(),
        relations: 0,
        references: 0,
        package: None,
        odd: 0,
    };
    let mut rest: &str = &text;
    let mut open = None;
    while !rest.is_empty() {
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let line = rest.get(..end).unwrap_or_default();
        let (tag, value) = tag(line);
        if let Some(start) = value.strip_prefix("<text>").filter(|_| !tag.is_empty()) {
            // From behind the mark to the closing one, over any number of lines.
            let from = rest.get(end - start.len()..).unwrap_or_default();
            match from.find("</text>") {
                Some(close) => {
                    lines.line(tag, from.get(..close).unwrap_or_default());
                    rest = from.get(close + 7..).unwrap_or_default();
                }
                None => {
                    open = Some(text.len() - from.len());
                    lines.line(tag, from);
                    rest = "";
                }
            }
            continue;
        }
        if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            lines.line(tag, value);
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    lines.flush();
    let creation = Node::Map(std::mem::take(&mut lines.creation));
    let odd = lines.odd;
    reader.member("creationInfo", None, &creation);
    let (_, inventory) = reader.finish(open.is_none());
    if let Some(encoding) = encoding {
        inventory.note("", format!("encoded as {encoding}"));
    }
    if odd > 0 {
        inventory.note("", format!("{odd} lines without a tag; passed over"));
    }
    if let Some(at) = open {
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        inventory.gap(format!("line {line}"), Reason::Truncated, "a <text> that is never closed");
    }
    Mine::Yes
}
