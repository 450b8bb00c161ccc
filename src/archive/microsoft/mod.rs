//! Microsoft's packed formats: cabinets, Windows images, compound files with Windows Installer databases.
//!
//! In: a blob. Out: its members. What these share is here: Huffman codes and LZX.

pub(super) mod cab;
mod codes;
pub(crate) mod compound;
pub(crate) mod database;
mod lzx;
pub(crate) mod ole;
pub(super) mod wim;
mod xpress;
