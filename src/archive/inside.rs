//! A container that is open, as its reader sees it.
//!
//! In: what the reader meets: members as streams or as parts of the blob, and what broke. Out: a walk of every member
//! within the budget, and gaps. Must not know: what the container's format is.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};
use std::sync::Arc;

use super::budget::Walk;
use super::walk::{Step, Visit, named, reason, walk};
use super::{cpio, tar};
use crate::fact::{Location, Reason, cut};
use crate::source::{Blob, Content, Extent, Limits, Spool};

/// A container that is open: where its reader hands what it meets.
pub(super) struct Inside<'a, 'l> {
    /// The container.
    pub blob: &'a Blob,
    pub(super) walk: &'a mut Walk<'l>,
    visit: Visit<'a>,
    /// Where the container ends, where its reader knows that.
    pub(super) end: Option<u64>,
    /// What this container calls the members of its members.
    names: Option<Arc<HashMap<String, String>>>,
}

impl<'a, 'l> Inside<'a, 'l> {
    pub(super) fn new(blob: &'a Blob, walk: &'a mut Walk<'l>, visit: Visit<'a>) -> Self {
        Inside { blob, walk, visit, end: None, names: None }
    }

    /// The bounds of the run.
    pub fn limits(&self) -> &Limits {
        self.walk.limits
    }

    /// Bytes that may still be unpacked.
    pub fn left(&self) -> u64 {
        self.walk.left()
    }

    /// True while more may be opened: to be asked before each member. Notes the gap once when not.
    pub fn go_on(&mut self) -> bool {
        self.walk.go_on(self.blob)
    }

    /// Notes where the container ends. What lies behind it is looked at by itself.
    pub fn ends_at(&mut self, end: u64) {
        self.end = Some(end);
    }

    /// A gap of the container as a whole.
    pub fn gap(&mut self, reason: Reason, detail: impl Into<String>) {
        self.walk.gap(Location::whole(&self.blob.path), reason, detail);
    }

    /// A gap at a place within the container: an offset, a table, an entry.
    pub fn gap_at(&mut self, field: impl Into<String>, reason: Reason, detail: impl Into<String>) {
        self.walk.gap(Location::field(&self.blob.path, field.into()), reason, detail);
    }

    /// The gap for an error of reading the container.
    pub fn failed(&mut self, what: &str, error: &io::Error) {
        self.gap(reason(error), format!("{what}: {error}"));
    }

    /// A member that stays shut.
    pub fn shut(&mut self, name: &str, reason: Reason, detail: impl Into<String>) {
        let at = self.place(name);
        self.walk.gap(at, reason, detail);
    }

    /// The members of members are called so from here on, by the names they have there: an installer's cabinets know only
    /// the keys of its tables.
    pub fn know_names(&mut self, names: Arc<HashMap<String, String>>) {
        self.names = Some(names);
    }

    /// The place of a member.
    fn place(&self, name: &str) -> Location {
        let name = called(self.blob, name);
        let name = cut(name.trim_start_matches('/'), self.walk.limits.max_name_bytes);
        Location { path: format!("{}!/{name}", self.blob.path).into(), field: String::new() }
    }

    /// Counts a member that is only a name: a folder, a link, a device.
    pub fn count(&mut self) {
        self.walk.members += 1;
    }

    /// A member that is read from a stream. `declared` is its length as the container states it: what comes out is
    /// compared with it.
    pub fn member(&mut self, name: &str, declared: Option<u64>, reader: &mut dyn Read) {
        self.walk.members += 1;
        let at = self.place(name);
        if let Some(content) = self.walk.read_member(&at, declared, reader) {
            self.descend(name, content);
        }
    }

    /// A member that its reader had to unpack by itself.
    pub fn unpacked(&mut self, name: &str, declared: Option<u64>, spool: Spool) {
        self.walk.members += 1;
        let len = spool.len();
        self.walk.unpacked = self.walk.unpacked.saturating_add(len);
        if let Some(size) = declared.filter(|size| *size != len) {
            self.shut(name, Reason::Truncated, format!("{len} bytes where {size} are declared"));
        }
        match spool.finish() {
            Ok(content) => self.descend(name, content),
            Err(error) => self.shut(name, Reason::Unreadable, format!("temporary file: {error}")),
        }
    }

    /// A member whose bytes stand in the container as they are.
    pub fn part(&mut self, name: &str, start: u64, len: u64) {
        self.walk.members += 1;
        let have = self.blob.len().saturating_sub(start).min(len);
        if have < len {
            let at = self.place(name);
            self.walk.gap(at, Reason::Truncated, format!("{have} bytes where {len} are declared"));
        }
        match self.blob.content().slice(start, have) {
            Ok(content) => {
                // Parts may overlap: looking at them again and again counts as unpacking does.
                self.walk.unpacked = self.walk.unpacked.saturating_add(content.weight());
                self.descend(name, content);
            }
            Err(error) => {
                let at = self.place(name);
                self.walk.gap(at, reason(&error), error.to_string());
            }
        }
    }

