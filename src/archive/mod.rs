//! What is inside: opens containers, members within members, within a budget.
//!
//! In: a [`Blob`]. Out: every blob in it, one call of the visitor each, and gaps for what stayed shut.
//! Must not know: what the members mean. Nothing is ever written to disk, and no path from an
//! archive reaches the file system: member names are text.
//!
//! A new container format costs one file here and one line in [`FORMATS`]; one that is only
//! recognised costs one line in `known.rs`.

mod ar;
mod asar;
mod budget;
mod carve;
mod compressed;
mod cpio;
mod fs;
mod image;
mod inside;
mod installer;
mod installshield;
mod known;
pub(crate) mod microsoft;
mod rar;
mod rpm;
mod sevenz;
mod tar;
mod walk;
mod xar;
mod zip;

pub(crate) use budget::{Spent, Walk};
pub(crate) use carve::is_program;
use inside::Inside;
pub(crate) use walk::{Opened, Seen, Step, walk};

use crate::source::Blob;

/// A container format that is opened.
struct Format {
    /// Stable name, shown with `--verbose` and in the table of formats.
    name: &'static str,
    /// Cheap: looks at the first and last bytes only.
    claim: fn(&Blob) -> bool,
    /// Hands every member to [`Inside`].
    open: fn(&mut Inside<'_, '_>),
    /// How it is found in the midst of other data.
    carve: &'static [Carve],
}

/// A mark by which a format is found within data of no known format.
struct Carve {
    /// At least three bytes that stand in every file of the format.
    magic: &'static [u8],
    /// Where in the file they stand.
    at: u64,
    /// A closer look at what begins there, strict enough that chance and a constant in a program do not pass.
    sound: fn(&Blob) -> bool,
}

/// Every container format that is opened, in the order of trial.
const FORMATS: &[Format] = &[
    zip::FORMAT,
    compressed::gzip::FORMAT,
    compressed::xz::FORMAT,
    compressed::zstd::FORMAT,
    compressed::bzip2::FORMAT,
    compressed::lz4::FORMAT,
    compressed::lzip::FORMAT,
    compressed::lzop::FORMAT,
    compressed::compress::FORMAT,
    ar::FORMAT,
    rpm::FORMAT,
    sevenz::FORMAT,
    rar::FORMAT,
    xar::FORMAT,
    xar::pbzx::FORMAT,
    cpio::FORMAT,
    asar::FORMAT,
    microsoft::cab::FORMAT,
    microsoft::ole::FORMAT,
    microsoft::wim::FORMAT,
    installer::nsis::FORMAT,
    installer::inno::FORMAT,
    installshield::FORMAT,
    tar::FORMAT,
    // Before what its disk begins with.
    image::vhd::VHD,
    image::dmg::FORMAT,
    fs::cramfs::FORMAT,
    fs::erofs::FORMAT,
    fs::ext::FORMAT,
    fs::fat::FORMAT,
    fs::iso9660::FORMAT,
    // Hybrid discs bear its mark, too.
    fs::hfsplus::FORMAT,
    fs::jffs2::FORMAT,
    fs::ntfs::FORMAT,
    fs::romfs::FORMAT,
    fs::squashfs::FORMAT,
    fs::ubifs::FORMAT,
    fs::udf::FORMAT,
    image::firmware::TRX,
    image::firmware::BOOT,
    image::firmware::VENDOR_BOOT,
    image::fit::FORMAT,
    image::qcow2::FORMAT,
    image::rawcd::FORMAT,
    image::sparse::FORMAT,
    image::ubi::FORMAT,
    image::uimage::FORMAT,
    image::vhd::VDI,
    image::vhdx::FORMAT,
    image::vmdk::FORMAT,
    // Last: what is a file system or a disc may begin with a table of partitions, too.
    image::partitions::GPT,
    image::partitions::APM,
    image::partitions::MBR,
    // These have no magic: a name or a guess claims them.
    compressed::zlib::FORMAT,
    compressed::brotli::FORMAT,
    compressed::lzma::FORMAT,
];

#[cfg(test)]
mod trial;

/// True for what will be opened.
pub(crate) fn is_container(blob: &Blob) -> bool {
    FORMATS.iter().any(|format| (format.claim)(blob))
}

/// The names of the container formats that are opened.
pub(crate) fn names() -> Vec<&'static str> {
    FORMATS.iter().map(|f| f.name).collect()
}

/// The names of the formats that are recognised and not opened.
pub(crate) fn recognised_only() -> Vec<&'static str> {
    known::names()
}
