//! What reading and writing a block have in common.

pub(super) const FORMAT: u8 = 1;

/// The most outcomes in a block. Blocks never cross a multiple of it, so that a straggler's block spans few
/// tasks and reading in input order has few blocks open at once.
pub(super) const BLOCK_TASKS: u64 = 1 << 16;

/// Why some bytes are no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::store) enum BadBlock {
    #[error("a block is cut short")]
    Short,
    #[error("a block's checksum does not fit")]
    Checksum,
    #[error("a block has an unknown format")]
    Format,
    #[error("a block contradicts itself")]
    Nonsense,
}
