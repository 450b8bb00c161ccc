//! rpm packages: the payload, a compressed cpio archive behind two headers.
//!
//! In: a blob. Out: the files of the package, under the names of the cpio archive. What the headers say of the package is
//! an extractor's matter; here they are only read for where the payload begins and for the files it does not name.

use std::io::{Read, Seek, SeekFrom};

use super::compressed;
use super::{Carve, Format, Inside, cpio};
use crate::bytes::{be16, be32, be64, text_until_zero};
use crate::fact::Reason;
use crate::source::{Blob, Reader};

pub(super) const FORMAT: Format = Format { name: "rpm", claim, open, carve: &[Carve { magic: LEAD, at: 0, sound }] };

const LEAD: &[u8] = b"\xed\xab\xee\xdb";
const HEADER: &[u8] = b"\x8e\xad\xe8\x01";
/// As long as the lead is; it says nothing that the headers do not.
const LEAD_LEN: u64 = 96;
/// Bounds of a header: as many entries and bytes as rpm itself takes, and fewer bytes for what is kept of it.
const ENTRIES: u32 = 1 << 20;
const KEPT: u64 = 64 << 20;

const FORMAT_TAG: u32 = 1124;
const COMPRESSOR: u32 = 1125;
const SIZES: u32 = 1028;
const LONG_SIZES: u32 = 5008;
const MODES: u32 = 1030;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(LEAD)
}

fn sound(blob: &Blob) -> bool {
    blob.head().get(96..100).is_some_and(|magic| magic == HEADER)
}

/// A header: its entries and its data, where it is kept, and where it ends.
struct Header {
    index: Vec<u8>,
    data: Vec<u8>,
    end: u64,
}

impl Header {
    fn read(reader: &mut Reader, at: u64, keep: bool) -> Result<Header, (Reason, &'static str)> {
        const CUT: (Reason, &str) = (Reason::Truncated, "a header is cut");
        let mut intro = [0; 16];
        reader.seek(SeekFrom::Start(at)).map_err(|_| CUT)?;
        reader.read_exact(&mut intro).map_err(|_| CUT)?;
        let (Some(entries), Some(len)) = (be32(&intro, 8), be32(&intro, 12)) else { return Err(CUT) };
        if !intro.starts_with(HEADER) || entries > ENTRIES {
            return Err((Reason::Malformed, "no header where one should stand"));
        }
        let (index_len, data_len) = (16 * u64::from(entries), u64::from(len));
        let end = at + 16 + index_len + data_len;
        if end > reader.len() {
            return Err(CUT);
        }
        let (mut index, mut data) = (Vec::new(), Vec::new());
        if keep && index_len + data_len <= KEPT {
            let read = reader
                .take(index_len)
                .read_to_end(&mut index)
                .and_then(|_| reader.take(data_len).read_to_end(&mut data));
            read.map_err(|_| CUT)?;
        }
        Ok(Header { index, data, end })
    }

    /// Count and data of a tag, from its first byte on.
    fn tag(&self, tag: u32) -> Option<(usize, &[u8])> {
        let entry = self.index.chunks_exact(16).find(|entry| be32(entry, 0) == Some(tag))?;
        let (offset, count) = (usize::try_from(be32(entry, 8)?).ok()?, usize::try_from(be32(entry, 12)?).ok()?);
        Some((count, self.data.get(offset..)?))
    }

    fn text(&self, tag: u32) -> Option<String> {
        self.tag(tag).map(|(_, data)| text_until_zero(data, 64).into_owned())
    }

    /// The places of the texts of a list.
    fn texts(&self, tag: u32) -> Vec<&[u8]> {
        let Some((count, data)) = self.tag(tag) else { return Vec::new() };
        data.split(|b| *b == 0).take(count.min(data.len())).collect()
    }
}

/// The files as the header lists them: for payloads that leave out their names and sizes.
struct Files<'h> {
    header: &'h Header,
    folders: Vec<&'h [u8]>,
    names: Vec<&'h [u8]>,
}

impl Files<'_> {
    fn of(header: &Header) -> Files<'_> {
        Files { header, folders: header.texts(DIR_NAMES), names: header.texts(BASE_NAMES) }
    }

    /// Name, size and mode of a file.
    fn get(&self, number: usize) -> Option<(String, u64, u64)> {
        let word = |tag: u32, len: usize| {
            let (count, data) = self.header.tag(tag)?;
            (number < count).then(|| data.get(number * len..))?
        };
        let folder = word(DIR_INDEXES, 4).and_then(|data| be32(data, 0)).and_then(|i| usize::try_from(i).ok());
        let folder = folder.and_then(|index| self.folders.get(index)).copied().unwrap_or_default();
        let name = self.names.get(number)?;
        let long = word(LONG_SIZES, 8).and_then(|data| be64(data, 0));
        let size = long.or_else(|| word(SIZES, 4).and_then(|data| be32(data, 0)).map(u64::from))?;
        let mode = u64::from(be16(word(MODES, 2)?, 0)?);
        let name = [String::from_utf8_lossy(folder), String::from_utf8_lossy(name)].concat();
        Some((name.trim_start_matches('/').to_owned(), size, mode))
    }
}

fn open(inside: &mut Inside<'_, '_>) {
    let mut reader = inside.blob.reader();
    let broken = |inside: &mut Inside<'_, '_>, (reason, what): (Reason, &str)| {
        inside.gap(reason, format!("rpm: {what}; no file of it was read"));
    };
    let signature = match Header::read(&mut reader, LEAD_LEN, false) {
        Ok(header) => header,
        Err(why) => return broken(inside, why),
    };
    // The signature is filled up to eight bytes.
    let header = match Header::read(&mut reader, signature.end.next_multiple_of(8), true) {
        Ok(header) => header,
        Err(why) => return broken(inside, why),
    };
    let format = header.text(FORMAT_TAG).unwrap_or_else(|| "cpio".to_owned());
    let packer = header.text(COMPRESSOR).unwrap_or_else(|| "gzip".to_owned());
    let start = header.end;
    let Ok(payload) = inside.blob.content().slice(start, u64::MAX) else { return };
    if format != "cpio" {
        inside.shut("payload", Reason::Unsupported, format!("rpm: a payload in the format {format}"));
        return;
    }
    let files = Files::of(&header);
    let index = |number: usize| files.get(number);
    let Some(mut stream) = compressed::unpack(&payload, packer == "lzma") else {
        let plain = Blob::nameless(payload.clone());
        if plain.head().starts_with(b"0707") {
            if let Some(end) = cpio::read(inside, payload.reader(), false, &index) {
                inside.ends_at(start + end);
            }
        } else if plain.len() == 0 {
            inside.gap(Reason::Truncated, "rpm: no payload");
        } else {
            inside.shut(
                "payload",
                Reason::Unsupported,
                format!("rpm: a payload compressed by {packer} that does not begin as such"),
            );
        }
        return;
    };
    cpio::read(inside, &mut stream, true, &index);
    if stream.end() > 0 {
        inside.ends_at(start + stream.end());
    }
}
