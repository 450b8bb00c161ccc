//! NTFS, by its table of files: names, alternate streams, holes.
//!
//! In: a blob. Out: the files that are in use, as pieces of it without a copy. What the system packed (WOF) is a gap;
//! the journal is not replayed. Must not know: what the files mean.

use std::collections::HashMap;
use std::io;

use super::{Pieces, broken, cut_short, join};
use crate::archive::walk::reason;
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{le16, le32, le64, utf16};
use crate::fact::Reason;
use crate::source::Content;

const MAGIC: &[u8] = b"NTFS    ";

pub(in crate::archive) const FORMAT: Format = Format {
    name: "ntfs",
    claim: |blob| blob.head().get(3..11).is_some_and(|mark| mark == MAGIC),
    open,
    carve: &[Carve { magic: MAGIC, at: 3, sound: |blob| boot(blob.head()).is_some() }],
};

const ROOT: u64 = 5;
/// Records that the system keeps for itself.
const SYSTEM: u64 = 24;
/// Folders that are kept, and steps from a file up to the root.
const FOLDERS: usize = 2 << 20;
const DEEP: usize = 128;
/// Bits of a reference that number a record; the others count how often it was used.
const NUMBER: u64 = 0xffff_ffff_ffff;

const LIST_END: u32 = 0xffff_ffff;
const NAME: u32 = 0x30;
const DATA: u32 = 0x80;
const REPARSE: u32 = 0xc0;

/// What the boot sector says, in bytes.
struct Boot {
    cluster: u64,
    table: u64,
    record: u64,
    end: u64,
}

fn boot(head: &[u8]) -> Option<Boot> {
    let sector = u64::from(le16(head, 11)?);
    let per_cluster = match *head.get(13)? {
        few @ 1..=128 => u64::from(few),
        many => 1u64.checked_shl(256 - u32::from(many))?,
    };
    let cluster = sector.checked_mul(per_cluster)?;
    let record = match head.get(64)?.cast_signed() {
        clusters @ 1.. => cluster * u64::from(clusters.unsigned_abs()),
        bits => 1u64.checked_shl(u32::from(bits.unsigned_abs()))?,
    };
    let holds = head.get(510..512) == Some(&[0x55, 0xaa])
        && matches!(sector, 512 | 1024 | 2048 | 4096)
        && cluster.is_power_of_two()
        && cluster <= 2 << 20
        && record.is_power_of_two()
        && (512..=65536).contains(&record);
    let table = le64(head, 48)?.checked_mul(cluster)?;
    // The last sector holds a copy of the first.
    let end = le64(head, 40)?.checked_add(1)?.checked_mul(sector)?;
    holds.then_some(Boot { cluster, table, record, end })
}

fn open(inside: &mut Inside<'_, '_>) {
    let Some(boot) = boot(inside.blob.head()) else {
        return inside.gap(Reason::Malformed, "ntfs: the boot sector is cut or does not hold together");
    };
    let content = inside.blob.content().clone();
    inside.ends_at(boot.end.min(content.len()));
    // The copy may be left out of an image of the volume.
    if boot.end > content.len().saturating_add(boot.cluster) {
        let detail = format!("ntfs: {} bytes where {} are declared", content.len(), boot.end);
        inside.gap(Reason::Truncated, detail);
    }
    let mut volume =
        Volume { content: content.clone(), table: content, boot, folders: HashMap::new(), more: HashMap::new() };
    if let Err(error) = volume.read(inside) {
        return inside.failed("ntfs", &error);
    }
    for number in SYSTEM..volume.records() {
        if !inside.go_on() {
            return;
        }
        match volume.record(number) {
            Ok(Some(record)) if record.base == 0 && !record.folder && !is_more_of_table(&record) => {
                file(inside, &volume, number, &record)
            }
            Ok(_) => {}
            Err(error) => inside.gap_at(format!("record {number}"), reason(&error), format!("ntfs: {error}")),
        }
    }
}

/// A record of the table.
struct Record {
    data: Vec<u8>,
    base: u64,
    folder: bool,
}

/// One attribute of a record.
struct Attribute<'r> {
    kind: u32,
    flags: u16,
    name: String,
    resident: bool,
    data: &'r [u8],
}

impl Attribute<'_> {
    fn value(&self) -> Option<&[u8]> {
        let (len, at) = (le32(self.data, 16)? as usize, usize::from(le16(self.data, 20)?));
        self.resident.then(|| self.data.get(at..at.checked_add(len)?)).flatten()
    }

    fn first(&self) -> u64 {
        if self.resident { 0 } else { le64(self.data, 16).unwrap_or(0) }
    }
}

