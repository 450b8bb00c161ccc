//! Windows driver packages: the INF file that says what a driver is and how it is installed.
//!
//! In: text in any encoding with a section `[Version]` and the signature of a driver INF. Out: provider, maker, files,
//! services, keys; `%tokens%` as the section `[Strings]` has them. Must not know: what the files do.

mod sections;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use sections::{LINES, Line, Sections, TABLES, fill, sections, tables, unquoted, values};

use super::{Doc, Extractor, Head, Mine, Read, text};
use crate::fact::{FactKind, Inventory, Label, LabelSource, Reason};

pub(super) const EXTRACTOR: Extractor = Extractor { name: "package/inf", claim, extract: Read::Whole(extract) };

/// The longest INF that is read; those of large graphics drivers have a few MiB.
const MOST: usize = 32 << 20;
/// Facts said of one file.
const SAID: usize = 50_000;
/// Letters of tokens filled in, each counted for every table it is looked up in.
const WORK: usize = 128 << 20;

fn claim(head: &Head<'_>) -> bool {
    if head.name.to_ascii_lowercase().ends_with(".inf") {
        return true;
    }
    // A driver's INF under another name begins with its version or with a remark.
    matches!(text::first_mark(head.data), Some(b';' | b'[')) && {
        let text = text::decode(head.data).0.to_ascii_lowercase();
        text.contains("[version]") && SIGNATURES.iter().any(|signature| text.contains(signature))
    }
}

const SIGNATURES: &[&str] = &["$windows nt$", "$chicago$", "$windows 95$"];

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data.get(..MOST).unwrap_or(doc.data));
    let (sections, whole) = sections(&text);
    let Some(version) = sections.get("version") else { return Mine::No };
    let get =
        |key: &str| version.iter().find(|line| line.key.eq_ignore_ascii_case(key)).map(|line| line.value.as_str());
    let signature = get("signature").map(|s| unquoted(s).to_ascii_lowercase());
    if !signature.is_some_and(|s| SIGNATURES.contains(&s.as_str())) {
        return Mine::No;
    }
    if !whole || doc.data.len() > MOST {
        inventory.gap(
            "",
            Reason::Limit,
            format!("an INF of more than {LINES} lines or {MOST} bytes; the rest was not read"),
        );
    }
    let (tables, more) = tables(&sections);
    if more {
        inventory.gap("", Reason::Limit, format!("more than {TABLES} string tables; the rest was not read"));
    }
    let mut inf = Inf { sections: &sections, tables, seen: HashSet::new(), left: SAID, work: WORK, inventory };
    let provider = get("provider").map(|v| inf.resolve(v)).filter(|v| !v.is_empty());
    inf.maker(get("provider").unwrap_or_default(), "[Version] Provider");
    for line in version {
        let key = line.key.to_ascii_lowercase();
        if key.starts_with("catalogfile") {
            inf.file(&line.value, "[Version] CatalogFile");
        }
    }
    let driver = get("driverver").map(|v| inf.resolve(v)).unwrap_or_default();
    // A date stands in front of the version.
    let driver = driver.split_once(',').map_or(driver.as_str(), |(_, version)| version.trim()).to_owned();
    inf.say(FactKind::FileVersion, &driver, "[Version] DriverVer");
    let class = get("class").map(|v| inf.resolve(v)).filter(|v| !v.is_empty());
    inf.say(FactKind::ManifestAttribute, &class.map(|c| format!("Class={c}")).unwrap_or_default(), "[Version] Class");
    for line in sections.get("manufacturer").into_iter().flatten() {
        inf.maker(if line.key.is_empty() { &line.value } else { &line.key }, "[Manufacturer]");
    }
    inf.installed();
    let (full, tired) = (inf.left == 0, inf.work == 0);
    if tired {
        let detail = "an INF whose names take too much work to fill in; the rest was not read";
        inventory.gap("", Reason::Limit, detail);
    }
    if full {
        inventory.gap("", Reason::Limit, format!("an INF that says more than {SAID} things; the rest was not kept"));
    }
    if let Some(vendor) = provider {
        let at = inventory.at("[Version] Provider");
        let version = Some(driver).filter(|v| !v.is_empty());
        inventory.labels.push(Label {
            vendor: Some(vendor),
            product: None,
            version,
            at,
            from: LabelSource::PackageMetadata,
        });
    }
    Mine::Yes
}

/// What is said of one INF.
struct Inf<'s, 'i, 'k> {
    sections: &'s Sections,
    tables: Vec<HashMap<String, &'s str>>,
    seen: HashSet<(FactKind, String)>,
    left: usize,
    /// What is left of [`WORK`].
    work: usize,
    inventory: &'i mut Inventory<'k>,
}

impl<'s> Inf<'s, '_, '_> {
    fn resolve(&mut self, text: &str) -> String {
        self.filled(text, 0..self.tables.len())
    }

    /// A text filled in from these tables; empty once the work is used up.
    fn filled(&mut self, text: &str, tables: Range<usize>) -> String {
        let tables: Vec<_> = self.tables.get(tables).unwrap_or_default().iter().collect();
        let times = if text.contains('%') { tables.len().max(1) } else { 1 };
        self.work = self.work.saturating_sub(text.len().saturating_add(16).saturating_mul(times));
        if self.work == 0 {
            return String::new();
        }
        let filled = fill(text, &tables);
        // A short token may stand for a long text.
        self.work = self.work.saturating_sub(filled.len());
        filled
    }

    fn say(&mut self, kind: FactKind, value: &str, field: &str) {
        if value.is_empty() || self.left == 0 || self.inventory.file.full() {
            return;
        }
        if self.seen.insert((kind, value.to_owned())) {
            self.left -= 1;
            self.inventory.say(kind, value, field);
        }
    }

