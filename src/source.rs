//! Where bytes come from: paths, directories, standard input, memory.
//!
//! In: a [`Source`] and [`Limits`]. Out: blobs. The only module that opens files.
//! Must not know: any format.

// The one place where the file system is touched (see `clippy.toml`).
#![allow(clippy::disallowed_methods)]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::fact::{Gap, Location, Reason};

/// What to look at.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file or directory.
    Path(PathBuf),
    /// Standard input, read to its end or to the limit.
    Stdin,
    /// Bytes at hand, under a name.
    Bytes {
        /// The name shown in the report; its ending helps to tell formats apart.
        name: String,
        /// The content.
        data: Vec<u8>,
    },
}

/// The bounds of a run. Every one that bites becomes a gap. They hold for each file of the input, so
/// that the result does not depend on the order or number of threads.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Containers inside containers.
    pub max_depth: usize,
    /// Archive members per input file.
    pub max_members: u64,
    /// Bytes unpacked of one member.
    pub max_member_bytes: u64,
    /// Bytes of one file or member that a reader of whole documents may hold in memory; streams are searched whatever
    /// their size.
    pub max_loaded_bytes: u64,
    /// Bytes of nested members held in memory at one time; what is beyond lies in temporary files without a name.
    pub max_held_bytes: u64,
    /// Bytes unpacked from one input file, whatever its size.
    pub max_total_bytes: u64,
    /// Bytes unpacked per byte of input; only counts above `ratio_floor`.
    pub max_ratio: u64,
    /// Up to here, expansion is not held against a file.
    pub ratio_floor: u64,
    /// Bytes of a member's name that are kept.
    pub max_name_bytes: usize,
    /// Components read from one document.
    pub max_components: u64,
    /// Worker threads; the result is the same for any number.
    pub threads: usize,
    /// Raised from outside (a time limit, an interrupt) to end the run early.
    pub stop: Stop,
    /// How far the run has come, for whoever watches it.
    pub progress: Progress,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_depth: 16,
            max_members: 1_000_000,
            max_member_bytes: 16 << 30,
            max_loaded_bytes: 256 << 20,
            max_held_bytes: 128 << 20,
            max_total_bytes: 64 << 30,
            max_ratio: 200,
            ratio_floor: 256 << 20,
            max_name_bytes: 4096,
            max_components: 5_000_000,
            threads: 1,
            stop: Stop::default(),
            progress: Progress::default(),
        }
    }
}

/// How far a run has come. Counts only: no result depends on it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    blobs: AtomicU64,
    bytes: AtomicU64,
    place: Mutex<Option<Arc<str>>>,
}

impl Progress {
    /// Notes that a blob is begun.
    pub(crate) fn begin(&self, blob: &Blob) {
        self.0.blobs.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(blob.len(), Ordering::Relaxed);
        // Whoever watches may hold it: then the next one is shown.
        if let Ok(mut place) = self.0.place.try_lock() {
            *place = Some(Arc::clone(&blob.path));
        }
    }

    /// Files and members begun, their bytes, and where the run is.
    #[must_use]
    pub fn now(&self) -> (u64, u64, Option<Arc<str>>) {
        let place = self.0.place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.0.blobs.load(Ordering::Relaxed), self.0.bytes.load(Ordering::Relaxed), place)
    }
}

/// A flag that ends a run early. No stage reads the clock: whoever holds the flag does.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    /// The flag of the whole run, where this one is of a part.
    above: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// Raises the flag.
    pub fn raise(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// True once raised.
    #[must_use]
    pub fn raised(&self) -> bool {
        let raised = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        raised(&self.flag) || self.above.as_deref().is_some_and(raised)
    }

    /// A flag for a part of the run: raised with this one, or by itself.
    pub(crate) fn below(&self) -> Stop {
        Stop { flag: Arc::default(), above: Some(Arc::clone(&self.flag)) }
    }
}

/// Files up to this size are read at once; larger ones stay on disk until somebody needs them whole.
const READ_AT_ONCE: u64 = 8 << 20;
/// What a claim may look at: enough for every marker but the ones at the end of a file.
const HEAD: usize = 64 << 10;

/// One file of the input, not yet opened.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The path as shown.
    pub path: Arc<str>,
    /// The path below the source, the file's name for a single file; stable across checkouts.
    pub relative: String,
    at: At,
}

#[derive(Debug)]
enum At {
    File(PathBuf),
    Held(Content),
}

/// What a source holds: files, what was left alone, and what the file system refused.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub entries: Vec<Entry>,
    pub gaps: Vec<Gap>,
    /// Symbolic links that lead out of the tree or nowhere.
    pub links: u64,
    /// Devices, sockets, pipes.
    pub special: u64,
    pub directory: bool,
}

