//! One Mach-O image: its header, load commands, segments and sections.
//!
//! In: the bytes of an image. Out: [`Image`], and gaps where its commands are broken. Numbers are taken as they stand;
//! whoever follows one checks where it leads.

use std::ops::Range;

use super::{FactKind, Inventory, Reason};
use crate::bytes::{be32, be64, le32, le64, until_zero};

/// Load commands of one image; the kernel's collections have some hundreds.
const COMMANDS: usize = 65_536;
/// Segments and sections of one image; real ones have a dozen and at most 255.
const SEGMENTS: usize = 64;
const SECTIONS: usize = 4096;
/// Longest name of a library or path.
const NAME: usize = 4096;

/// One image.
#[derive(Default)]
pub(super) struct Image<'a> {
    pub data: &'a [u8],
    pub wide: bool,
    little: bool,
    /// `MH_OBJECT`, `MH_DYLIB` and so on.
    pub kind: u32,
    pub segments: Vec<Segment>,
    pub sections: Vec<Section>,
    /// Offset and count of symbols, offset and size of their names.
    pub symtab: Option<[u32; 4]>,
    /// `LC_DYLD_INFO`: rebase, bind, weak, lazy, export; an offset and a size each.
    pub dyld_info: Option<[u32; 10]>,
    pub exports_trie: Option<(u32, u32)>,
    pub fixups: Option<(u32, u32)>,
    pub signature: Option<(u32, u32)>,
    /// The part that is encrypted.
    pub encrypted: Option<Range<usize>>,
}

/// A segment: where it stands in memory and in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Segment {
    pub name: String,
    pub address: u64,
    pub offset: u64,
    pub length: u64,
}

/// A section.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    pub segment: String,
    pub name: String,
    pub size: u64,
    pub offset: u64,
}

/// A number of four bytes.
fn word(data: &[u8], at: usize, little: bool) -> Option<u32> {
    if little { le32(data, at) } else { be32(data, at) }
}

/// The same of eight.
fn long(data: &[u8], at: usize, little: bool) -> Option<u64> {
    if little { le64(data, at) } else { be64(data, at) }
}

fn name_at(data: &[u8], at: usize) -> String {
    String::from_utf8_lossy(until_zero(data.get(at..at + 16).unwrap_or_default(), 16)).into_owned()
}

