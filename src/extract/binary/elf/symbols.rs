//! Symbols: what a file offers and asks for, by its dynamic table and by the one for debuggers.
//!
//! In: [`File`] and its [`Dynamic`] table. Out: facts, and where the symbols lie that hold an SBOM. A name that stands
//! in both tables is said once. Names are said as they stand, not demangled: what is catalogued are names of C, and a
//! mangled name holds its parts as plain text.

use std::collections::HashSet;

use super::super::SYMBOLS;
use super::dynamic::{Dynamic, GNU_HASH, HASH, SYMTAB};
use super::file::{File, Names, Section};
use crate::fact::{FactKind, Inventory, Reason};

const SHT_SYMTAB: u32 = 2;
const SHT_DYNSYM: u32 = 11;
const STATIC: &str = ".symtab";
const LOCAL: &str = ".symtab (local)";

/// Where the symbols `sbom` and `sbom_length` lead, by which GraalVM keeps an SBOM in a native image.
#[derive(Default)]
pub(super) struct Marked {
    pub sbom: Option<u64>,
    pub length: Option<u64>,
}

/// An entry of a symbol table.
struct Symbol {
    name: u32,
    kind: u8,
    local: bool,
    undefined: bool,
    value: u64,
}

const OBJECT: u8 = 1;
const FUNC: u8 = 2;
const SECTION: u8 = 3;
const FILE: u8 = 4;
const IFUNC: u8 = 10;

fn symbol(file: &File<'_>, at: usize) -> Option<Symbol> {
    let (value, info, section) = if file.wide { (8, 4, 6) } else { (4, 12, 14) };
    let value = file.word(at.checked_add(value)?)?;
    let info_byte = file.data.get(at.checked_add(info)?)?;
    Some(Symbol {
        name: file.u32(at)?,
        kind: info_byte & 0xf,
        local: info_byte >> 4 == 0,
        undefined: file.u16(at.checked_add(section)?)? == 0,
        value,
    })
}

/// What is said already, by direction.
#[derive(Default)]
struct Seen<'d> {
    imports: HashSet<&'d [u8]>,
    exports: HashSet<&'d [u8]>,
}

pub(super) fn say<'d>(file: &File<'d>, dynamic: Option<&Dynamic<'d>>, inventory: &mut Inventory<'_>) -> Marked {
    let mut seen = Seen::default();
    let mut marked = Marked::default();
    let section = file.sections.iter().find(|s| s.kind == SHT_SYMTAB);
    let of_debugger = section.and_then(|s| file.held(s, STATIC, inventory).map(|bytes| (s, bytes.len())));
    if let Some((start, count, strings)) = dynamic_table(file, dynamic, inventory) {
        let known = of_debugger.is_some().then_some(&mut seen);
        dynamic_symbols(file, start, count, strings, known, &mut marked, inventory);
    }
    if let Some((section, size)) = of_debugger {
        debugger_symbols(file, section, size, &mut seen, &mut marked, inventory);
    }
    // What a kernel module offers to others.
    let kernel = "__ksymtab_strings";
    for (index, name) in file.named(kernel, inventory).unwrap_or_default().split(|b| *b == 0).enumerate() {
        if index >= SYMBOLS {
            inventory.gap(kernel, Reason::Limit, format!("more than {SYMBOLS} symbols; the rest was not read"));
            break;
        }
        if !name.is_empty() && name.len() < 4096 && seen.exports.insert(name) {
            inventory.say(FactKind::ExportSymbol, String::from_utf8_lossy(name), kernel);
        }
    }
    marked
}

fn width(file: &File<'_>) -> usize {
    if file.wide { 24 } else { 16 }
}

