//! Text tables: one column of numbers, read by many workers at once.
//!
//! A file is cut into ranges of bytes. A range owns the lines that *start* in it, so that each line has one
//! owner wherever the cuts fall. For that a line break must always end a row: a quoted field with a line
//! break in it is refused (its row has an odd number of quotes, whoever owns it).

mod column;
mod header;
mod number;
mod rows;

pub(super) use column::ColumnKey;
pub(super) use header::{Wanted, read_header};
pub(super) use rows::reduce_rows;