impl<'a> Image<'a> {
    /// Reads the header and every load command. What commands name is said at once.
    pub fn read(data: &'a [u8], prefix: &str, inventory: &mut Inventory<'_>) -> Option<Image<'a>> {
        let (wide, little) = match data.get(..4)? {
            [0xcf, 0xfa, 0xed, 0xfe] => (true, true),
            [0xce, 0xfa, 0xed, 0xfe] => (false, true),
            [0xfe, 0xed, 0xfa, 0xcf] => (true, false),
            [0xfe, 0xed, 0xfa, 0xce] => (false, false),
            _ => return None,
        };
        let mut image = Image { data, wide, little, ..Image::default() };
        let head = if wide { 32 } else { 28 };
        let (Some(kind), Some(count), Some(size), Some(_)) =
            (image.word(12), image.word(16), image.word(20), data.get(..head))
        else {
            inventory.gap(prefix, Reason::Truncated, "the file ends in the Mach-O header");
            return Some(image);
        };
        image.kind = kind;
        image.commands(head, count as usize, size as usize, prefix, inventory);
        Some(image)
    }

    pub fn word(&self, at: usize) -> Option<u32> {
        word(self.data, at, self.little)
    }

    /// A pointer, of the image's width.
    pub fn pointer(&self, at: usize) -> Option<u64> {
        if self.wide { long(self.data, at, self.little) } else { self.word(at).map(u64::from) }
    }

    /// A number of four bytes in a part of the image.
    pub fn word_in(&self, part: &[u8], at: usize) -> Option<u32> {
        word(part, at, self.little)
    }

    fn commands(&mut self, head: usize, count: usize, size: usize, prefix: &str, inventory: &mut Inventory<'_>) {
        let field = |what: &str| format!("{prefix}{what}");
        let end = head.saturating_add(size);
        let all = self.data.get(head..end.min(self.data.len())).unwrap_or_default();
        if end > self.data.len() {
            let detail = format!("the load commands reach to byte {end} and the file has {}", self.data.len());
            inventory.gap(field("load commands"), Reason::Truncated, detail);
        }
        if count > COMMANDS {
            let detail = format!("{count} load commands; {COMMANDS} were read");
            inventory.gap(field("load commands"), Reason::Limit, detail);
        }
        let mut rest = all;
        for index in 0..count.min(COMMANDS) {
            if inventory.file.full() {
                return;
            }
            let length = word(rest, 4, self.little).map(|n| n as usize);
            let body = length.filter(|n| *n >= 8).and_then(|n| rest.get(..n));
            let Some(body) = body else {
                if end <= self.data.len() {
                    let detail =
                        format!("load command {index} of {count} has a size that cannot be; the rest was not read");
                    inventory.gap(field("load commands"), Reason::Malformed, detail);
                }
                return;
            };
            rest = rest.get(body.len()..).unwrap_or_default();
            self.command(body, prefix, inventory);
        }
    }

    fn command(&mut self, body: &[u8], prefix: &str, inventory: &mut Inventory<'_>) {
        let little = self.little;
        let at = |at: usize| word(body, at, little);
        let pair = || Some((at(8)?, at(12)?));
        let kind = at(0).unwrap_or(0);
        // The bit that tells the loader not to go on without knowing the command.
        let known = kind & 0x7fff_ffff;
        // What is named stands behind the command's head: the loader turns others down.
        let names = matches!(known, 0x0c | 0x0d | 0x18 | 0x1c | 0x1f | 0x20 | 0x23);
        if names && at(8).is_none_or(|at| at as usize >= body.len()) {
            let detail = format!("the name of load command {known:#x} lies outside it");
            inventory.gap(format!("{prefix}load commands"), Reason::Malformed, detail);
        }
        let text = |at: Option<u32>| {
            let from = at.and_then(|at| body.get(at as usize..)).unwrap_or_default();
            String::from_utf8_lossy(until_zero(from, NAME)).into_owned()
        };
        let mut say = |kind: FactKind, value: &str, what: &str| inventory.say(kind, value, format!("{prefix}{what}"));
        match known {
            0x0d => say(FactKind::InstallName, &text(at(8)), "LC_ID_DYLIB"),
            // Needed; weakly; handed on; lazily; from above.
            0x0c => say(FactKind::LoadDylib, &text(at(8)), "LC_LOAD_DYLIB"),
            0x18 => say(FactKind::LoadDylib, &text(at(8)), "LC_LOAD_WEAK_DYLIB"),
            0x1f => say(FactKind::LoadDylib, &text(at(8)), "LC_REEXPORT_DYLIB"),
            0x20 => say(FactKind::LoadDylib, &text(at(8)), "LC_LAZY_LOAD_DYLIB"),
            0x23 => say(FactKind::LoadDylib, &text(at(8)), "LC_LOAD_UPWARD_DYLIB"),
            0x1c => say(FactKind::Rpath, &text(at(8)), "LC_RPATH"),
            0x1b => say(FactKind::BuildId, &uuid(body.get(8..24).unwrap_or_default()), "LC_UUID"),
            0x24 => say(FactKind::Toolchain, &target("macOS", at(8), at(12)), "LC_VERSION_MIN_MACOSX"),
            0x25 => say(FactKind::Toolchain, &target("iOS", at(8), at(12)), "LC_VERSION_MIN_IPHONEOS"),
            0x2f => say(FactKind::Toolchain, &target("tvOS", at(8), at(12)), "LC_VERSION_MIN_TVOS"),
            0x30 => say(FactKind::Toolchain, &target("watchOS", at(8), at(12)), "LC_VERSION_MIN_WATCHOS"),
            0x32 => {
                let platform = platform(at(8).unwrap_or(0));
                say(FactKind::Toolchain, &target(&platform, at(12), at(16)), "LC_BUILD_VERSION");
                for tool in body.get(24..).unwrap_or_default().chunks_exact(8).take(16) {
                    let name = word(tool, 0, little).map_or("", |id| match id {
                        1 => "clang",
                        2 => "swift",
                        3 => "ld",
                        4 => "lld",
                        _ => "tool",
                    });
                    let version = version(word(tool, 4, little).unwrap_or(0));
                    say(FactKind::Toolchain, &format!("{name} {version}"), "LC_BUILD_VERSION/tool");
                }
            }
            0x2a => {
                let number = long(body, 8, little).unwrap_or(0);
                if number != 0 {
                    say(FactKind::Toolchain, &format!("source {}", source(number)), "LC_SOURCE_VERSION");
                }
            }
            0x02 => self.symtab = at(8).zip(at(12)).zip(at(16)).zip(at(20)).map(|(((a, b), c), d)| [a, b, c, d]),
            0x22 => {
                let mut parts = [0; 10];
                parts.iter_mut().enumerate().for_each(|(i, part)| *part = at(8 + 4 * i).unwrap_or(0));
                self.dyld_info = Some(parts);
            }
            0x33 => self.exports_trie = pair(),
            0x34 => self.fixups = pair(),
            // The loader takes the last one.
            0x1d => self.signature = pair(),
            0x21 | 0x2c if at(16).unwrap_or(0) != 0 => {
                let (from, len) = pair().unwrap_or_default();
                self.encrypted = Some(from as usize..(from as usize).saturating_add(len as usize));
                let detail = format!("{len} bytes of code and constants from {from} on are encrypted");
                inventory.gap(format!("{prefix}LC_ENCRYPTION_INFO"), Reason::Encrypted, detail);
            }
            0x35 => {
                let what = format!("an image of a collection, {}: not opened by this version", text(at(24)));
                inventory.gap(format!("{prefix}LC_FILESET_ENTRY"), Reason::Unsupported, what);
            }
            0x01 | 0x19 => self.segment(body, known == 0x19, prefix, inventory),
            _ => {}
        }
    }

    fn segment(&mut self, body: &[u8], wide: bool, prefix: &str, inventory: &mut Inventory<'_>) {
        let little = self.little;
        let at = |at: usize| word(body, at, little);
        let size = |narrow: usize, of_wide: usize| {
            if wide { long(body, of_wide, little) } else { at(narrow).map(u64::from) }.unwrap_or(0)
        };
        if self.segments.len() >= SEGMENTS {
            if self.segments.len() == SEGMENTS {
                let detail = format!("more than {SEGMENTS} segments; the rest was not read");
                inventory.gap(format!("{prefix}segments"), Reason::Limit, detail);
                self.segments.push(Segment::default());
            }
            return;
        }
        self.segments.push(Segment {
            name: name_at(body, 8),
            address: size(24, 24),
            offset: size(32, 40),
            length: size(36, 48),
        });
        let (head, width) = if wide { (72, 80) } else { (56, 68) };
        let count = at(head - 8).unwrap_or(0) as usize;
        let sections = body.get(head..).unwrap_or_default().chunks_exact(width).take(count);
        if sections.len() < count {
            let detail = format!("a segment of {count} sections with room for {}", sections.len());
            inventory.gap(format!("{prefix}segments"), Reason::Malformed, detail);
        }
        for section in sections {
            if self.sections.len() >= SECTIONS {
                let detail = format!("more than {SECTIONS} sections; the rest was not read");
                return inventory.gap(format!("{prefix}segments"), Reason::Limit, detail);
            }
            let number = |narrow: usize, of_wide: usize| {
                if wide { long(section, of_wide, little) } else { word(section, narrow, little).map(u64::from) }
            };
            self.sections.push(Section {
                name: name_at(section, 0),
                segment: name_at(section, 16),
                size: number(36, 40).unwrap_or(0),
                offset: word(section, if wide { 48 } else { 40 }, little).map_or(0, u64::from),
            });
        }
    }

    /// The bytes of a part, and a gap where it leads out of the file.
    pub fn part(&self, at: u32, len: u32, field: &str, inventory: &mut Inventory<'_>) -> &'a [u8] {
        let (start, end) = (at as usize, (at as usize).saturating_add(len as usize));
        if end > self.data.len() {
            let detail = format!("it reaches to byte {end} and the file has {}", self.data.len());
            inventory.gap(field, Reason::Truncated, detail);
        }
        self.data.get(start..end.min(self.data.len())).unwrap_or_default()
    }

    /// The bytes of a section. Those of files of debugging data stand nowhere in the file.
    pub fn section(&self, segment: &str, name: &str) -> Option<(&Section, &'a [u8])> {
        let section = self.sections.iter().find(|s| s.name == name && (segment.is_empty() || s.segment == segment))?;
        self.bytes(section).map(|data| (section, data))
    }

    /// The same of a section at hand.
    pub fn bytes(&self, section: &Section) -> Option<&'a [u8]> {
        let start = usize::try_from(section.offset).ok().filter(|at| *at > 0)?;
        let end = start.checked_add(usize::try_from(section.size).ok()?)?;
        let hidden = self.encrypted.as_ref().is_some_and(|e| start < e.end && end > e.start);
        self.data.get(start..end).filter(|_| !hidden)
    }

    /// Where an address stands in the file.
    pub fn offset(&self, address: u64) -> Option<usize> {
        let segment = self.segments.iter().find(|s| address >= s.address && address - s.address < s.length)?;
        let at = usize::try_from((address - segment.address).checked_add(segment.offset)?).ok()?;
        let hidden = self.encrypted.as_ref().is_some_and(|e| e.contains(&at));
        (at < self.data.len() && !hidden).then_some(at)
    }

    /// The address the image is linked at.
    pub fn base(&self) -> u64 {
        self.segments.iter().find(|s| s.name == "__TEXT").map_or(0, |s| s.address)
    }

    /// Where the segments end in the file.
    pub fn segments_end(&self) -> u64 {
        self.segments.iter().map(|s| s.offset.saturating_add(s.length)).max().unwrap_or(0)
    }

    /// Where the symbol table and the signature end: linkers put them behind the segments, or in the last.
    pub fn tables_end(&self) -> u64 {
        let names = self.symtab.map_or(0, |[_, _, at, len]| u64::from(at) + u64::from(len));
        names.max(self.signature.map_or(0, |(at, len)| u64::from(at) + u64::from(len)))
    }
}

