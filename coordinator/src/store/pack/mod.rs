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
mod read;
mod write;

pub(super) use read::{Block, read_tasks};
pub(super) use write::BlockBuilder;

const FORMAT: u8 = 1;

/// The most outcomes in a block. Blocks never cross a multiple of it, so that a straggler's block spans few
/// tasks and reading in input order has few blocks open at once.
pub(super) const BLOCK_TASKS: u64 = 1 << 16;

/// Why some bytes are no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadBlock {
    #[error("a block is cut short")]
    Short,
    #[error("a block's checksum does not fit")]
    Checksum,
    #[error("a block has an unknown format")]
    Format,
    #[error("a block contradicts itself")]
    Nonsense,
}

#[cfg(test)]
mod tests;
