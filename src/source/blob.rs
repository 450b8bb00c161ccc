//! Bytes with a name.
//!
//! In: content, and what it is called. Out: looks at its first bytes, its last, all of it, and places for what is said of
//! it. Must not know: where the bytes lie.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::{Content, Limits, Reader};
use crate::fact::{Gap, Location, Reason};

/// Bytes with a name: a file of the input or a member of an archive.
#[derive(Debug)]
pub(crate) struct Blob {
    /// The path as shown, through all containers.
    pub path: Arc<str>,
    /// The path within the container it lies in, or below the source.
    pub inner: String,
    /// The path of the container, else the blob's own.
    pub scope: Arc<str>,
    /// How many containers it lies in.
    pub depth: usize,
    /// Set where it was found within other data: what follows it belongs to that.
    pub open_ended: bool,
    /// Where it leads, for a symbolic link.
    pub link: Option<String>,
    /// What the container round it calls its members, by the names they have in it.
    pub names: Option<Arc<HashMap<String, String>>>,
    content: Content,
}

impl Blob {
    /// A file of the input, by its path as shown and the one below the source.
    pub fn file(path: &Arc<str>, relative: &str, content: Content) -> Blob {
        Blob {
            path: Arc::clone(path),
            inner: relative.to_owned(),
            scope: Arc::clone(path),
            depth: 0,
            open_ended: false,
            link: None,
            names: None,
            content,
        }
    }

    /// A member of the container `parent`, or a name for its unpacked content.
    pub fn member(parent: &Blob, inner: &str, content: Content) -> Blob {
        Blob {
            path: format!("{}!/{}", parent.path, inner.trim_start_matches('/')).into(),
            inner: inner.to_owned(),
            scope: Arc::clone(&parent.path),
            depth: parent.depth + 1,
            open_ended: false,
            link: None,
            names: None,
            content,
        }
    }

    /// The same bytes without a name of their own, for a look at what they are.
    pub fn nameless(content: Content) -> Blob {
        Blob {
            path: "".into(),
            inner: String::new(),
            scope: "".into(),
            depth: 0,
            open_ended: true,
            link: None,
            names: None,
            content,
        }
    }

    /// The base name.
    pub fn name(&self) -> &str {
        base_name(&self.inner)
    }

    /// Its bytes, to be shared.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.content.len()
    }

    /// All bytes, where they are in memory already.
    pub fn held(&self) -> Option<&[u8]> {
        self.content.held()
    }

    /// True when one of the needles stands anywhere in it.
    pub fn holds_any(&self, needles: &[&[u8]]) -> bool {
        let longest = needles.iter().map(|n| n.len()).max().unwrap_or(0);
        let holds = |data: &[u8]| needles.iter().any(|n| memchr::memmem::find(data, n).is_some());
        if let Some(data) = self.held() {
            return holds(data);
        }
        let mut reader = self.reader();
        let (mut buffer, mut kept) = (vec![0; 1 << 20], 0);
        loop {
            let Some(room) = buffer.get_mut(kept..) else { return false };
            let Ok(n @ 1..) = reader.read(room) else { return false };
            let filled = kept + n;
            if holds(buffer.get(..filled).unwrap_or_default()) {
                return true;
            }
            // A needle may stand across two parts.
            let from = filled.saturating_sub(longest);
            buffer.copy_within(from..filled, 0);
            kept = filled - from;
        }
    }

    /// The first bytes, up to 64 KiB.
    pub fn head(&self) -> &[u8] {
        self.content.head()
    }

    /// The last `most` bytes.
    pub fn tail(&self, most: usize) -> io::Result<Vec<u8>> {
        let start = self.len().saturating_sub(most as u64);
        let mut reader = self.reader();
        reader.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        reader.take(most as u64).read_to_end(&mut tail)?;
        Ok(tail)
    }

    /// A reader from the start, with a position of its own.
    pub fn reader(&self) -> Reader {
        self.content.reader()
    }

    /// All bytes, read into memory within the limit.
    pub fn load(&mut self, limits: &Limits) -> Result<&[u8], Gap> {
        if self.held().is_none() {
            let at = Location::whole(&self.path);
            let len = self.len();
            if len > limits.max_loaded_bytes {
                let detail = format!("{len} bytes, more than the {} held in memory", limits.max_loaded_bytes);
                return Err(Gap { at, reason: Reason::Limit, detail });
            }
            let mut data = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
            self.reader().take(len).read_to_end(&mut data).map_err(|error| unreadable(&at, &error))?;
            self.content = Content::from(data);
        }
        Ok(self.held().unwrap_or_default())
    }
}

/// The part of a path behind the last separator, either way round.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The gap for what the file system refused.
pub(crate) fn unreadable(at: &Location, error: &io::Error) -> Gap {
    Gap { at: at.clone(), reason: Reason::Unreadable, detail: error.to_string() }
}
