//! A fixed-point number wide enough for every `f64`, to which floats and their squares are added without
//! any rounding.
//!
//! Source: R. M. Neal, "Fast exact summation using small and large superaccumulators", arXiv:1505.05571
//! (2015), the small one: 32 bits a limb kept in 64, so that carries can wait.

use num_bigint::{BigInt, BigUint};

/// Bits below the point of a sum of floats: the smallest subnormal is 2⁻¹⁰⁷⁴.
pub(in crate::reduce) const SUM_SCALE: u32 = 1074;
/// Bits below the point of a sum of squares.
pub(in crate::reduce) const SQUARE_SCALE: u32 = 2 * SUM_SCALE;

/// 2⁻²¹⁴⁸ … 2²⁰⁴⁸ and 64 bits for carries.
const LIMBS: usize = 134;
/// Each addition puts less than 2³² into a limb, so this many fit 63 bits with room to spare.
const ADDITIONS_BEFORE_CARRY: u32 = 1 << 30;
const LIMB: i64 = 1 << 32;

/// The sum of finite floats, or of their squares (never both in one), exactly.
#[derive(Debug, Clone)]
pub(in crate::reduce) struct Superaccumulator {
    // Value: Σ limb[i] · 2^(32 i). Invariant: |limb[i]| < 2³² + additions · 2³².
    limbs: [i64; LIMBS],
    additions: u32,
}

impl Superaccumulator {
    /// Zero.
    pub(in crate::reduce) fn new() -> Self {
        Self { limbs: [0; LIMBS], additions: 0 }
    }

    /// Adds a finite float, in units of 2⁻[`SUM_SCALE`].
    pub(in crate::reduce) fn add(&mut self, value: f64) {
        let (mantissa, shift) = parts(value);
        self.add_shifted(mantissa, shift, value.is_sign_negative());
    }

    /// Adds a finite float's square, in units of 2⁻[`SQUARE_SCALE`].
    pub(in crate::reduce) fn add_square(&mut self, value: f64) {
        let (mantissa, shift) = parts(value);
        let square = u128::from(mantissa) * u128::from(mantissa);
        self.add_shifted(square as u64, 2 * shift, false);
        self.add_shifted((square >> 64) as u64, 2 * shift + 64, false);
    }

    /// Adds ± `mantissa` · 2^`shift`. `shift` is at most 2 · 2045 + 64, which the limbs cover.
    fn add_shifted(&mut self, mantissa: u64, shift: usize, negative: bool) {
        let wide = u128::from(mantissa) << (shift % 32);
        for (limb, piece) in self.limbs.iter_mut().skip(shift / 32).zip([wide, wide >> 32, wide >> 64]) {
            let piece = i64::from(piece as u32);
            *limb += if negative { -piece } else { piece };
        }
        self.additions += 1;
        if self.additions >= ADDITIONS_BEFORE_CARRY {
            self.carry();
        }
    }

    fn carry(&mut self) {
        let mut carry = 0;
        let Some((top, low)) = self.limbs.split_last_mut() else { return };
        for limb in low {
            *limb += carry;
            carry = limb.div_euclid(LIMB);
            *limb = limb.rem_euclid(LIMB);
        }
        // The top limb is spare: 64 bits of carries would take 2⁶⁴ additions.
        *top += carry;
        self.additions = 1;
    }

    /// The value as an integer, in the unit of what was added. Carries are done first; the value stays.
    pub(in crate::reduce) fn settle(&mut self) -> BigInt {
        self.carry();
        let Some((top, low)) = self.limbs.split_last() else { return BigInt::ZERO };
        let digits = BigInt::from(BigUint::new(low.iter().map(|limb| *limb as u32).collect()));
        digits + (BigInt::from(*top) << (32 * low.len()))
    }
}

/// A finite float's mantissa and the power of two, counted from 2⁻¹⁰⁷⁴, that it stands for.
fn parts(value: f64) -> (u64, usize) {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as usize;
    let fraction = bits & ((1 << 52) - 1);
    if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reduce::float::round::ratio;

    fn sum(values: &[f64]) -> f64 {
        let mut exact = Superaccumulator::new();
        values.iter().for_each(|value| exact.add(*value));
        ratio(&exact.settle(), &(BigUint::from(1_u8) << SUM_SCALE))
    }

    #[test]
    fn what_cancels_leaves_exactly_what_does_not() {
        assert_eq!(sum(&[1e308, 1.0, -1e308]), 1.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX, -f64::MAX, 5e-324]), 5e-324);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[-1.5, -2.5]), -4.0);
        assert_eq!(sum(&[]), 0.0);
    }

    #[test]
    fn squares_at_both_ends_of_the_range_are_exact() {
        let mut exact = Superaccumulator::new();
        exact.add_square(f64::MAX);
        exact.add_square(5e-324);
        exact.add_square(-3.0);
        let max = BigInt::from((1_u64 << 53) - 1) << (971 + SUM_SCALE as usize);
        let expected = &max * &max + 1 + (BigInt::from(9) << SQUARE_SCALE);
        assert_eq!(exact.settle(), expected);
    }

    #[test]
    fn carries_may_be_done_at_any_time() {
        let mut often = Superaccumulator::new();
        let mut once = Superaccumulator::new();
        for value in [1e16, -1e-16, 3.5, -1e300, 7e299, 2.0_f64.powi(-1074)] {
            often.add(value);
            often.carry();
            once.add(value);
        }
        assert_eq!(often.settle(), once.settle());
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter(mut values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL, 0..40)) {
            let forwards = sum(&values);
            values.reverse();
            prop_assert_eq!(forwards.to_bits(), sum(&values).to_bits());
        }

        #[test]
        fn two_floats_are_summed_as_the_processor_does(a in prop::num::f64::NORMAL, b in prop::num::f64::ANY) {
            prop_assume!(b.is_finite() && a + b != 0.0);
            prop_assert_eq!(sum(&[a, b]), a + b);
        }
    }
}
