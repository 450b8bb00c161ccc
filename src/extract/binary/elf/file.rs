//! The frame of an ELF file: header, segments, sections, and where addresses and names lie.
//!
//! In: the bytes. Out: [`File`], whose tables are no longer than the file itself. Must not know what a table means.
//! Read by our own walk: the crates measured turn every string table into a list, 24 bytes for each of its strings,
//! so that a table of zeros costs twenty-four times the file.

use std::borrow::Cow;

use crate::bytes::{be16, be32, be64, le16, le32, le64, text_until_zero};
use crate::fact::{Inventory, Reason};

pub(super) const SHT_NOTE: u32 = 7;
pub(super) const SHT_NOBITS: u32 = 8;
pub(super) const PT_LOAD: u32 = 1;
const SHF_EXECINSTR: u64 = 4;

/// Longest name of a symbol, a library or a section.
const NAME: usize = 4096;
/// Sections and segments read; an object with a section per function has some hundred thousand.
const PARTS: u64 = 1 << 20;

/// A program header.
pub(super) struct Segment {
    pub kind: u32,
    pub offset: u64,
    pub address: u64,
    pub size: u64,
    pub align: u64,
}

/// A section header.
pub(super) struct Section {
    name: u32,
    pub kind: u32,
    flags: u64,
    pub offset: u64,
    pub size: u64,
    pub link: u32,
    info: u32,
    pub align: u64,
}

/// An ELF file of either class and byte order.
pub(super) struct File<'d> {
    pub data: &'d [u8],
    pub wide: bool,
    little: bool,
    pub machine: u16,
    pub segments: Vec<Segment>,
    pub sections: Vec<Section>,
    /// Where the names of sections stand.
    names: &'d [u8],
    /// Where the section table ends by the header.
    table_end: u64,
}

