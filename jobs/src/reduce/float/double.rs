//! Numbers of twice a double's precision, for combining sums: an unevaluated sum `high + low`.
//!
//! Sources: T. J. Dekker, "A floating-point technique for extending the available precision", Numer. Math.
//! 18 (1971); D. E. Knuth, TAOCP 2, 4.2.2 (`TwoSum`); M. Joldes, J.-M. Muller, V. Popescu, "Tight and
//! rigorous error bounds for basic building blocks of double-word arithmetic", ACM TOMS 44 (2017), whose
//! algorithms 6 (sum), 12 (product) and 17 (quotient) these are. An operation's relative error is below
//! 2⁻¹⁰⁰ while nothing under- or overflows.

/// `high + low`, where `high` is the float nearest to that sum.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::reduce) struct Double {
    pub(in crate::reduce) high: f64,
    pub(in crate::reduce) low: f64,
}

/// The rounded sum and the exact error of that rounding.
#[inline(always)]
pub(in crate::reduce) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// As [`two_sum`], where `a` is the larger one or zero.
fn fast_two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

/// The rounded product and the exact error of that rounding.
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}

impl Double {
    /// A plain float.
    pub(in crate::reduce) fn from(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }

    /// The exact sum of two floats.
    pub(in crate::reduce) fn sum(a: f64, b: f64) -> Self {
        let (high, low) = two_sum(a, b);
        Self { high, low }
    }

    /// An integer of up to 64 bits, exactly.
    pub(in crate::reduce) fn count(count: u64) -> Self {
        Self::sum((count >> 32) as f64 * 4_294_967_296.0, (count & 0xffff_ffff) as f64)
    }

    pub(in crate::reduce) fn add(self, other: Self) -> Self {
        let (high, rest) = two_sum(self.high, other.high);
        let (low, rest_low) = two_sum(self.low, other.low);
        let (high, rest) = fast_two_sum(high, rest + low);
        let (high, low) = fast_two_sum(high, rest_low + rest);
        Self { high, low }
    }

    pub(in crate::reduce) fn subtract(self, other: Self) -> Self {
        self.add(Self { high: -other.high, low: -other.low })
    }

    pub(in crate::reduce) fn multiply(self, other: Self) -> Self {
        let (high, rest) = two_product(self.high, other.high);
        let cross = self.high.mul_add(other.low, self.low * other.high);
        let (high, low) = fast_two_sum(high, rest + self.low.mul_add(other.low, cross));
        Self { high, low }
    }

    pub(in crate::reduce) fn divide(self, other: Self) -> Self {
        let high = self.high / other.high;
        let taken = other.multiply(Self::from(high));
        let rest = (self.high - taken.high) + (self.low - taken.low);
        let (high, low) = fast_two_sum(high, rest / other.high);
        Self { high, low }
    }

    /// The nearest float.
    pub(in crate::reduce) fn value(self) -> f64 {
        self.high + self.low
    }

    /// True where neither an infinity, nor NaN, nor an overflow went in; else the value means nothing.
    pub(in crate::reduce) fn is_finite(self) -> bool {
        self.high.is_finite() && self.low.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_third_times_three_is_one() {
        let third = Double::from(1.0).divide(Double::from(3.0));
        assert_eq!(third.multiply(Double::from(3.0)).value(), 1.0);
        assert!((third.low - 1.850_371_707_708_594e-17).abs() < 1e-30);
    }

    #[test]
    fn an_infinity_is_noticed() {
        let sum = Double::from(f64::INFINITY).add(Double::from(1.0));
        assert!(!sum.is_finite());
    }

    proptest! {
        #[test]
        fn counts_are_exact(count: u64) {
            let double = Double::count(count);
            prop_assert_eq!(double.high as i128 + double.low as i128, i128::from(count));
        }

        #[test]
        fn integers_of_a_hundred_bits_are_added_exactly(a in -(1_i128 << 98)..(1 << 98), b in -(1_i128 << 98)..(1 << 98)) {
            let double = |value: i128| {
                let high = value as f64;
                Double { high, low: (value - high as i128) as f64 }
            };
            let sum = double(a).add(double(b));
            let error = (sum.high as i128 + sum.low as i128) - (a + b);
            prop_assert!(error.unsigned_abs() <= (a.unsigned_abs() + b.unsigned_abs()) >> 100);
        }

        #[test]
        fn products_of_floats_are_exact(a in -1_000_000_000_000_i64..1_000_000_000_000, b in -1_000_000_000_000_i64..1_000_000_000_000) {
            let product = Double::from(a as f64).multiply(Double::from(b as f64));
            prop_assert_eq!(product.high as i128 + product.low as i128, i128::from(a) * i128::from(b));
        }
    }
}