/// Where the dynamic symbols begin, how many there are, and their names.
fn dynamic_table<'d>(
    file: &File<'d>,
    dynamic: Option<&Dynamic<'d>>,
    inventory: &mut Inventory<'_>,
) -> Option<(usize, usize, &'d [u8])> {
    let by_section = file.sections.iter().find(|s| s.kind == SHT_DYNSYM).and_then(|section| {
        let bytes = file.bytes(section)?;
        let strings = dynamic.map(|d| d.strings).filter(|s| !s.is_empty());
        let linked = || file.sections.get(section.link as usize).and_then(|s| file.bytes(s));
        let strings = strings.or_else(linked).unwrap_or_default();
        Some((usize::try_from(section.offset).ok()?, bytes.len() / width(file), strings))
    });
    let Some((dynamic, address)) = dynamic.and_then(|d| Some((d, d.value(SYMTAB).filter(|at| *at > 0)?))) else {
        return by_section;
    };
    let by_loader = file.offset(address).map(|start| (start, counted(file, dynamic), dynamic.strings));
    if by_loader.is_none() {
        inventory.gap(".dynsym", Reason::Malformed, "the dynamic symbols lead out of the file");
    }
    // A loader looks at no section, and the section tells of symbols that nothing looks up.
    let most = [by_section, by_loader].into_iter().flatten().max_by_key(|(_, count, _)| *count);
    if most.is_some_and(|(_, count, _)| count == 0) {
        inventory.gap(".dynsym", Reason::Malformed, "there are dynamic symbols, and nothing tells how many; not read");
    }
    most
}

/// How many dynamic symbols there are where no section tells: by the hash tables, which may leave out those that are
/// asked for, and by the relocations, which name these.
fn counted(file: &File<'_>, dynamic: &Dynamic<'_>) -> usize {
    const MIPS_SYMTABNO: u64 = 0x7000_0011;
    const S390: u16 = 22;
    const ALPHA: u16 = 0x9026;
    let wide_hash = file.wide && matches!(file.machine, S390 | ALPHA);
    let by_hash = dynamic.place(HASH, file).and_then(|at| {
        if wide_hash { file.u64(at.checked_add(8)?) } else { file.u32(at.checked_add(4)?).map(u64::from) }
    });
    let by_mips = dynamic.value(MIPS_SYMTABNO).filter(|_| matches!(file.machine, 8 | 10));
    let by_gnu = dynamic.place(GNU_HASH, file).and_then(|at| by_gnu_hash(file, at));
    let by_relocations = by_relocations(file, dynamic);
    let most = [by_hash, by_mips, by_gnu, by_relocations].into_iter().flatten().max().unwrap_or(0);
    usize::try_from(most).unwrap_or(0).min(file.data.len() / width(file))
}

/// The last chain of the GNU hash table ends with the last symbol that can be looked up.
fn by_gnu_hash(file: &File<'_>, at: usize) -> Option<u64> {
    let word = |i: usize| file.u32(at.checked_add(i)?);
    let (buckets, first, bloom) = (word(0)? as usize, word(4)? as usize, word(8)? as usize);
    let start = 16usize.checked_add(bloom.checked_mul(if file.wide { 8 } else { 4 })?)?;
    let chains = start.checked_add(buckets.checked_mul(4)?)?;
    // A table that leads out of the file tells nothing.
    word(chains.checked_sub(4)?)?;
    let last = (0..buckets).filter_map(|i| word(start + i * 4)).max()? as usize;
    let Some(skip) = last.checked_sub(first) else { return Some(first as u64) };
    let mut count = last;
    let mut chain = chains.checked_add(skip.checked_mul(4)?)?;
    loop {
        count += 1;
        if word(chain)? & 1 != 0 {
            return Some(count as u64);
        }
        chain = chain.checked_add(4)?;
    }
}

/// The last symbol that a relocation names.
fn by_relocations(file: &File<'_>, dynamic: &Dynamic<'_>) -> Option<u64> {
    const MIPS: u16 = 8;
    let word = if file.wide { 8 } else { 4 };
    let symbols = dynamic.relocations(file).into_iter().flat_map(|(start, end, addend)| {
        let entry = word * if addend { 3 } else { 2 };
        (start..end).step_by(entry).filter_map(move |at| match file.wide {
            // Here the symbol is a half of its own, in either byte order.
            true if file.machine == MIPS => file.u32(at + word).map(u64::from),
            true => file.u64(at + word).map(|info| info >> 32),
            false => file.u32(at + word).map(|info| u64::from(info >> 8)),
        })
    });
    symbols.max().filter(|last| *last > 0).map(|last| last + 1)
}

