//! The Windows registry: hives and exported text.
//!
//! In: `regf` files, `.reg` files. Out: the upper keys, installed products, services.

mod cells;
pub(super) mod hive;
pub(super) mod text;