impl<'d> File<'d> {
    /// Reads the headers; tables that are cut or lead out of the file are said.
    pub fn read(data: &'d [u8], inventory: &mut Inventory<'_>) -> Option<File<'d>> {
        let wide = match data.get(4) {
            None => {
                inventory.gap("", Reason::Truncated, "ends within its ELF header");
                return None;
            }
            Some(1) => false,
            Some(2) => true,
            Some(other) => {
                inventory.gap("", Reason::Malformed, format!("ELF headers could not be read: class {other}"));
                return None;
            }
        };
        let order = data.get(5).copied().unwrap_or(0);
        if !matches!(order, 1 | 2) {
            inventory.gap("", Reason::Malformed, format!("byte order {order}; read as little-endian"));
        }
        let mut file = File {
            data,
            wide,
            little: order != 2,
            machine: 0,
            segments: Vec::new(),
            sections: Vec::new(),
            names: &[],
            table_end: 0,
        };
        if data.len() < if wide { 64 } else { 52 } {
            inventory.gap("", Reason::Truncated, "ends within its ELF header");
            return None;
        }
        file.machine = file.u16(18)?;
        let (phoff, shoff) =
            if wide { (file.u64(32)?, file.u64(40)?) } else { (file.u32(28)?.into(), file.u32(32)?.into()) };
        // Six half words stand at the end of the header.
        let counts = if wide { 52 } else { 40 };
        let half = |i: usize| file.u16(counts + i * 2).unwrap_or(0);
        let (phentsize, phnum, shentsize, shnum, shstrndx) = (half(1), half(2), half(3), half(4), half(5));
        // Numbers that do not fit stand in the first section.
        let first = if shoff > 0 { usize::try_from(shoff).ok().and_then(|at| file.section(at)) } else { None };
        let or_first = |count: u16, absent: u16, of: fn(&Section) -> u64| match &first {
            Some(first) if count == absent => of(first),
            _ => count.into(),
        };
        let segments = or_first(phnum, 0xffff, |s| s.info.into());
        let sections = if shoff > 0 { or_first(shnum, 0, |s| s.size) } else { 0 };
        let names = or_first(shstrndx, 0xffff, |s| s.link.into());
        let (segment, section) = if wide { (56, 64) } else { (32, 40) };
        if (phnum > 0 && phentsize != segment) || (shnum > 0 && shentsize != section) {
            inventory.gap("", Reason::Malformed, "headers of an odd size; read as of the usual one");
        }
        file.table_end = if shoff > 0 { shoff.saturating_add(sections.saturating_mul(section.into())) } else { 0 };
        file.segments = table(phoff, segments, segment.into(), |at| file.segment(at));
        file.sections = table(shoff, sections, section.into(), |at| file.section(at));
        for (what, said, read) in [
            ("program headers", segments, file.segments.len() as u64),
            ("section headers", sections, file.sections.len() as u64),
        ] {
            if read < said {
                let reason = if read == PARTS { Reason::Limit } else { Reason::Truncated };
                inventory.gap("", reason, format!("{read} of {said} {what} could be read"));
            }
        }
        let section = usize::try_from(names).ok().filter(|i| *i > 0).and_then(|i| file.sections.get(i));
        file.names = section.and_then(|s| file.bytes(s)).unwrap_or_default();
        Some(file)
    }

    pub fn little(&self) -> bool {
        self.little
    }

    pub fn u16(&self, at: usize) -> Option<u16> {
        if self.little { le16(self.data, at) } else { be16(self.data, at) }
    }

    pub fn u32(&self, at: usize) -> Option<u32> {
        if self.little { le32(self.data, at) } else { be32(self.data, at) }
    }

    pub fn u64(&self, at: usize) -> Option<u64> {
        if self.little { le64(self.data, at) } else { be64(self.data, at) }
    }

    /// A number as wide as an address.
    pub fn word(&self, at: usize) -> Option<u64> {
        if self.wide { self.u64(at) } else { self.u32(at).map(u64::from) }
    }

    fn segment(&self, at: usize) -> Option<Segment> {
        Some(if self.wide {
            Segment {
                kind: self.u32(at)?,
                offset: self.u64(at + 8)?,
                address: self.u64(at + 16)?,
                size: self.u64(at + 32)?,
                align: self.u64(at + 48)?,
            }
        } else {
            Segment {
                kind: self.u32(at)?,
                offset: self.u32(at + 4)?.into(),
                address: self.u32(at + 8)?.into(),
                size: self.u32(at + 16)?.into(),
                align: self.u32(at + 28)?.into(),
            }
        })
    }

    fn section(&self, at: usize) -> Option<Section> {
        // Name and type are of one width, the next four of an address's.
        let width = if self.wide { 8 } else { 4 };
        let word = |i: usize| self.word(at.checked_add(8 + i * width)?);
        let links = at.checked_add(8 + 4 * width)?;
        Some(Section {
            name: self.u32(at)?,
            kind: self.u32(at + 4)?,
            flags: word(0)?,
            offset: word(2)?,
            size: word(3)?,
            link: self.u32(links)?,
            info: self.u32(links + 4)?,
            align: self.word(links + 8)?,
        })
    }

    /// The bytes of a section, where the file holds all of them.
    pub fn bytes(&self, section: &Section) -> Option<&'d [u8]> {
        if section.kind == SHT_NOBITS {
            return Some(&[]);
        }
        self.range(section.offset, section.size)
    }

    /// A part of the file.
    pub fn range(&self, offset: u64, size: u64) -> Option<&'d [u8]> {
        let (start, end) = (usize::try_from(offset).ok()?, usize::try_from(offset.checked_add(size)?).ok()?);
        self.data.get(start..end)
    }

    /// Where an address lies in the file.
    pub fn offset(&self, address: u64) -> Option<usize> {
        let within = |s: &&Segment| s.kind == PT_LOAD && address.checked_sub(s.address).is_some_and(|at| at < s.size);
        let segment = self.segments.iter().find(within)?;
        usize::try_from(segment.offset.checked_add(address - segment.address)?).ok().filter(|at| *at < self.data.len())
    }

    /// The first section of this name that holds bytes; one that leads out of the file is said.
    pub fn named(&self, name: &str, inventory: &mut Inventory<'_>) -> Option<&'d [u8]> {
        let is = |s: &&Section| s.kind != SHT_NOBITS && self.is_named(s, name);
        let section = self.sections.iter().find(is)?;
        self.held(section, name, inventory)
    }

    /// The bytes of a section; one that leads out of the file is said.
    pub fn held(&self, section: &Section, field: &str, inventory: &mut Inventory<'_>) -> Option<&'d [u8]> {
        let bytes = self.bytes(section);
        if bytes.is_none() {
            let detail = format!("the section at 0x{:x} leads out of the file; not read", section.offset);
            inventory.gap(field, Reason::Malformed, detail);
        }
        bytes
    }

    pub fn is_named(&self, section: &Section, name: &str) -> bool {
        let rest = usize::try_from(section.name).ok().and_then(|at| self.names.get(at..)).unwrap_or_default();
        rest.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first().is_none_or(|b| *b == 0))
    }

    /// The name of a section, as far as it is told to a reader.
    pub fn section_name(&self, section: &Section) -> Cow<'d, str> {
        let rest = usize::try_from(section.name).ok().and_then(|at| self.names.get(at..)).unwrap_or_default();
        text_until_zero(rest, 64)
    }

    /// A file of debugging data alone: it keeps the headers of segments it does not hold.
    pub fn debugging_only(&self) -> bool {
        self.sections.iter().any(|s| s.flags & SHF_EXECINSTR != 0 && s.kind == SHT_NOBITS)
    }

    /// Where the file must at least reach by its segments and its section table.
    pub fn end(&self) -> u64 {
        let debug = self.debugging_only();
        let segments = self.segments.iter().filter(|_| !debug).map(|s| s.offset.saturating_add(s.size));
        segments.chain([self.table_end]).max().unwrap_or(0)
    }
}

