//! Android: what an application or library declares and defines.
//!
//! In: DEX files, manifests in text and binary XML. Out: class names, declared components, package ids.

mod axml;
pub(super) mod dex;
pub(super) mod manifest;