fn dynamic_symbols<'d>(
    file: &File<'d>,
    start: usize,
    count: usize,
    strings: &'d [u8],
    mut seen: Option<&mut Seen<'d>>,
    marked: &mut Marked,
    inventory: &mut Inventory<'_>,
) {
    let field = ".dynsym";
    let mut names = Names::new(strings);
    for i in 0..count {
        if inventory.file.full() || names.spent {
            break;
        }
        if i == SYMBOLS {
            inventory.gap(field, Reason::Limit, format!("more than {SYMBOLS} symbols; the rest was not read"));
            break;
        }
        let symbol = i.checked_mul(width(file)).and_then(|at| symbol(file, start.checked_add(at)?));
        let Some(symbol) = symbol else {
            inventory.gap(field, Reason::Malformed, "the symbols lead out of the file; the rest was not read");
            break;
        };
        let Some(name) = names.raw(symbol.name.into()).filter(|_| symbol.kind != SECTION) else { continue };
        let kind = if symbol.undefined { FactKind::ImportSymbol } else { FactKind::ExportSymbol };
        inventory.say(kind, String::from_utf8_lossy(name), field);
        mark(name, &symbol, marked);
        if let Some(seen) = &mut seen {
            if symbol.undefined { &mut seen.imports } else { &mut seen.exports }.insert(name);
        }
    }
    names.close(field, inventory);
}

/// The symbols of the static table: global ones first, so that local ones take no room from them.
fn debugger_symbols<'d>(
    file: &File<'d>,
    section: &Section,
    size: usize,
    seen: &mut Seen<'d>,
    marked: &mut Marked,
    inventory: &mut Inventory<'_>,
) {
    let strings = file.sections.get(section.link as usize);
    let Some(strings) = strings.and_then(|s| file.held(s, ".strtab", inventory)) else { return };
    let Ok(start) = usize::try_from(section.offset) else { return };
    let mut names = Names::new(strings);
    let mut files = HashSet::new();
    let count = size / width(file);
    let mut left = SYMBOLS;
    for local in [false, true] {
        for i in 0..count {
            if inventory.file.full() || names.spent {
                break;
            }
            let Some(symbol) = symbol(file, start + i * width(file)).filter(|s| s.local == local) else { continue };
            let wanted = symbol.kind != SECTION && (!local || matches!(symbol.kind, OBJECT | FUNC | FILE | IFUNC));
            let Some(name) = names.raw(symbol.name.into()).filter(|_| wanted) else { continue };
            if symbol.kind == FILE {
                if files.insert(name) {
                    inventory.say(FactKind::SourceFile, String::from_utf8_lossy(name), STATIC);
                }
                continue;
            }
            // Here the version is a part of the name: `read@GLIBC_2.2.5`, `read@@GLIBC_2.2.5`.
            let end = memchr::memchr(b'@', name).filter(|at| *at > 0).unwrap_or(name.len());
            let name = name.get(..end).unwrap_or(name);
            // Local ones of C++ and Rust are their compilers' by the hundred thousand.
            let mangled = name.starts_with(b"_Z") || name.starts_with(b"_R") || name.starts_with(b"__UNIQUE_ID_");
            if local && mangled {
                continue;
            }
            mark(name, &symbol, marked);
            let (kind, known) = match symbol.undefined {
                true => (FactKind::ImportSymbol, &mut seen.imports),
                false => (FactKind::ExportSymbol, &mut seen.exports),
            };
            if !known.insert(name) {
                continue;
            }
            if left == 0 {
                inventory.gap(STATIC, Reason::Limit, format!("more than {SYMBOLS} symbols; the rest was not read"));
                names.close(STATIC, inventory);
                return;
            }
            left -= 1;
            inventory.say(kind, String::from_utf8_lossy(name), if local { LOCAL } else { STATIC });
        }
    }
    names.close(STATIC, inventory);
}

fn mark(name: &[u8], symbol: &Symbol, marked: &mut Marked) {
    match name {
        _ if symbol.undefined => {}
        b"sbom" => marked.sbom = Some(symbol.value),
        b"sbom_length" => marked.length = Some(symbol.value),
        _ => {}
    }
}
