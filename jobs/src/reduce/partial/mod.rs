//! What a task leaves of its items, how two such remains become one, and what stands for the answer in the
//! end.

mod sum;
mod wire;

use num_bigint::BigInt;

pub(super) use sum::{Exact, ExactMoments, FloatSum, Moments, Specials, Sum};

use super::answer::Answer;
use super::float::{Scaled, nearest};
use super::op::Op;

/// The remains of some items.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Partial {
    /// How many items.
    pub(super) count: u64,
    /// Of which sorts.
    pub(super) seen: Seen,
    /// What the operation made of them.
    pub(super) body: Body,
}

/// What an operation makes of items; which one it is follows from the operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    /// `count`: nothing but the number.
    Count,
    /// `sum`, `mean`.
    Sum(Sum),
    /// `variance`, `stddev`.
    Moments(Moments),
    /// `product`: of the integers exactly, of the floats to 100 bits.
    Product { whole: BigInt, float: Scaled },
    /// `min`, `max`: of the integers and of the floats.
    Extreme { whole: Option<BigInt>, float: Option<f64> },
    /// `and`, `or`, `xor`: in two's complement of unlimited width; booleans are 0 and 1.
    Bits(Option<BigInt>),
}

/// Which sorts of items there were: they decide how the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen(u8);

impl Seen {
    pub(super) const NOTHING: Self = Self(0);
    pub(super) const BOOLS: Self = Self(1);
    pub(super) const INTEGERS: Self = Self(2);
    pub(super) const FLOATS: Self = Self(4);

    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True where booleans stand beside numbers, which have nothing to do with each other.
    pub(super) fn is_mixed(self) -> bool {
        self.0 & Self::BOOLS.0 != 0 && self != Self::BOOLS
    }

    fn has_floats(self) -> bool {
        self.0 & Self::FLOATS.0 != 0
    }
}

impl Body {
    /// What `op` makes of no items.
    pub(super) fn empty(op: Op) -> Self {
        match op {
            Op::Count => Self::Count,
            Op::Sum | Op::Mean => Self::Sum(Sum::default()),
            Op::Variance | Op::Stddev => Self::Moments(Moments::default()),
            Op::Product => Self::Product { whole: BigInt::from(1), float: Scaled::ONE },
            Op::Min | Op::Max => Self::Extreme { whole: None, float: None },
            Op::And | Op::Or | Op::Xor => Self::Bits(None),
        }
    }
}

impl Partial {
    /// The remains of no items.
    pub(super) fn empty(op: Op) -> Self {
        Self { count: 0, seen: Seen::NOTHING, body: Body::empty(op) }
    }

    /// The remains of both; `None` where the two are not `op`'s.
    pub(super) fn merge(self, op: Op, other: Self) -> Option<Self> {
        // No items have no mean to be combined, and everything else is left as it is.
        if other.count == 0 {
            return Some(self);
        }
        if self.count == 0 {
            return Some(other);
        }
        let body = match (self.body, other.body) {
            (Body::Count, Body::Count) => Body::Count,
            (Body::Sum(a), Body::Sum(b)) => Body::Sum(a.merge(b)),
            (Body::Moments(a), Body::Moments(b)) => Body::Moments(a.merge(b, (self.count, other.count))?),
            (Body::Product { whole: a, float: x }, Body::Product { whole: b, float: y }) => {
                Body::Product { whole: a * b, float: x.multiply(y) }
            }
            (Body::Extreme { whole: a, float: x }, Body::Extreme { whole: b, float: y }) => Body::Extreme {
                whole: either(a, b, |a, b| if op == Op::Min { a.min(b) } else { a.max(b) }),
                float: either(x, y, |x, y| extreme(op, x, y)),
            },
            (Body::Bits(a), Body::Bits(b)) => Body::Bits(either(a, b, |a, b| match op {
                Op::And => a & b,
                Op::Or => a | b,
                _ => a ^ b,
            })),
            _ => return None,
        };
        Some(Self { count: self.count.checked_add(other.count)?, seen: self.seen.and(other.seen), body })
    }

    /// The answer for these items, or `None` where there is none (the least of no items).
    pub(super) fn answer(&self, op: Op, ddof: u64) -> Option<Answer> {
        let float = self.seen.has_floats();
        Some(match &self.body {
            Body::Count => Answer::Integer(self.count.into()),
            Body::Sum(_) | Body::Moments(_) if op.needs_items() && self.count == 0 => return None,
            Body::Sum(sum) if op == Op::Mean => Answer::Float(sum.mean(self.count)),
            Body::Sum(sum) if float => Answer::Float(sum.value()),
            Body::Sum(sum) => Answer::Integer(sum.whole.clone()),
            Body::Moments(_) if self.count <= ddof => return None,
            Body::Moments(moments) => {
                let variance = moments.variance(self.count, ddof);
                // The root of the variance's nearest float is within one unit in the last place.
                Answer::Float(if op == Op::Stddev { variance.sqrt() } else { variance })
            }
            Body::Product { whole, float: factor } if float => {
                Answer::Float(factor.multiply(Scaled::from_big(whole)).value())
            }
            Body::Product { whole, .. } => Answer::Integer(whole.clone()),
            Body::Extreme { whole, float: None } => self.whole(whole.clone()?),
            Body::Extreme { whole: None, float: Some(float) } => Answer::Float(*float),
            Body::Extreme { whole: Some(whole), float: Some(float) } => {
                Answer::Float(extreme(op, nearest(whole), *float))
            }
            Body::Bits(bits) => self.whole(bits.clone().unwrap_or_else(|| identity(op))),
        })
    }

    /// Booleans go out as they came in.
    fn whole(&self, value: BigInt) -> Answer {
        if self.seen == Seen::BOOLS { Answer::Bool(value != BigInt::ZERO) } else { Answer::Integer(value) }
    }
}

/// What bitwise operations give for nothing: all ones for `and`.
fn identity(op: Op) -> BigInt {
    if op == Op::And { BigInt::from(-1) } else { BigInt::ZERO }
}

fn either<T>(a: Option<T>, b: Option<T>, both: impl FnOnce(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(both(a, b)),
        (a, b) => a.or(b),
    }
}

/// The lesser or the greater, as IEEE 754-2019's `minimum` and `maximum`: NaN wins, and -0 is below +0.
pub(super) fn extreme(op: Op, a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if a.total_cmp(&b).is_le() == (op == Op::Min) { a } else { b }
}

#[cfg(test)]
mod tests;
