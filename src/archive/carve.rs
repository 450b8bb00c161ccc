//! Containers in the midst of other data: firmware without a header of its own, payloads behind programs and scripts, files
//! appended to files.
//!
//! In: a blob, or the part of one that no reader claims. Out: every container whose mark is found and whose header holds, by
//! its offset; and gaps for what looks packed or encrypted. Must not know: any format but through the table.

use std::io::{BufRead, Read, Seek, SeekFrom};
use std::sync::OnceLock;

use aho_corasick::Span;
use aho_corasick::packed::{Config, MatchKind, Searcher};
use memchr::memmem;

use super::{Carve, FORMATS, Inside, known};
use crate::bytes::entropy;
use crate::fact::Reason;
use crate::source::Blob;

/// Marks looked at closely, per blob. Data that is made of nothing else is hostile.
const MARKS: usize = 1 << 16;
/// Bytes whose distribution is judged at once. Random data of this length has some 7.99 bits of entropy a byte.
const BLOCK: usize = 16 << 10;
/// Bits of entropy a byte from which on data counts as packed or encrypted; machine code and text stay below 7.
const DENSE: f64 = 7.95;
/// Shorter runs are keys, icons and the like.
const RUN: u64 = 64 << 10;

/// A mark in the data: where the container would begin, and which one.
struct Mark {
    start: u64,
    format: &'static super::Format,
    carve: &'static Carve,
}

/// What is searched for, and the formats by pattern.
struct Search {
    packed: Option<Searcher>,
    patterns: Vec<(&'static super::Format, &'static Carve)>,
}

fn search() -> &'static Search {
    static SEARCH: OnceLock<Search> = OnceLock::new();
    SEARCH.get_or_init(|| {
        let patterns: Vec<_> = FORMATS.iter().flat_map(|f| f.carve.iter().map(move |c| (f, c))).collect();
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        builder.extend(patterns.iter().map(|(_, carve)| carve.magic));
        Search { packed: builder.build(), patterns }
    })
}

/// What the visit of the blob told.
pub(super) struct Told {
    /// Whether its format is one that is read.
    pub recognised: bool,
    /// Where a program's own parts end.
    pub end: Option<u64>,
    /// How the documents begin that were found in it: they were walked already.
    pub embedded: Vec<Vec<u8>>,
}

/// Looks into a blob that is no container itself.
pub(super) fn look(inside: &mut Inside<'_, '_>, told: &Told) {
    let len = inside.blob.len();
    let head = inside.blob.head();
    let program = is_program(head);
    // A document that is read is what it says it is. A picture is not: archives are appended to them.
    if len < 64 || (told.recognised && !program) {
        return;
    }
    let mut found = containers(inside, 0, len, &told.embedded);
    if let Some(end) = told.end {
        payload(inside, end, &mut found);
    }
    let from = match told.end {
        _ if is_media(head) => return,
        Some(end) => end,
        // The parts of a program whose headers were not read cannot be told from its payload.
        None if program => return,
        None => 0,
    };
    dense(inside, from, &found, if program { "behind the program" } else { "of no known format" });
}

/// Looks at what lies behind the end of a container whose blob should end with it.
pub(super) fn behind(inside: &mut Inside<'_, '_>, end: u64, format: &str) {
    let len = inside.blob.len();
    if padding(inside.blob, end) {
        return;
    }
    let found = containers(inside, end, len, &[]);
    if found.is_empty() {
        let detail = format!("{} bytes behind the {format}; not in a known format", len - end);
        return inside.gap_at(format!("0x{end:x}"), Reason::Unsupported, detail);
    }
    dense(inside, end, &found, "behind a container");
}

/// Looks at a program's own parts where what lies behind them was opened already: installers keep cabinets in resources.
pub(super) fn resources(inside: &mut Inside<'_, '_>, end: u64) {
    containers(inside, 0, end, &[]);
}

/// What begins right behind a program is tried as a container is, by whatever a format goes by.
fn payload(inside: &mut Inside<'_, '_>, end: u64, found: &mut Vec<(u64, u64)>) {
    let Ok(content) = inside.blob.content().slice(end, u64::MAX) else { return };
    let zeros = Blob::nameless(content).head().iter().take_while(|b| **b == 0).count() as u64;
    let start = end + zeros;
    if found.iter().any(|(from, to)| (*from..*to).contains(&start)) {
        return;
    }
    let Ok(content) = inside.blob.content().slice(start, u64::MAX) else { return };
    let blob = Blob::nameless(content.clone());
    if let Some(format) = FORMATS.iter().find(|format| (format.claim)(&blob)) {
        if !format.carve.is_empty() && !format.carve.iter().any(|carve| (carve.sound)(&blob)) {
            let detail = format!("{} bytes behind the program begin as {} and go on as none", blob.len(), format.name);
            return inside.gap_at(format!("0x{start:x}"), Reason::Malformed, detail);
        }
        if inside.go_on() {
            let name = format!("0x{start:x}.{}", format.name);
            let end = inside.carved(&name, content).map_or(inside.blob.len(), |end| start.saturating_add(end));
            found.push((start, end));
            found.sort_unstable();
        }
    } else if let Some(name) = known::recognise(blob.head(), "") {
        let detail = format!("{} bytes behind the program: {name}; not opened by this version", blob.len());
        inside.gap_at(format!("0x{start:x}"), Reason::Unsupported, detail);
        found.push((start, inside.blob.len()));
        found.sort_unstable();
    }
}

