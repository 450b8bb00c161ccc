//! The counts in a 7z header, before room is made for what they count.
//!
//! In: the header, packed or not. Out: whether its counts and dictionaries are within bounds, or why not. Must not know:
//! names, sizes and all else the header says.

use std::io::{Read, Seek, SeekFrom};

use lzma_rust2::{Lzma2Reader, LzmaReader};

use crate::bytes::le32;
use crate::fact::Reason;
use crate::source::Blob;

/// Bytes of a header, unpacked; files, blocks and streams it may speak of.
const MOST: u64 = 64 << 20;
const FILES: u64 = 500_000;
const BLOCKS: u64 = 200_000;

const END: u8 = 0;
const HEADER: u8 = 1;
const PROPERTIES: u8 = 2;
const MAIN: u8 = 4;
const FILES_INFO: u8 = 5;
const PACK: u8 = 6;
const UNPACK: u8 = 7;
const SUBSTREAMS: u8 = 8;
const SIZE: u8 = 9;
const CRC: u8 = 10;
const FOLDER: u8 = 11;
const UNPACK_SIZE: u8 = 12;
const COUNT: u8 = 13;
const ENCODED: u8 = 23;

type Refusal = (Reason, String);

fn broken() -> Refusal {
    (Reason::Malformed, "the header breaks".to_owned())
}

fn many(what: &str, count: u64, most: u64) -> Refusal {
    (Reason::Limit, format!("{count} {what}, more than {most}"))
}

/// Looks through the header at a place of the blob.
pub(super) fn check(blob: &Blob, at: u64, len: u64) -> Result<(), Refusal> {
    let mut data = read(blob, at, len)?;
    // A header may be packed more than once; nobody does it often.
    for _ in 0..4 {
        let mut input = Input { data: &data };
        match input.byte()? {
            HEADER => return counts(input),
            ENCODED => data = unpack(blob, input)?,
            _ => return Err(broken()),
        }
    }
    Err((Reason::Limit, "a header packed again and again".to_owned()))
}

fn read(blob: &Blob, at: u64, len: u64) -> Result<Vec<u8>, Refusal> {
    if len > MOST {
        return Err(many("bytes of header", len, MOST));
    }
    let mut data = Vec::new();
    let mut reader = blob.reader();
    let read = reader.seek(SeekFrom::Start(at)).and_then(|_| reader.take(len).read_to_end(&mut data));
    match read {
        Ok(n) if n as u64 == len => Ok(data),
        _ => Err((Reason::Truncated, "the header is cut".to_owned())),
    }
}

/// Unpacks a header that was packed by one coder. Where it is encrypted that is told.
fn unpack(blob: &Blob, mut input: Input<'_>) -> Result<Vec<u8>, Refusal> {
    let streams = streams(&mut input)?;
    let (Some(size), Some(len)) = (streams.packed.first(), streams.unpacked.first()) else { return Err(broken()) };
    if streams.encrypted {
        return Err((Reason::Encrypted, "the header is encrypted; a password is needed".to_owned()));
    }
    if *len > MOST {
        return Err(many("bytes of header", *len, MOST));
    }
    let packed = read(blob, 32u64.saturating_add(streams.at), *size)?;
    let dictionary = streams.properties.get(1..).and_then(|rest| le32(rest, 0)).unwrap_or(0);
    let mut data = Vec::new();
    let refuse = |_| (Reason::Malformed, "the packed header breaks".to_owned());
    match streams.method.as_slice() {
        [0] => data = packed,
        // The dictionary need not be larger than what it is for.
        [3, 1, 1] => {
            let properties = streams.properties.first().copied().unwrap_or(0x5d);
            let dictionary = dictionary.min(u32::try_from(MOST).unwrap_or(u32::MAX));
            let reader =
                LzmaReader::new_with_props(packed.as_slice(), *len, properties, dictionary, None).map_err(refuse)?;
            reader.take(*len).read_to_end(&mut data).map_err(refuse)?;
        }
        [0x21] => {
            let dictionary = u32::try_from(MOST).unwrap_or(u32::MAX);
            Lzma2Reader::new(packed.as_slice(), dictionary, None).take(*len).read_to_end(&mut data).map_err(refuse)?;
        }
        other => return Err((Reason::Unsupported, format!("a header packed by method {}", crate::bytes::hex(other)))),
    }
    Ok(data)
}

/// Reads on to the number of files.
fn counts(mut input: Input<'_>) -> Result<(), Refusal> {
    let mut id = input.byte()?;
    if id == PROPERTIES {
        while input.byte()? != END {
            let len = input.number()?;
            input.skip(len)?;
        }
        id = input.byte()?;
    }
    if id == MAIN {
        let _ = streams(&mut input)?;
        id = input.byte()?;
    }
    if id == FILES_INFO {
        let files = input.number()?;
        if files > FILES {
            return Err(many("files", files, FILES));
        }
    }
    Ok(())
}

/// What is needed of a description of streams.
#[derive(Default)]
struct Streams {
    at: u64,
    packed: Vec<u64>,
    unpacked: Vec<u64>,
    method: Vec<u8>,
    properties: Vec<u8>,
    encrypted: bool,
}

fn streams(input: &mut Input<'_>) -> Result<Streams, Refusal> {
    let mut told = Streams::default();
    let mut blocks = Vec::new();
    loop {
        match input.byte()? {
            END => return Ok(told),
            PACK => pack(input, &mut told)?,
            UNPACK => blocks = unpack_info(input, &mut told)?,
            SUBSTREAMS => substreams(input, &blocks)?,
            _ => return Err(broken()),
        }
    }
}

