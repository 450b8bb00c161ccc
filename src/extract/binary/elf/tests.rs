//! Broken ELF files, by hand.
