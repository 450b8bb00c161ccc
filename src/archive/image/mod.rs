//! Images of disks and of firmware: what lies in them are file systems, kernels, and other images.
//!
//! In: a blob that begins or ends with an image's header. Out: its parts. Must not know: what the parts are.

pub(super) mod partitions;
