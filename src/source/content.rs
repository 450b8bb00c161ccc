//! Bytes without a name: in memory, in an open file, or put together from parts of either.
//!
//! In: an open file, bytes, or other content. Out: parts of it, and the bytes at a place. Must not know: what they are
//! called and what they mean.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::Reader;

/// Files up to this size are read at once; larger ones stay on disk until somebody needs them whole.
const READ_AT_ONCE: u64 = 8 << 20;
/// What a claim may look at: enough for every marker but the ones at the end of a file.
const HEAD: usize = 64 << 10;

/// Bytes in memory or in a file, or parts of them. Copies share what they show.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    store: Store,
    start: u64,
    len: u64,
    /// The first bytes of what is not in memory.
    head: Option<Arc<[u8]>>,
}

#[derive(Clone, Debug)]
enum Store {
    Memory(Arc<Vec<u8>>),
    File(Arc<File>),
    Mapped(Arc<Map>),
}

/// A stretch of content that is put together anew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub len: u64,
    /// Where it stands in the content below, or behind that in what was unpacked; a hole reads as zeros.
    pub from: Option<u64>,
}

/// Content put together from pieces of other content and holes; nothing is copied.
#[derive(Debug)]
struct Map {
    base: Content,
    /// Unpacked pieces: they are counted on behind the base.
    more: Option<Content>,
    /// Where each piece begins and where it comes from, in order and without gaps.
    pieces: Vec<(u64, Option<u64>)>,
    len: u64,
}

impl Map {
    /// The piece that holds a place, what is left of it, and where that comes from.
    fn piece(&self, at: u64) -> Option<(u64, Option<u64>)> {
        let index = self.pieces.partition_point(|(start, _)| *start <= at).checked_sub(1)?;
        let (start, from) = *self.pieces.get(index)?;
        let end = self.pieces.get(index + 1).map_or(self.len, |(next, _)| *next);
        Some((end.saturating_sub(at), from.map(|from| from.saturating_add(at - start))))
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            let Some((left @ 1.., from)) = self.piece(at.saturating_add(filled as u64)) else { break };
            let n = usize::try_from(left).unwrap_or(usize::MAX).min(room.len());
            let room = room.get_mut(..n).unwrap_or_default();
            let n = match from {
                Some(from) => match (&self.more, from.checked_sub(self.base.len)) {
                    (Some(more), Some(from)) => more.read_at(room, from)?,
                    _ => self.base.read_at(room, from)?,
                },
                None => {
                    room.fill(0);
                    n
                }
            };
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += n;
        }
        Ok(filled)
    }

    /// Bytes that come from below, and zeros, between two places.
    fn count(&self, start: u64, end: u64) -> (u64, u64) {
        let (mut data, mut holes, mut at) = (0, 0, start);
        while at < end {
            let Some((left @ 1.., from)) = self.piece(at) else { break };
            let n = left.min(end - at);
            *(if from.is_some() { &mut data } else { &mut holes }) += n;
            at += n;
        }
        (data, holes)
    }
}

impl From<Vec<u8>> for Content {
    fn from(data: Vec<u8>) -> Content {
        Content { start: 0, len: data.len() as u64, store: Store::Memory(Arc::new(data)), head: None }
    }
}

impl Content {
    /// An open file, read into memory where it is small.
    pub(super) fn of_opened(mut file: File) -> io::Result<Content> {
        let len = file.metadata()?.len();
        if len <= READ_AT_ONCE {
            let mut data = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
            // A file may grow while it is read; it is then treated as large.
            (&file).take(READ_AT_ONCE + 1).read_to_end(&mut data)?;
            if data.len() as u64 <= READ_AT_ONCE {
                return Ok(Content::from(data));
            }
            file.seek(SeekFrom::Start(0))?;
        }
        Content::of_file(file, len)
    }

