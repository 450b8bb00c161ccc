//! ar archives: Debian packages, static libraries (`.a`, and `.lib` of Windows); BSD, GNU and System V names.
//!
//! In: a blob. Out: its members, which stand in it as they are; the members of a thin archive are elsewhere, so each
//! is a gap by its name.

use std::io::{Read, Seek, SeekFrom};

use super::{Carve, Format, Inside};
use crate::bytes::until_zero;
use crate::fact::Reason;
use crate::source::{Blob, Reader};

pub(super) const FORMAT: Format = Format { name: "ar", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"!<arch>\n";
const THIN: &[u8] = b"!<thin>\n";
const HEADER: u64 = 60;
/// The longest table of long names that is kept.
const NAMES: u64 = 64 << 20;

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC) || blob.head().starts_with(THIN)
}

/// A first member whose header ends as headers do.
fn sound(blob: &Blob) -> bool {
    blob.head().get(8..68).and_then(Header::read).is_some()
}

struct Header<'h> {
    name: &'h [u8],
    size: u64,
}

impl Header<'_> {
    fn read(header: &[u8]) -> Option<Header<'_>> {
        let number = std::str::from_utf8(header.get(48..58)?).ok()?.trim_matches([' ', '\0']);
        let size = if number.is_empty() { 0 } else { number.parse().ok()? };
        (header.get(58..60)? == b"`\n").then_some(Header { name: header.get(..16)?.trim_ascii_end(), size })
    }
}

fn open(inside: &mut Inside<'_, '_>) {
    let mut reader = inside.blob.reader();
    let thin = inside.blob.head().starts_with(THIN);
    let len = inside.blob.len();
    let mut names = Vec::new();
    let mut at = MAGIC.len() as u64;
    while at < len {
        if !inside.go_on() {
            return;
        }
        let mut header = [0; HEADER as usize];
        if let Err(error) = read_at(&mut reader, at, &mut header) {
            // A line end or a zero may pad the last member.
            if len - at > 1 {
                inside.gap_at(format!("0x{at:x}"), super::walk::reason(&error), "ar: a header is cut");
            }
            return;
        }
        let Some(Header { name, size }) = Header::read(&header) else {
            // Some writers leave out the padding, so that the next header stands one byte before its place.
            if at.is_multiple_of(2)
                && read_at(&mut reader, at - 1, &mut header).is_ok()
                && Header::read(&header).is_some()
            {
                at -= 1;
                continue;
            }
            if at == MAGIC.len() as u64 || inside.blob.open_ended || !likely(&header) {
                if at == MAGIC.len() as u64 {
                    inside.gap_at(format!("0x{at:x}"), Reason::Malformed, "ar: no header where one should stand");
                }
                return inside.ends_at(at);
            }
            let detail = "ar: a broken header; members may be missing";
            return inside.gap_at(format!("0x{at:x}"), Reason::Malformed, detail);
        };
        let (mut start, mut size) = (at + HEADER, size);
        // Tables stand in a thin archive, too.
        let special = matches!(
            name,
            b"/" | b"//"
                | b"/SYM64/"
                | b"__.SYMDEF"
                | b"__.SYMDEF SORTED"
                | b"ARFILENAMES/"
                | b"/<HYBRIDMAP>/"
                | b"/<ECSYMBOLS>/"
        );
        let end = start.saturating_add(if thin && !special { 0 } else { size });
        let name = match name {
            b"//" | b"ARFILENAMES/" => {
                names.clear();
                if size > NAMES {
                    let detail = format!("ar: a table of names of {size} bytes, more than {NAMES}; not read");
                    inside.gap_at(format!("0x{at:x}"), Reason::Limit, detail);
                } else if reader.seek(SeekFrom::Start(start)).is_ok() {
                    let _ = (&mut reader).take(size).read_to_end(&mut names);
                }
                None
            }
            _ if special => None,
            [b'#', b'1', b'/', digits @ ..] => {
                // BSD: the name stands in front of the content and counts with it.
                let long = decimal(digits).unwrap_or(0).min(size);
                let mut name = Vec::new();
                let most = inside.limits().max_name_bytes as u64 + 1;
                if reader.seek(SeekFrom::Start(start)).is_ok() {
                    let _ = (&mut reader).take(long.min(most)).read_to_end(&mut name);
                }
                start += long;
                size -= long;
                Some(until_zero(&name, usize::MAX).to_vec()).filter(|name| !name.starts_with(b"__.SYMDEF"))
            }
            [b'/', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit) => {
                let digits = digits.split(|b| *b == b':').next().unwrap_or_default();
                let place = decimal(digits).and_then(|place| usize::try_from(place).ok());
                let long = place.and_then(|place| names.get(place..)).map(|rest| {
                    // GNU ends names with a slash and a line end, Microsoft with a zero.
                    let most = rest.get(..inside.limits().max_name_bytes + 2).unwrap_or(rest);
                    let end = most.iter().position(|b| matches!(b, b'\n' | 0)).unwrap_or(most.len());
                    let name = most.get(..end).unwrap_or_default();
                    name.strip_suffix(b"/").unwrap_or(name).to_vec()
                });
                if long.is_none() {
                    let detail = "ar: a name that is not in the table of names";
                    inside.gap_at(format!("0x{at:x}"), Reason::Malformed, detail);
                }
                Some(long.unwrap_or_else(|| name.to_vec()))
            }
            _ => Some(name.strip_suffix(b"/").unwrap_or(name).to_vec()),
        };
        match name {
            None => inside.count(),
            Some(name) => {
                let name = String::from_utf8_lossy(&name).into_owned();
                if thin {
                    inside.count();
                    inside.shut(
                        &name,
                        Reason::Unsupported,
                        "a member of a thin archive is a file of its own elsewhere",
                    );
                } else if size == 0 {
                    inside.name_only(&name);
                } else {
                    inside.part(&name, start, size);
                }
            }
        }
        // Every member begins at an even place.
        at = end.saturating_add(end % 2);
    }
    inside.ends_at(at.min(len));
}

