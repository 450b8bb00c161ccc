//! Go's build information: the compiler, the main module, every module built in, and the settings of the build.
//!
//! In: the bytes of a program in any format, and how its addresses lie in the file. Out: facts and a component per
//! module. Must not know the format of the program.

use packageurl::PackageUrl;

use crate::fact::{Component, FactKind, Graph, Inventory, Reason, cut};

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The name of the section in ELF files.
pub(super) const SECTION: &str = ".go.buildinfo";
/// Places of the magic that are tried: a program that reads such information holds it as a text, too.
const PLACES: usize = 64;
/// Bytes of module information; a thousand modules have some 100 KiB.
const MOST: usize = 8 << 20;
/// Modules read.
const MODULES: usize = 100_000;
/// Longest text in it.
const TEXT: usize = 4096;

/// How addresses lie in the file.
pub(super) type Place<'f> = &'f dyn Fn(u64) -> Option<usize>;

/// Says what the first sound information in the data holds. `from` is where it is looked for.
pub(super) fn say(data: &[u8], from: usize, place: Place<'_>, inventory: &mut Inventory<'_>) {
    let rest = data.get(from..).unwrap_or_default();
    let places = memchr::memmem::find_iter(rest, MAGIC).map(|at| from + at);
    for (index, at) in places.enumerate() {
        if index >= PLACES {
            let detail = format!("more than {PLACES} places of build information; the rest was not read");
            return inventory.gap("go", Reason::Limit, detail);
        }
        let Some((version, modules)) = read(data, at, place) else { continue };
        inventory.say(FactKind::Toolchain, cut(&version, TEXT), "go/version");
        match modules {
            Some(modules) => say_modules(&modules, inventory),
            None => inventory.gap("go", Reason::Malformed, "module information that leads out of the file; not read"),
        }
        return;
    }
}

/// Compiler and modules at one place. Modules that cannot be read are none.
fn read(data: &[u8], at: usize, place: Place<'_>) -> Option<(String, Option<String>)> {
    let head = data.get(at..)?.get(..32)?;
    let (width, flags) = (head.get(14).copied()?, head.get(15).copied()?);
    let (version, modules) = if flags & 2 != 0 {
        let (version, next) = inline(data, at + 32)?;
        (version, inline(data, next).map(|(modules, _)| modules))
    } else {
        let big = flags & 1 != 0;
        let width = usize::from(width);
        if !matches!(width, 4 | 8) {
            return None;
        }
        let header = |i: usize| word(data, at.checked_add(16 + i * width)?, width, big);
        let text = |i: usize| {
            let at = place(header(i)?)?;
            let start = place(word(data, at, width, big)?);
            let size = usize::try_from(word(data, at.checked_add(width)?, width, big)?).ok()?;
            // An empty text leads nowhere.
            if size == 0 { Some(&[][..]) } else { data.get(start?..)?.get(..size) }
        };
        // A program without modules has no text of them.
        (text(0)?, if header(1) == Some(0) { Some(&[][..]) } else { text(1) })
    };
    let version = std::str::from_utf8(version).ok()?;
    let known = version.starts_with("go") || version.starts_with("devel") || version.contains("go1.");
    known.then(|| (version.to_owned(), modules.filter(|m| m.len() <= MOST).map(framed)))
}

/// A text with its length before it, and where it ends.
fn inline(data: &[u8], mut at: usize) -> Option<(&[u8], usize)> {
    let (mut size, mut shift) = (0u64, 0);
    loop {
        let byte = *data.get(at)?;
        at += 1;
        size |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    let end = at.checked_add(usize::try_from(size).ok()?)?;
    Some((data.get(at..end)?, end))
}

fn word(data: &[u8], at: usize, width: usize, big: bool) -> Option<u64> {
    let bytes = data.get(at..at.checked_add(width)?)?;
    let of = |bytes: &mut dyn Iterator<Item = &u8>| bytes.fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    Some(if big { of(&mut bytes.iter()) } else { of(&mut bytes.iter().rev()) })
}

/// The text between its two marks of sixteen bytes.
fn framed(text: &[u8]) -> String {
    let inner = text.len().checked_sub(16).and_then(|end| text.get(16..end)).filter(|t| t.ends_with(b"\n"));
    String::from_utf8_lossy(inner.unwrap_or_default()).into_owned()
}

/// A module on its line: path, version, digest.
fn module(rest: &str) -> (&str, &str, &str) {
    let mut parts = rest.split('\t');
    let mut next = || cut(parts.next().unwrap_or_default(), TEXT);
    (next(), next(), next())
}

fn say_modules(text: &str, inventory: &mut Inventory<'_>) {
    let root = Graph::key("go");
    let mut last = root;
    for (i, line) in text.lines().enumerate() {
        if i == MODULES {
            inventory.gap("go", Reason::Limit, format!("more than {MODULES} lines; the rest was not read"));
            return;
        }
        let Some((key, rest)) = line.split_once('\t') else { continue };
        match key {
            "path" => {
                // The package that has `main`; its module may hold others.
                let path = cut(rest, TEXT);
                inventory.say(FactKind::Name, path, "go/path");
                inventory.graph.node(root, path, None);
                inventory.graph.root(root);
            }
            "build" => inventory.say(FactKind::Property, cut(rest, TEXT), "go/build"),
            "mod" | "dep" | "=>" => {
                let of = if key == "=>" { last } else { root };
                last = Graph::key(&format!("go/{i}"));
                declare(
                    module(rest),
                    last,
                    &format!("go/{}/{i}", if key == "=>" { "replaced-by" } else { key }),
                    inventory,
                );
                inventory.graph.edge(of, last);
            }
            _ => {}
        }
    }
}

fn declare((path, version, sum): (&str, &str, &str), reference: u64, at: &str, inventory: &mut Inventory<'_>) {
    let mut c: Component = inventory.declare("binary/go", at);
    c.reference = Some(reference);
    inventory.graph.node(reference, path, Some(version).filter(|v| !v.is_empty()));
    c.say(FactKind::Name, path, "/path");
    c.say(FactKind::Version, version, "/version");
    if let Some(purl) = purl(path, version) {
        c.say(FactKind::Purl, purl, "/path");
    }
    if !sum.is_empty() {
        // A hash of a list of hashes, in base64: no digest of any file.
        c.say(FactKind::Property, format!("sum={sum}"), "/sum");
    }
    inventory.add(c);
}

/// The package URL of a module; a folder that stands for one has none.
fn purl(path: &str, version: &str) -> Option<String> {
    if path.starts_with(['.', '/']) || path.contains(['\\', ':']) {
        return None;
    }
    let (namespace, name) = path.rsplit_once('/').map_or((None, path), |(before, name)| (Some(before), name));
    let mut purl = PackageUrl::new("golang", name.to_owned()).ok()?;
    if let Some(namespace) = namespace {
        purl.with_namespace(namespace.to_owned()).ok()?;
    }
    // `(devel)` says that no version was known.
    if !version.is_empty() && !version.starts_with('(') {
        purl.with_version(version.to_owned()).ok()?;
    }
    Some(purl.to_string())
}
