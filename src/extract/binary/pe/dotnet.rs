//! .NET assemblies: what the CLI metadata of a PE image says of its name, maker, references and native imports.
//!
//! In: the headers as [`Image`]. Out: facts, and a label where the assembly names its company. Read by our own walk:
//! the crates measured abort on hostile counts. One budget of rows a file; the text of a name is bounded, so a million
//! rows that name one long text cost little.

mod attributes;
mod metadata;
mod schema;

use std::borrow::Cow;
use std::collections::HashSet;

use metadata::Metadata;
use schema::{ASSEMBLY, ASSEMBLY_REF, FILE, IMPL_MAP, MANIFEST_RESOURCE, MODULE, MODULE_REF, TYPE_DEF};
use sha1::{Digest as _, Sha1};

use super::{Image, broken};
use crate::bytes::{hex, le32};
use crate::fact::{FactKind, Inventory, Reason};

/// Rows looked at in one file.
const ROWS: usize = 4_000_000;
/// Distinct name spaces kept; the largest real assemblies have a few thousand.
const NAMESPACES: usize = 20_000;
/// Bytes of a public key: the longest that can be made has 2 KiB. A hostile one is as long as the file, in every row.
const KEY: usize = 4096;
/// Rows of the tables that name other files; real ones have hundreds.
const NAMED: u32 = 50_000;

pub(super) fn say(data: &[u8], image: &Image, inventory: &mut Inventory<'_>) {
    let Some((address, _)) = image.directory(data, 14) else { return };
    let header = image.part(data, address, 72).filter(|header| header.len() == 72);
    let root = header.and_then(|header| image.part(data, le32(header, 8)?, le32(header, 12)?));
    let Some(root) = root else { return broken(inventory, ".NET") };
    let Some(metadata) = Metadata::read(root, inventory) else { return };
    inventory.say(FactKind::Toolchain, format!("CLR {}", metadata.version), ".NET");
    let mut reader = Reader { metadata: &metadata, inventory, left: ROWS, lost: false, cut: false };
    reader.assembly();
    reader.references();
    reader.native();
    reader.resources();
    attributes::say(&mut reader);
    reader.namespaces();
    let (lost, cut) = (reader.lost, reader.cut);
    if lost {
        inventory.gap(
            ".NET",
            Reason::Malformed,
            "names or values that lead out of their heap, or keys that are none; not read",
        );
    }
    if cut {
        inventory.gap(".NET", Reason::Limit, "more rows in the tables than are read; the rest was not");
    }
}

struct Reader<'r, 'd, 's> {
    metadata: &'r Metadata<'d>,
    inventory: &'r mut Inventory<'s>,
    /// Rows that may still be looked at.
    left: usize,
    /// Whether an index led nowhere.
    lost: bool,
    /// Whether a bound has bitten.
    cut: bool,
}

impl<'d> Reader<'_, 'd, '_> {
    /// Counts a row; false when no more are to be read.
    fn spend(&mut self) -> bool {
        if self.left == 0 {
            self.cut = true;
            return false;
        }
        self.left -= 1;
        !self.inventory.file.full()
    }

    /// The rows of a table, within a bound.
    fn rows(&mut self, table: usize, most: u32) -> std::ops::RangeInclusive<u32> {
        let rows = self.metadata.rows(table);
        self.cut |= rows > most;
        1..=rows.min(most)
    }

    fn cell(&self, table: usize, row: u32, column: usize) -> u32 {
        self.metadata.cell(table, row, column).unwrap_or(0)
    }

