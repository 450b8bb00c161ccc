//! What the loader of a Mach-O image reads in place of the symbol table: the export trie, the bind programs and the chained
//! fixups. A stripped program keeps its names only there.
//!
//! In: an [`Image`]. Out: names that the symbol table did not say. The trie of a hostile file has loops and shares its
//! branches: no node is visited twice, and the walk keeps its own stack.

use super::image::Image;
use super::symbols::{NAME, Said, plain};
use super::{FactKind, Inventory, Reason, SYMBOLS};
use crate::bytes::until_zero;

/// Says the names.
pub(super) fn say<'a>(image: &Image<'a>, prefix: &str, said: &mut Said<'a>, inventory: &mut Inventory<'_>) {
    let old = image.dyld_info.map(|[.., at, len]| (at, len)).filter(|(_, len)| *len > 0);
    for (place, what) in [(old, "LC_DYLD_INFO/export"), (image.exports_trie, "LC_DYLD_EXPORTS_TRIE")] {
        let Some((at, len)) = place.filter(|(_, len)| *len > 0) else { continue };
        let field = format!("{prefix}{what}");
        let trie = image.part(at, len, &field, inventory);
        exports(trie, &field, said, inventory);
    }
    if let Some([_, _, bind, bind_len, weak, weak_len, lazy, lazy_len, _, _]) = image.dyld_info {
        for (at, len, what) in [(bind, bind_len, "bind"), (weak, weak_len, "weak-bind"), (lazy, lazy_len, "lazy-bind")]
        {
            let field = format!("{prefix}LC_DYLD_INFO/{what}");
            if len > 0 {
                binds(image.part(at, len, &field, inventory), &field, said, inventory);
            }
        }
    }
    if let Some((at, len)) = image.fixups.filter(|(_, len)| *len > 0) {
        let field = format!("{prefix}LC_DYLD_CHAINED_FIXUPS");
        let table = image.part(at, len, &field, inventory);
        if imports(image, table, &field, said, inventory).is_none() {
            inventory.gap(field, Reason::Malformed, "the table of imports leads out of it");
        }
    }
}

/// A number of seven bits a byte, and what stands behind it.
fn uleb(data: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (i, byte) in data.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f).checked_shl(7 * i as u32).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some((number, data.get(i + 1..)?));
        }
    }
    None
}

/// A node whose edges are not all followed.
struct Open<'a> {
    edges: &'a [u8],
    left: u8,
    /// How much of the name leads to it.
    name: usize,
}

fn exports(trie: &[u8], field: &str, said: &Said<'_>, inventory: &mut Inventory<'_>) {
    let mut visited = vec![false; trie.len()];
    let (mut name, mut stack) = (Vec::new(), Vec::new());
    // Each byte of a real one belongs to one node.
    let mut budget = trie.len().saturating_mul(2);
    let (mut count, mut broken) = (0usize, false);
    let mut next = Some(0usize);
    loop {
        if let Some(at) = next.take() {
            match visited.get_mut(at) {
                Some(seen) if !*seen => *seen = true,
                _ => broken = true,
            }
            if !broken {
                let node = node(trie, at);
                broken |= node.is_none();
                if let Some((terminal, left, edges)) = node {
                    if terminal && !name.is_empty() && !said.offered.contains(name.as_slice()) {
                        count += 1;
                        inventory.say(FactKind::ExportSymbol, plain(&name), field);
                    }
                    stack.push(Open { edges, left, name: name.len() });
                }
            }
        }
        if count >= SYMBOLS || inventory.file.full() {
            let detail = format!("more than {SYMBOLS} exported names, or too much of them; the rest was not read");
            return inventory.gap(field, Reason::Limit, detail);
        }
        let Some(open) = stack.last_mut() else { break };
        name.truncate(open.name);
        if open.left == 0 {
            stack.pop();
            continue;
        }
        open.left -= 1;
        let edge = until_zero(open.edges, NAME);
        let Some((target, rest)) = open.edges.get(edge.len() + 1..).and_then(uleb) else {
            (open.left, broken) = (0, true);
            continue;
        };
        open.edges = rest;
        let Some(fewer) = budget.checked_sub(edge.len() + 1).filter(|_| name.len() + edge.len() <= NAME) else {
            let detail = "names without end in the trie of exports; the rest was not read";
            return inventory.gap(field, Reason::Limit, detail);
        };
        budget = fewer;
        name.extend_from_slice(edge);
        next = usize::try_from(target).ok().or(Some(usize::MAX));
    }
    if broken {
        inventory.gap(field, Reason::Malformed, "the trie of exports leads out of itself or back into itself");
    }
}

