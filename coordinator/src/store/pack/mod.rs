//! Many good outcomes in one row: the packed form of a block.
//!
//! A tiny task's outcome takes a few bytes: a run of consecutive ids, of first attempts or of one worker's
//! tasks costs nothing per task; what is left is its time and its value.
//!
//! ```text
//! block   = format (1 byte, 1) count first ids attempts workers micros lengths values crc
//! count   = varint, 1 to 65,536
//! first   = varint, the first task's id
//! ids     = column: each id less the one before it (the first less `first`: 0), ascending
//! attempts = column
//! workers = column: worker number × 2, plus 1 where an attempt passed the soft timeout
//! micros  = column: how long the last attempt took
//! lengths = column: of each value, in bytes
//! values  = all values, end to end
//! crc     = CRC-32 (IEEE 802.3) of everything before it, 4 bytes, little-endian
//! column  = 0 then `count` varints, or 1 then pairs of varints (value, how often), whichever is shorter
//! varint  = LEB128, at most 10 bytes
//! ```
//!
//! Reading believes nothing: any bytes give either a block or a [`BadBlock`].

mod column;
mod format;
mod read;
mod write;

pub(super) use read::{Block, read_tasks};
pub(super) use write::BlockBuilder;

#[cfg(test)]
mod tests;