impl Record {
    fn attributes(&self) -> Vec<Attribute<'_>> {
        let mut list = Vec::new();
        let mut at = usize::from(le16(&self.data, 20).unwrap_or(0));
        while let (Some(kind), Some(len)) =
            (le32(&self.data, at).filter(|kind| *kind != LIST_END), le32(&self.data, at + 4))
        {
            let Some(data) = self.data.get(at..at + len as usize).filter(|data| data.len() >= 24) else { break };
            let name = usize::from(le16(data, 10).unwrap_or(0));
            let name = data.get(name..name + usize::from(data.get(9).copied().unwrap_or(0)) * 2).map(utf16);
            list.push(Attribute {
                kind,
                flags: le16(data, 12).unwrap_or(0),
                name: name.unwrap_or_default(),
                resident: data.get(8) == Some(&0),
                data,
            });
            at += len as usize;
        }
        list
    }

    /// Its parents and names; those made up for DOS are left out.
    fn names(&self) -> Vec<(u64, String)> {
        let name = |attribute: &Attribute<'_>| {
            let value = attribute.value()?;
            let name = value.get(66..66 + usize::from(*value.get(64)?) * 2)?;
            (*value.get(65)? != 2).then(|| Some((le64(value, 0)? & NUMBER, utf16(name)))).flatten()
        };
        self.attributes().iter().filter(|attribute| attribute.kind == NAME).filter_map(name).collect()
    }
}

/// A record that goes on with record 0: by number alone it would go on with none.
fn is_more_of_table(record: &Record) -> bool {
    record.base == 0 && le64(&record.data, 32).is_some_and(|base| base != 0)
}

struct Volume {
    content: Content,
    boot: Boot,
    /// The table of files.
    table: Content,
    /// Folders: parent and name.
    folders: HashMap<u64, (u64, String)>,
    /// Records that go on with another.
    more: HashMap<u64, Vec<u64>>,
}

impl Volume {
    fn records(&self) -> u64 {
        self.table.len() / self.boot.record
    }

    /// A record in use.
    fn record(&self, number: u64) -> io::Result<Option<Record>> {
        let mut data = self.table.bytes(number.saturating_mul(self.boot.record), self.boot.record)?;
        let (Some(b"FILE"), Some(flags)) = (data.get(..4), le16(&data, 22).filter(|flags| flags & 1 == 1)) else {
            return Ok(None);
        };
        // The last two bytes of each sector stand elsewhere, to tell whether all were written.
        let (Some(at), Some(count)) = (le16(&data, 4).map(usize::from), le16(&data, 6).map(usize::from)) else {
            return Err(cut_short());
        };
        for index in 1..count {
            let (from, to) = (at + index * 2, index * 512 - 2);
            let (mark, true_bytes) = (le16(&data, at), le16(&data, from));
            let Some(place) = data.get_mut(to..to + 2) else { break };
            if mark != le16(place, 0) {
                return Err(broken("a record of which a part was not written"));
            }
            place.copy_from_slice(&true_bytes.ok_or_else(cut_short)?.to_le_bytes());
        }
        let base = le64(&data, 32).unwrap_or(0) & NUMBER;
        Ok(Some(Record { base, folder: flags & 2 != 0, data }))
    }

