//! gzip (RFC 1952), with any number of members, through `flate2`.
//!
//! In: a blob. Out: its plain content as one member; a tar inside is read as a stream, so that a
//! large `.tar.gz` is never held whole.

use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;

use super::tar;
use super::{Format, Visit, Walk, descend};
use crate::fact::{Location, Reason};
use crate::source::Blob;

pub(super) const FORMAT: Format = Format { name: "gzip", claim, open };

fn claim(blob: &Blob) -> bool {
    // ID1, ID2, and the only method there is: deflate.
    blob.head().starts_with(&[0x1f, 0x8b, 8])
}

fn open(blob: &Blob, walk: &mut Walk<'_>, visit: Visit<'_>) {
    let at = Location::whole(&blob.path);
    let reader = match blob.reader() {
        Ok(reader) => reader,
        Err(error) => return walk.gap(at, Reason::Unreadable, error.to_string()),
    };
    let mut decoder = MultiGzDecoder::new(reader);
    let mut head = Vec::new();
    // A break within the first block is met again below, where it is noted.
    let start = (&mut decoder).take(512).read_to_end(&mut head);
    let inner = inner_name(blob.name());
    if tar::is_tar(&head) {
        return tar::read(blob, Cursor::new(head).chain(decoder), walk, visit);
    }
    walk.members += 1;
    let at = Location { path: format!("{}!/{inner}", blob.path).into(), field: String::new() };
    let rest = Failing { error: start.err(), inner: decoder };
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
