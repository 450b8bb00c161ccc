//! What a file says of its origin in one place and takes back in another: a sign of white labelling.
//!
//! In: evidence, with what its files say of themselves. Out: the statements that do not go together. They are shown side
//! by side and make nothing surer. Must not know: any rule or output.

use std::collections::BTreeMap;

use super::Evidence;
use super::label::{is_maker, is_product};
use crate::catalog::Catalog;
use crate::fact::FactKind;

/// One thing a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// What it is about.
    pub kind: FactKind,
    /// What it says.
    pub value: String,
    /// Whether that is a sign of the find, or the name of somebody else.
    pub sign: bool,
}

/// A file name without what copies and versions add to it: `engine (1).dll`, `libengine.so.1.2`, `engine-2.1.exe`.
fn plain_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_lowercase();
    let stem =
        name.split_once(".so").map_or_else(|| name.rsplit_once('.').map_or(&*name, |(stem, _)| stem), |(s, _)| s);
    let copy = stem.split(" (").next().unwrap_or(stem).split(" - ").next().unwrap_or(stem);
    copy.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | ' ')).to_owned()
}

/// What the files with evidence say of themselves where that does not go together: a foreign maker beside a signature
/// of the find's, an original file name beside another. By component; empty for those that agree.
#[must_use]
pub fn contradictions(evidence: &[Evidence<'_>], catalog: &Catalog) -> BTreeMap<String, Vec<Statement>> {
    // What a file says of its own origin; what it imports or mentions does not contradict it.
    const ORIGIN: &[FactKind] = &[
        FactKind::CompanyName,
        FactKind::ProductName,
        FactKind::FileDescription,
        FactKind::LegalCopyright,
        FactKind::LegalTrademarks,
        FactKind::OriginalFilename,
        FactKind::InternalName,
        FactKind::ExportName,
        FactKind::ExportSymbol,
        FactKind::Soname,
        FactKind::InstallName,
        FactKind::Signer,
        FactKind::SignerName,
        FactKind::SignerNumber,
        FactKind::CertThumbprint,
        FactKind::TeamId,
        FactKind::CodeIdentifier,
        FactKind::BundleId,
        FactKind::AssemblyName,
    ];
    const MAKERS: &[FactKind] = &[FactKind::CompanyName, FactKind::ProductName, FactKind::SignerName];
    const NAMES: &[FactKind] = &[FactKind::OriginalFilename, FactKind::ExportName, FactKind::Soname];
    let mut components: BTreeMap<&str, Vec<&Evidence<'_>>> = BTreeMap::new();
    for one in evidence.iter().filter(|e| !e.hit.declared && !e.hit.doubted && ORIGIN.contains(&e.hit.kind)) {
        components.entry(&one.hit.component).or_default().push(one);
    }
    let mut found = BTreeMap::new();
    for (component, signs) in components {
        let is_sign = |kind: FactKind, value: &str| signs.iter().any(|e| e.hit.kind == kind && e.hit.value == value);
        let says = signs.iter().flat_map(|e| e.hit.says.iter());
        let mut others: Vec<Statement> = Vec::new();
        for (kind, value) in says {
            let maker = MAKERS.contains(kind)
                && !is_sign(*kind, value)
                && !is_maker(value, catalog, None)
                && (*kind != FactKind::ProductName || !is_product(value, catalog, None));
            let mut named = signs.iter().filter(|e| NAMES.contains(&e.hit.kind)).peekable();
            let renamed = *kind == FactKind::FileName
                && named.peek().is_some()
                && named.all(|e| plain_name(&e.hit.value) != plain_name(value));
            if maker || renamed {
                others.push(Statement { kind: *kind, value: value.clone(), sign: false });
            }
        }
        // A product's name beside its own maker is no contradiction: only another maker, or another file name, is.
        let foreign = others.iter().any(|s| s.kind != FactKind::ProductName)
            || !signs.iter().any(|e| matches!(e.hit.kind, FactKind::CompanyName | FactKind::SignerName));
        // Others use the same words for file names: those alone contradict no maker, only another file name.
        let words = [FactKind::OriginalFilename, FactKind::InternalName];
        let only_words = signs.iter().all(|e| words.contains(&e.hit.kind));
        let renamed = others.iter().any(|s| s.kind == FactKind::FileName);
        if others.is_empty() || !foreign || (only_words && !renamed) {
            continue;
        }
        let own = signs.iter().map(|e| Statement { kind: e.hit.kind, value: e.hit.value.clone(), sign: true });
        let mut all: Vec<Statement> = own.chain(others).collect();
        all.sort();
        all.dedup();
        found.insert(component.to_owned(), all);
    }
    found
}