    fn text(&mut self, table: usize, row: u32, column: usize) -> Cow<'d, str> {
        let text = self.metadata.text(self.cell(table, row, column));
        self.lost |= text.is_none();
        text.unwrap_or_default()
    }

    fn blob(&mut self, table: usize, row: u32, column: usize) -> &'d [u8] {
        let blob = self.metadata.blob(self.cell(table, row, column));
        self.lost |= blob.is_none();
        blob.unwrap_or_default()
    }

    /// Four columns from this one on.
    fn version(&self, table: usize, row: u32, column: usize) -> String {
        let part = |i: usize| self.cell(table, row, column + i);
        format!("{}.{}.{}.{}", part(0), part(1), part(2), part(3))
    }

    /// What the assembly calls itself; a module that belongs to one has only its file's name.
    fn assembly(&mut self) {
        if self.metadata.rows(ASSEMBLY) == 0 {
            if self.metadata.rows(MODULE) > 0 {
                let name = self.text(MODULE, 1, 1);
                self.inventory.say(FactKind::AssemblyName, name, ".NET/Module");
            }
            return;
        }
        let (name, culture) = (self.text(ASSEMBLY, 1, 7), self.text(ASSEMBLY, 1, 8));
        let version = self.version(ASSEMBLY, 1, 1);
        let key = self.blob(ASSEMBLY, 1, 6);
        self.inventory.say(FactKind::AssemblyName, name, ".NET/Assembly");
        self.inventory.say(FactKind::Version, version, ".NET/Assembly/Version");
        if !culture.is_empty() {
            self.inventory.say(FactKind::VersionString, format!("Culture={culture}"), ".NET/Assembly/Culture");
        }
        self.lost |= key.len() > KEY;
        if (1..=KEY).contains(&key.len()) {
            self.inventory.say(FactKind::PublicKeyToken, token(key), ".NET/Assembly/PublicKey");
        }
    }

    /// Other assemblies, and the other files of this one.
    fn references(&mut self) {
        for row in self.rows(ASSEMBLY_REF, NAMED) {
            if !self.spend() {
                return;
            }
            let (name, version) = (self.text(ASSEMBLY_REF, row, 6), self.version(ASSEMBLY_REF, row, 0));
            let mut field = format!(".NET/AssemblyRef[{row}], Version={version}");
            let culture = self.text(ASSEMBLY_REF, row, 7);
            if !culture.is_empty() {
                field.push_str(&format!(", Culture={}", crate::fact::cut(&culture, 100)));
            }
            let key = self.blob(ASSEMBLY_REF, row, 5);
            self.lost |= key.len() > KEY;
            let key = if key.len() > KEY { &[] } else { key };
            // A flag tells the whole key from its token.
            let token =
                if self.cell(ASSEMBLY_REF, row, 4) & 1 == 1 { token(key) } else { hex(key.get(..64).unwrap_or(key)) };
            if !key.is_empty() {
                field.push_str(&format!(", PublicKeyToken={}", crate::fact::cut(&token, 64)));
            }
            self.inventory.say(FactKind::AssemblyReference, name, field);
        }
        for row in self.rows(FILE, NAMED) {
            if !self.spend() {
                return;
            }
            let name = self.text(FILE, row, 1);
            self.inventory.file.say_at(FactKind::FileReference, name, format_args!(".NET/File[{row}]"));
        }
    }

    /// Functions of native libraries (P/Invoke).
    fn native(&mut self) {
        let mut used = HashSet::new();
        for row in self.rows(IMPL_MAP, u32::MAX) {
            if !self.spend() {
                return;
            }
            let scope = self.cell(IMPL_MAP, row, 3);
            let (symbol, module) = (self.text(IMPL_MAP, row, 2), self.text(MODULE_REF, scope, 0));
            if used.insert(scope) {
                self.inventory.say(FactKind::ImportModule, &module, ".NET/ImplMap");
            }
            self.inventory.file.say_at(FactKind::ImportSymbol, symbol, format_args!(".NET/ImplMap/{module}"));
        }
        // A module nothing native is asked of is another file of managed code.
        for row in self.rows(MODULE_REF, NAMED) {
            if !self.spend() {
                return;
            }
            if !used.contains(&row) {
                let name = self.text(MODULE_REF, row, 0);
                self.inventory.file.say_at(FactKind::FileReference, name, format_args!(".NET/ModuleRef[{row}]"));
            }
        }
    }

    fn resources(&mut self) {
        for row in self.rows(MANIFEST_RESOURCE, NAMED) {
            if !self.spend() {
                return;
            }
            let name = self.text(MANIFEST_RESOURCE, row, 2);
            if !name.is_empty() {
                self.inventory.say(FactKind::ResourceName, format!("managed/{name}"), ".NET/ManifestResource");
            }
        }
    }

    /// The name spaces in which it defines types, each once.
    fn namespaces(&mut self) {
        let mut seen = HashSet::from([0]);
        let mut said = HashSet::new();
        for row in self.rows(TYPE_DEF, u32::MAX) {
            if !self.spend() {
                return;
            }
            if !seen.insert(self.cell(TYPE_DEF, row, 2)) {
                continue;
            }
            if seen.len() > NAMESPACES {
                self.cut = true;
                return;
            }
            let space = self.text(TYPE_DEF, row, 2);
            if said.insert(space.clone()) {
                self.inventory.say(FactKind::Namespace, space, ".NET/TypeDef");
            }
        }
    }
}

/// The token of a public key: the last eight bytes of its SHA-1, backwards.
fn token(key: &[u8]) -> String {
    hex(Sha1::digest(key).iter().rev().take(8).copied().collect::<Vec<u8>>().as_slice())
}
