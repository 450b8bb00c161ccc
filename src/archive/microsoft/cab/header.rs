//! The front matter of a cabinet: header, folders, directory of files.
//!
//! In: the cabinet from its start. Out: what is declared there. Must not know: how folders are packed, and what becomes of
//! the files.

use std::io::{self, Read, Seek, SeekFrom};

use crate::bytes::{le16, le32, until_zero};
use crate::source::Reader;

/// Bytes of a cabinet's name, a disk's, a file's: 255 and a zero by the format.
const NAME: usize = 256;

/// What the header says.
pub(super) struct Header {
    pub size: u64,
    pub files: u64,
    pub count: u16,
    pub previous: Option<String>,
    pub next: Option<String>,
    /// Bytes reserved in front of each block's data.
    pub reserved: u64,
    /// Where the reserved bytes of the header say that a signature stands.
    pub signature: Option<(u64, u64)>,
    pub folders: Vec<Folder>,
}

#[derive(Clone)]
pub(super) struct Folder {
    pub start: u64,
    pub blocks: u16,
    pub method: u16,
}

/// A file of the directory.
pub(super) struct File {
    pub name: String,
    pub size: u32,
    pub start: u32,
    pub folder: u16,
}

/// So many bytes.
pub(super) fn exact<const N: usize>(reader: &mut Reader) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A text that ends with a zero.
fn text(reader: &mut Reader, utf8: bool) -> io::Result<String> {
    let start = reader.position();
    let mut bytes = Vec::new();
    reader.take(NAME as u64 + 1).read_to_end(&mut bytes)?;
    let text = until_zero(&bytes, bytes.len());
    if text.len() == bytes.len() {
        let short = bytes.len() <= NAME;
        let kind = if short { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
        return Err(io::Error::new(kind, "a name without an end"));
    }
    reader.seek(SeekFrom::Start(start + text.len() as u64 + 1))?;
    Ok(match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) if utf8 => String::from_utf8_lossy(text).into_owned(),
        // The code page is the packer's and is not said.
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(text).0.into_owned(),
    })
}

/// Reads the header, with the list of folders.
pub(super) fn header(reader: &mut Reader) -> io::Result<Header> {
    let head: [u8; 36] = exact(reader)?;
    let u16_at = |at| le16(&head, at).unwrap_or_default();
    let u32_at = |at| le32(&head, at).unwrap_or_default();
    let (count_of_folders, count, flags) = (u16_at(26), u16_at(28), u16_at(30));
    let mut header = Header {
        size: u64::from(u32_at(8)),
        files: u64::from(u32_at(16)),
        count,
        previous: None,
        next: None,
        reserved: 0,
        signature: None,
        folders: Vec::new(),
    };
    let mut per_folder = 0;
    if flags & 4 != 0 {
        let sizes: [u8; 4] = exact(reader)?;
        let own = i64::from(le16(&sizes, 0).unwrap_or_default());
        per_folder = i64::from(sizes[2]);
        header.reserved = u64::from(sizes[3]);
        let after = reader.position().saturating_add_signed(own);
        if own == 20 {
            let reserve: [u8; 20] = exact(reader)?;
            let place = |at| le32(&reserve, at).map(u64::from);
            if le16(&reserve, 2) == Some(16) {
                header.signature = place(4).zip(place(8));
            }
        }
        reader.seek(SeekFrom::Start(after))?;
    }
    if flags & 1 != 0 {
        header.previous = Some(text(reader, false)?);
        text(reader, false)?;
    }
    if flags & 2 != 0 {
        header.next = Some(text(reader, false)?);
        text(reader, false)?;
    }
    for _ in 0..count_of_folders {
        let folder: [u8; 8] = exact(reader)?;
        let (start, blocks, method) = (le32(&folder, 0), le16(&folder, 4), le16(&folder, 6));
        header.folders.push(Folder {
            start: u64::from(start.unwrap_or_default()),
            blocks: blocks.unwrap_or_default(),
            method: method.unwrap_or_default(),
        });
        reader.seek(SeekFrom::Current(per_folder))?;
    }
    Ok(header)
}

/// The files, and what broke.
pub(super) fn directory(reader: &mut Reader, header: &Header) -> (Vec<File>, Option<io::Error>) {
    let mut files = Vec::new();
    let mut read = || -> io::Result<()> {
        reader.seek(SeekFrom::Start(header.files))?;
        for _ in 0..header.count {
            let entry: [u8; 16] = exact(reader)?;
            let utf8 = le16(&entry, 14).is_some_and(|attributes| attributes & 0x80 != 0);
            files.push(File {
                size: le32(&entry, 0).unwrap_or_default(),
                start: le32(&entry, 4).unwrap_or_default(),
                folder: le16(&entry, 8).unwrap_or_default(),
                name: text(reader, utf8)?.replace('\\', "/"),
            });
        }
        Ok(())
    };
    let fault = read().err();
    (files, fault)
}
