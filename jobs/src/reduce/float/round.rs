//! From exact fractions to the nearest float.

use num_bigint::{BigInt, BigUint, Sign};

/// The `f64` nearest to `numerator` / `denominator`, ties to even; infinite where that is beyond the
/// largest float. `denominator` must not be zero.
pub(in crate::reduce) fn ratio(numerator: &BigInt, denominator: &BigUint) -> f64 {
    let magnitude = match numerator.sign() {
        Sign::NoSign => return 0.0,
        _ => quotient(numerator.magnitude(), denominator),
    };
    if numerator.sign() == Sign::Minus { -magnitude } else { magnitude }
}

/// The nearest `f64` to an integer of any size.
pub(in crate::reduce) fn nearest(value: &BigInt) -> f64 {
    ratio(value, &BigUint::from(1_u8))
}

fn quotient(numerator: &BigUint, denominator: &BigUint) -> f64 {
    // Scaled by 2^shift the quotient has 65 or 66 bits: more than a float's 53, the rest in one sticky bit.
    let shift = 65 - (numerator.bits() as i64 - denominator.bits() as i64);
    let (top, bottom) = if shift >= 0 {
        (numerator << shift as u64, denominator.clone())
    } else {
        (numerator.clone(), denominator << shift.unsigned_abs())
    };
    let whole = &top / &bottom;
    let inexact = &whole * &bottom != top;
    let whole = u128::try_from(whole).unwrap_or(u128::MAX);
    round(whole, inexact, -shift)
}

/// The nearest float to `whole` · 2^`exponent`, where `inexact` says that a little more was cut off.
fn round(whole: u128, inexact: bool, exponent: i64) -> f64 {
    let bits = i64::from(128 - whole.leading_zeros());
    let leading = bits - 1 + exponent;
    // Subnormals have fewer bits: everything below 2⁻¹⁰⁷⁴ goes.
    let precision = if leading >= -1022 { 53 } else { 53 - (-1022 - leading) };
    let drop = bits - precision;
    if drop >= 128 {
        return 0.0;
    }
    let drop = drop.max(0) as u32;
    let kept = whole.checked_shr(drop).unwrap_or(0);
    let rest = whole - (kept << drop);
    let half = if drop == 0 { 0 } else { 1_u128 << (drop - 1) };
    let up = drop > 0 && (rest > half || rest == half && (inexact || kept & 1 == 1));
    scale((kept + u128::from(up)) as f64, exponent + i64::from(drop))
}

/// `value` · 2^`exponent`, where the product is a float or too large to be one.
pub(in crate::reduce) fn scale(value: f64, exponent: i64) -> f64 {
    // In two steps, since 2^exponent alone may be out of range; no step rounds what is representable,
    // because the first keeps the value normal.
    let exponent = exponent.clamp(-2200, 2200) as i32;
    let half = exponent / 2;
    let mut value = value;
    for step in [half, exponent - half] {
        value = if step.abs() > 1000 {
            value * 2.0_f64.powi(step / 2) * 2.0_f64.powi(step - step / 2)
        } else {
            value * 2.0_f64.powi(step)
        };
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn divide(numerator: i128, denominator: u128) -> f64 {
        ratio(&BigInt::from(numerator), &BigUint::from(denominator))
    }

    #[test]
    fn ties_go_to_the_even_neighbour() {
        assert_eq!(divide((1 << 53) + 1, 1), 9_007_199_254_740_992.0);
        assert_eq!(divide((1 << 53) + 3, 1), 9_007_199_254_740_996.0);
        assert_eq!(divide(-((1 << 54) + 6), 2), -9_007_199_254_740_996.0);
    }

    #[test]
    fn the_ends_of_the_range_are_met() {
        let tiny = BigUint::from(1_u8) << 1074_u32;
        assert_eq!(ratio(&BigInt::from(1), &tiny), 5e-324);
        assert_eq!(ratio(&BigInt::from(1), &(&tiny << 1_u32)), 0.0, "half of the smallest is a tie to even");
        assert_eq!(ratio(&BigInt::from(3), &(&tiny << 2_u32)), 5e-324);
        assert_eq!(nearest(&(BigInt::from(1) << 1024_u32)), f64::INFINITY);
        assert_eq!(nearest(&((BigInt::from(1) << 1024_u32) - (BigInt::from(1) << 970_u32) - 1)), f64::MAX);
        assert_eq!(nearest(&-(BigInt::from(1) << 5000_u32)), f64::NEG_INFINITY);
        assert_eq!(ratio(&BigInt::from(1), &(BigUint::from(1_u8) << 5000_u32)), 0.0);
    }

    proptest! {
        #[test]
        fn a_float_is_its_own_nearest(value in prop::num::f64::POSITIVE | prop::num::f64::NEGATIVE | prop::num::f64::SUBNORMAL) {
            let mut exact = crate::reduce::float::Superaccumulator::new();
            exact.add(value);
            prop_assert_eq!(ratio(&exact.settle(), &(BigUint::from(1_u8) << 1074_u32)), value);
        }

        #[test]
        fn quotients_of_floats_are_divided_as_the_processor_does(a in -(1_i64 << 53)..(1 << 53), b in 1..(1_u64 << 53)) {
            prop_assert_eq!(divide(a.into(), b.into()), a as f64 / b as f64);
        }

        #[test]
        fn integers_are_rounded_as_the_compiler_does(value: i128) {
            prop_assert_eq!(divide(value, 1), value as f64);
        }
    }
}