    /// A file that stays where it is.
    pub(super) fn of_file(file: File, len: u64) -> io::Result<Content> {
        let mut content = Content { store: Store::File(Arc::new(file)), start: 0, len, head: None };
        content.look()?;
        Ok(content)
    }

    /// Reads the first bytes of what is not in memory.
    fn look(&mut self) -> io::Result<()> {
        let mut head = Vec::new();
        self.reader().take(HEAD as u64).read_to_end(&mut head)?;
        self.head = Some(head.into());
        Ok(())
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True while it lies in memory.
    pub fn is_held(&self) -> bool {
        matches!(self.store, Store::Memory(_))
    }

    /// All bytes, where they are in memory already.
    pub(super) fn held(&self) -> Option<&[u8]> {
        let Store::Memory(data) = &self.store else { return None };
        let start = usize::try_from(self.start).ok()?;
        data.get(start..start.checked_add(usize::try_from(self.len).ok()?)?)
    }

    /// The first bytes, up to 64 KiB.
    pub(super) fn head(&self) -> &[u8] {
        match (self.held(), &self.head) {
            (Some(data), _) => data.get(..HEAD).unwrap_or(data),
            (None, Some(head)) => head,
            (None, None) => &[],
        }
    }

    /// A part of it, as far as it reaches; nothing is copied.
    pub fn slice(&self, start: u64, len: u64) -> io::Result<Content> {
        let start = start.min(self.len);
        let len = len.min(self.len - start);
        let mut part = Content { store: self.store.clone(), start: self.start + start, len, head: None };
        if !part.is_held() {
            part.look()?;
        }
        Ok(part)
    }

    /// Puts pieces of it together anew, without a copy. Says how many bytes lie beyond its end: they read as zeros.
    pub fn mapped(&self, extents: impl IntoIterator<Item = Extent>) -> io::Result<(Content, u64)> {
        self.mapped_with(None, extents)
    }

    /// The same of pieces that stand in it and pieces that were unpacked, which are counted on behind its end.
    pub fn mapped_with(
        &self,
        more: Option<Content>,
        extents: impl IntoIterator<Item = Extent>,
    ) -> io::Result<(Content, u64)> {
        let end = self.len.saturating_add(more.as_ref().map_or(0, Content::len));
        let mut map = Map { base: self.clone(), more, pieces: Vec::new(), len: 0 };
        let mut missing = 0u64;
        let mut last: Option<(u64, Option<u64>)> = None;
        for extent in extents {
            let have = extent.from.map_or(0, |from| end.saturating_sub(from).min(extent.len));
            let lost = extent.len - have;
            if extent.from.is_some() {
                missing = missing.saturating_add(lost);
            }
            let within = extent.from.map_or(0, |from| self.len.saturating_sub(from).min(have));
            let behind = extent.from.and_then(|from| from.checked_add(within));
            let parts = [(within, extent.from), (have - within, behind), (lost, None)];
            for (len, from) in parts.into_iter().filter(|(len, _)| *len > 0) {
                let goes_on = last.is_some_and(|(start, before)| match (before, from) {
                    (None, None) => true,
                    (Some(before), Some(from)) => before.checked_add(map.len - start) == Some(from),
                    _ => false,
                });
                if !goes_on {
                    last = Some((map.len, from));
                    map.pieces.push((map.len, from));
                }
                map.len = map.len.checked_add(len).ok_or(io::ErrorKind::InvalidData)?;
            }
        }
        if let [(0, Some(from))] = map.pieces.as_slice()
            && *from < self.len
        {
            return Ok((self.slice(*from, map.len)?, missing));
        }
        let mut content = Content { start: 0, len: map.len, store: Store::Mapped(Arc::new(map)), head: None };
        content.look()?;
        Ok((content, missing))
    }

    /// What looking at it costs, in bytes: zeros of a hole are quickly passed.
    pub fn weight(&self) -> u64 {
        let Store::Mapped(map) = &self.store else { return self.len };
        let (data, holes) = map.count(self.start, self.start.saturating_add(self.len));
        data.saturating_add(holes / 8)
    }

    /// How many zeros of a hole follow from a place on: whoever searches may pass them over.
    pub fn hole_at(&self, at: u64) -> u64 {
        let Store::Mapped(map) = &self.store else { return 0 };
        match map.piece(self.start.saturating_add(at)) {
            Some((left, None)) => left.min(self.len.saturating_sub(at)),
            // A disk's hole may be a partition's whole.
            Some((left, Some(from))) if from < map.base.len => {
                map.base.hole_at(from).min(left).min(self.len.saturating_sub(at))
            }
            _ => 0,
        }
    }

    /// Reads from a place on, as much as there is or fits, or less.
    pub(super) fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let most = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX).min(buffer.len());
        let room = buffer.get_mut(..most).unwrap_or_default();
        let at = self.start.saturating_add(at);
        match &self.store {
            Store::Memory(data) => {
                let from = usize::try_from(at).ok().and_then(|at| data.get(at..at.checked_add(most)?));
                let from = from.unwrap_or_default();
                room.copy_from_slice(from);
                Ok(from.len())
            }
            Store::File(file) => read_file(file, room, at),
            Store::Mapped(map) => map.read_at(room, at),
        }
    }

    /// The bytes at a place; an error where it ends before.
    pub fn bytes(&self, at: u64, len: u64) -> io::Result<Vec<u8>> {
        let end = at.checked_add(len).filter(|end| *end <= self.len).and(usize::try_from(len).ok());
        let mut data = vec![0; end.ok_or(io::ErrorKind::UnexpectedEof)?];
        let mut filled = 0;
        while let Some(room) = data.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.read_at(room, at + filled as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
        }
        Ok(data)
    }

    /// A reader from the start, with a position of its own.
    pub fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }
}