fn pack(input: &mut Input<'_>, told: &mut Streams) -> Result<(), Refusal> {
    told.at = input.number()?;
    let count = input.number()?;
    if count > BLOCKS * 4 {
        return Err(many("packed streams", count, BLOCKS * 4));
    }
    loop {
        match input.byte()? {
            END => return Ok(()),
            SIZE => {
                for _ in 0..count {
                    told.packed.push(input.number()?);
                }
            }
            CRC => drop(input.digests(count)?),
            _ => return Err(broken()),
        }
    }
}

/// Says of each block whether it has a checksum.
fn unpack_info(input: &mut Input<'_>, told: &mut Streams) -> Result<Vec<bool>, Refusal> {
    if input.byte()? != FOLDER {
        return Err(broken());
    }
    let blocks = input.number()?;
    if blocks > BLOCKS {
        return Err(many("blocks", blocks, BLOCKS));
    }
    if input.byte()? != 0 {
        return Err((Reason::Unsupported, "blocks described elsewhere".to_owned()));
    }
    let mut outputs = Vec::new();
    for _ in 0..blocks {
        outputs.push(folder(input, told)?);
    }
    if input.byte()? != UNPACK_SIZE {
        return Err(broken());
    }
    for count in outputs {
        let mut last = 0;
        for _ in 0..count {
            last = input.number()?;
        }
        told.unpacked.push(last);
    }
    let mut summed = vec![false; usize::try_from(blocks).unwrap_or(0)];
    loop {
        match input.byte()? {
            END => return Ok(summed),
            CRC => summed = input.digests(blocks)?,
            _ => return Err(broken()),
        }
    }
}

/// One block; how many streams come out of its coders.
fn folder(input: &mut Input<'_>, told: &mut Streams) -> Result<u64, Refusal> {
    let coders = input.number()?;
    if coders > 64 {
        return Err(many("coders of a block", coders, 64));
    }
    let (mut ins, mut outs) = (0u64, 0u64);
    for _ in 0..coders {
        let flags = input.byte()?;
        let method = input.take(u64::from(flags & 15))?;
        let (inputs, outputs) = if flags & 0x10 == 0 { (1, 1) } else { (input.number()?, input.number()?) };
        ins = ins.saturating_add(inputs);
        outs = outs.saturating_add(outputs);
        if ins > 64 || outs > 64 {
            return Err(many("streams of a block", ins.max(outs), 64));
        }
        let len = if flags & 0x20 == 0 { 0 } else { input.number()? };
        let properties = input.take(len)?;
        told.encrypted |= method == super::AES;
        if told.method.is_empty() {
            told.method = method.to_vec();
            told.properties = properties.to_vec();
        }
    }
    let pairs = outs.saturating_sub(1);
    for _ in 0..2 * pairs {
        input.number()?;
    }
    let packed = ins.saturating_sub(pairs);
    if packed > 1 {
        for _ in 0..packed {
            input.number()?;
        }
    }
    Ok(outs)
}

/// The streams of each block, their sizes and checksums.
fn substreams(input: &mut Input<'_>, blocks: &[bool]) -> Result<(), Refusal> {
    let mut counts = vec![1; blocks.len()];
    let mut id = input.byte()?;
    if id == COUNT {
        for count in &mut counts {
            *count = input.number()?;
        }
        id = input.byte()?;
    }
    let all = counts.iter().fold(0u64, |all, count| all.saturating_add(*count));
    if all > FILES {
        return Err(many("streams", all, FILES));
    }
    if id == SIZE {
        for count in &counts {
            for _ in 1..*count {
                input.number()?;
            }
        }
        id = input.byte()?;
    }
    if id == CRC {
        // The one stream of a block has the checksum of the block, where that has one.
        let open = counts.iter().zip(blocks).filter(|(count, summed)| **count != 1 || !**summed);
        input.digests(open.map(|(count, _)| count).sum())?;
        id = input.byte()?;
    }
    if id == END { Ok(()) } else { Err(broken()) }
}

struct Input<'d> {
    data: &'d [u8],
}

impl<'d> Input<'d> {
    fn byte(&mut self) -> Result<u8, Refusal> {
        let (first, rest) = self.data.split_first().ok_or_else(broken)?;
        self.data = rest;
        Ok(*first)
    }

    fn take(&mut self, len: u64) -> Result<&'d [u8], Refusal> {
        let len = usize::try_from(len).map_err(|_| broken())?;
        let (part, rest) = self.data.split_at_checked(len).ok_or_else(broken)?;
        self.data = rest;
        Ok(part)
    }

    fn skip(&mut self, len: u64) -> Result<(), Refusal> {
        self.take(len).map(|_| ())
    }

    /// A number of up to eight bytes, whose first says how many follow.
    fn number(&mut self) -> Result<u64, Refusal> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut value = 0;
        for index in 0..more {
            value |= u64::from(self.byte()?) << (8 * index);
        }
        let high = if more >= 7 { 0 } else { u64::from(first & (0x7f >> more)) };
        Ok(value | high.checked_shl(8 * more).unwrap_or(0))
    }

    /// Which of so many have a checksum; the sums are passed over.
    fn digests(&mut self, count: u64) -> Result<Vec<bool>, Refusal> {
        let count = usize::try_from(count).map_err(|_| broken())?;
        let told: Vec<bool> = if self.byte()? == 0 {
            let bits = self.take(count.div_ceil(8) as u64)?;
            bits.iter().flat_map(|byte| (0..8).map(move |bit| byte & (0x80 >> bit) != 0)).take(count).collect()
        } else {
            vec![true; count]
        };
        self.skip(4 * told.iter().filter(|told| **told).count() as u64)?;
        Ok(told)
    }
}
