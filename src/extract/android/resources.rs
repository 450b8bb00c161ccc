//! Compiled resources: `resources.arsc` of an APK, `resources.pb` of an app bundle.
//!
//! In: either. Out: the package it was compiled for, and the strings that by custom hold an application's name. Which
//! of them it shows stands in its manifest, and is told where both are at hand.

use super::super::{Doc, Extractor, Head, Mine, Read};
use super::protobuf;
use super::table::{self, Table, Want};
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "android/resources", claim, extract: Read::Whole(extract) };

/// What projects call the name of their application.
const NAMES: &[&str] = &[
    "app_name",
    "appName",
    "app_label",
    "app_title",
    "app_full_name",
    "application_name",
    "applicationName",
    "application_label",
    "launcher_name",
    "product_name",
];

fn claim(head: &Head<'_>) -> bool {
    (head.name.ends_with(".arsc") && table::is_table(head.data)) || head.name == "resources.pb"
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let table = if table::is_table(doc.data) {
        table::read(doc.data, Want::Names(NAMES))
    } else {
        protobuf::table(doc.data, NAMES)
    };
    say(&table, inventory);
    Mine::Yes
}

fn say(table: &Table, inventory: &mut Inventory<'_>) {
    for package in &table.packages {
        inventory.say(FactKind::AndroidPackage, package, "package");
    }
    for found in table.found.iter().filter(|found| !found.value.starts_with("@0x")) {
        inventory.say(FactKind::ProductName, &found.value, field(&found.name, &found.locale));
    }
    if !table.whole {
        inventory.gap("", Reason::Truncated, "the table of resources could not be read to its end");
    }
    if table.more {
        let detail = format!("more than {} names of the application; the rest was not kept", table::FOUND);
        inventory.gap("", Reason::Limit, detail);
    }
}

/// The place of a string.
pub(super) fn field(name: &str, locale: &str) -> String {
    if locale.is_empty() { format!("string/{name}") } else { format!("string/{name}[{locale}]") }
}