/// The entries of a table, as many as there are, up to the bound.
fn table<T>(start: u64, count: u64, width: usize, read: impl Fn(usize) -> Option<T>) -> Vec<T> {
    let count = usize::try_from(count.min(PARTS)).unwrap_or(0);
    let start = usize::try_from(start).ok();
    let at = |i: usize| start?.checked_add(i.checked_mul(width)?).filter(|at| at.checked_add(width).is_some());
    (0..count).map_while(|i| read(at(i)?)).collect()
}

/// A string table; what is wrong in it is said once.
pub(super) struct Names<'d> {
    table: &'d [u8],
    /// Bytes that may still be looked at: a million entries may point at one long name.
    left: usize,
    pub outside: bool,
    pub endless: bool,
    pub spent: bool,
}

impl<'d> Names<'d> {
    pub fn new(table: &'d [u8]) -> Names<'d> {
        Names { table, left: 128 << 20, outside: false, endless: false, spent: false }
    }

    /// The bytes of the name at `at`.
    pub fn raw(&mut self, at: u64) -> Option<&'d [u8]> {
        let rest = usize::try_from(at).ok().and_then(|at| self.table.get(at..)).filter(|rest| !rest.is_empty());
        let Some(rest) = rest else {
            // The empty name of an empty table is none.
            self.outside |= at > 0;
            return None;
        };
        let near = rest.get(..NAME).unwrap_or(rest);
        let end = memchr::memchr(0, near);
        self.endless |= end.is_none();
        let name = near.get(..end.unwrap_or(near.len()))?;
        match self.left.checked_sub(name.len() + 1) {
            Some(left) => self.left = left,
            None => {
                self.spent = true;
                return None;
            }
        }
        Some(name)
    }

    pub fn at(&mut self, at: u64) -> Option<Cow<'d, str>> {
        self.raw(at).map(String::from_utf8_lossy)
    }

    /// Says what was wrong.
    pub fn close(&self, field: &str, inventory: &mut Inventory<'_>) {
        if self.outside {
            inventory.gap(field, Reason::Malformed, "a name outside its string table; not read");
        }
        if self.endless {
            let detail = format!("a name longer than {NAME} bytes or without an end; cut");
            inventory.gap(field, Reason::Malformed, detail);
        }
        if self.spent {
            inventory.gap(field, Reason::Limit, "more bytes of names than a real table has; the rest was not read");
        }
    }
}