/// True where nothing but zeros or erased flash follows.
fn padding(blob: &Blob, from: u64) -> bool {
    let mut reader = blob.reader();
    if reader.seek(SeekFrom::Start(from)).is_err() {
        return true;
    }
    while let Ok(block) = reader.fill_buf() {
        if block.is_empty() {
            return true;
        }
        if !block.iter().all(|b| *b == 0) && !block.iter().all(|b| *b == 0xff) {
            return false;
        }
        let n = block.len();
        reader.consume(n);
    }
    true
}

/// Walks every container whose mark stands between two places. Gives back which bytes they take.
fn containers(inside: &mut Inside<'_, '_>, from: u64, to: u64, known: &[Vec<u8>]) -> Vec<(u64, u64)> {
    let mut taken = Vec::new();
    let mut reached = from;
    // Formats met whose end their reader could not tell: what follows may belong to them or not. It is looked at, but for
    // marks of the same format, which stand in each of its members.
    let mut endless: Vec<&str> = Vec::new();
    let (marks, more) = marks(inside.blob, from);
    for mark in marks {
        // What begins with the first byte was tried as a container already.
        let own = mark.start == 0 || endless.contains(&mark.format.name);
        if own || mark.start < reached || mark.start >= to {
            continue;
        }
        let Ok(content) = inside.blob.content().slice(mark.start, to - mark.start) else { continue };
        let candidate = Blob::nameless(content.clone());
        if known.iter().any(|known| !known.is_empty() && candidate.head().starts_with(known))
            || !(mark.carve.sound)(&candidate)
        {
            continue;
        }
        if !inside.go_on() {
            return taken;
        }
        let name = format!("0x{:x}.{}", mark.start, mark.format.name);
        match inside.carved(&name, content) {
            Some(end) => {
                reached = mark.start.saturating_add(end).max(mark.start + 1);
                taken.push((mark.start, reached));
            }
            None => {
                endless.push(mark.format.name);
                taken.push((mark.start, to));
            }
        }
    }
    if more {
        inside.gap(Reason::Limit, format!("more than {MARKS} marks of containers; the rest was not looked at"));
    }
    taken
}

/// Every mark from a place on, in order.
fn marks(blob: &Blob, from: u64) -> (Vec<Mark>, bool) {
    const STEP: usize = 1 << 20;
    let search = search();
    let longest = search.patterns.iter().map(|(_, carve)| carve.magic.len()).max().unwrap_or(0);
    let mut marks: Vec<Mark> = Vec::new();
    let mut more = false;
    let mut scan = |data: &[u8], at: u64, fresh: usize| {
        let mut take = |place: usize, pattern: usize| {
            // What ends within the part seen before was told then.
            let Some((format, carve)) = search.patterns.get(pattern) else { return };
            if place + carve.magic.len() <= fresh {
                return;
            }
            let place = at + place as u64;
            if let Some(start) = place.checked_sub(carve.at).filter(|start| *start >= from) {
                if marks.len() < MARKS {
                    marks.push(Mark { start, format, carve });
                } else {
                    more = true;
                }
            }
        };
        match &search.packed {
            // One mark may begin within another, or be the same as another format's: none hides one.
            Some(packed) => {
                let mut from = 0;
                while let Some(found) = packed.find_in(data, Span { start: from, end: data.len() }) {
                    let rest = data.get(found.start()..).unwrap_or_default();
                    for (index, (_, carve)) in search.patterns.iter().enumerate() {
                        if rest.starts_with(carve.magic) {
                            take(found.start(), index);
                        }
                    }
                    from = found.start() + 1;
                }
            }
            None => {
                for (index, (_, carve)) in search.patterns.iter().enumerate() {
                    memmem::find_iter(data, carve.magic).for_each(|place| take(place, index));
                }
            }
        }
    };
    if let Some(data) = blob.held() {
        let start = usize::try_from(from).unwrap_or(usize::MAX);
        scan(data.get(start..).unwrap_or_default(), from, 0);
    } else {
        let mut reader = blob.reader();
        let (mut buffer, mut kept, mut at) = (vec![0; STEP], 0, from);
        if reader.seek(SeekFrom::Start(from)).is_ok() {
            while let Some(room) = buffer.get_mut(kept..) {
                // Nothing begins in a hole; its last bytes may be the first of a mark.
                let next = at + kept as u64;
                let skip = blob.content().hole_at(next).saturating_sub(longest as u64);
                if skip > STEP as u64 && at > from && reader.seek(SeekFrom::Start(next + skip)).is_ok() {
                    (at, kept) = (next + skip, 0);
                    continue;
                }
                let Ok(n @ 1..) = reader.read(room) else { break };
                let filled = kept + n;
                scan(buffer.get(..filled).unwrap_or_default(), at, kept);
                // A mark may stand across two parts.
                let keep = filled.min(longest.saturating_sub(1));
                buffer.copy_within(filled - keep..filled, 0);
                at += (filled - keep) as u64;
                kept = keep;
            }
        }
    }
    marks.sort_by_key(|mark| mark.start);
    (marks, more)
}