/// Reads of the file itself, without a position that others share.
fn read_file(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, buffer, at);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, buffer, at);
    #[cfg(not(any(unix, windows)))]
    {
        let mut file = file;
        file.seek(SeekFrom::Start(at))?;
        file.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_holes_read_as_one() {
        let base = Content::from((0..=255u8).collect::<Vec<_>>());
        let pieces = [(4, Some(10)), (2, Some(14)), (3, None), (1, Some(0)), (4, Some(254)), (1 << 40, None)];
        let pieces = pieces.map(|(len, from)| Extent { len, from });
        let (content, missing) = base.mapped(pieces).unwrap();
        assert_eq!((content.len(), missing, content.weight()), (14 + (1 << 40), 2, 9 + ((1u64 << 40) + 5) / 8));
        let want = [10, 11, 12, 13, 14, 15, 0, 0, 0, 0, 254, 255, 0, 0];
        assert_eq!(content.bytes(0, 14).unwrap(), want);
        let mut read = Vec::new();
        content.reader().take(14).read_to_end(&mut read).unwrap();
        assert_eq!(read, want);
        assert_eq!(
            (content.hole_at(6), content.hole_at(8), content.hole_at(9), content.hole_at(1 << 40)),
            (3, 1, 0, 14)
        );
        // A map over a map, and a part of it.
        let (again, _) = content.mapped([(3, Some(8)), (2, Some(0))].map(|(len, from)| Extent { len, from })).unwrap();
        assert_eq!(again.slice(1, 3).unwrap().bytes(0, 3).unwrap(), [0, 254, 10]);
        assert!(again.bytes(3, 3).is_err() && again.bytes(u64::MAX, 2).is_err());
        let (mixed, missing) =
            base.mapped_with(Some(Content::from(vec![7; 4])), [Extent { len: 8, from: Some(254) }]).unwrap();
        assert_eq!((mixed.bytes(0, 8).unwrap(), missing), (vec![254, 255, 7, 7, 7, 7, 0, 0], 2));
        // One piece alone is a part.
        assert!(base.mapped([Extent { len: 9, from: Some(3) }]).unwrap().0.is_held());
    }
}
