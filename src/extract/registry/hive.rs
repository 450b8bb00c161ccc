//! Registry hives: `SOFTWARE`, `SYSTEM`, `NTUSER.DAT` and the like, of a disk image or a container.
//!
//! In: a file that starts with `regf`. Out: keys down to three levels, installed products as components, services
//! with their programs. Transaction logs beside the hive are not applied.

use super::super::{Doc, Extractor, Head, Mine, Read};
use super::cells::{Hive, Key, VALUES};
use crate::bytes::le32;
use crate::fact::{FactKind, Inventory, Reason};

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "registry/hive", claim, extract: Read::Whole(extract) };

/// Levels of keys said.
const DEPTH: usize = 3;
/// Cells read of one hive: a hostile one leads to the same keys again and again.
const CELLS: u32 = 4_000_000;
/// Where installed products are listed, below each of the roots.
const UNINSTALL: &[&str] = &["Microsoft", "Windows", "CurrentVersion", "Uninstall"];
/// What stands above it: nothing in `SOFTWARE`, the folder of that name in a user's hive.
const ROOTS: &[&[&str]] = &[&[], &["Wow6432Node"], &["Software"], &["Software", "Wow6432Node"]];

/// What is read of each of them.
pub(super) const PRODUCT: &[&str] =
    &["DisplayName", "Publisher", "DisplayVersion", "URLInfoAbout", "InstallLocation", "UninstallString"];

fn claim(head: &Head<'_>) -> bool {
    head.data.starts_with(b"regf")
}

fn extract(doc: &Doc<'_>, inventory: &mut Inventory<'_>) -> Mine {
    let data = doc.data;
    let (Some(first), Some(second), Some(root), Some(size)) =
        (le32(data, 4), le32(data, 8), le32(data, 36), le32(data, 40))
    else {
        inventory.gap("", Reason::Truncated, "a registry hive that ends within its header");
        return Mine::Yes;
    };
    let held = u64::try_from(data.len()).unwrap_or(u64::MAX).saturating_sub(4096);
    if u64::from(size) > held {
        let detail = format!("the header speaks of {size} bytes of keys and the file has {held}");
        inventory.gap("0x28", Reason::Truncated, detail);
    }
    if first != second {
        inventory.remark("0x4", "the hive was not closed: what stands in its transaction logs is not read");
    }
    let mut hive = Hive::new(data, CELLS);
    if let Some(root) = hive.key(root) {
        products(&mut hive, root, inventory);
        services(&mut hive, root, inventory);
        keys(&mut hive, root, "", 1, inventory);
    }
    if hive.left == 0 {
        inventory.gap("", Reason::Limit, format!("more than {CELLS} cells; the rest of the hive was not read"));
    }
    if hive.more {
        inventory.gap("", Reason::Limit, format!("a key with more than {VALUES} values; the rest was not read"));
    }
    if let Some(at) = hive.broken {
        inventory.gap(format!("0x{at:x}"), Reason::Malformed, "a cell of the hive cannot be read; others may be, too");
    }
    Mine::Yes
}

/// Says the keys below one, with their paths.
fn keys<'d>(hive: &mut Hive<'d>, above: Key<'d>, path: &str, depth: usize, inventory: &mut Inventory<'_>) {
    hive.each(above, &mut |hive, key| {
        let name = key.name();
        let path = if path.is_empty() { name } else { format!("{path}\\{name}") };
        inventory.say(FactKind::RegistryKey, &path, "key");
        if depth < DEPTH {
            keys(hive, key, &path, depth + 1, inventory);
        }
        !inventory.file.full()
    });
}

/// Installed products, each a component of its own.
fn products<'d>(hive: &mut Hive<'d>, root: Key<'d>, inventory: &mut Inventory<'_>) {
    for above in ROOTS {
        let path: Vec<&str> = above.iter().chain(UNINSTALL).copied().collect();
        let Some(list) = hive.below(root, &path) else { continue };
        let place = path.join("\\");
        hive.each(list, &mut |hive, key| {
            let texts = hive.texts(key, PRODUCT);
            product(&format!("{place}\\{}", key.name()), &texts, inventory, EXTRACTOR.name);
            true
        });
    }
}

