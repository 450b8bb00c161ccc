//! Images of disks and of firmware: what lies in them are file systems, kernels, and other images.
//!
//! In: a blob that begins or ends with an image's header. Out: its parts. Must not know: what the parts are.

mod disk;
pub(super) mod dmg;
pub(super) mod firmware;
pub(super) mod fit;
pub(super) mod partitions;
pub(super) mod qcow2;
pub(super) mod rawcd;
pub(super) mod sparse;
pub(super) mod ubi;
pub(super) mod uimage;
pub(super) mod vhd;
pub(super) mod vhdx;
pub(super) mod vmdk;