/// Tells of runs of data that look packed or encrypted and in which no container was found.
fn dense(inside: &mut Inside<'_, '_>, from: u64, taken: &[(u64, u64)], what: &str) {
    let mut reader = inside.blob.reader();
    let mut holes: Vec<(u64, u64)> = Vec::new();
    let mut at = from;
    for (start, end) in taken.iter().copied().chain([(inside.blob.len(), u64::MAX)]) {
        if start > at {
            holes.push((at, start));
        }
        at = at.max(end);
    }
    for (start, end) in holes {
        if end - start < RUN || reader.seek(SeekFrom::Start(start)).is_err() {
            continue;
        }
        let mut run = start;
        let mut at = start;
        let mut block = vec![0; BLOCK];
        let mut magic = [0; 16];
        loop {
            let skip = inside.blob.content().hole_at(at) / BLOCK as u64 * BLOCK as u64;
            if run == at && skip > 0 && at + skip <= end && reader.seek(SeekFrom::Start(at + skip)).is_ok() {
                at += skip;
                run = at;
            }
            let left = usize::try_from(end - at).unwrap_or(BLOCK).min(BLOCK);
            let room = block.get_mut(..left).unwrap_or_default();
            let is = left == BLOCK && reader.read_exact(room).is_ok() && entropy(room) >= DENSE;
            if is {
                if run == at {
                    magic.copy_from_slice(room.get(..16).unwrap_or(&[0; 16]));
                }
                at += BLOCK as u64;
                continue;
            }
            if at - run >= RUN && !is_media(&magic) {
                let detail = format!("{} bytes {what} that look packed or encrypted; not opened", at - run);
                inside.gap_at(format!("0x{run:x}"), Reason::Opaque, detail);
            }
            if left < BLOCK {
                break;
            }
            at += BLOCK as u64;
            run = at;
        }
    }
}

/// Code that may carry an archive behind it: PE, ELF, Mach-O.
pub(crate) fn is_program(head: &[u8]) -> bool {
    match head {
        [b'M', b'Z', ..] | [0x7f, b'E', b'L', b'F', ..] => true,
        [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => true,
        // A universal file counts its architectures where a Java class has its version, which is 45 and up.
        [0xca, 0xfe, 0xba, 0xbe | 0xbf, 0, 0, 0, count, ..] => *count < 45,
        _ => false,
    }
}

/// Pictures, sounds, films, fonts: packed by nature, and no place for code.
fn is_media(head: &[u8]) -> bool {
    const MEDIA: [&[u8]; 18] = [
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"OggS",
        b"ID3",
        b"fLaC",
        b"wOFF",
        b"wOF2",
        b"%PDF",
        b"\x1a\x45\xdf\xa3",
        b"\0\0\x01\xba",
        b"RIFF",
        b"BPG\xfb",
        b"\xff\x0a",
        b"8BPS",
        b"PACK\0\0\0",
        b"icns",
        b"\0\0\0\x0cjP  ",
    ];
    // An icon of Windows: its number of pictures, and a byte of the first that is always nought.
    let icon = matches!(head, [0, 0, 1 | 2, 0, 1..=64, 0, _, _, _, 0, ..]);
    icon || MEDIA.iter().any(|magic| head.starts_with(magic)) || head.get(4..8).is_some_and(|kind| kind == b"ftyp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_search_takes_all_marks() {
        let search = search();
        // With more than 64 the crate falls back to a search a tenth as fast.
        assert!(search.packed.is_some() && search.patterns.len() <= 64, "{}", search.patterns.len());
        assert!(search.patterns.iter().all(|(_, carve)| carve.magic.len() >= 3));
    }

    #[test]
    fn pictures_are_told_by_their_marks() {
        assert!(is_media(b"icns\0\x01\0\0") && is_media(b"\0\0\0\x0cjP  \r\n"));
        assert!(is_media(&[0, 0, 1, 0, 3, 0, 48, 48, 0, 0, 1, 0, 32, 0, 0, 0]));
        assert!(!is_media(&[0, 0, 1, 0, 0, 0, 48, 48, 0, 0]) && !is_media(&[0, 0, 1, 0, 3, 0, 48, 48, 0, 7]));
    }

    #[test]
    fn a_java_class_is_no_universal_file() {
        assert!(is_program(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2]));
        assert!(!is_program(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52]));
        assert!(!is_program(b"MS") && !is_program(b""));
    }
}
