//! Java: what a JAR says of itself, and what its classes define and refer to.
//!
//! In: class files, `MANIFEST.MF`, Maven's descriptors. Out: class names, makers, titles, coordinates. A JAR that was
//! put together from others holds the descriptors of each: they are facts of the member they stand in.

pub(super) mod class;
pub(super) mod manifest;
pub(super) mod pom;
pub(super) mod signature;
