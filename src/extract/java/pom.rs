//! Maven's descriptors in a JAR: `pom.properties` and `pom.xml` below `META-INF/maven`.
//!
//! In: files of these names. Out: group, name, version, makers and purl of the artefact. Dependencies are what it asks
//! for, not what it is, and are not read.

use packageurl::PackageUrl;

use super::super::xml::{self, Element, Met};
use super::super::{Doc, Extractor, Head, Mine, Read, text};
use crate::fact::{FactKind, Inventory, Reason, cut};

pub(in super::super) const PROPERTIES: Extractor =
    Extractor { name: "java/pom-properties", claim: claim_properties, extract: Read::Whole(properties) };
pub(in super::super) const XML: Extractor =
    Extractor { name: "java/pom", claim: claim_xml, extract: Read::Whole(project) };

/// Lines of a `pom.properties`, developers of a `pom.xml` that are read.
const LINES: usize = 1000;
/// Letters of a value.
const VALUE: usize = 4 << 10;

fn claim_properties(head: &Head<'_>) -> bool {
    head.name == "pom.properties" && !text::is_binary(head.data)
}

fn claim_xml(head: &Head<'_>) -> bool {
    (head.name == "pom.xml" || head.name.ends_with(".pom")) && text::first_mark(head.data) == Some(b'<')
}

/// Group, artefact and version, as far as they are known.
#[derive(Default)]
struct Coordinates {
    group: Option<String>,
    artefact: Option<String>,
    version: Option<String>,
}

impl Coordinates {
    fn say(&self, fields: [&str; 3], inventory: &mut Inventory<'_>) {
        let facts =
            [(FactKind::Group, &self.group), (FactKind::Name, &self.artefact), (FactKind::Version, &self.version)];
        for ((kind, value), field) in facts.into_iter().zip(fields) {
            if let Some(value) = value {
                inventory.say(kind, value, field);
            }
        }
        // A variable that only the build fills in is no part of a coordinate.
        let known = |value: &Option<String>| value.clone().filter(|v| !v.is_empty() && !v.contains("${"));
        let (Some(group), Some(artefact)) = (known(&self.group), known(&self.artefact)) else { return };
        let purl = PackageUrl::new("maven", artefact).and_then(|mut purl| {
            purl.with_namespace(group)?;
            if let Some(version) = known(&self.version) {
                purl.with_version(version)?;
            }
            Ok(purl.to_string())
        });
        if let Ok(purl) = purl {
            inventory.say(FactKind::Purl, purl, fields.get(1).copied().unwrap_or_default());
        }
    }
}

