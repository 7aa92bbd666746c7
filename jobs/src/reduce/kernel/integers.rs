//! Integer kernels: nothing wraps, whatever the elements are.

use std::ops::{BitAnd, BitOr, BitXor};

use num_bigint::BigInt;

use super::element::{Bool, Element};
use crate::reduce::op::Op;
use crate::reduce::simd::{Kernel, dispatch};

/// Independent accumulators, so that additions don't wait for each other.
const LANES: usize = 32;
/// Of two accumulators each: more of them would not fit the processor's registers.
const SUM_LANES: usize = 16;

/// An integer type; every value fits `i128`.
pub(super) trait Integer:
    Element + Ord + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self>
{
    /// The sum of at most 2³⁰ elements.
    fn sum(raws: &[Self::Raw]) -> i128;

    /// The sum of squares of at most 2³⁰ elements.
    fn squares(raws: &[Self::Raw]) -> BigInt;

    /// The element.
    fn wide(self) -> i128;
}

macro_rules! narrow_integers {
    ($($type:ty => $to:expr;)*) => {$(
        impl Integer for $type {
            #[inline(always)]
            fn sum(raws: &[Self::Raw]) -> i128 {
                // Elements of 32 bits at most: 2³⁰ of them fit 64.
                let to: fn(Self) -> i64 = $to;
                let mut lanes = [0_i64; LANES];
                let (groups, rest) = raws.as_chunks::<LANES>();
                for group in groups {
                    for (lane, raw) in lanes.iter_mut().zip(group) {
                        *lane += to(Self::load(*raw));
                    }
                }
                let rest = rest.iter().map(|raw| to(Self::load(*raw)));
                lanes.into_iter().chain(rest).map(i128::from).sum()
            }

            fn squares(raws: &[Self::Raw]) -> BigInt {
                let to: fn(Self) -> i64 = $to;
                let mut sum = 0_u128;
                for block in raws.chunks(LANES * 64) {
                    // Squares have 64 bits at most; their halves are summed apart.
                    let (mut low, mut high) = (0_u64, 0_u64);
                    for raw in block {
                        let square = to(Self::load(*raw)).unsigned_abs().pow(2);
                        low += square & 0xffff_ffff;
                        high += square >> 32;
                    }
                    sum += u128::from(low) + (u128::from(high) << 32);
                }
                BigInt::from(sum)
            }

            #[inline(always)]
            fn wide(self) -> i128 {
                ($to as fn(Self) -> i64)(self).into()
            }
        }
    )*};
}

macro_rules! wide_integers {
    ($($type:ty, $flip:literal;)*) => {$(
        impl Integer for $type {
            #[inline(always)]
            fn sum(raws: &[Self::Raw]) -> i128 {
                // Flipping the sign bit adds 2⁶³ to a signed number, which is taken off again in the end, so
                // that all are unsigned: Σ v is known modulo 2⁶⁴, and Σ (v >> 32) does not wrap.
                let flip = |raw: Self::Raw| Self::load(raw) as u64 ^ $flip;
                let (mut sums, mut high) = ([0_u64; SUM_LANES], [0_u64; SUM_LANES]);
                let (groups, rest) = raws.as_chunks::<SUM_LANES>();
                for group in groups {
                    for ((sum, high), raw) in sums.iter_mut().zip(&mut high).zip(group) {
                        let value = flip(*raw);
                        *sum = sum.wrapping_add(value);
                        *high += value >> 32;
                    }
                }
                let lanes = sums.iter().zip(&high).map(|(sum, high)| {
                    // What the lower halves add up to: below 2⁶², and so known modulo 2⁶⁴.
                    let low = sum.wrapping_sub(high << 32);
                    i128::from(low) + (i128::from(*high) << 32)
                });
                let sum: i128 = lanes.chain(rest.iter().map(|raw| i128::from(flip(*raw)))).sum();
                sum - raws.len() as i128 * i128::from($flip as u64)
            }

            fn squares(raws: &[Self::Raw]) -> BigInt {
                let (mut low, mut high) = (0_u128, 0_u128);
                for raw in raws {
                    let value = u128::from(Self::load(*raw).wide().unsigned_abs() as u64);
                    let square = value * value;
                    low += u128::from(square as u64);
                    high += square >> 64;
                }
                BigInt::from(low) + (BigInt::from(high) << 64)
            }

            #[inline(always)]
            fn wide(self) -> i128 {
                self.into()
            }
        }
    )*};
}

