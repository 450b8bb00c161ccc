//! What images of virtual disks share: a disk put together from clusters that stand in the image, holes, and unpacked clusters.
//!
//! In: the clusters in their order. Out: the disk as one member; only what was packed is held. Must not know: any format.

use std::io::{self, Write};

use crate::archive::Inside;
use crate::archive::fs::codec::{Codec, Method};
use crate::archive::fs::{Pieces, broken};
use crate::fact::Reason;
use crate::source::{Content, Spool};

/// A disk while it is put together.
pub(super) struct Disk {
    pub content: Content,
    pieces: Pieces,
    spool: Spool,
    codec: Codec,
    /// Bytes that may still be unpacked.
    left: u64,
    /// Clusters that could not be read, and why the first could not.
    lost: u64,
    why: Option<io::Error>,
    /// Tables that may still be read: each stands in the image once.
    tables: u64,
}

impl Disk {
    pub fn new(inside: &Inside<'_, '_>) -> Disk {
        let content = inside.blob.content().clone();
        let len = content.len();
        Disk {
            content,
            pieces: Pieces::new(),
            spool: inside.spool(),
            codec: Codec::new(len),
            left: inside.left(),
            lost: 0,
            why: None,
            tables: len.saturating_add(64 << 10),
        }
    }

    /// Bytes put together so far.
    pub fn len(&self) -> u64 {
        self.pieces.len
    }

    /// A table of the image.
    pub fn table(&mut self, at: u64, len: u64) -> io::Result<Vec<u8>> {
        self.tables = self.tables.checked_sub(len).ok_or_else(|| broken("tables that overlap"))?;
        self.content.bytes(at, len)
    }

    pub fn hole(&mut self, len: u64) -> io::Result<()> {
        self.pieces.push(len, None)
    }

    pub fn hole_to(&mut self, at: u64) -> io::Result<()> {
        self.pieces.hole_to(at)
    }

    /// A cluster that stands in the image as it is.
    pub fn plain(&mut self, at: u64, len: u64) -> io::Result<()> {
        let have = self.content.len().saturating_sub(at).min(len);
        self.pieces.push(have, Some(at))?;
        if have < len {
            self.lose(len - have, io::ErrorKind::UnexpectedEof.into())?;
        }
        Ok(())
    }

    /// A cluster that could not be read.
    pub fn lose(&mut self, len: u64, why: io::Error) -> io::Result<()> {
        self.lost += 1;
        self.why.get_or_insert(why);
        self.pieces.push(len, None)
    }

    /// A packed cluster.
    pub fn packed(&mut self, method: Method, at: u64, packed: u64, len: u64) -> io::Result<()> {
        let plain = self.content.bytes(at, packed).and_then(|data| self.codec.unpack(method, &data, len as usize));
        match plain {
            Ok(plain) if plain.len() as u64 == len => self.unpacked(&plain),
            Ok(_) => self.lose(len, io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => Err(error),
            Err(error) => self.lose(len, error),
        }
    }

    /// Bytes that were unpacked.
    pub fn unpacked(&mut self, plain: &[u8]) -> io::Result<()> {
        let len = plain.len() as u64;
        if plain.iter().all(|b| *b == 0) {
            return self.hole(len);
        }
        let left = self.left.checked_sub(len);
        let spent = || io::Error::new(io::ErrorKind::QuotaExceeded, "unpacks to more bytes than are left");
        self.left = left.ok_or_else(spent)?;
        let at = self.content.len().saturating_add(self.spool.len());
        self.spool.write_all(plain)?;
        self.pieces.push(len, Some(at))
    }

    /// Hands the disk out, exactly so long.
    pub fn finish(mut self, inside: &mut Inside<'_, '_>, name: &str, len: u64) {
        if let Some(error) = self.why {
            let reason = match crate::archive::walk::reason(&error) {
                Reason::Unreadable => Reason::Malformed,
                other => other,
            };
            inside.shut(name, reason, format!("{} parts of it could not be read: {error}", self.lost));
        }
        if let Err(error) = self.pieces.end_at(len) {
            return inside.failed(name, &error);
        }
        if inside.go_on() {
            inside.mapped_with(name, self.spool, self.pieces.list);
        }
    }
}

impl Disk {
    /// A cluster packed by zstd whose end is not known: what follows it is of others.
    pub fn packed_loosely(&mut self, at: u64, packed: u64, len: u64) -> io::Result<()> {
        let plain = self.content.bytes(at, packed).and_then(|data| {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(data.as_slice())?.single_frame();
            decoder.window_log_max(23)?;
            let mut plain = vec![0; len as usize];
            io::Read::read_exact(&mut decoder, &mut plain)?;
            Ok(plain)
        });
        match plain {
            Ok(plain) => self.unpacked(&plain),
            Err(error) => self.lose(len, error),
        }
    }
}

impl Disk {
    /// A packed cluster at the end of a disk, which may be shorter than others.
    pub fn packed_up_to(&mut self, method: Method, at: u64, packed: u64, most: u64, least: u64) -> io::Result<()> {
        let plain = self.content.bytes(at, packed).and_then(|data| self.codec.unpack(method, &data, most as usize));
        match plain {
            Ok(plain) if plain.len() as u64 >= least => self.unpacked(&plain),
            Ok(_) => self.lose(most, io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => Err(error),
            Err(error) => self.lose(most, error),
        }
    }
}
