//! Products of floats that neither over- nor underflow on the way: a [`Double`] and a power of two.

use num_bigint::BigInt;
use num_bigint::Sign;

use super::double::Double;
use super::round::{nearest, scale};

/// `mantissa` · 2^`exponent`, with the mantissa in [1, 2) or (-2, -1]; or a zero, an infinity or NaN with
/// the exponent 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::reduce) struct Scaled {
    pub(in crate::reduce) mantissa: Double,
    pub(in crate::reduce) exponent: i64,
}

impl Scaled {
    /// 1, the product of nothing.
    pub(in crate::reduce) const ONE: Self = Self { mantissa: Double { high: 1.0, low: 0.0 }, exponent: 0 };

    /// A float, exactly.
    pub(in crate::reduce) fn from(value: f64) -> Self {
        Self { mantissa: Double::from(value), exponent: 0 }.normalised()
    }

    /// An integer of any size, to 106 bits.
    pub(in crate::reduce) fn from_big(value: &BigInt) -> Self {
        let shift = value.bits().saturating_sub(128);
        let top = value >> shift;
        let high = nearest(&top);
        let low = nearest(&(&top - exact(high)));
        Self { mantissa: Double::sum(high, low), exponent: shift as i64 }.normalised()
    }

    pub(in crate::reduce) fn multiply(self, other: Self) -> Self {
        let mantissa = if self.is_plain() && other.is_plain() {
            self.mantissa.multiply(other.mantissa)
        } else {
            // As IEEE says: zero times infinity is NaN, signs multiply.
            Double::from(self.mantissa.high * other.mantissa.high)
        };
        let exponent = self.exponent.saturating_add(other.exponent);
        Self { mantissa, exponent }.normalised()
    }

    /// The nearest float.
    pub(in crate::reduce) fn value(self) -> f64 {
        if !self.is_plain() {
            return self.mantissa.high;
        }
        if self.exponent >= -1022 {
            return scale(self.mantissa.value(), self.exponent);
        }
        // A subnormal is rounded once, from all the bits there are.
        let unit = 2.0_f64.powi(120);
        let bits = exact(self.mantissa.high * unit) + exact(self.mantissa.low * unit);
        let below = 120_u64.saturating_add(self.exponent.unsigned_abs()).min(4096);
        super::round::ratio(&bits, &(num_bigint::BigUint::from(1_u8) << below))
    }

    /// True where the mantissa can be scaled: not for zero, infinities and NaN.
    fn is_plain(self) -> bool {
        self.mantissa.high.is_finite() && self.mantissa.high != 0.0
    }

    /// True where it keeps its own promise; bytes from elsewhere may not.
    pub(in crate::reduce) fn is_normalised(self) -> bool {
        let normalised = self.normalised();
        let bits =
            |scaled: Self| (scaled.mantissa.high.to_bits(), scaled.mantissa.low.to_bits(), scaled.exponent);
        bits(self) == bits(normalised)
    }

    fn normalised(self) -> Self {
        if !self.is_plain() {
            return Self { mantissa: Double::from(self.mantissa.high), exponent: 0 };
        }
        // Subnormals first, so that the exponent can be read from the bits.
        let lift = if self.mantissa.high.abs() < f64::MIN_POSITIVE { 64 } else { 0 };
        let lifted = scale(self.mantissa.high, lift);
        let by = ((lifted.to_bits() >> 52 & 0x7ff) as i64 - 1023) - lift;
        let mantissa = Double { high: scale(self.mantissa.high, -by), low: scale(self.mantissa.low, -by) };
        Self { mantissa, exponent: self.exponent.saturating_add(by) }
    }
}

/// A float without a fraction as an integer; what lies behind its point is cut off.
fn exact(value: f64) -> BigInt {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i64 - 1075;
    let mantissa = BigInt::from(bits & ((1 << 52) - 1) | 1 << 52);
    let magnitude = if exponent >= 0 { mantissa << exponent } else { mantissa >> exponent.unsigned_abs() };
    if value.is_sign_negative() {
        BigInt::from_biguint(Sign::Minus, magnitude.magnitude().clone())
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn product(values: &[f64]) -> f64 {
        values.iter().fold(Scaled::ONE, |product, value| product.multiply(Scaled::from(*value))).value()
    }

    #[test]
    fn what_overflows_on_the_way_comes_back() {
        assert_eq!(
            product(&[2.0_f64.powi(900), 2.0_f64.powi(900), 2.0_f64.powi(-900), 2.0_f64.powi(-899)]),
            2.0
        );
        assert_eq!(product(&[5e-324, 5e-324, 2.0_f64.powi(1000), 2.0_f64.powi(1000)]), 2.0_f64.powi(-148));
        assert_eq!(product(&[1e300, 1e300]), f64::INFINITY);
        assert_eq!(product(&[-1e-300, 1e-300]), 0.0);
    }

    #[test]
    fn specials_follow_ieee() {
        assert!(product(&[0.0, f64::INFINITY]).is_nan());
        assert!(product(&[f64::NAN, 2.0]).is_nan());
        assert_eq!(product(&[f64::INFINITY, -2.0]), f64::NEG_INFINITY);
        assert_eq!(product(&[-0.0, 3.0]).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(product(&[]), 1.0);
    }

    #[test]
    fn big_integers_keep_a_hundred_bits() {
        let big = BigInt::from(3_u8).pow(200);
        let scaled = Scaled::from_big(&big);
        assert_eq!(scaled.value(), nearest(&big));
        assert_eq!(Scaled::from_big(&BigInt::from(-6)).value(), -6.0);
        assert_eq!(Scaled::from_big(&BigInt::ZERO).value(), 0.0);
    }

    proptest! {
        #[test]
        fn two_floats_are_multiplied_as_the_processor_does(a in prop::num::f64::ANY, b in prop::num::f64::ANY) {
            let (ours, theirs) = (product(&[a, b]), a * b);
            prop_assert!(ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan(), "{} {}", ours, theirs);
        }

        #[test]
        fn every_product_keeps_the_promise(a in prop::num::f64::ANY, b in prop::num::f64::ANY) {
            prop_assert!(Scaled::from(a).multiply(Scaled::from(b)).is_normalised());
        }
    }
}
