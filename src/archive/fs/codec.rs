//! Blocks of packed bytes, as file systems and disk images hold them.
//!
//! In: one packed block and how long it may become. Out: its plain bytes. Must not know: whose block it is.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};
use zstd::bulk::Decompressor;

use super::broken;

/// How a block is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Zlib,
    Deflate,
    Lzma,
    Lzo,
    Xz,
    Lz4,
    Zstd,
    Bzip2,
    Lzfse,
    /// Apple's own of old.
    Adc,
}

/// KiB a decoder of LZMA may take; blocks are of a megabyte at most.
const LZMA_MEMORY: u32 = 64 << 10;

/// Unpacks blocks, with what can be used again kept between them.
pub(crate) struct Codec {
    zlib: Decompress,
    deflate: Decompress,
    /// Made when it is first needed.
    zstd: Option<Decompressor<'static>>,
    /// Bytes that came out so far.
    pub work: u64,
    /// Bytes that may come out: parts that are looked at again and again count each time.
    pub allowed: u64,
}

impl Codec {
    /// For an image of this length.
    pub fn new(len: u64) -> Codec {
        let (zlib, deflate) = (Decompress::new(true), Decompress::new(false));
        Codec { zlib, deflate, zstd: None, work: 0, allowed: len.saturating_mul(64).saturating_add(512 << 20) }
    }

    /// Unpacks one block to at most so many bytes; more is an error.
    pub fn unpack(&mut self, method: Method, data: &[u8], most: usize) -> io::Result<Vec<u8>> {
        // A block costs something even if nothing comes out.
        self.work = self.work.saturating_add(most.min(1 << 12) as u64);
        if self.work > self.allowed {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "the same blocks unpacked over and over; stopped",
            ));
        }
        let plain = match method {
            Method::Zlib => inflate(&mut self.zlib, true, data, most)?,
            Method::Deflate => inflate(&mut self.deflate, false, data, most)?,
            Method::Lzma => read(lzma_rust2::LzmaReader::new_mem_limit(data, LZMA_MEMORY, None)?, most)?,
            Method::Xz => read(lzma_rust2::XzReader::new_mem_limit(data, false, LZMA_MEMORY), most)?,
            Method::Bzip2 => read(bzip2::read::BzDecoder::new(data), most)?,
            Method::Adc => adc(data, most)?,
            Method::Lzfse => super::lzfse::unpack(data, most)?,
            Method::Lzo => {
                let mut plain = vec![0; most];
                let n =
                    lzokay::decompress::decompress(data, &mut plain).map_err(|_| broken("lzo: the block is broken"))?;
                plain.truncate(n);
                plain
            }
            Method::Lz4 => {
                let mut plain = vec![0; most];
                let n = lz4_flex::block::decompress_into(data, &mut plain);
                plain.truncate(n.map_err(|error| broken(&format!("lz4: {error}")))?);
                plain
            }
            Method::Zstd => {
                let decoder = match &mut self.zstd {
                    Some(decoder) => decoder,
                    none => none.insert(Decompressor::new()?),
                };
                decoder.decompress(data, most).map_err(|error| broken(&format!("zstd: {error}")))?
            }
        };
        self.work = self.work.saturating_add(plain.len() as u64);
        Ok(plain)
    }
}

fn inflate(decoder: &mut Decompress, zlib: bool, data: &[u8], most: usize) -> io::Result<Vec<u8>> {
    decoder.reset(zlib);
    let mut plain = Vec::with_capacity(most);
    match decoder.decompress_vec(data, &mut plain, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) if plain.len() <= most => Ok(plain),
        Ok(_) if plain.len() >= most => Err(broken("a block longer than it may be")),
        Ok(_) => Err(super::cut_short()),
        Err(error) => Err(broken(&format!("deflate: {error}"))),
    }
}

fn read(reader: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut plain = Vec::with_capacity(most);
    reader.take(most as u64 + 1).read_to_end(&mut plain)?;
    if plain.len() > most { Err(broken("a block longer than it may be")) } else { Ok(plain) }
}

/// Runs of plain bytes, and repetitions with a distance of ten or sixteen bits.
fn adc(data: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let mut plain: Vec<u8> = Vec::with_capacity(most);
    let mut at = 0;
    while let Some(byte) = data.get(at).copied() {
        let next = |n: usize| data.get(at + n).copied().map(usize::from).ok_or_else(super::cut_short);
        let byte = usize::from(byte);
        let (len, distance, step) = if byte & 0x80 != 0 {
            let len = (byte & 0x7f) + 1;
            plain.extend_from_slice(data.get(at + 1..at + 1 + len).ok_or_else(super::cut_short)?);
            (0, 0, len + 1)
        } else if byte & 0x40 != 0 {
            ((byte & 0x3f) + 4, next(1)? << 8 | next(2)?, 3)
        } else {
            ((byte >> 2 & 15) + 3, (byte & 3) << 8 | next(1)?, 2)
        };
        for _ in 0..len {
            let from = plain.len().checked_sub(distance + 1).and_then(|from| plain.get(from).copied());
            plain.push(from.ok_or_else(|| broken("adc: leads out of the block"))?);
        }
        if plain.len() > most {
            return Err(broken("a block longer than it may be"));
        }
        at += step;
    }
    Ok(plain)
}