    /// A symbolic link: a name for what lies elsewhere. It is told and never followed.
    pub fn link(&mut self, name: &str, target: &[u8]) {
        self.walk.members += 1;
        let target = String::from_utf8_lossy(target.get(..4096).unwrap_or(target)).into_owned();
        let mut member = named(self.blob, name, Content::from(Vec::new()), self.walk);
        member.link = Some(target);
        self.hand(member);
    }

    /// A member that stands in the container in pieces, with holes that read as zeros. Nothing is copied.
    pub fn mapped(&mut self, name: &str, extents: impl IntoIterator<Item = Extent>) {
        let mapped = self.blob.content().mapped(extents);
        self.put_together(name, mapped);
    }

    /// The same of pieces that stand in the container and pieces that had to be unpacked: these are counted on behind the
    /// container's end.
    pub fn mapped_with(&mut self, name: &str, unpacked: Spool, extents: impl IntoIterator<Item = Extent>) {
        let mapped = unpacked.finish().and_then(|more| self.blob.content().mapped_with(Some(more), extents));
        self.put_together(name, mapped);
    }

    fn put_together(&mut self, name: &str, mapped: io::Result<(Content, u64)>) {
        self.walk.members += 1;
        let at = self.place(name);
        let (content, missing) = match mapped {
            Ok(mapped) => mapped,
            Err(error) => return self.walk.gap(at, reason(&error), error.to_string()),
        };
        let weight = content.weight();
        if weight > self.left() {
            return self.walk.too_long(&at, true, &format!("{} bytes as declared", content.len()));
        }
        if missing > 0 {
            self.walk.gap(at, Reason::Truncated, format!("{missing} bytes of it lie beyond the end of the container"));
        }
        self.walk.unpacked = self.walk.unpacked.saturating_add(weight);
        self.descend(name, content);
    }

    /// Where unpacked pieces of a member are collected.
    pub fn spool(&self) -> Spool {
        Spool::new(self.walk.limits.max_held_bytes.saturating_sub(self.walk.held))
    }

    /// A member without bytes of its own: a hard link, an empty file. Its name still says something.
    pub fn name_only(&mut self, name: &str) {
        self.walk.members += 1;
        self.descend(name, Content::from(Vec::new()));
    }

    /// The plain content of a compressed stream. A tar or cpio archive inside is read as a stream, so that a large one
    /// is never held whole; its members are shown as lying in the compressed file.
    pub fn plain(&mut self, name: &str, mut reader: impl Read) {
        let mut head = Vec::new();
        // A break within the first block is met again below, where it is noted.
        let error = (&mut reader).take(512).read_to_end(&mut head).err();
        if tar::is_tar(&head) {
            return tar::read(self, Cursor::new(head).chain(Failing { error, inner: reader }));
        }
        if cpio::is_cpio(&head) {
            return cpio::stream(self, Cursor::new(head).chain(Failing { error, inner: reader }));
        }
        let mut rest = Cursor::new(head).chain(Failing { error, inner: reader });
        self.walk.members += 1;
        let at = self.place(name);
        if let Some(content) = self.walk.read_member(&at, None, &mut rest)
            && content.len() > 0
        {
            self.descend(name, content);
        }
    }

    fn descend(&mut self, name: &str, content: Content) {
        let mut member = named(self.blob, called(self.blob, name), content, self.walk);
        member.names = self.names.clone();
        self.hand(member);
    }

    fn hand(&mut self, mut member: Blob) {
        if self.walk.defer && self.blob.depth == 0 {
            (self.visit)(Step::Defer(member), self.walk);
        } else {
            walk(&mut member, self.walk, self.visit);
        }
    }

    /// A container found within other data, which may reach to the end of what is given or not; where it ended, if its reader
    /// says so.
    pub fn carved(&mut self, name: &str, content: Content) -> Option<u64> {
        self.walk.members += 1;
        if self.walk.defer && self.blob.depth == 0 {
            (self.visit)(Step::Settle, self.walk);
        }
        let mut member = Blob::member(self.blob, name, content);
        member.open_ended = true;
        walk(&mut member, self.walk, self.visit)
    }
}

/// What a member is called by the container round its container, else by its own.
fn called<'n>(container: &'n Blob, name: &'n str) -> &'n str {
    container.names.as_ref().and_then(|names| names.get(name)).map_or(name, String::as_str)
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
