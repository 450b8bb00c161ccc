//! Where bytes come from: paths, directories, standard input, memory.
//!
//! In: a [`Source`] and [`Limits`]. Out: blobs. The only module that opens files.
//! Must not know: any format.

mod blob;
mod content;
mod limits;
mod listing;
mod reader;
mod spool;

pub(crate) use blob::{Blob, base_name, unreadable};
pub(crate) use content::{Content, Extent};
pub use limits::{Limits, Progress, Stop};
pub use listing::Source;
pub(crate) use listing::{Entry, list};
pub(crate) use reader::Reader;
pub(crate) use spool::Spool;
