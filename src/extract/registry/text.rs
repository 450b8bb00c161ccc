//! Exported registry text: `.reg` files.
//!
//! In: text that starts with `REGEDIT4` or `Windows Registry Editor Version`. Out: the keys it sets, and a component per
//! installed product among them. Keys that it deletes are not said: a removal tool lists those of others.

use super::super::{Doc, Extractor, Head, Mine, Read, text};
use super::hive::{PRODUCT, product};
use crate::fact::{FactKind, Inventory, Reason, cut};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "registry/text", claim, extract: Read::Whole(extract) };

/// Keys said of one file, and bytes of each.
const KEYS: usize = 100_000;
const KEY: usize = 4096;

fn starts(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with("REGEDIT4") || text.starts_with("Windows Registry Editor Version")
}

fn claim(head: &Head<'_>) -> bool {
    starts(&text::decode(head.data.get(..256).unwrap_or(head.data)).0)
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let (text, _) = text::decode(doc.data);
    let mut left = KEYS;
    // The product whose values are being read, and what was read of it.
    let (mut at, mut texts): (Option<&str>, Vec<(String, String)>) = (None, Vec::new());
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[')
            && let Some(key) = at.take()
        {
            product(cut(key, KEY), &std::mem::take(&mut texts), inventory, EXTRACTOR.name);
        }
        let Some(key) = line.strip_prefix("[HK") else {
            if at.is_some() && texts.len() < PRODUCT.len() {
                texts.extend(value(line));
            }
            continue;
        };
        if left == 0 || inventory.file.full() {
            inventory.gap(
                format!("line {}", number + 1),
                Reason::Limit,
                format!("more than {KEYS} keys; the rest was not read"),
            );
            break;
        }
        left -= 1;
        let key = key.strip_suffix(']').unwrap_or(key);
        inventory.say(FactKind::RegistryKey, format!("HK{}", cut(key, KEY)), format!("line {}", number + 1));
        at = Some(key).filter(|key| is_product(key));
    }
    if let Some(key) = at {
        product(cut(key, KEY), &texts, inventory, EXTRACTOR.name);
    }
    Mine::Yes
}

/// True for a key directly below the list of installed products.
fn is_product(key: &str) -> bool {
    let above = key.rsplit_once('\\').map(|(above, _)| above.to_ascii_lowercase());
    above.is_some_and(|above| above.ends_with("\\microsoft\\windows\\currentversion\\uninstall"))
}

/// `"Name"="text"`, of the values that are read of a product.
fn value(line: &str) -> Option<(String, String)> {
    let (name, rest) = line.strip_prefix('"')?.split_once("\"=\"")?;
    let name = PRODUCT.iter().find(|known| known.eq_ignore_ascii_case(name))?;
    let text = cut(rest.strip_suffix('"').unwrap_or(rest), KEY);
    let (mut plain, mut guarded) = (String::new(), false);
    for letter in text.chars() {
        guarded = letter == '\\' && !guarded;
        if !guarded {
            plain.push(letter);
        }
    }
    Some(((*name).to_owned(), plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_products_are_components() {
        let path = "x.reg".into();
        let mut inventory = Inventory::new(&path, &path);
        let data =
            b"REGEDIT4\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Acme]\r\n\
            \"DisplayName\"=\"Acme \\\"Guard\\\"\"\r\n\"NoModify\"=dword:1\r\n\"InstallLocation\"=\"C:\\\\Acme\"\r\n\
            [HKEY_LOCAL_MACHINE\\SOFTWARE\\Other]\r\n\"DisplayName\"=\"none\"\r\n";
        let (options, limits) = (super::super::super::Options::default(), crate::source::Limits::default());
        extract(&Doc { data, options: &options, limits: &limits }, &mut inventory);
        let facts: Vec<_> = inventory.components.iter().flat_map(|c| c.facts().map(|f| f.value)).collect();
        assert_eq!(facts, ["Acme \"Guard\"", "C:/Acme"]);
    }
}
