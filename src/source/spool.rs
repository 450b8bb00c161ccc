//! Content of which nobody knows beforehand how long it gets.
//!
//! In: bytes as they come. Out: content. Must not know: whose bytes they are.

use std::fs::File;
use std::io::{self, Read, Write};

use super::Content;

/// Collects bytes of unknown number: in memory up to a threshold, from there on in a temporary file that
/// has no name and ends with the run.
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    threshold: u64,
    len: u64,
}

impl Spool {
    pub fn new(threshold: u64) -> Spool {
        Spool { memory: Vec::new(), file: None, threshold, len: 0 }
    }

    /// Makes room at once for what is declared, so that a small member costs one allocation.
    pub fn expect(&mut self, len: u64) {
        self.memory.reserve_exact(usize::try_from(len.min(self.threshold).min(1 << 20)).unwrap_or(0));
    }

    /// Takes up to `most` bytes off a reader; how many came, none at its end.
    pub fn take(&mut self, reader: &mut dyn Read, most: u64) -> io::Result<u64> {
        let before = self.len;
        if self.file.is_none() && self.len.saturating_add(most) <= self.threshold {
            // What stood before a break stays.
            let result = reader.take(most).read_to_end(&mut self.memory);
            self.len = self.memory.len() as u64;
            result?;
        } else {
            io::copy(&mut reader.take(most), self)?;
        }
        Ok(self.len - before)
    }

    /// Bytes collected so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// What was collected.
    pub fn finish(mut self) -> io::Result<Content> {
        match self.file.take() {
            None => Ok(Content::from(std::mem::take(&mut self.memory))),
            Some(mut file) => {
                file.write_all(&self.memory)?;
                Content::of_file(file, self.len)
            }
        }
    }
}

impl Write for Spool {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.file.is_none() && (self.memory.len() + buffer.len()) as u64 > self.threshold {
            self.file = Some(tempfile::tempfile()?);
        }
        match &mut self.file {
            None => self.memory.extend_from_slice(buffer),
            Some(file) => {
                if !self.memory.is_empty() {
                    file.write_all(&std::mem::take(&mut self.memory))?;
                }
                file.write_all(buffer)?;
            }
        }
        self.len += buffer.len() as u64;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
