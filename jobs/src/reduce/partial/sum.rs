//! Partial sums and partial moments: what the tree of sums, means and variances is made of.

use num_bigint::{BigInt, BigUint};

use crate::reduce::float::{Double, SQUARE_SCALE, SUM_SCALE, Superaccumulator, ratio};

/// A sum of integers and floats.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::reduce) struct Sum {
    /// The integers' part, exactly.
    pub(in crate::reduce) whole: BigInt,
    /// The floats' part.
    pub(in crate::reduce) float: FloatSum,
}

/// A sum of floats.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::reduce) enum FloatSum {
    /// In twice a double's precision. Finite.
    Fast(Double),
    /// Without any error.
    Exact(Exact),
}

/// A sum of floats as a big integer in units of 2⁻¹⁰⁷⁴, with what is no number kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::reduce) struct Exact {
    pub(in crate::reduce) units: BigInt,
    pub(in crate::reduce) specials: Specials,
}

/// Which of the values that are not numbers have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::reduce) struct Specials(pub(in crate::reduce) u8);

impl Specials {
    const NAN: u8 = 1;
    const PLUS_INFINITY: u8 = 2;
    const MINUS_INFINITY: u8 = 4;
    /// All bits that have a meaning.
    pub(in crate::reduce) const ALL: u8 = 7;

    /// Notes a float that is not finite.
    pub(in crate::reduce) fn note(&mut self, value: f64) {
        self.0 |= match value {
            value if value.is_nan() => Self::NAN,
            value if value > 0.0 => Self::PLUS_INFINITY,
            _ => Self::MINUS_INFINITY,
        };
    }

    /// What a sum over them is, as IEEE says; `None` where there are none.
    fn sum(self) -> Option<f64> {
        match self.0 {
            0 => None,
            Self::PLUS_INFINITY => Some(f64::INFINITY),
            Self::MINUS_INFINITY => Some(f64::NEG_INFINITY),
            _ => Some(f64::NAN),
        }
    }
}

impl Default for FloatSum {
    fn default() -> Self {
        Self::Exact(Exact::default())
    }
}

impl FloatSum {
    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fast(left), Self::Fast(right)) => {
                let sum = left.add(right);
                if sum.is_finite() {
                    return Self::Fast(sum);
                }
                // Halfway sums may leave the range and come back: only exact ones can.
                Self::Exact(Exact::of(left).merge(Exact::of(right)))
            }
            (left, right) => Self::Exact(left.into_exact().merge(right.into_exact())),
        }
    }

    fn into_exact(self) -> Exact {
        match self {
            Self::Fast(sum) => Exact::of(sum),
            Self::Exact(exact) => exact,
        }
    }
}

impl Exact {
    fn of(sum: Double) -> Self {
        let mut exact = Superaccumulator::new();
        exact.add(sum.high);
        exact.add(sum.low);
        Self { units: exact.settle(), specials: Specials::default() }
    }

    fn merge(self, other: Self) -> Self {
        Self { units: self.units + other.units, specials: Specials(self.specials.0 | other.specials.0) }
    }
}

impl Sum {
    pub(in crate::reduce) fn merge(self, other: Self) -> Self {
        Self { whole: self.whole + other.whole, float: self.float.merge(other.float) }
    }

    /// The float nearest to the sum.
    pub(in crate::reduce) fn value(&self) -> f64 {
        self.mean(1)
    }

    /// The sum divided by `count`, rounded once.
    pub(in crate::reduce) fn mean(&self, count: u64) -> f64 {
        match &self.float {
            FloatSum::Fast(sum) => sum.divide(Double::count(count)).value(),
            FloatSum::Exact(Exact { units, specials }) => specials.sum().unwrap_or_else(|| {
                let units = (&self.whole << SUM_SCALE) + units;
                ratio(&units, &(BigUint::from(count) << SUM_SCALE))
            }),
        }
    }
}

/// What a variance is made of.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::reduce) enum Moments {
    /// The mean and the sum of squared distances from it, both in twice a double's precision.
    Fast { mean: Double, squares: Double },
    /// The sum and the sum of squares without any error: the integers', and the floats' in units of
    /// 2⁻¹⁰⁷⁴ and 2⁻²¹⁴⁸.
    Exact(Box<ExactMoments>),
}

/// See [`Moments::Exact`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::reduce) struct ExactMoments {
    pub(in crate::reduce) whole: BigInt,
    pub(in crate::reduce) whole_squares: BigInt,
    pub(in crate::reduce) float: Exact,
    pub(in crate::reduce) float_squares: BigInt,
}

impl Default for Moments {
    fn default() -> Self {
        Self::Exact(Box::default())
    }
}

impl Moments {
    /// Combines the moments of `counts.0` and `counts.1` items; `None` where one is fast and one exact,
    /// which no job mixes.
    ///
    /// Source of the fast way: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise
    /// algorithm for computing sample variances", COMPSTAT 1982.
    pub(in crate::reduce) fn merge(self, other: Self, counts: (u64, u64)) -> Option<Self> {
        match (self, other) {
            (Self::Fast { mean: a, squares: left }, Self::Fast { mean: b, squares: right }) => {
                let (left_count, right_count) = (Double::count(counts.0), Double::count(counts.1));
                let share = right_count.divide(left_count.add(right_count));
                let distance = b.subtract(a);
                let between = distance.multiply(distance).multiply(left_count).multiply(share);
                Some(Self::Fast {
                    mean: a.add(distance.multiply(share)),
                    squares: left.add(right).add(between),
                })
            }
            (Self::Exact(a), Self::Exact(b)) => Some(Self::Exact(Box::new(ExactMoments {
                whole: a.whole + b.whole,
                whole_squares: a.whole_squares + b.whole_squares,
                float: a.float.merge(b.float),
                float_squares: a.float_squares + b.float_squares,
            }))),
            _ => None,
        }
    }

    /// The variance of `count` items, `ddof` of them not counted in the divisor; `count > ddof`.
    pub(in crate::reduce) fn variance(&self, count: u64, ddof: u64) -> f64 {
        let freedom = count.saturating_sub(ddof);
        match self {
            // Distances whose squares are beyond all floats, of numbers that are not.
            Self::Fast { mean, squares } if mean.is_finite() && !squares.is_finite() => f64::INFINITY,
            Self::Fast { squares, .. } => squares.divide(Double::count(freedom)).value(),
            Self::Exact(exact) => exact.variance(count, freedom),
        }
    }
}

impl ExactMoments {
    fn variance(&self, count: u64, freedom: u64) -> f64 {
        if self.float.specials.sum().is_some() {
            return f64::NAN;
        }
        let sum = (&self.whole << SUM_SCALE) + &self.float.units;
        let squares = (&self.whole_squares << SQUARE_SCALE) + &self.float_squares;
        // Σ(x - mean)² = (n Σx² - (Σx)²) / n, with nothing rounded before the end.
        let spread = squares * count - &sum * &sum;
        ratio(&spread, &((BigUint::from(count) * freedom) << SQUARE_SCALE))
    }
}
