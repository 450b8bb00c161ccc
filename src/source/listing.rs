//! The files of a source, in a fixed order. The one place that opens them.
//!
//! In: a [`Source`]. Out: an [`Entry`] for each file, which gives its blob when it is opened, and gaps for what the file
//! system refused. Must not know: what the files hold.

// The one place where the file system is touched (see `clippy.toml`).
#![allow(clippy::disallowed_methods)]

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Blob, Content, Limits, Spool, base_name, unreadable};
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

impl Entry {
    /// Opens the file. What the file system refuses here is a gap, not an error: the others go on.
    pub fn open(&mut self) -> Result<Blob, Gap> {
        let content = match &mut self.at {
            At::Held(content) => content.clone(),
            At::File(path) => File::open(path)
                .and_then(Content::of_opened)
                .map_err(|error| unreadable(&Location::whole(&self.path), &error))?,
        };
        Ok(Blob::file(&self.path, &self.relative, content))
    }
}
