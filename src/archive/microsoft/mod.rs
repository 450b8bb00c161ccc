//! Microsoft's packed formats: cabinets, Windows images, compound files with Windows Installer databases.
//!
//! In: a blob. Out: its members. What these share is here: Huffman codes and LZX.

pub(super) mod cab;
mod codes;
mod lzx;
