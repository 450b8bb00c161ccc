//! SPDX tag-value 2.0 to 2.3: `Tag: value` lines, `<text>` over several.
//!
//! In: text with a line `SPDXVersion:`. Out: the tree of the JSON form, element by element. Line ends of every kind,
//! a bare carriage return among them.

use std::borrow::Cow;

use super::super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::Reader;
use crate::extract::json::{Members, Node};
use crate::fact::{Inventory, Reason};

pub(in super::super::super) const EXTRACTOR: Extractor =
    Extractor { name: "sbom/spdx-tag-value", claim, extract: Read::Whole(extract) };

fn claim(head: &Head<'_>) -> bool {
    let (text, _) = text::decode(head.data);
    !text.trim_start().starts_with(['<', '{']) && text.split(['\r', '\n']).any(|l| tag(l).0 == "SPDXVersion")
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
}

impl Part {
    const fn key(self) -> &'static str {
        match self {
            Part::Document => "",
            Part::Package => "packages",
            Part::File => "files",
            Part::Snippet => "snippets",
            Part::License => "hasExtractedLicensingInfos",
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
    ("ExternalRefComment", "comment"),
];

struct Lines<'r, 'i, 's> {
    reader: &'r mut Reader<'i, 's>,
    part: Part,
    members: Members<'static>,
    /// The annotation that the lines speak of, beside the element.
    annotation: Members<'static>,
    counts: [usize; 5],
    creation: Members<'static>,
    relations: usize,
    annotations: usize,
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

impl Lines<'_, '_, '_> {
    fn flush(&mut self) {
        let members = std::mem::take(&mut self.members);
        let node = members.node();
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

    fn annotate(&mut self) {
        let node = std::mem::take(&mut self.annotation).node();
        if node.members().next().is_some() {
            self.reader.member("annotations", Some(self.annotations), &node);
            self.annotations += 1;
        }
    }

    fn line(&mut self, tag: &str, value: &str) {
        if let Some((_, part, key)) = OPENS.iter().find(|(t, ..)| *t == tag) {
            self.flush();
            self.part = *part;
            return self.members.add(*key, owned(value));
        }
        if let Some((_, key)) = FILLS.iter().find(|(t, _)| *t == tag) {
            if tag == "ExternalRefComment" {
                return self.members.add("externalRefs", map(&[("comment", value)]));
            }
            return self.members.add(*key, owned(value));
        }
        match tag {
            // An annotation stands among the lines of an element, and does not end it.
            "Annotator" => {
                self.annotate();
                self.annotation.add("annotator", owned(value));
            }
            "AnnotationComment" => self.annotation.add("comment", owned(value)),
            "SPDXREF" => self.annotation.add("SPDXREF", owned(value)),
            "SPDXVersion" => self.reader.member("spdxVersion", None, &owned(value)),
            "DocumentName" => self.reader.member("name", None, &owned(value)),
            "Creator" => self.creation.add("creators", owned(value)),
            "Created" => self.creation.add("created", owned(value)),
            "CreatorComment" => self.creation.add("comment", owned(value)),
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
                self.members.add("checksums", sum);
            }
            "ExternalRef" => {
                let mut words = value.split_whitespace();
                let (category, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let locator = words.next().unwrap_or_default();
                let reference =
                    map(&[("referenceCategory", category), ("referenceType", kind), ("referenceLocator", locator)]);
                self.members.add("externalRefs", reference);
            }
            "ArtifactOfProjectName" => self.members.add("artifactOfs", map(&[("name", value)])),
            "ArtifactOfProjectHomePage" => self.members.add("artifactOfs", map(&[("homePage", value)])),
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
        members: Members::default(),
        annotation: Members::default(),
        counts: [0; 5],
        creation: Members::default(),
        relations: 0,
        annotations: 0,
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
    lines.annotate();
    lines.flush();
    let creation = std::mem::take(&mut lines.creation).node();
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
