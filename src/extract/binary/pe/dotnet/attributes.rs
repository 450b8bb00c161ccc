//! Custom attributes of a .NET assembly: company, product, title, copyright and versions, as its author wrote them.
//!
//! In: the tables through the [`Reader`]. Out: facts, and a label where a company is named. Only attributes of the
//! runtime's own name spaces count; their values are texts.

use std::borrow::Cow;

use super::Reader;
use super::metadata::compressed;
use super::schema::{
    ASSEMBLY, CUSTOM_ATTRIBUTE, CUSTOM_ATTRIBUTE_TYPE, HAS_CUSTOM_ATTRIBUTE, MEMBER_REF, MEMBER_REF_PARENT, METHOD,
    TYPE_DEF, TYPE_REF,
};
use crate::fact::{FactKind, Label, LabelSource, cut};

/// Attributes of the assembly that are read; real ones have dozens.
const ATTRIBUTES: usize = 4096;
/// Bytes of a value.
const VALUE: usize = 16 << 10;

pub(super) fn say(reader: &mut Reader<'_, '_, '_>) {
    let mut left = ATTRIBUTES;
    let mut label = Names::default();
    for row in reader.rows(CUSTOM_ATTRIBUTE, u32::MAX) {
        if !reader.spend() {
            break;
        }
        let of = HAS_CUSTOM_ATTRIBUTE.row(reader.cell(CUSTOM_ATTRIBUTE, row, 0));
        if of != Some((ASSEMBLY, 1)) {
            continue;
        }
        if left == 0 {
            reader.cut = true;
            break;
        }
        left -= 1;
        let Some((space, name)) = attribute(reader, reader.cell(CUSTOM_ATTRIBUTE, row, 1)) else {
            reader.lost = true;
            continue;
        };
        if matches!(&*space, "System.Reflection" | "System.Runtime.Versioning") {
            let blob = reader.blob(CUSTOM_ATTRIBUTE, row, 2);
            one(reader, &name, blob, &mut label);
        }
    }
    let product = label.product.or_else(|| label.title.clone());
    if let Some(vendor) = label.vendor {
        let assembly = reader.version(ASSEMBLY, 1, 1);
        let version = label.version.or(label.file_version).or(Some(assembly));
        let at = reader.inventory.at(".NET/Assembly");
        reader.inventory.labels.push(Label { vendor: Some(vendor), product, version, at, from: LabelSource::Assembly });
    }
}

/// What the label is made of.
#[derive(Default)]
struct Names {
    vendor: Option<String>,
    product: Option<String>,
    title: Option<String>,
    version: Option<String>,
    file_version: Option<String>,
}

/// The fact of one attribute.
fn one(reader: &mut Reader<'_, '_, '_>, name: &str, blob: &[u8], label: &mut Names) {
    let mut values = Values { rest: blob.get(2..).filter(|_| blob.starts_with(&[1, 0])).unwrap_or_default() };
    let mut unused = None;
    let (kind, kept) = match name {
        "AssemblyCompanyAttribute" => (FactKind::CompanyName, &mut label.vendor),
        "AssemblyProductAttribute" => (FactKind::ProductName, &mut label.product),
        "AssemblyTitleAttribute" => (FactKind::FileDescription, &mut label.title),
        "AssemblyDescriptionAttribute" => (FactKind::FileDescription, &mut unused),
        "AssemblyCopyrightAttribute" => (FactKind::LegalCopyright, &mut unused),
        "AssemblyTrademarkAttribute" => (FactKind::LegalTrademarks, &mut unused),
        "AssemblyInformationalVersionAttribute" => (FactKind::ProductVersion, &mut label.version),
        "AssemblyFileVersionAttribute" => (FactKind::FileVersion, &mut label.file_version),
        "TargetFrameworkAttribute" => (FactKind::Toolchain, &mut unused),
        // A key and a value of the author's own choice.
        "AssemblyMetadataAttribute" => (FactKind::VersionString, &mut unused),
        _ => return,
    };
    let Some(mut value) = values.next_text() else {
        reader.lost = true;
        return;
    };
    if kind == FactKind::VersionString {
        let second = values.next_text().unwrap_or_default();
        value = format!("{value}={second}");
    }
    let field = format!(".NET/{}", name.trim_end_matches("Attribute"));
    reader.inventory.say(kind, &value, field);
    if !value.trim().is_empty() {
        kept.get_or_insert_with(|| value.trim().to_owned());
    }
}

/// Name space and name of the type whose constructor is called.
fn attribute<'d>(reader: &Reader<'_, 'd, '_>, constructor: u32) -> Option<(Cow<'d, str>, Cow<'d, str>)> {
    let metadata = reader.metadata;
    let (table, row) = match CUSTOM_ATTRIBUTE_TYPE.row(constructor)? {
        (MEMBER_REF, row) => MEMBER_REF_PARENT.row(metadata.cell(MEMBER_REF, row, 0)?)?,
        (METHOD, row) => (TYPE_DEF, owner(reader, row)),
        other => other,
    };
    // Both tables of types hold the name in the second column and its space in the third.
    if table != TYPE_REF && table != TYPE_DEF {
        return Some(Default::default());
    }
    let text = |column: usize| metadata.text(metadata.cell(table, row, column)?);
    text(2).zip(text(1))
}

/// The type that defines a method: the last whose methods begin at or before it.
fn owner(reader: &Reader<'_, '_, '_>, method: u32) -> u32 {
    let (mut low, mut high) = (0, reader.metadata.rows(TYPE_DEF));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if reader.cell(TYPE_DEF, middle, 5) <= method { low = middle } else { high = middle - 1 }
    }
    low
}

/// The fixed arguments of an attribute, one behind the other.
struct Values<'d> {
    rest: &'d [u8],
}

impl Values<'_> {
    /// The next text; one that is null is empty.
    fn next_text(&mut self) -> Option<String> {
        if let [0xff, rest @ ..] = self.rest {
            self.rest = rest;
            return Some(String::new());
        }
        let (length, used) = compressed(self.rest)?;
        let end = used.checked_add(length)?;
        let text = self.rest.get(used..end)?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        let text = String::from_utf8_lossy(text.get(..VALUE).unwrap_or(text));
        Some(cut(&text, VALUE).to_owned())
    }
}
