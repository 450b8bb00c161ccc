//! Files that NTFS packed, unit by unit.
//!
//! In: where the clusters of a file stand. Out: its plain bytes as a stream. Must not know: the table of files.

use std::io::{self, Read};

use super::nodes::Blocks;
use super::{Pieces, broken, cut_short};
use crate::bytes::le16;
use crate::source::{Content, Extent};

/// Bytes that are packed together within a unit.
const CHUNK: usize = 4096;

/// The plain file.
pub(super) fn reader(content: Content, pieces: Pieces, unit: u64, size: u64) -> impl Read {
    let mut pieces = pieces.list.into_iter();
    let mut rest: Option<Extent> = None;
    Blocks::new(size, unit, move |_| {
        // What of the unit is allocated.
        let (mut packed, mut left) = (Vec::new(), unit);
        while left > 0 {
            let Some(mut piece) = rest.take().or_else(|| pieces.next()) else { break };
            let n = piece.len.min(left);
            if let Some(from) = piece.from {
                packed.extend(content.bytes(from, n)?);
                piece.from = Some(from + n);
            }
            left -= n;
            piece.len -= n;
            rest = Some(piece).filter(|piece| piece.len > 0);
        }
        // A unit that is allocated whole is not packed, and one without any cluster is zeros.
        match packed.len() as u64 {
            0 => Ok(None),
            len if len == unit => Ok(Some(packed)),
            _ => unpack(&packed, unit as usize).map(Some),
        }
    })
}

fn unpack(mut data: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(most);
    while let Some(header) = le16(data, 0).filter(|header| *header != 0) {
        if out.len() >= most {
            break;
        }
        let len = usize::from(header & 0xfff) + 1;
        let chunk = data.get(2..2 + len).ok_or_else(cut_short)?;
        let start = out.len();
        if header & 0x8000 == 0 {
            out.extend_from_slice(chunk);
        } else {
            self::chunk(chunk, &mut out, start)?;
        }
        data = data.get(2 + len..).unwrap_or_default();
        // A chunk that is not the last may be shorter: zeros follow.
        if le16(data, 0).is_some_and(|header| header != 0) {
            out.resize(start + CHUNK, 0);
        }
    }
    out.truncate(most);
    Ok(out)
}

/// Eight bits tell which of the eight that follow are bytes and which repeat.
fn chunk(mut data: &[u8], out: &mut Vec<u8>, start: usize) -> io::Result<()> {
    while let Some((flags, rest)) = data.split_first() {
        data = rest;
        for bit in 0..8 {
            if flags >> bit & 1 == 0 {
                let Some((byte, rest)) = data.split_first() else { return Ok(()) };
                out.push(*byte);
                data = rest;
                continue;
            }
            let Some(pair) = le16(data, 0).map(usize::from) else { return Ok(()) };
            data = data.get(2..).unwrap_or_default();
            // The further in the chunk, the more bits are of the distance.
            let done = out.len() - start;
            let mut shift = 12;
            while shift > 4 && (1 << (16 - shift)) < done {
                shift -= 1;
            }
            let (distance, len) = ((pair >> shift) + 1, (pair & ((1 << shift) - 1)) + 3);
            if distance > done || done + len > CHUNK {
                return Err(broken("lznt1: leads out of the chunk"));
            }
            for _ in 0..len {
                let byte = out.get(out.len() - distance).copied().unwrap_or(0);
                out.push(byte);
            }
        }
        if out.len() - start >= CHUNK {
            break;
        }
    }
    Ok(())
}
