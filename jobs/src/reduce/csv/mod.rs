//! Text tables: one column of numbers, read by many workers at once.
//!
//! A file is cut into ranges of bytes. A range owns the rows that *start* in it, so that each row has one owner wherever
//! the cuts fall ([`crate::table::cut`]).

mod column;
mod header;
mod number;
mod rows;

pub(super) use column::ColumnKey;
pub(super) use header::{Wanted, Written, read_header};
pub(super) use rows::{Range, reduce_rows};
