//! How large a task is. It follows from the input and the parameters only, never from the workers, and so
//! does everything that depends on it.

use super::input::Input;
use crate::reduce::dtype::Dtype;
use crate::reduce::kernel::{LEAF, Precision};
use crate::reduce::op::Op;
use crate::reduce::setup::Source;

/// So many tasks at least, where the input is large enough: enough for the last ones to end together on any
/// usual number of workers.
const PIECES: u64 = 64;
/// At most 2²⁰ numbers, 8 MiB: a fraction of a millisecond, so that the cost of a task does not show.
const MAX_NUMBERS: u64 = 32 * LEAF;
/// At least 2¹⁵ numbers.
const MIN_NUMBERS: u64 = LEAF;
/// Integers multiplied in one task: a product may be as long as all its factors, and must fit a message.
const MAX_FACTORS: u64 = 4096;
/// A task of a table, in bytes.
const MAX_BYTES: u64 = 8 << 20;
const MIN_BYTES: u64 = 64 << 10;
/// The same for products of integers, whose digits add up.
const MAX_FACTOR_BYTES: u64 = 256 << 10;
/// Numbers of a list in one task.
pub(super) const MAX_ITEMS: u64 = 1024;
/// Up to so many floats are always reduced exactly: it takes a few milliseconds at most.
const ALWAYS_EXACT: u64 = 1 << 20;

/// Which arithmetic floats get: the exact one where it is asked for, costs nothing to speak of, or vanishes
/// beside the reading of text.
pub(super) fn precision(input: &Input, exact: bool) -> Precision {
    match (input.source(), input.count()) {
        (Source::Array(dtype), Some(count)) if dtype.is_float() && count > ALWAYS_EXACT && !exact => {
            Precision::Compensated
        }
        _ => Precision::Exact,
    }
}

/// What the size of a task depends on, beside the input's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub(super) op: Op,
    pub(super) precision: Precision,
    /// `params.chunk`.
    pub(super) wanted: Option<u64>,
}

impl Chunk {
    /// Numbers a task, of `total` that are integers in a row (`None`) or elements of a file.
    pub(super) fn numbers(self, total: u64, dtype: Option<Dtype>) -> u64 {
        let is_float = dtype.is_some_and(Dtype::is_float);
        let own = total.div_ceil(PIECES).next_power_of_two().clamp(MIN_NUMBERS, MAX_NUMBERS);
        let mut size = self.wanted.unwrap_or(own);
        if self.op == Op::Product && !is_float {
            size = size.min(MAX_FACTORS);
        }
        if is_float && (self.op == Op::Product || self.precision == Precision::Compensated) {
            // Rounding depends on the tree's shape: tasks must be whole subtrees of it, and so powers of two.
            size = size.checked_next_power_of_two().unwrap_or(1 << 63);
        }
        if self.precision == Precision::Compensated && self.op != Op::Product {
            size = size.max(LEAF);
        }
        size
    }

    /// Bytes a task, of a table of `total`.
    pub(super) fn bytes(self, total: u64) -> u64 {
        let own = total.div_ceil(PIECES).next_power_of_two().clamp(MIN_BYTES, MAX_BYTES);
        let size = self.wanted.unwrap_or(own);
        if self.op == Op::Product { size.min(MAX_FACTOR_BYTES) } else { size }
    }

    /// Numbers a task of a list, not counting that they must fit a message.
    pub(super) fn items(self) -> u64 {
        let size = self.wanted.unwrap_or(MAX_ITEMS).min(MAX_ITEMS);
        if self.op == Op::Product { size.next_power_of_two() } else { size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(op: Op, precision: Precision, wanted: Option<u64>) -> Chunk {
        Chunk { op, precision, wanted }
    }

    #[test]
    fn the_size_follows_from_the_input() {
        let sum = chunk(Op::Sum, Precision::Exact, None);
        assert_eq!(sum.numbers(10, None), 32_768);
        assert_eq!(sum.numbers(10_000_000, None), 262_144);
        assert_eq!(sum.numbers(200_000_000, None), 1 << 20);
        assert_eq!(sum.bytes(1 << 30), 8 << 20);
    }

    #[test]
    fn tasks_of_rounded_floats_are_whole_subtrees() {
        let sum = chunk(Op::Sum, Precision::Compensated, Some(100_000));
        assert_eq!(sum.numbers(1 << 30, Some(Dtype::F64)), 131_072);
        assert_eq!(chunk(Op::Sum, Precision::Compensated, Some(1)).numbers(1 << 30, Some(Dtype::F64)), LEAF);
        assert_eq!(chunk(Op::Product, Precision::Exact, Some(3)).numbers(9, Some(Dtype::F32)), 4);
        assert_eq!(chunk(Op::Sum, Precision::Exact, Some(3)).numbers(9, Some(Dtype::F32)), 3);
    }

    #[test]
    fn products_of_integers_stay_small_enough_for_a_message() {
        let product = chunk(Op::Product, Precision::Exact, Some(1 << 40));
        assert_eq!(product.numbers(1 << 50, None), MAX_FACTORS);
        assert_eq!(product.bytes(1 << 50), MAX_FACTOR_BYTES);
    }
}