/// Whether a name ends at a node, how many edges it has, and the edges.
fn node(trie: &[u8], at: usize) -> Option<(bool, u8, &[u8])> {
    let (size, rest) = uleb(trie.get(at..)?)?;
    let (count, edges) = rest.get(usize::try_from(size).ok()?..)?.split_first()?;
    Some((size > 0, *count, edges))
}

/// The symbols that a bind program sets.
fn binds<'a>(program: &'a [u8], field: &str, said: &mut Said<'a>, inventory: &mut Inventory<'_>) {
    let mut rest = program;
    let skip = |rest: &'a [u8], numbers: usize| (0..numbers).try_fold(rest, |rest, _| uleb(rest).map(|(_, rest)| rest));
    while let Some((code, behind)) = rest.split_first() {
        if inventory.file.full() {
            return;
        }
        let numbers = match code & 0xf0 {
            // Library, addend, segment and offset, address, bind and address.
            0x20 | 0x60 | 0x70 | 0x80 | 0xa0 => 1,
            // Bind so many times, skipping so much.
            0xc0 => 2,
            0xd0 => usize::from(code & 0x0f == 0),
            _ => 0,
        };
        let next = if code & 0xf0 == 0x40 {
            let name = until_zero(behind, NAME);
            want(name, field, said, inventory);
            behind.get(name.len() + 1..)
        } else {
            skip(behind, numbers)
        };
        let Some(next) = next else {
            return inventory.gap(field, Reason::Malformed, "a bind program that ends in the middle");
        };
        rest = next;
    }
}

fn want<'a>(name: &'a [u8], field: &str, said: &mut Said<'a>, inventory: &mut Inventory<'_>) {
    if said.wanted.len() >= 2 * SYMBOLS {
        if !said.wanted.contains(name) && !said.bitten {
            said.bitten = true;
            let detail = format!("more than {} imported names; the rest was not read", 2 * SYMBOLS);
            inventory.gap(field, Reason::Limit, detail);
        }
    } else if said.wanted.insert(name) {
        inventory.say(FactKind::ImportSymbol, plain(name), field);
    }
}

/// The names in the table of imports of chained fixups.
fn imports<'a>(
    image: &Image<'a>,
    table: &'a [u8],
    field: &str,
    said: &mut Said<'a>,
    inventory: &mut Inventory<'_>,
) -> Option<()> {
    let number = |at: usize| image.word_in(table, at).and_then(|n| usize::try_from(n).ok());
    let (start, names, count) = (number(8)?, number(12)?, number(16)?);
    if count == 0 {
        return Some(());
    }
    let width = match number(20)? {
        1 => 4,
        2 => 8,
        3 => 16,
        other => {
            inventory.gap(field, Reason::Unsupported, format!("imports of the unknown form {other}"));
            return Some(());
        }
    };
    if number(24)? != 0 {
        inventory.gap(field, Reason::Unsupported, "compressed names of imports: not read by this version");
        return Some(());
    }
    if count > SYMBOLS {
        inventory.gap(field, Reason::Limit, format!("more than {SYMBOLS} imports; the rest was not read"));
    }
    let names = table.get(names..)?;
    let entries = table.get(start..)?.chunks_exact(width);
    let short = entries.len() < count;
    // Each name is said once in a real table.
    let mut budget = table.len().saturating_mul(4);
    for entry in entries.take(count.min(SYMBOLS)) {
        if inventory.file.full() {
            break;
        }
        // Eight bits of library, one for weak, twenty-three of name; the widest form has thirty-two of name.
        let at = match width {
            16 => image.word_in(entry, 4)?,
            _ => image.word_in(entry, 0)? >> 9,
        };
        let name = until_zero(names.get(at as usize..)?, NAME);
        let Some(left) = budget.checked_sub(name.len()) else {
            inventory.gap(field, Reason::Limit, "one name stands in it many times; the rest was not read");
            break;
        };
        budget = left;
        want(name, field, said, inventory);
    }
    (!short).then_some(())
}