/// Lists the files of a source in a fixed order. Ignore files are not honoured: a scanner must see
/// everything. No symbolic link is followed in a walk: a target inside the tree is met by itself, one
/// outside it is not ours to read.
pub(crate) fn list(source: &Source, limits: &Limits) -> Result<Listing, Error> {
    match source {
        Source::Bytes { name, data } => Ok(single(name, At::Held(Content::from(data.clone())))),
        Source::Stdin => {
            let most = limits.max_member_bytes;
            let open = |source| Error::Open { path: PathBuf::from("-"), source };
            let mut spool = Spool::new(limits.max_held_bytes);
            io::copy(&mut io::stdin().lock().take(most), &mut spool).map_err(open)?;
            let mut listing = single("<stdin>", At::Held(spool.finish().map_err(open)?));
            let more = io::stdin().lock().read(&mut [0]).unwrap_or(0);
            if more > 0 {
                let at = Location { path: "<stdin>".into(), field: String::new() };
                let detail = format!("standard input is longer than {most} bytes; the rest was not read");
                listing.gaps.push(Gap { at, reason: Reason::Limit, detail });
            }
            Ok(listing)
        }
        Source::Path(path) => {
            let meta = std::fs::metadata(path).map_err(|source| Error::Open { path: path.clone(), source })?;
            if meta.is_dir() {
                walk(path)
            } else if meta.is_file() {
                File::open(path).map_err(|source| Error::Open { path: path.clone(), source })?;
                Ok(single(&path.to_string_lossy(), At::File(path.clone())))
            } else {
                let source = io::Error::other("neither a file nor a directory");
                Err(Error::Open { path: path.clone(), source })
            }
        }
    }
}

fn single(path: &str, at: At) -> Listing {
    let entry = Entry { path: path.into(), relative: base_name(path).to_owned(), at };
    Listing { entries: vec![entry], ..Listing::default() }
}

fn walk(root: &Path) -> Result<Listing, Error> {
    let mut listing = Listing { directory: true, ..Listing::default() };
    std::fs::read_dir(root).map_err(|source| Error::Open { path: root.to_owned(), source })?;
    let real_root = root.canonicalize().map_err(|source| Error::Open { path: root.to_owned(), source })?;
    for found in walkdir::WalkDir::new(root).follow_links(false).sort_by_file_name() {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                let path = error.path().unwrap_or(root).to_string_lossy().into_owned();
                let detail = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                listing.gaps.push(Gap {
                    at: Location { path: path.into(), field: String::new() },
                    reason: Reason::Unreadable,
                    detail,
                });
                continue;
            }
        };
        let kind = found.file_type();
        if kind.is_dir() {
            continue;
        }
        if kind.is_symlink() {
            // The root itself may be given as a link; below it, only links that leave the tree count.
            let inside = found.path().canonicalize().is_ok_and(|target| target.starts_with(&real_root));
            listing.links += u64::from(!inside);
            continue;
        }
        if !kind.is_file() {
            listing.special += 1;
            continue;
        }
        let below = found.path().strip_prefix(root).unwrap_or(found.path());
        let relative = below.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        let shown = format!("{}/{relative}", root.to_string_lossy().trim_end_matches('/'));
        listing.entries.push(Entry { path: shown.into(), relative, at: At::File(found.into_path()) });
    }
    Ok(listing)
}

/// The part of a path behind the last separator, either way round.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

impl Entry {
    /// Opens the file. What the file system refuses here is a gap, not an error: the others go on.
    pub fn open(&mut self) -> Result<Blob, Gap> {
        let content = match &mut self.at {
            At::Held(content) => content.clone(),
            At::File(path) => Content::open(path).map_err(|error| unreadable(&Location::whole(&self.path), &error))?,
        };
        Ok(Blob {
            path: Arc::clone(&self.path),
            inner: self.relative.clone(),
            scope: Arc::clone(&self.path),
            depth: 0,
            open_ended: false,
            link: None,
            names: None,
            content,
        })
    }
}

/// The gap for what the file system refused.
pub(crate) fn unreadable(at: &Location, error: &io::Error) -> Gap {
    Gap { at: at.clone(), reason: Reason::Unreadable, detail: error.to_string() }
}

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
        self.content.len
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
        match (self.held(), &self.content.head) {
            (Some(data), _) => data.get(..HEAD).unwrap_or(data),
            (None, Some(head)) => head,
            (None, None) => &[],
        }
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
    fn open(path: &Path) -> io::Result<Content> {
        let mut file = File::open(path)?;
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

    fn of_file(file: File, len: u64) -> io::Result<Content> {
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

    fn held(&self) -> Option<&[u8]> {
        let Store::Memory(data) = &self.store else { return None };
        let start = usize::try_from(self.start).ok()?;
        data.get(start..start.checked_add(usize::try_from(self.len).ok()?)?)
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
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
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
        Reader { content: self.clone(), at: 0, buffer: Vec::new(), from: 0 }
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
    /// A reader of no bytes.
    pub fn nothing() -> Reader {
        Content::from(Vec::new()).reader()
    }

    /// Bytes from the start to the end.
    pub fn len(&self) -> u64 {
        self.content.len
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
        let ahead = self.fill_buf()?;
        let n = ahead.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..n), ahead.get(..n)) {
            to.copy_from_slice(from);
        }
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
            let left = self.content.len.saturating_sub(self.at);
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
            SeekFrom::End(by) => self.content.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a place before the start"))?;
        Ok(self.at)
    }
}

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