fn uuid(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02X}"));
    }
    text
}

/// `X.Y.Z` in sixteen, eight and eight bits; the last only where it is not zero.
fn version(number: u32) -> String {
    let (major, minor, patch) = (number >> 16, number >> 8 & 0xff, number & 0xff);
    if patch == 0 { format!("{major}.{minor}") } else { format!("{major}.{minor}.{patch}") }
}

/// `A.B.C.D.E` in twenty-four and four times ten bits, without zeros at the end.
fn source(number: u64) -> String {
    let parts = [number >> 40, number >> 30 & 0x3ff, number >> 20 & 0x3ff, number >> 10 & 0x3ff, number & 0x3ff];
    let last = parts.iter().rposition(|n| *n != 0).unwrap_or(0).max(1);
    parts.iter().take(last + 1).map(u64::to_string).collect::<Vec<_>>().join(".")
}

fn target(platform: &str, least: Option<u32>, sdk: Option<u32>) -> String {
    let least = version(least.unwrap_or(0));
    match sdk.unwrap_or(0) {
        0 => format!("{platform} {least}"),
        sdk => format!("{platform} {least} sdk {}", version(sdk)),
    }
}

fn platform(id: u32) -> String {
    let name = match id {
        1 => "macOS",
        2 => "iOS",
        3 => "tvOS",
        4 => "watchOS",
        5 => "bridgeOS",
        6 => "Mac Catalyst",
        7 => "iOS simulator",
        8 => "tvOS simulator",
        9 => "watchOS simulator",
        10 => "DriverKit",
        11 => "visionOS",
        12 => "visionOS simulator",
        _ => return format!("platform {id}"),
    };
    name.to_owned()
}
