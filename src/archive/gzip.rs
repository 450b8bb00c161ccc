//! gzip (RFC 1952), with any number of members, through `flate2`.
//!
//! In: a blob. Out: its plain content as one member; a tar inside is read as a stream, so that a
//! large `.tar.gz` is never held whole. Zeros behind the last member are padding, as gzip itself has it.

use std::io::{self, BufRead, Cursor, Read};

use flate2::bufread::GzDecoder;

use super::tar;
use super::{Format, Visit, Walk, descend};
use crate::fact::{Location, Reason};
use crate::source::Blob;

pub(super) const FORMAT: Format = Format { name: "gzip", claim, open };

/// ID1, ID2, and the only method there is: deflate.
const MAGIC: &[u8] = &[0x1f, 0x8b, 8];

fn claim(blob: &Blob) -> bool {
    blob.head().starts_with(MAGIC)
}

fn open(blob: &Blob, walk: &mut Walk<'_>, visit: Visit<'_>) {
    let at = Location::whole(&blob.path);
    let reader = match blob.reader() {
        Ok(reader) => reader,
        Err(error) => return walk.gap(at, Reason::Unreadable, error.to_string()),
    };
    let mut members = Members { decoder: Some(GzDecoder::new(reader)), name: None };
    let mut head = Vec::new();
    // A break within the first block is met again below, where it is noted.
    let start = (&mut members).take(512).read_to_end(&mut head);
    if tar::is_tar(&head) {
        return tar::read(blob, Cursor::new(head).chain(members), walk, visit);
    }
    let inner = members.name.clone().unwrap_or_else(|| inner_name(blob.name()));
    walk.members += 1;
    let at = Location { path: format!("{}!/{inner}", blob.path).into(), field: String::new() };
    let rest = Failing { error: start.err(), inner: members };
    if let Some(data) = walk.read_member(&at, None, &mut Cursor::new(head).chain(rest))
        && !data.is_empty()
    {
        descend(blob, &inner, data, walk, visit);
    }
}

/// The name without its ending; `.tgz` is a tar.
fn inner_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    for (ending, instead) in [(".tgz", ".tar"), (".svgz", ".svg"), (".gz", ""), (".gzip", "")] {
        if lower.ends_with(ending) {
            let stem = name.get(..name.len() - ending.len()).unwrap_or(name);
            if !stem.is_empty() {
                return format!("{stem}{instead}");
            }
        }
    }
    "content".to_owned()
}

/// The content of one gzip member after the other.
struct Members<R> {
    /// Empty once everything is read.
    decoder: Option<GzDecoder<R>>,
    /// The base name that the first member bears, where it bears one.
    name: Option<String>,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let n = decoder.read(buffer)?;
            if self.name.is_none() {
                let name = decoder.header().and_then(|h| h.filename()).map(String::from_utf8_lossy);
                self.name = name.map(|n| crate::source::base_name(&n).to_owned()).filter(|n| !n.is_empty());
            }
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let Some(mut reader) = self.decoder.take().map(GzDecoder::into_inner) else { return Ok(0) };
            loop {
                let ahead = reader.fill_buf()?;
                let (zeros, end) = (ahead.iter().take_while(|b| **b == 0).count(), ahead.len());
                match ahead.get(zeros) {
                    None if end == 0 => return Ok(0),
                    None => reader.consume(zeros),
                    Some(0x1f) => {
                        reader.consume(zeros);
                        self.decoder = Some(GzDecoder::new(reader));
                        break;
                    }
                    Some(_) => {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, "more data behind the gzip stream"));
                    }
                }
            }
        }
    }
}

/// Gives back an error met earlier at the place where it stood.
struct Failing<R> {
    error: Option<io::Error>,
    inner: R,
}

impl<R: Read> Read for Failing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.inner.read(buffer),
        }
    }
}
