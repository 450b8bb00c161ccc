//! What stops a run. A part that cannot be examined is no error but a [`Gap`](crate::fact::Gap).
//!
//! In: nothing. Out: [`Error`]. Must not know: any format or rule.

use std::io;
use std::path::PathBuf;

/// The run cannot go on. The message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path named on the command line cannot be opened at all.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The path as given.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The catalogue cannot be used.
    #[error("catalogue {file}: {detail}")]
    Catalog {
        /// The file it stands in.
        file: String,
        /// What is wrong and where.
        detail: String,
    },
    /// A rule cannot be used.
    #[error("rules {file}: {detail}")]
    Rules {
        /// The file it stands in.
        file: String,
        /// What is wrong and where.
        detail: String,
    },
    /// The configuration cannot be used.
    #[error("configuration {file}: {detail}")]
    Config {
        /// The file.
        file: String,
        /// What is wrong and where.
        detail: String,
    },
    /// An argument makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A report cannot be written.
    #[error("cannot write {to}: {source}")]
    Write {
        /// Where to.
        to: String,
        /// What the file system said.
        source: io::Error,
    },
}
