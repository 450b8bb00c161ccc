//! Content as a stream.
//!
//! In: content. Out: its bytes one after the other, from any place on. Must not know: what other readers of it do.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::Content;

/// Reads content from memory or from its file. Every reader has a position of its own and owns what it needs.
pub(crate) struct Reader {
    content: Content,
    /// Position of the next byte given out.
    at: u64,
    /// What was read ahead of a file, and where it begins.
    buffer: Vec<u8>,
    from: u64,
}

/// Bytes read ahead of a file.
const AHEAD: usize = 64 << 10;

impl Reader {
    /// A reader from the start.
    pub(super) fn new(content: Content) -> Reader {
        Reader { content, at: 0, buffer: Vec::new(), from: 0 }
    }

    /// A reader of no bytes.
    pub fn nothing() -> Reader {
        Content::from(Vec::new()).reader()
    }

    /// Bytes from the start to the end.
    pub fn len(&self) -> u64 {
        self.content.len()
    }

    /// How many bytes were given out.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// What was read ahead and not given out yet.
    fn ahead(&self) -> &[u8] {
        let skip = self.at.checked_sub(self.from).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        self.buffer.get(skip..).unwrap_or_default()
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.content.is_held() && buffer.len() >= AHEAD && self.ahead().is_empty() {
            let n = self.content.read_at(buffer, self.at)?;
            self.at += n as u64;
            return Ok(n);
        }
        let n = self.fill_buf()?.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.content.is_held() {
            let at = usize::try_from(self.at).unwrap_or(usize::MAX);
            return Ok(self.content.held().and_then(|data| data.get(at..)).unwrap_or_default());
        }
        if self.ahead().is_empty() {
            let left = self.content.len().saturating_sub(self.at);
            self.buffer.resize(usize::try_from(left).unwrap_or(AHEAD).min(AHEAD), 0);
            let n = self.content.read_at(&mut self.buffer, self.at)?;
            self.buffer.truncate(n);
            self.from = self.at;
        }
        Ok(self.ahead())
    }

    fn consume(&mut self, n: usize) {
        self.at = self.at.saturating_add(n as u64);
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.content.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a place before the start"))?;
        Ok(self.at)
    }
}
