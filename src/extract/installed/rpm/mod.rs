//! The databases of RPM: SQLite, ndb and Berkeley DB. Each holds one header per installed package.
//!
//! In: `rpmdb.sqlite`, `Packages.db`, `Packages`, each by its content. Out: a component per package, with its files.
//! Must not know: packages that are files (see `package/rpm`).

mod bdb;
pub(in super::super) mod header;
mod ndb;

use std::borrow::Cow;

use super::super::sqlite::{self, Database};
use super::super::{Doc, Extractor, Head, Mine, Read};
use super::{Entry, Packages};
use crate::fact::{FactKind, Inventory, Reason};
use header::{Fault, Header, tag};

pub(in super::super) const SQLITE: Extractor =
    Extractor { name: "installed/rpm-sqlite", claim: claim_sqlite, extract: Read::Whole(read_sqlite) };
pub(in super::super) const NDB: Extractor =
    Extractor { name: "installed/rpm-ndb", claim: claim_ndb, extract: Read::Whole(read_ndb) };
pub(in super::super) const BDB: Extractor =
    Extractor { name: "installed/rpm-bdb", claim: claim_bdb, extract: Read::Whole(read_bdb) };

fn claim_sqlite(head: &Head<'_>) -> bool {
    sqlite::begins(head.data)
}

fn claim_ndb(head: &Head<'_>) -> bool {
    head.data.starts_with(ndb::MAGIC)
}

fn claim_bdb(head: &Head<'_>) -> bool {
    bdb::begins(head.data)
}

/// What stood in the way of reading all of a database: place, reason, and what it was.
type Broken = Option<(usize, Reason, &'static str)>;

/// What each tag says.
const TEXTS: &[(u32, FactKind, &str)] = &[
    (tag::VENDOR, FactKind::Supplier, "VENDOR"),
    (tag::PACKAGER, FactKind::Publisher, "PACKAGER"),
    (tag::URL, FactKind::Url, "URL"),
    (tag::SUMMARY, FactKind::Description, "SUMMARY"),
    (tag::DESCRIPTION, FactKind::Description, "DESCRIPTION"),
    (tag::LICENSE, FactKind::License, "LICENSE"),
];

/// What a header says of its package. Nothing without a name.
pub(in super::super) fn entry<'d>(header: &Header<'d>) -> Option<Entry<'d>> {
    let name = header.text(tag::NAME)?;
    let (version, release) = (header.text(tag::VERSION), header.text(tag::RELEASE));
    let version = match (version, release) {
        (Some(version), Some(release)) => Cow::Owned(format!("{version}-{release}")),
        (version, _) => version.unwrap_or_default(),
    };
    let mut entry = Entry { kind: Some("rpm"), name, version, fields: ("NAME", "VERSION"), ..Entry::default() };
    entry.qualifiers.extend(header.text(tag::ARCH).map(|arch| ("arch", arch)));
    entry.qualifiers.extend(header.numbers(tag::EPOCH).next().map(|epoch| ("epoch", epoch.to_string().into())));
    for (tag, kind, field) in TEXTS {
        if let Some(text) = header.text(*tag) {
            let text = match kind {
                FactKind::Publisher | FactKind::Supplier => Cow::Owned(super::without_address(&text).to_owned()),
                _ => text,
            };
            entry.add(*kind, text, field);
        }
    }
    for (tag, field) in [(tag::DISTRIBUTION, "DISTRIBUTION"), (tag::SOURCE, "SOURCERPM")] {
        if let Some(text) = header.text(tag) {
            entry.add(FactKind::Property, format!("{field}={text}"), field);
        }
    }
    Some(entry)
}

/// The paths of a package's files: names by folder, or whole ones.
pub(in super::super) fn files(header: &Header<'_>) -> impl Iterator<Item = String> {
    let folders: Vec<_> = header.texts(tag::DIR_NAMES).take(super::FILES).collect();
    let names = header.texts(tag::BASE_NAMES).zip(header.numbers(tag::DIR_INDEXES));
    let whole = names.map(move |(name, folder)| {
        // Of a folder that is not there the name alone is left.
        let folder = usize::try_from(folder).ok().and_then(|folder| folders.get(folder));
        format!("{}{name}", folder.map_or("", |folder| folder))
    });
    whole.chain(header.texts(tag::OLD_FILES).map(Cow::into_owned))
}

/// Headers one after the other, as components.
struct Found {
    packages: Packages,
    broken: u64,
    fault: Option<Fault>,
}

impl Found {
    fn new(found_by: &'static str, doc: &Doc<'_>) -> Found {
        Found { packages: Packages::new(found_by, doc.limits), broken: 0, fault: None }
    }

    fn take(&mut self, blob: &[u8], inventory: &mut Inventory<'_>) -> bool {
        match Header::read(blob) {
            Ok(header) => {
                self.broken += u64::from(header.broken);
                match entry(&header) {
                    Some(entry) => return self.packages.add(&entry, files(&header), inventory),
                    None => self.broken += 1,
                }
            }
            Err(fault) => {
                self.broken += 1;
                self.fault.get_or_insert(fault);
            }
        }
        true
    }

    /// Says what could not be read. A database in which nothing is a package's header is none of RPM's.
    fn close(self, broken: Broken, named: bool, doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
        if self.packages.none(doc.limits) && !named {
            return Mine::No;
        }
        if self.broken > 0 {
            let reason = if self.fault == Some(Fault::Huge) { Reason::Limit } else { Reason::Malformed };
            let detail = format!("{} headers of packages could not be read, or not to their end", self.broken);
            inventory.gap("", reason, detail);
        }
        if let Some((at, reason, what)) = broken {
            inventory.gap(format!("0x{at:x}"), reason, format!("the database breaks: {what}"));
        }
        Mine::Yes
    }
}

fn read_sqlite(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let Some(mut database) = Database::open(doc.data) else { return Mine::No };
    let table = database.tables().into_iter().find(|table| table.name == "Packages" && table.sql.contains("blob"));
    let Some(table) = table else { return Mine::No };
    let mut found = Found::new(SQLITE.name, doc);
    database.rows(&table, &mut |_, row| match row.get(1).and_then(sqlite::Value::blob) {
        Some(blob) => found.take(blob, inventory),
        None => true,
    });
    if database.logged {
        inventory.remark("0x13", "the database writes to a log beside it first: what stands there is not read");
    }
    found.close(database.fault, named(inventory, "rpmdb.sqlite"), doc, inventory)
}

/// True where the file bears the name of the database.
fn named(inventory: &Inventory<'_>, name: &str) -> bool {
    crate::source::base_name(&inventory.file.path) == name
}

fn read_ndb(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let mut found = Found::new(NDB.name, doc);
    let broken = ndb::read(doc.data, &mut |blob| found.take(blob, inventory));
    found.close(broken, true, doc, inventory)
}

fn read_bdb(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let mut found = Found::new(BDB.name, doc);
    let broken = bdb::read(doc.data, &mut |value| {
        // The first value of the table is only a number.
        if value.len() <= 4 { true } else { found.take(value, inventory) }
    });
    found.close(broken, named(inventory, "Packages"), doc, inventory)
}