/// One installed product, by the texts of its key.
pub(super) fn product(at: &str, texts: &[(String, String)], inventory: &mut Inventory<'_>, found_by: &'static str) {
    let get = |wanted: &str| {
        texts.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map_or("", |(_, text)| text.as_str())
    };
    if get("DisplayName").is_empty() && get("Publisher").is_empty() {
        return;
    }
    let mut c = inventory.declare(found_by, at);
    c.say(FactKind::ProductName, get("DisplayName"), "\\DisplayName");
    c.say(FactKind::CompanyName, get("Publisher"), "\\Publisher");
    c.say(FactKind::ProductVersion, get("DisplayVersion"), "\\DisplayVersion");
    c.say(FactKind::Url, get("URLInfoAbout"), "\\URLInfoAbout");
    c.say(FactKind::Path, get("InstallLocation").replace('\\', "/"), "\\InstallLocation");
    c.say(FactKind::FileReference, command(get("UninstallString")), "\\UninstallString");
    inventory.add(c);
}

/// Services and drivers of every control set.
fn services<'d>(hive: &mut Hive<'d>, root: Key<'d>, inventory: &mut Inventory<'_>) {
    let mut sets = Vec::new();
    hive.each(root, &mut |_, key| {
        let name = key.name();
        if name.to_ascii_lowercase().contains("controlset") {
            sets.push((name, key));
        }
        sets.len() < 16
    });
    for (set, key) in sets {
        let Some(list) = hive.child(key, "Services") else { continue };
        hive.each(list, &mut |hive, key| {
            let name = key.name();
            let place = format!("{set}\\Services\\{name}");
            let texts = hive.texts(key, &["ImagePath", "DisplayName"]);
            inventory.say(FactKind::ServiceName, &name, &place);
            for (label, text) in &texts {
                if label.eq_ignore_ascii_case("ImagePath") {
                    program(text, &format!("{place}\\ImagePath"), inventory);
                } else if label.eq_ignore_ascii_case("DisplayName") && !text.starts_with('@') {
                    inventory.say(FactKind::FileDescription, text, format!("{place}\\DisplayName"));
                }
            }
            !inventory.file.full()
        });
    }
}

/// The program of a command line: its path, and its name alone.
fn program(line: &str, place: &str, inventory: &mut Inventory<'_>) {
    let path = command(line);
    inventory.say(FactKind::FileReference, path, place);
    let name = crate::source::base_name(path);
    if name != path {
        inventory.say(FactKind::FileReference, name, place);
    }
}

/// The program of a command line.
fn command(line: &str) -> &str {
    let line = line.trim();
    match line.strip_prefix('"') {
        Some(rest) => rest.split('"').next().unwrap_or(rest),
        // Without quotes it ends with its ending.
        None => {
            let lower = line.to_ascii_lowercase();
            let end = [".exe", ".sys", ".dll"].iter().filter_map(|e| lower.find(e).map(|at| at + 4)).min();
            end.and_then(|end| line.get(..end)).unwrap_or(line)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_names_its_program() {
        let path = "SYSTEM".into();
        let mut inventory = Inventory::new(&path, &path);
        program(r#""C:\Program Files\Acme\svc.exe" -r"#, "", &mut inventory);
        program(r"\SystemRoot\system32\drivers\acme.SYS -x", "", &mut inventory);
        let seen: Vec<_> = inventory.file.facts().map(|f| f.value.to_owned()).collect();
        assert_eq!(
            seen,
            [r"C:\Program Files\Acme\svc.exe", "svc.exe", r"\SystemRoot\system32\drivers\acme.SYS", "acme.SYS"]
        );
    }

    /// A hive whose one list of keys names its own root, many times.
    #[test]
    fn keys_that_lead_back_to_themselves_end() {
        let mut data = vec![0u8; 4096 + 0x50000];
        data[..4].copy_from_slice(b"regf");
        let mut put = |at: usize, bytes: &[u8]| data[4096 + at..4096 + at + bytes.len()].copy_from_slice(bytes);
        put(0x20, &(-0x60i32).to_le_bytes());
        put(0x24, b"nk\x20\0");
        put(0x24 + 20, &1u32.to_le_bytes());
        put(0x24 + 28, &0x100u32.to_le_bytes());
        put(0x24 + 72, &4u16.to_le_bytes());
        put(0x24 + 76, b"Loop");
        put(0x100, &(-0x4fe00i32).to_le_bytes());
        put(0x104, b"li\xff\xff");
        for index in 0..0xffff {
            put(0x108 + 4 * index, &0x20u32.to_le_bytes());
        }
        data[36..40].copy_from_slice(&0x20u32.to_le_bytes());
        let path = "SYSTEM".into();
        let mut inventory = Inventory::new(&path, &path);
        let (options, limits) = (super::super::super::Options::default(), crate::source::Limits::default());
        extract(&Doc { data: &data, options: &options, limits: &limits }, &mut inventory);
        assert!(inventory.gaps.iter().any(|gap| gap.reason == Reason::Limit) || inventory.file.full());
    }
}