    /// A maker, in every language.
    fn maker(&mut self, text: &str, field: &str) {
        let neutral = self.resolve(text);
        self.say(FactKind::CompanyName, &neutral, field);
        if text.contains('%') {
            for index in 0..self.tables.len() {
                let name = self.filled(text, index..index + 1);
                if !name.contains('%') {
                    self.say(FactKind::CompanyName, &name, field);
                }
            }
        }
    }

    /// The name of a file, without the folder in front of it.
    fn file(&mut self, text: &str, field: &str) {
        let path = self.resolve(text);
        let name = crate::source::base_name(&path).to_owned();
        self.say(FactKind::FileReference, &name, field);
    }

    /// What the install sections name.
    fn installed(&mut self) {
        let mut names: Vec<&'s String> = self.sections.keys().collect();
        names.sort();
        for name in names {
            let lines: &'s [Line] = self.sections.get(name).map(Vec::as_slice).unwrap_or_default();
            if name.starts_with("sourcedisksfiles") {
                for line in lines {
                    self.file(&line.key, &format!("[{name}]"));
                }
                continue;
            }
            if name.starts_with("strings") {
                continue;
            }
            for line in lines {
                if self.left == 0 || self.work == 0 {
                    return;
                }
                self.line(name, line);
            }
        }
    }

    fn line(&mut self, section: &str, line: &'s Line) {
        let at = |what: &str| format!("[{section}] {what}");
        match line.key.to_ascii_lowercase().as_str() {
            "addservice" => {
                let parts = values(&line.value);
                let name = self.resolve(parts.first().copied().unwrap_or_default());
                self.say(FactKind::ServiceName, &name, &at("AddService"));
            }
            "servicebinary" => self.file(&line.value, &at("ServiceBinary")),
            "displayname" => {
                let shown = self.resolve(&line.value);
                self.say(FactKind::FileDescription, &shown, &at("DisplayName"));
            }
            "copyfiles" => {
                for one in values(&line.value) {
                    if let Some(file) = one.strip_prefix('@') {
                        self.file(file, &at("CopyFiles"));
                    } else {
                        self.copied(one);
                    }
                }
            }
            "" => self.key(section, &line.value),
            _ => {}
        }
    }

    /// A list of files to copy: each under its new name and under the one it has in the package.
    fn copied(&mut self, section: &str) {
        let section = unquoted(section).to_ascii_lowercase();
        // Lists are named many times, and read once.
        if !self.seen.insert((FactKind::Path, section.clone())) {
            return;
        }
        let lines: &'s [Line] = self.sections.get(&section).map(Vec::as_slice).unwrap_or_default();
        for line in lines.iter().filter(|line| line.key.is_empty()) {
            for file in values(&line.value).into_iter().take(2) {
                self.file(file, &format!("[{section}]"));
            }
        }
    }

    /// A line of an `AddReg` section.
    fn key(&mut self, section: &str, value: &str) {
        let root = value.get(..4).unwrap_or_default().to_ascii_uppercase();
        if !matches!(root.as_str(), "HKLM" | "HKCU" | "HKCR" | "HKR,") {
            return;
        }
        let parts = values(value);
        let part = |index: usize| parts.get(index).copied().unwrap_or_default();
        if root != "HKR," {
            let key = self.resolve(part(1));
            if !key.is_empty() {
                self.say(FactKind::RegistryKey, &format!("{root}\\{key}"), &format!("[{section}]"));
            }
        }
        // The place of a file-system filter, which Microsoft gives to one driver alone.
        if unquoted(part(2)).eq_ignore_ascii_case("altitude") {
            let altitude = self.resolve(part(4));
            self.say(FactKind::ManifestAttribute, &format!("Altitude={altitude}"), &format!("[{section}]"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_setup_reads_them() {
        let (sections, whole) =
            sections("[A]\r\nx = \"a;b\" ; remark\r\nCopyFiles = one,\\\r\n  two\r\n[a]\r\nalone\r\n");
        assert!(whole);
        let all: Vec<_> = sections["a"].iter().map(|l| (l.key.as_str(), l.value.as_str())).collect();
        assert_eq!(all, [("x", "\"a;b\""), ("CopyFiles", "one,two"), ("", "alone")]);
        assert_eq!(values("a, \"b,c\" ,d"), ["a", "\"b,c\"", "d"]);
    }

    #[test]
    fn tokens_are_filled_once_and_never_grow_without_end() {
        let long = "%a%".repeat(2000);
        let table = HashMap::from([("a".to_owned(), long.as_str()), ("v".to_owned(), "Acme")]);
        assert_eq!(fill("\"%V% 100%% %12%\\x.sys\"", &[&table]), "Acme 100% %12%\\x.sys");
        assert_eq!(fill("50%", &[&table]), "50%");
        assert!(fill(&"%a%".repeat(100_000), &[&table]).len() <= sections::VALUE);
    }

    #[test]
    fn makers_in_many_languages_end_and_tables_left_out_are_said() {
        let mut inf = "[Version]\nSignature=\"$Windows NT$\"\nProvider=%a%\n[Manufacturer]\n".to_owned();
        inf.push_str(&"%a%=x\n".repeat(200_000));
        for table in 0..=TABLES {
            inf.push_str(&format!("[Strings.{table:04x}]\na=Acme {table}\n"));
        }
        let (facts, gaps) = super::super::said(&EXTRACTOR, "x.inf", inf.as_bytes());
        assert!(facts.iter().any(|fact| fact.ends_with("Acme 99")));
        assert!(gaps.iter().any(|gap| gap.contains("string tables")), "{gaps:?}");
        assert!(gaps.iter().any(|gap| gap.contains("too much work")), "{gaps:?}");
    }
}
