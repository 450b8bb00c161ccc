//! Android: what an application or library declares, defines and shows, and who signed it.
//!
//! In: DEX files, manifests in text, binary and protobuf XML, compiled resources, whole packages. Out: class names,
//! declared components, package ids, the name an application shows, signers.

pub(super) mod application;
mod axml;
pub(super) mod dex;
pub(super) mod distribution;
pub(super) mod manifest;
pub(super) mod optimised;
mod pool;
mod protobuf;
pub(super) mod resources;
pub(super) mod signing;
mod table;
