//! Collects numbers that come one by one (from a list, a range or a table) and reduces them by leaves, as if
//! they lay in a file.

use num_bigint::BigInt;

use super::dtype::Dtype;
use super::kernel::{Precision, leaf};
use super::op::Op;
use super::partial::{Body, ExactMoments, FloatSum, Moments, Partial, Seen, Sum};

/// Numbers kept before they are reduced: 32 KiB, which the first-level cache holds.
const ROOM: usize = 4096;

/// Numbers on their way into one partial result.
///
/// Floats are reduced exactly, and all else is exact anyway, so that it does not matter which numbers come
/// together. (Products of floats are the exception: their order is kept.)
pub(super) struct Gather {
    op: Op,
    integers: Box<Buffer>,
    floats: Box<Buffer>,
    has_bools: bool,
    has_numbers: bool,
    partial: Partial,
}

struct Buffer {
    raws: [[u8; 8]; ROOM],
    len: usize,
}

impl Buffer {
    fn new() -> Box<Self> {
        Box::new(Self { raws: [[0; 8]; ROOM], len: 0 })
    }

    /// Adds a number and says whether the buffer is full.
    #[inline(always)]
    fn push(&mut self, raw: [u8; 8]) -> bool {
        if let Some(slot) = self.raws.get_mut(self.len) {
            *slot = raw;
            self.len += 1;
        }
        self.len == ROOM
    }

    /// The remains of what is in it; it is empty afterwards.
    fn drain(&mut self, op: Op, dtype: Dtype) -> Option<Partial> {
        let len = std::mem::take(&mut self.len);
        let raws = self.raws.get(..len).filter(|raws| !raws.is_empty())?;
        Some(leaf(op, Precision::Exact, dtype, raws.as_flattened()))
    }
}

impl Gather {
    /// Nothing yet.
    pub(super) fn new(op: Op) -> Self {
        Self {
            op,
            integers: Buffer::new(),
            floats: Buffer::new(),
            has_bools: false,
            has_numbers: false,
            partial: Partial::empty(op),
        }
    }

    /// Forgets everything but the memory and the operation.
    pub(super) fn clear(&mut self) {
        (self.integers.len, self.floats.len) = (0, 0);
        (self.has_bools, self.has_numbers) = (false, false);
        self.partial = Partial::empty(self.op);
    }

    /// Adds an integer; false where there were booleans before.
    #[inline(always)]
    pub(super) fn integer(&mut self, value: i64) -> bool {
        self.has_numbers = true;
        if self.integers.push(value.to_le_bytes()) {
            self.drain();
        }
        !self.has_bools
    }

    /// True where floats make no sense: the operation is on bits.
    pub(super) fn refuses_floats(&self) -> bool {
        self.op.is_bitwise()
    }

    /// Adds a float; false where there were booleans before.
    #[inline(always)]
    pub(super) fn float(&mut self, value: f64) -> bool {
        self.has_numbers = true;
        if self.floats.push(value.to_le_bytes()) {
            self.drain();
        }
        !self.has_bools
    }

    /// Adds true or false; false where there were numbers before.
    pub(super) fn bool(&mut self, value: bool) -> bool {
        self.has_bools = true;
        if self.integers.push(i64::from(value).to_le_bytes()) {
            self.drain();
        }
        !self.has_numbers
    }

    /// Adds an integer of any size; false where there were booleans before.
    pub(super) fn big(&mut self, value: BigInt) -> bool {
        self.has_numbers = true;
        let body = match self.op {
            Op::Count => Body::Count,
            Op::Sum | Op::Mean => Body::Sum(Sum { whole: value, float: FloatSum::default() }),
            Op::Variance | Op::Stddev => Body::Moments(Moments::Exact(Box::new(ExactMoments {
                whole_squares: &value * &value,
                whole: value,
                ..ExactMoments::default()
            }))),
            Op::Product => match Body::empty(Op::Product) {
                Body::Product { float, .. } => Body::Product { whole: value, float },
                other => other,
            },
            Op::Min | Op::Max => Body::Extreme { whole: Some(value), float: None },
            Op::And | Op::Or | Op::Xor => Body::Bits(Some(value)),
        };
        self.merge(Partial { count: 1, seen: Seen::INTEGERS, body });
        !self.has_bools
    }

    /// What has been made of everything since the last [`clear`](Self::clear).
    pub(super) fn finish(&mut self) -> Partial {
        self.drain();
        let partial = std::mem::replace(&mut self.partial, Partial::empty(self.op));
        self.clear();
        partial
    }

    #[cold]
    fn drain(&mut self) {
        let integers = self.integers.drain(self.op, Dtype::I64).map(|mut partial| {
            if self.has_bools {
                partial.seen = Seen::BOOLS;
            }
            partial
        });
        let floats = self.floats.drain(self.op, Dtype::F64);
        for partial in integers.into_iter().chain(floats) {
            self.merge(partial);
        }
    }

    fn merge(&mut self, other: Partial) {
        let so_far = std::mem::replace(&mut self.partial, Partial::empty(self.op));
        // Both are this operation's and exact, so that they always merge.
        self.partial = so_far.merge(self.op, other).unwrap_or_else(|| Partial::empty(self.op));
    }
}