narrow_integers! {
    i8 => i64::from; i16 => i64::from; i32 => i64::from;
    u8 => i64::from; u16 => i64::from; u32 => i64::from;
    Bool => |bool: Self| i64::from(bool.0);
}
wide_integers! { i64, 0x8000_0000_0000_0000; u64, 0; }

/// The sum of at most 2³⁰ elements.
pub(super) fn sum<T: Integer>(bytes: &[u8]) -> i128 {
    struct Sum<'a, T: Integer>(&'a [T::Raw]);
    impl<T: Integer> Kernel for Sum<'_, T> {
        type Output = i128;
        #[inline(always)]
        fn run(self) -> i128 {
            T::sum(self.0)
        }
    }
    dispatch(Sum::<T>(T::raws(bytes)))
}

/// The least or the greatest element.
pub(super) fn extreme<T: Integer>(op: Op, bytes: &[u8]) -> Option<i128> {
    struct Extreme<'a, T: Integer, const MIN: bool>(&'a [T::Raw]);
    impl<T: Integer, const MIN: bool> Kernel for Extreme<'_, T, MIN> {
        type Output = Option<i128>;
        #[inline(always)]
        fn run(self) -> Option<i128> {
            fold_lanes(self.0, |a: T, b| if (a < b) == MIN { a } else { b })
        }
    }
    let raws = T::raws(bytes);
    if op == Op::Min { dispatch(Extreme::<T, true>(raws)) } else { dispatch(Extreme::<T, false>(raws)) }
}

/// `and`, `or` or `xor` of the elements.
pub(super) fn bitwise<T: Integer>(op: Op, bytes: &[u8]) -> Option<i128> {
    struct Bitwise<'a, T: Integer>(Op, &'a [T::Raw]);
    impl<T: Integer> Kernel for Bitwise<'_, T> {
        type Output = Option<i128>;
        #[inline(always)]
        fn run(self) -> Option<i128> {
            match self.0 {
                Op::And => fold_lanes(self.1, |a: T, b| a & b),
                Op::Or => fold_lanes(self.1, |a: T, b| a | b),
                _ => fold_lanes(self.1, |a: T, b| a ^ b),
            }
        }
    }
    dispatch(Bitwise::<T>(op, T::raws(bytes)))
}

#[inline(always)]
fn fold_lanes<T: Integer>(raws: &[T::Raw], combine: impl Fn(T, T) -> T) -> Option<i128> {
    let (groups, rest) = raws.as_chunks::<LANES>();
    let rest = rest.iter().map(|raw| T::load(*raw));
    let Some((first, groups)) = groups.split_first() else { return rest.reduce(combine).map(T::wide) };
    // Not an `Option` of lanes: the optimiser would keep them in memory, one by one.
    let mut lanes = first.map(T::load);
    for group in groups {
        for (lane, raw) in lanes.iter_mut().zip(group) {
            *lane = combine(*lane, T::load(*raw));
        }
    }
    lanes.into_iter().chain(rest).reduce(combine).map(T::wide)
}

/// The sum of squares of at most 2³⁰ elements.
pub(super) fn squares<T: Integer>(bytes: &[u8]) -> BigInt {
    T::squares(T::raws(bytes))
}

/// The product of all elements.
pub(super) fn product<T: Integer>(bytes: &[u8]) -> BigInt {
    // Small factors first go together in machine words, then the words in a tree: big multiplications
    // pay off where both sides are of about the same length.
    let mut words = Vec::new();
    let mut word = 1_i128;
    for raw in T::raws(bytes) {
        let factor = T::load(*raw).wide();
        if factor == 0 {
            return BigInt::ZERO;
        }
        word = word.checked_mul(factor).unwrap_or_else(|| {
            words.push(BigInt::from(word));
            factor
        });
    }
    words.push(BigInt::from(word));
    product_tree(words)
}

/// The product of `factors`, by halves.
fn product_tree(mut factors: Vec<BigInt>) -> BigInt {
    while factors.len() > 1 {
        factors = factors
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => left * right,
                [single] => single.clone(),
                _ => BigInt::from(1),
            })
            .collect();
    }
    factors.pop().unwrap_or_else(|| BigInt::from(1))
}
