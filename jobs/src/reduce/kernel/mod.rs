//! From a leaf's bytes to its partial result.

mod element;
mod floats;
mod integers;

use num_bigint::BigInt;

use self::element::{Bool, Half};
use self::floats::Float;
use self::integers::Integer;
use super::dtype::Dtype;
use super::float::Scaled;
use super::op::Op;
use super::partial::{Body, ExactMoments, FloatSum, Moments, Partial, Seen, Sum};

/// Elements of a leaf: what is summed in lanes, below the tree. A power of two.
pub(super) const LEAF: u64 = 1 << 15;

/// Which arithmetic floats get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    /// Twice a double's precision, at the speed of memory.
    Compensated,
    /// No error at all.
    Exact,
}

/// The partial result of at most [`LEAF`] elements of type `dtype`; `bytes` is a whole number of them.
/// Bitwise operations on floats, which no plan lets through, give the remains of nothing.
pub(super) fn leaf(op: Op, precision: Precision, dtype: Dtype, bytes: &[u8]) -> Partial {
    match dtype {
        Dtype::Bool => integer_leaf::<Bool>(op, bytes, Seen::BOOLS),
        Dtype::I8 => integer_leaf::<i8>(op, bytes, Seen::INTEGERS),
        Dtype::I16 => integer_leaf::<i16>(op, bytes, Seen::INTEGERS),
        Dtype::I32 => integer_leaf::<i32>(op, bytes, Seen::INTEGERS),
        Dtype::I64 => integer_leaf::<i64>(op, bytes, Seen::INTEGERS),
        Dtype::U8 => integer_leaf::<u8>(op, bytes, Seen::INTEGERS),
        Dtype::U16 => integer_leaf::<u16>(op, bytes, Seen::INTEGERS),
        Dtype::U32 => integer_leaf::<u32>(op, bytes, Seen::INTEGERS),
        Dtype::U64 => integer_leaf::<u64>(op, bytes, Seen::INTEGERS),
        Dtype::F16 => float_leaf::<Half>(op, precision, bytes),
        Dtype::F32 => float_leaf::<f32>(op, precision, bytes),
        Dtype::F64 => float_leaf::<f64>(op, precision, bytes),
    }
}

fn integer_leaf<T: Integer>(op: Op, bytes: &[u8], seen: Seen) -> Partial {
    let count = T::raws(bytes).len() as u64;
    let body = match op {
        Op::Count => Body::Count,
        Op::Sum | Op::Mean => {
            Body::Sum(Sum { whole: integers::sum::<T>(bytes).into(), float: FloatSum::default() })
        }
        Op::Variance | Op::Stddev => Body::Moments(Moments::Exact(Box::new(ExactMoments {
            whole: integers::sum::<T>(bytes).into(),
            whole_squares: integers::squares::<T>(bytes),
            ..ExactMoments::default()
        }))),
        Op::Product => Body::Product { whole: integers::product::<T>(bytes), float: Scaled::ONE },
        Op::Min | Op::Max => {
            Body::Extreme { whole: integers::extreme::<T>(op, bytes).map(BigInt::from), float: None }
        }
        Op::And | Op::Or | Op::Xor => Body::Bits(integers::bitwise::<T>(op, bytes).map(BigInt::from)),
    };
    Partial { count, seen: if count == 0 { Seen::NOTHING } else { seen }, body }
}

fn float_leaf<T: Float>(op: Op, precision: Precision, bytes: &[u8]) -> Partial {
    let count = T::raws(bytes).len() as u64;
    let body = match op {
        Op::Count => Body::Count,
        Op::Sum | Op::Mean => Body::Sum(Sum { whole: BigInt::ZERO, float: float_sum::<T>(precision, bytes) }),
        Op::Variance | Op::Stddev => Body::Moments(float_moments::<T>(precision, bytes)),
        Op::Product => Body::Product { whole: BigInt::from(1), float: floats::product::<T>(bytes) },
        Op::Min | Op::Max => Body::Extreme { whole: None, float: floats::extreme::<T>(op, bytes) },
        Op::And | Op::Or | Op::Xor => return Partial::empty(op),
    };
    Partial { count, seen: if count == 0 { Seen::NOTHING } else { Seen::FLOATS }, body }
}

fn float_sum<T: Float>(precision: Precision, bytes: &[u8]) -> FloatSum {
    if precision == Precision::Compensated {
        let sum = floats::compensated_sum::<T>(bytes);
        // An infinity, NaN or an overflow on the way: the exact way knows what it means.
        if sum.is_finite() {
            return FloatSum::Fast(sum);
        }
    }
    FloatSum::Exact(floats::exact_sum::<T>(bytes))
}

fn float_moments<T: Float>(precision: Precision, bytes: &[u8]) -> Moments {
    if precision == Precision::Compensated {
        return floats::compensated_moments::<T>(bytes);
    }
    let (float, float_squares) = floats::exact_moments::<T>(bytes);
    Moments::Exact(Box::new(ExactMoments { float, float_squares, ..ExactMoments::default() }))
}
