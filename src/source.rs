//! Where bytes come from: paths, directories, standard input, memory.
//!
//! In: a [`Source`] and [`Limits`]. Out: blobs. The only module that opens files.
//! Must not know: any format.

// The one place where the file system is touched (see `clippy.toml`).
#![allow(clippy::disallowed_methods)]

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// Bytes of one file or member held in memory; a larger archive is still opened as a stream.
    pub max_member_bytes: u64,
    /// Bytes of nested members held at one time.
    pub max_held_bytes: u64,
    /// Bytes unpacked from one input file, whatever its size.
    pub max_total_bytes: u64,
    /// Bytes unpacked per byte of input; only counts above `ratio_floor`.
    pub max_ratio: u64,
    /// Up to here, expansion is not held against a file.
    pub ratio_floor: u64,
    /// Components read from one document.
    pub max_components: u64,
    /// Worker threads; the result is the same for any number.
    pub threads: usize,
    /// Raised from outside (a time limit, an interrupt) to end the run early.
    pub stop: Stop,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_depth: 16,
            max_members: 1_000_000,
            max_member_bytes: 512 << 20,
            max_held_bytes: 1 << 30,
            max_total_bytes: 64 << 30,
            max_ratio: 200,
            ratio_floor: 256 << 20,
            max_components: 5_000_000,
            threads: 1,
            stop: Stop::default(),
        }
    }
}

/// A flag that ends a run early. No stage reads the clock: whoever holds the flag does.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Raises the flag.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once raised.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
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
    Memory(Vec<u8>),
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
        Source::Bytes { name, data } => Ok(single(name, At::Memory(data.clone()))),
        Source::Stdin => {
            let mut data = Vec::new();
            let most = limits.max_member_bytes;
            let open = |source| Error::Open { path: PathBuf::from("-"), source };
            io::stdin().lock().take(most).read_to_end(&mut data).map_err(open)?;
            let mut listing = single("<stdin>", At::Memory(data));
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
            At::Memory(data) => Content::Memory(std::mem::take(data)),
            At::File(path) => Content::open(path).map_err(|error| unreadable(&Location::whole(&self.path), &error))?,
        };
        Ok(Blob {
            path: Arc::clone(&self.path),
            inner: self.relative.clone(),
            scope: Arc::clone(&self.path),
            depth: 0,
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
    content: Content,
}

#[derive(Debug)]
enum Content {
    Memory(Vec<u8>),
    File { file: File, len: u64, head: Vec<u8> },
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
                return Ok(Content::Memory(data));
            }
            file.seek(SeekFrom::Start(0))?;
        }
        let mut head = Vec::with_capacity(HEAD);
        (&file).take(HEAD as u64).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Content::File { file, len, head })
    }
}

impl Blob {
    /// A member of the container `parent`, or a name for its unpacked content.
    pub fn member(parent: &Blob, inner: &str, data: Vec<u8>) -> Blob {
        Blob {
            path: format!("{}!/{}", parent.path, inner.trim_start_matches('/')).into(),
            inner: inner.to_owned(),
            scope: Arc::clone(&parent.path),
            depth: parent.depth + 1,
            content: Content::Memory(data),
        }
    }

    /// The base name.
    pub fn name(&self) -> &str {
        base_name(&self.inner)
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Memory(data) => data.len() as u64,
            Content::File { len, .. } => *len,
        }
    }

    /// All bytes, where they are in memory already.
    pub fn held(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Memory(data) => Some(data),
            Content::File { .. } => None,
        }
    }

    /// True when one of the needles stands anywhere in it.
    pub fn holds_any(&self, needles: &[&[u8]]) -> bool {
        let longest = needles.iter().map(|n| n.len()).max().unwrap_or(0);
        let holds = |data: &[u8]| needles.iter().any(|n| memchr::memmem::find(data, n).is_some());
        if let Some(data) = self.held() {
            return holds(data);
        }
        let Ok(mut reader) = self.reader() else { return false };
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
        match &self.content {
            Content::Memory(data) => data.get(..HEAD).unwrap_or(data),
            Content::File { head, .. } => head,
        }
    }

    /// The last `most` bytes.
    pub fn tail(&self, most: usize) -> io::Result<Vec<u8>> {
        let start = self.len().saturating_sub(most as u64);
        let mut reader = self.reader()?;
        reader.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        reader.take(most as u64).read_to_end(&mut tail)?;
        Ok(tail)
    }

    /// A reader from the start.
    pub fn reader(&self) -> io::Result<Reader<'_>> {
        match &self.content {
            Content::Memory(data) => Ok(Reader::Memory(Cursor::new(data))),
            Content::File { file, .. } => {
                let mut file = file;
                file.seek(SeekFrom::Start(0))?;
                Ok(Reader::File(BufReader::with_capacity(HEAD, file)))
            }
        }
    }

    /// All bytes, read into memory within the limit.
    pub fn load(&mut self, limits: &Limits) -> Result<&[u8], Gap> {
        if let Content::File { file, len, .. } = &mut self.content {
            let at = Location::whole(&self.path);
            if *len > limits.max_member_bytes {
                let detail = format!("{len} bytes, more than the {} held in memory", limits.max_member_bytes);
                return Err(Gap { at, reason: Reason::Limit, detail });
            }
            let mut data = Vec::with_capacity(usize::try_from(*len).unwrap_or(0));
            file.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&at, &error))?;
            file.take(limits.max_member_bytes).read_to_end(&mut data).map_err(|error| unreadable(&at, &error))?;
            self.content = Content::Memory(data);
        }
        match &self.content {
            Content::Memory(data) => Ok(data),
            Content::File { .. } => Ok(&[]),
        }
    }
}

/// Reads a blob, from memory or from its file.
pub(crate) enum Reader<'a> {
    Memory(Cursor<&'a [u8]>),
    File(BufReader<&'a File>),
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Reader::Memory(cursor) => cursor.read(buffer),
            Reader::File(file) => file.read(buffer),
        }
    }
}

impl BufRead for Reader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Reader::Memory(cursor) => cursor.fill_buf(),
            Reader::File(file) => file.fill_buf(),
        }
    }

    fn consume(&mut self, n: usize) {
        match self {
            Reader::Memory(cursor) => cursor.consume(n),
            Reader::File(file) => file.consume(n),
        }
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Reader::Memory(cursor) => cursor.seek(to),
            Reader::File(file) => file.seek(to),
        }
    }
}