    /// Finds the table, the folders and what goes on elsewhere.
    fn read(&mut self, inside: &mut Inside<'_, '_>) -> io::Result<()> {
        let rest = self.content.len().saturating_sub(self.boot.table);
        self.table = self.content.slice(self.boot.table, rest)?;
        let first = self.record(0)?.ok_or_else(|| broken("no table of files"))?;
        let mut parts = vec![first];
        // The table's own record may go on in others, which stand in its first part.
        for pass in 0..2 {
            self.table = self.content.mapped(self.pieces(&parts, "")?.list)?.0;
            self.folders.clear();
            self.more.clear();
            for number in 0..self.records() {
                if inside.limits().stop.raised() {
                    return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "stopped"));
                }
                let Ok(Some(record)) = self.record(number) else { continue };
                if record.base != 0 {
                    self.more.entry(record.base).or_default().push(number);
                } else if record.folder && self.folders.len() < FOLDERS {
                    self.folders.extend(record.names().into_iter().next().map(|name| (number, name)));
                }
                if parts.len() < 4096 && pass == 0 && is_more_of_table(&record) {
                    parts.push(record);
                }
            }
            if parts.len() == 1 {
                break;
            }
        }
        Ok(())
    }

    /// Where a stream of a file stands: exactly as long as it is.
    fn pieces(&self, records: &[Record], stream: &str) -> io::Result<Pieces> {
        let (mut pieces, size, written) = self.all(records, stream)?;
        // Behind what was written, zeros are read whatever stands there.
        pieces.end_at(size.min(written))?;
        pieces.end_at(size)?;
        Ok(pieces)
    }

    /// All clusters of a stream, how long it is, and how much of it was written.
    fn all(&self, records: &[Record], stream: &str) -> io::Result<(Pieces, u64, u64)> {
        let attributes = records.iter().flat_map(Record::attributes);
        let mut parts: Vec<_> =
            attributes.filter(|one| one.kind == DATA && one.name == stream && !one.resident).collect();
        parts.sort_by_key(Attribute::first);
        let mut pieces = Pieces::new();
        let (mut size, mut written) = (0, 0);
        for (index, part) in parts.iter().enumerate() {
            if index == 0 {
                size = le64(part.data, 48).ok_or_else(cut_short)?;
                written = le64(part.data, 56).ok_or_else(cut_short)?;
            }
            if part.first().checked_mul(self.boot.cluster) != Some(pieces.len) {
                return Err(broken("parts of a stream that do not follow each other"));
            }
            self.runs(part.data, &mut pieces)?;
        }
        Ok((pieces, size, written))
    }

    fn runs(&self, data: &[u8], pieces: &mut Pieces) -> io::Result<()> {
        let mut rest = data.get(usize::from(le16(data, 32).unwrap_or(0))..).unwrap_or_default();
        let mut at = 0i64;
        while let Some((head, behind)) = rest.split_first().filter(|(head, _)| **head != 0) {
            let (len_bytes, at_bytes) = (usize::from(head & 15), usize::from(head >> 4));
            if len_bytes > 8 || at_bytes > 8 {
                return Err(broken("a run of impossible width"));
            }
            let (len, behind) = behind.split_at_checked(len_bytes).ok_or_else(cut_short)?;
            let (step, behind) = behind.split_at_checked(at_bytes).ok_or_else(cut_short)?;
            let len = len.iter().rev().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
            let len = len.checked_mul(self.boot.cluster).ok_or_else(|| broken("a run longer than anything"))?;
            if step.is_empty() {
                pieces.push(len, None)?;
            } else {
                let negative = step.last().is_some_and(|byte| byte & 0x80 != 0);
                let start = if negative { -1i64 } else { 0 };
                at = at.wrapping_add(step.iter().rev().fold(start, |n, byte| n << 8 | i64::from(*byte)));
                let from = u64::try_from(at).ok().and_then(|at| at.checked_mul(self.boot.cluster));
                pieces.push(len, Some(from.ok_or_else(|| broken("a run before the volume"))?))?;
            }
            rest = behind;
        }
        Ok(())
    }

    /// The path of a name; none where its folders do not lead to the root.
    fn path(&self, mut parent: u64, name: &str) -> String {
        let mut steps = vec![name];
        while parent != ROOT && steps.len() < DEEP {
            let Some((next, name)) = self.folders.get(&parent) else {
                steps.push("[lost]");
                break;
            };
            steps.push(name);
            parent = *next;
        }
        steps.iter().rev().fold(String::new(), |path, step| join(&path, step))
    }
}

fn file(inside: &mut Inside<'_, '_>, volume: &Volume, number: u64, record: &Record) {
    let names = record.names();
    let mut records = vec![Record { data: record.data.clone(), base: 0, folder: false }];
    for more in volume.more.get(&number).into_iter().flatten().take(4096) {
        records.extend(volume.record(*more).ok().flatten());
    }
    let names = if names.is_empty() { records.iter().flat_map(Record::names).collect() } else { names };
    let Some((parent, name)) = names.first() else { return };
    let path = volume.path(*parent, name);
    if path.starts_with("$Extend/") {
        return;
    }
    let mut streams: Vec<(String, u16, Option<Vec<u8>>)> = Vec::new();
    let mut packed = false;
    for one in records.iter().flat_map(Record::attributes) {
        // Files that the system packed have a link in the place of their content.
        packed |= one.kind == REPARSE && one.value().and_then(|value| le32(value, 0)) == Some(0x8000_0017);
        if one.kind == DATA && !streams.iter().any(|(name, ..)| *name == one.name) {
            streams.push((one.name.clone(), one.flags, one.value().map(<[u8]>::to_vec)));
        }
    }
    if packed {
        inside.shut(&path, Reason::Unsupported, "ntfs: packed by the system (WOF); not read");
        streams.retain(|(name, ..)| !name.is_empty() && name != "WofCompressedData");
    }
    for (stream, flags, value) in streams {
        let path = if stream.is_empty() { path.clone() } else { format!("{path}:{stream}") };
        if let Some(value) = value {
            if value.is_empty() {
                inside.name_only(&path);
            } else {
                inside.member(&path, Some(value.len() as u64), &mut value.as_slice());
            }
        } else if flags & 0x4000 != 0 {
            inside.shut(&path, Reason::Encrypted, "ntfs: an encrypted file");
        } else if flags & 0xff != 0 {
            match volume.all(&records, &stream) {
                Ok((pieces, size, _)) => {
                    let mut reader =
                        super::lznt1::reader(volume.content.clone(), pieces, volume.boot.cluster * 16, size);
                    inside.member(&path, Some(size), &mut reader);
                }
                Err(error) => inside.shut(&path, reason(&error), format!("ntfs: {error}")),
            }
        } else {
            match volume.pieces(&records, &stream) {
                Ok(pieces) if pieces.len == 0 => inside.name_only(&path),
                Ok(pieces) => inside.mapped(&path, pieces.list),
                Err(error) => inside.shut(&path, reason(&error), format!("ntfs: {error}")),
            }
        }
    }
    for (parent, name) in names.iter().skip(1) {
        inside.name_only(&volume.path(*parent, name));
    }
}
