//! Microsoft cabinets ([MS-CAB]): stored, MSZIP and LZX; what is packed as Quantum stays shut.
//!
//! In: a blob. Out: its members; each folder is unpacked once, from its start to the last file in it. A set of several
//! cabinets lies in several files: what goes across them is told with the name of the other one.

mod header;
mod stream;

use self::header::{File, Header, directory, header};
use self::stream::{FRAME, Stream};
use super::super::{Carve, Format, Inside};
use crate::bytes::{le16, le32};
use crate::fact::Reason;
use crate::source::Blob;

pub(in super::super) const FORMAT: Format =
    Format { name: "cab", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

const MAGIC: &[u8] = b"MSCF\0\0\0\0";
/// Times a folder is begun anew for files that lie over each other; tools write none.
const AGAIN: usize = 8;

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

/// The one version there is, known flags, places that fit each other.
fn sound(blob: &Blob) -> bool {
    let head = blob.head();
    let look = || {
        let (size, files) = (le32(head, 8)?, le32(head, 16)?);
        let (version, folders, count, flags) = (le16(head, 24)?, le16(head, 26)?, le16(head, 28)?, le16(head, 30)?);
        let zero = le32(head, 12)? == 0 && le32(head, 20)? == 0;
        Some(zero && version == 0x103 && folders > 0 && count > 0 && flags < 8 && files >= 44 && files < size)
    };
    look() == Some(true)
}

fn open(inside: &mut Inside<'_, '_>) {
    let mut reader = inside.blob.reader();
    let header = match header(&mut reader) {
        Ok(header) => header,
        Err(error) => return inside.failed("cab: header", &error),
    };
    let len = inside.blob.len();
    let mut end = header.size;
    if let Some((start, size)) = header.signature.filter(|(start, size)| *size > 0 && start + size <= len) {
        end = end.max(start + size);
        if inside.go_on() {
            inside.part("[Signature].p7s", start, size);
        }
    }
    if header.size > len {
        inside.gap(Reason::Truncated, format!("cab: {len} bytes where {} are declared", header.size));
    }
    inside.ends_at(end);
    let (mut files, fault) = directory(&mut reader, &header);
    let broken = fault.map(|error| ("cab: directory", error));
    // A folder that began in another cabinet cannot be unpacked from here, not even the files that begin here.
    let begun = files.iter().any(|file| matches!(file.folder, 0xfffd | 0xffff));
    for file in &mut files {
        match file.folder {
            0xfffd | 0xffff => file.folder = 0,
            // Its start is here, its end is not.
            0xfffe => file.folder = u16::try_from(header.folders.len().saturating_sub(1)).unwrap_or(0),
            _ => {}
        }
    }
    files.sort_by_key(|file| (file.folder, file.start));
    // Bytes that may be unpacked only to be passed over: folders may share their data, and begin far off.
    let mut passing = inside.left();
    let mut rest = files.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|file| file.folder == first.folder).count();
        let (these, others) = rest.split_at_checked(same).unwrap_or_default();
        rest = others;
        if !folder(inside, &header, first.folder, these, begun, &mut passing) {
            return;
        }
    }
    if let Some((what, error)) = broken {
        inside.failed(what, &error);
    }
}

/// Hands over the files of one folder. False when nothing more is to be opened.
fn folder(
    inside: &mut Inside<'_, '_>,
    header: &Header,
    number: u16,
    files: &[File],
    begun: bool,
    passing: &mut u64,
) -> bool {
    let folder = header.folders.get(usize::from(number));
    let shut = match folder {
        None => Some((Reason::Malformed, "its folder does not exist".to_owned())),
        Some(_) if begun && number == 0 => {
            let other = header.previous.as_deref().unwrap_or("another one");
            Some((Reason::Unsupported, format!("begins in the cabinet {other}, which is not part of this file")))
        }
        Some(folder) => match folder.method & 15 {
            0 | 1 => None,
            2 => Some((Reason::Unsupported, "compressed by a method that is not read: Quantum".to_owned())),
            3 if (15..=21).contains(&(folder.method >> 8 & 31)) => None,
            method => Some((Reason::Malformed, format!("method {method} does not exist"))),
        },
    };
    let mut stream = folder.map(|folder| Stream::new(inside.blob.reader(), folder.clone(), header.reserved));
    let mut again = AGAIN;
    for file in files {
        if !inside.go_on() {
            return false;
        }
        if file.size == 0 {
            inside.name_only(&file.name);
            continue;
        }
        let (None, Some(stream)) = (&shut, &mut stream) else {
            inside.count();
            if let Some((reason, why)) = &shut {
                inside.shut(&file.name, *reason, why);
            }
            continue;
        };
        let start = u64::from(file.start);
        if start < stream.given {
            if again == 0 {
                inside.count();
                inside.shut(&file.name, Reason::Limit, "too many files lie over each other; not read");
                continue;
            }
            again -= 1;
            stream.restart(inside.blob.reader());
        }
        // A length that the folder's blocks cannot hold is none to go by.
        let fits = start + u64::from(file.size) <= u64::from(stream.folder.blocks) * FRAME as u64;
        let mut member = stream.file(start, u64::from(file.size), inside, passing);
        if let Some(next) = header.next.as_deref().filter(|_| usize::from(number) + 1 == header.folders.len()) {
            member.continued = Some(next);
        }
        inside.member(&file.name, fits.then_some(u64::from(file.size)), &mut member);
        if !fits {
            let detail = format!("{} bytes are declared, more than its folder holds", file.size);
            inside.shut(&file.name, Reason::Malformed, detail);
        }
    }
    if let Some(stream) = stream.filter(|stream| stream.checksums > 0) {
        let detail = format!("the checksums of {} blocks do not fit", stream.checksums);
        inside.gap_at(format!("folder {number}"), Reason::Malformed, detail);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_in_a_program_is_no_cabinet() {
        let blob = |bytes: &[u8]| Blob::nameless(crate::source::Content::from(bytes.to_vec()));
        assert!(!sound(&blob(MAGIC)));
        let mut head = [0; 64];
        head.iter_mut().zip(MAGIC).for_each(|(to, from)| *to = *from);
        assert!(!sound(&blob(&head)));
        for (at, value) in [(8, 64), (16, 44), (24, 3), (25, 1), (26, 1), (28, 1)] {
            head.get_mut(at).into_iter().for_each(|byte| *byte = value);
        }
        assert!(sound(&blob(&head)));
    }
}