fn properties(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    let mut found = Coordinates::default();
    for (index, line) in text.lines().enumerate() {
        if index >= LINES {
            inventory.gap("", Reason::Limit, format!("more than {LINES} lines; the rest was not read"));
            break;
        }
        let line = line.trim_start();
        if line.starts_with(['#', '!']) {
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        let value = Some(cut(value.trim(), VALUE).to_owned());
        match key.trim() {
            "groupId" => found.group = value,
            "artifactId" => found.artefact = value,
            "version" => found.version = value,
            _ => {}
        }
    }
    if found.artefact.is_none() && found.group.is_none() {
        return Mine::No;
    }
    found.say(["groupId", "artifactId", "version"], inventory);
    Mine::Yes
}

fn project(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode_xml(doc.data);
    let mut found = Coordinates::default();
    let mut parent = Coordinates::default();
    let mut facts: Vec<(FactKind, String, String)> = Vec::new();
    let (mut is_project, mut developers) = (false, 0usize);
    let open = |name: &str| matches!(name, "developers" | "licenses" | "dependencies" | "profiles");
    let fault =
        xml::stream(&text, &open, &mut |met| match met {
            Met::Root { name, .. } => is_project = name == "project",
            Met::Child { within: None, element, .. } => {
                let value = || Some(cut(element.text.trim(), VALUE).to_owned());
                let mut say = |kind| facts.push((kind, value().unwrap_or_default(), element.name.clone()));
                match element.name.as_str() {
                    "groupId" => found.group = value(),
                    "artifactId" => found.artefact = value(),
                    "version" => found.version = value(),
                    "name" => say(FactKind::ProductName),
                    "description" => say(FactKind::Description),
                    "url" => say(FactKind::Url),
                    "parent" => {
                        parent.group = child(&element, "groupId");
                        parent.version = child(&element, "version");
                    }
                    "organization" => {
                        let said = [(FactKind::Publisher, "name"), (FactKind::Url, "url")];
                        facts.extend(said.into_iter().filter_map(|(kind, key)| {
                            Some((kind, child(&element, key)?, format!("organization/{key}")))
                        }));
                    }
                    _ => {}
                }
            }
            Met::Child { within: Some(list), index, element } if list == "developers" => {
                developers += 1;
                if developers <= LINES {
                    let said = [
                        (FactKind::Author, "name"),
                        (FactKind::Author, "email"),
                        (FactKind::Author, "organization"),
                        (FactKind::Url, "organizationUrl"),
                    ];
                    facts.extend(said.into_iter().filter_map(|(kind, key)| {
                        Some((kind, child(&element, key)?, format!("developers/{index}/{key}")))
                    }));
                }
            }
            Met::Child { within: Some(list), index, element } if list == "licenses" && index < LINES => {
                facts.extend(
                    child(&element, "name").map(|name| (FactKind::License, name, format!("licenses/{index}/name"))),
                );
            }
            _ => {}
        });
    if !is_project {
        return Mine::No;
    }
    // What a project does not say itself it has from its parent.
    let own = [found.group.is_some(), found.version.is_some()];
    found.group = found.group.or(parent.group);
    found.version = found.version.or(parent.version);
    let [group, version] = [("groupId", "parent/groupId"), ("version", "parent/version")];
    let field = |own: bool, names: (&'static str, &'static str)| if own { names.0 } else { names.1 };
    let [own_group, own_version] = own;
    found.say([field(own_group, group), "artifactId", field(own_version, version)], inventory);
    for (kind, value, field) in facts {
        inventory.say(kind, value, field);
    }
    if developers > LINES {
        inventory.gap("developers", Reason::Limit, format!("{developers} developers; {LINES} were read"));
    }
    if let Some(fault) = fault {
        let reason = match (fault.truncated, fault.limit) {
            (_, true) => Reason::Limit,
            (true, _) => Reason::Truncated,
            _ => Reason::Malformed,
        };
        inventory.gap(format!("line {}, column {}", fault.line, fault.column), reason, fault.why);
    }
    Mine::Yes
}

fn child(element: &Element, name: &str) -> Option<String> {
    let found = element.children.iter().find(|child| child.name == name)?;
    let text = found.text.trim();
    (!text.is_empty()).then(|| cut(text, VALUE).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::super::said;
    use super::*;

    #[test]
    fn coordinates_become_a_purl() {
        let data = b"#Generated\n#Wed\ngroupId=com.acme\nartifactId = guard\nversion: 1.2\nm2e.x=1\n";
        let (facts, gaps) = said(&PROPERTIES, "pom.properties", data);
        assert_eq!(
            facts,
            [
                "group groupId com.acme",
                "name artifactId guard",
                "version version 1.2",
                "purl artifactId pkg:maven/com.acme/guard@1.2"
            ]
        );
        assert!(gaps.is_empty());
        assert!(said(&PROPERTIES, "pom.properties", b"a=b\n").0.is_empty());
    }

    #[test]
    fn a_project_has_from_its_parent_what_it_does_not_say() {
        let data = b"<project xmlns='http://maven.apache.org/POM/4.0.0'><parent><groupId>com.acme</groupId><version>3</version></parent>\
            <artifactId>guard</artifactId><name>Acme Guard</name><organization><name>Acme Networks, Inc.</name></organization>\
            <developers><developer><name>J. Doe</name></developer></developers>\
            <dependencies><dependency><groupId>org.x</groupId><artifactId>y</artifactId></dependency></dependencies></project>";
        let (facts, gaps) = said(&XML, "pom.xml", data);
        assert_eq!(
            facts,
            [
                "group parent/groupId com.acme",
                "name artifactId guard",
                "version parent/version 3",
                "purl artifactId pkg:maven/com.acme/guard@3",
                "product-name name Acme Guard",
                "publisher organization/name Acme Networks, Inc.",
                "author developers/0/name J. Doe",
            ]
        );
        assert!(gaps.is_empty());
        assert!(said(&XML, "pom.xml", b"<html><body/></html>").0.is_empty());
    }
}