/// Text and spaces, as headers are made of: broken, not something else that follows.
fn likely(header: &[u8]) -> bool {
    let printable = header.iter().filter(|b| (b' '..0x7f).contains(*b)).count();
    header.ends_with(b"`\n") || printable * 10 >= header.len() * 9
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.trim().parse().ok()
}

fn read_at(reader: &mut Reader, at: u64, buffer: &mut [u8]) -> std::io::Result<()> {
    reader.seek(SeekFrom::Start(at))?;
    reader.read_exact(buffer)
}

#[cfg(test)]
mod tests {
    use super::super::trial::seen;

    fn header(name: &str, size: &str) -> Vec<u8> {
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644).into_bytes()
    }

    #[test]
    fn names_of_every_kind() {
        let mut ar = b"!<arch>\n".to_vec();
        ar.extend(header("//", "18"));
        ar.extend(b"a long name.o/\nxx\n");
        ar.extend(header("/0", "3"));
        ar.extend(b"one\n");
        ar.extend(header("#1/8", "11"));
        ar.extend(b"bsd name");
        ar.extend(b"two\n");
        ar.extend(header("short.o/", "5"));
        // Without the padding that belongs here.
        ar.extend(b"three");
        ar.extend(header("last", "4"));
        ar.extend(b"four");
        let (members, gaps) = seen("x.a", ar);
        assert_eq!(members, ["a long name.o", "bsd name", "short.o", "last"]);
        assert_eq!(gaps, Vec::<String>::new());
    }

    #[test]
    fn broken_headers_and_thin_archives_are_gaps() {
        let mut ar = b"!<arch>\n".to_vec();
        ar.extend(header("a", "999999"));
        ar.extend(b"one");
        let (members, gaps) = seen("x.a", ar);
        assert_eq!((members.len(), gaps.len()), (1, 1), "{gaps:?}");
        let mut thin = b"!<thin>\n".to_vec();
        thin.extend(header("a.o/", "999999"));
        thin.extend(header("b.o/", "7"));
        let (members, gaps) = seen("x.a", thin);
        assert_eq!((members.len(), gaps.len()), (0, 2), "{gaps:?}");
        let (_, gaps) = seen("x.a", b"!<arch>\nrubbish".to_vec());
        assert_eq!(gaps.len(), 1, "{gaps:?}");
    }
}
