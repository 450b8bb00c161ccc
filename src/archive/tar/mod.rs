//! tar: ustar, pax, GNU long names and sparse files, read as a stream through the `tar` crate.
//!
//! In: a blob or the plain content of a compressed one. Out: its regular files.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Read};

use self::sparse::Sparse;
use super::{Format, Inside};
use crate::fact::Reason;
use crate::source::{Blob, Stop};

mod sparse;

pub(super) const FORMAT: Format = Format { name: "tar", claim, open, carve: &[] };

fn claim(blob: &Blob) -> bool {
    is_tar(blob.head())
}

/// The `ustar` magic of POSIX and GNU tar, or a first header whose checksum holds (pre-POSIX tar has no magic).
pub(super) fn is_tar(head: &[u8]) -> bool {
    if head.get(257..262).is_some_and(|magic| magic == b"ustar") {
        return true;
    }
    let Some(header) = head.get(..512) else { return false };
    let Some(stored) = header.get(148..156).and_then(octal) else { return false };
    let sum: u32 =
        header.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) }).sum();
    // All zeros is the end mark, not a header.
    stored == sum && header.first().is_some_and(|b| *b != 0)
}

fn octal(field: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(field).ok()?;
    u32::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
}

fn open(inside: &mut Inside<'_, '_>) {
    let reader = inside.blob.reader();
    read(inside, reader);
}

/// Reads a tar stream.
pub(super) fn read(inside: &mut Inside<'_, '_>, reader: impl Read) {
    // Members that are passed over, and long-name records, are drained by the crate: that counts, too.
    let (spent, zeros) = (Cell::new(false), Cell::new(0));
    let stop = inside.limits().stop.clone();
    let metered = Metered { inner: reader, left: inside.left(), spent: &spent, zeros: &zeros, stop };
    let mut archive = ::tar::Archive::new(metered);
    // Read on behind the end mark: archives may follow one another, and a compressed stream must end well.
    archive.set_ignore_zeros(true);
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return inside.gap(Reason::Malformed, error.to_string()),
    };
    for (seen, entry) in entries.enumerate() {
        if !inside.go_on() {
            return;
        }
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let reason = match error.kind() {
                    _ if spent.get() => Reason::Limit,
                    io::ErrorKind::UnexpectedEof => Reason::Truncated,
                    _ if error.to_string().contains("unexpected EOF") => Reason::Truncated,
                    _ => Reason::Malformed,
                };
                return inside.gap(reason, format!("tar: {error}; {seen} members were read before"));
            }
        };
        let kind = entry.header().entry_type();
        // Links, folders and devices are names without content; where one has content all the same, or the
        // type is unknown, it is read as a file, as other readers do.
        let file = kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse();
        // A hard link is the file it names, by another name.
        if kind.is_symlink() && entry.size() == 0 {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            inside.link(name.trim_start_matches("./"), &target);
            continue;
        }
        if kind.is_pax_global_extensions() || (!file && entry.size() == 0 && !kind.is_hard_link()) {
            inside.count();
            continue;
        }
        // Of a folder an incremental archive lists what is in it; a label or such is no file either.
        if kind.as_byte() == b'D' {
            inside.count();
            continue;
        }
        let mut sparse = Sparse::of(&mut entry);
        let path = sparse.name.take().map_or_else(|| entry.path_bytes(), Cow::Owned);
        let most = inside.limits().max_name_bytes + 1;
        let name = String::from_utf8_lossy(path.get(..path.len().min(most)).unwrap_or(&path)).into_owned();
        drop(path);
        let inner = name.trim_start_matches("./");
        if kind.is_hard_link() && entry.size() == 0 {
            inside.name_only(inner);
            continue;
        }
        if kind.as_byte() == b'M' {
            inside.count();
            let detail = "the rest of a file whose start is in another volume; not read";
            inside.shut(inner, Reason::Unsupported, detail);
            continue;
        }
        match sparse.file(&mut entry) {
            Ok(None) => {}
            Ok(Some((size, mut content))) => {
                inside.member(inner, Some(size), &mut content);
                continue;
            }
            Err(error) => {
                inside.shut(
                    inner,
                    super::walk::reason(&error),
                    format!("the map of a sparse file: {error}; read without its holes"),
                );
            }
        }
        let declared = Some(entry.size());
        inside.member(inner, declared, &mut entry);
    }
    // Two blocks of zeros end an archive; some writers leave one. Without any it was cut at a member's border.
    if zeros.get() < 512 {
        inside.gap(Reason::Truncated, "tar: no end mark; members may be missing");
    }
}

/// Ends a stream with an error once more than its share came out of it.
struct Metered<'c, R> {
    inner: R,
    left: u64,
    spent: &'c Cell<bool>,
    /// Zeros at the end of what was read so far.
    zeros: &'c Cell<u64>,
    stop: Stop,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.raised() {
            self.spent.set(true);
            return Err(io::Error::other("stopped (time limit or interrupt)"));
        }
        if self.left == 0 && !buffer.is_empty() {
            self.spent.set(true);
            return Err(io::Error::other("the limit on unpacked bytes is reached"));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left = self.left.saturating_sub(n as u64);
        let read = buffer.get(..n).unwrap_or_default();
        let zeros = read.iter().rev().take_while(|b| **b == 0).count();
        self.zeros.set(if zeros == n { self.zeros.get() + n as u64 } else { zeros as u64 });
        Ok(n)
    }
}
