//! Float kernels: a leaf of the tree at a time.

use num_bigint::BigInt;

use super::element::{Element, Half};
use crate::reduce::float::{Double, Scaled, Superaccumulator, two_sum};
use crate::reduce::op::Op;
use crate::reduce::partial::{Exact, Moments, Specials};
use crate::reduce::simd::{Kernel, dispatch};

/// Independent accumulators, so that additions don't wait for each other.
const LANES: usize = 32;
/// Floats that are summed exactly together; they stay in the first-level cache. 2¹¹.
const BLOCK: usize = 2048;
const BLOCK_BITS: i64 = BLOCK.trailing_zeros() as i64;

/// A float type; every value fits `f64`.
pub(super) trait Float: Element + Into<f64> {}
impl Float for Half {}
impl Float for f32 {}
impl Float for f64 {}

/// The compensated sum: in each lane Σ x and, apart, Σ of the rounding errors, which [`two_sum`] yields
/// exactly. Lanes are combined in twice a double's precision.
///
/// The error is below u |Σx| + (n/32)² u² Σ|x| with u = 2⁻⁵³ and n the elements of *this leaf*, so that it
/// does not grow with the input. Source: T. Ogita, S. M. Rump, S. Oishi, "Accurate sum and dot product",
/// SIAM J. Sci. Comput. 26 (2005), algorithm 4.4 (`Sum2`).
pub(super) fn compensated_sum<T: Float>(bytes: &[u8]) -> Double {
    struct Sum<'a, T: Float>(&'a [T::Raw]);
    impl<T: Float> Kernel for Sum<'_, T> {
        type Output = Double;
        #[inline(always)]
        fn run(self) -> Double {
            let mut lanes = Lanes::default();
            lanes.add::<T>(self.0, |value| value);
            lanes.total()
        }
    }
    dispatch(Sum::<T>(T::raws(bytes)))
}

/// The moments about the leaf's own mean, in two passes, the second one correcting the first's rounding.
///
/// Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance: analysis
/// and recommendations", The American Statistician 37 (1983), equation 1.7.
pub(super) fn compensated_moments<T: Float>(bytes: &[u8]) -> Moments {
    struct Distances<'a, T: Float>(&'a [T::Raw], f64);
    impl<T: Float> Kernel for Distances<'_, T> {
        type Output = (Double, Double);
        #[inline(always)]
        fn run(self) -> (Double, Double) {
            let Self(raws, centre) = self;
            let (mut distances, mut squares) = (Lanes::default(), Lanes::default());
            distances.add::<T>(raws, |value| value - centre);
            squares.add::<T>(raws, |value| (value - centre) * (value - centre));
            (distances.total(), squares.total())
        }
    }
    let raws = T::raws(bytes);
    let count = Double::count(raws.len() as u64);
    let mean = compensated_sum::<T>(bytes).divide(count);
    let (distances, squares) = dispatch(Distances::<T>(raws, mean.value()));
    let correction = distances.multiply(distances).divide(count);
    Moments::Fast { mean, squares: squares.subtract(correction) }
}

/// Running sums and their errors.
struct Lanes {
    sums: [f64; LANES],
    errors: [f64; LANES],
}

impl Default for Lanes {
    fn default() -> Self {
        Self { sums: [0.0; LANES], errors: [0.0; LANES] }
    }
}

impl Lanes {
    #[inline(always)]
    fn add<T: Float>(&mut self, raws: &[T::Raw], map: impl Fn(f64) -> f64) {
        let (groups, rest) = raws.as_chunks::<LANES>();
        // Local copies: the optimiser keeps them in registers.
        let (mut sums, mut errors) = (self.sums, self.errors);
        for group in groups {
            for ((sum, error), raw) in sums.iter_mut().zip(&mut errors).zip(group) {
                let (total, lost) = two_sum(*sum, map(T::load(*raw).into()));
                *sum = total;
                *error += lost;
            }
        }
        for ((sum, error), raw) in sums.iter_mut().zip(&mut errors).zip(rest) {
            let (total, lost) = two_sum(*sum, map(T::load(*raw).into()));
            *sum = total;
            *error += lost;
        }
        (self.sums, self.errors) = (sums, errors);
    }

    fn total(&self) -> Double {
        let lanes = self.sums.iter().zip(&self.errors).map(|(sum, error)| Double::sum(*sum, *error));
        lanes.reduce(Double::add).unwrap_or_default()
    }
}

/// The sum without any error.
pub(super) fn exact_sum<T: Float>(bytes: &[u8]) -> Exact {
    let mut total = Superaccumulator::new();
    let mut specials = Specials::default();
    let mut block = [0.0; BLOCK];
    for raws in T::raws(bytes).chunks(BLOCK) {
        block.fill(0.0);
        for (value, raw) in block.iter_mut().zip(raws) {
            *value = T::load(*raw).into();
        }
        dispatch(AddExactly { block: &mut block, total: &mut total, specials: &mut specials });
    }
    Exact { units: total.settle(), specials }
}

/// Adds a block to a superaccumulator, mostly without touching that: the numbers' leading bits, cut at the
/// same place in all of them, are summed in plain floats without rounding, then the next bits, and so on.
///
/// Source: S. M. Rump, T. Ogita, S. Oishi, "Accurate floating-point summation part I: faithful rounding",
/// SIAM J. Sci. Comput. 31 (2008), algorithm 3.3 (`ExtractVector`).
struct AddExactly<'a> {
    block: &'a mut [f64; BLOCK],
    total: &'a mut Superaccumulator,
    specials: &'a mut Specials,
}

impl Kernel for AddExactly<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { block, total, specials } = self;
        // All values are below 2^top in magnitude.
        let Some(largest) = largest_exponent(block) else { return };
        let mut top = largest + 1;
        // Numbers of one sort need two cuts, rarely three; where exponents are further apart, or near an end
        // of the range, one by one is as good.
        for _ in 0..3 {
            if !(-900..=1000).contains(&top) {
                break;
            }
            let (sum, left) = cut(block, 2.0_f64.powi((top + BLOCK_BITS + 1) as i32) * 1.5);
            total.add(sum);
            if !left {
                return;
            }
            // What is left is below half a unit in the last place of the cutting number.
            top += BLOCK_BITS + 1 - 52;
        }
        for value in block.iter() {
            if value.is_finite() { total.add(*value) } else { specials.note(*value) }
        }
    }
}

/// The exponent of the largest magnitude, 1024 where there is an infinity or NaN; `None` for zeros only.
#[inline(always)]
fn largest_exponent(block: &[f64; BLOCK]) -> Option<i64> {
    let mut largest = [0_i64; LANES];
    for group in block.as_chunks::<LANES>().0 {
        for (largest, value) in largest.iter_mut().zip(group) {
            let magnitude = (value.to_bits() & !(1 << 63)) as i64;
            *largest = if magnitude > *largest { magnitude } else { *largest };
        }
    }
    let largest = largest.into_iter().max().filter(|magnitude| *magnitude > 0)?;
    Some((largest >> 52) - 1023)
}

/// Cuts off the bits of all values that `cutter` has, returns their sum (exact) and whether anything is left.
#[inline(always)]
fn cut(block: &mut [f64; BLOCK], cutter: f64) -> (f64, bool) {
    let mut sums = [0.0; LANES];
    let mut left = [0_u64; LANES];
    for group in block.as_chunks_mut::<LANES>().0 {
        for ((sum, left), value) in sums.iter_mut().zip(&mut left).zip(group) {
            let leading = (*value + cutter) - cutter;
            let rest = *value - leading;
            *sum += leading;
            *left |= rest.to_bits() << 1;
            *value = rest;
        }
    }
    (sums.into_iter().sum(), left.into_iter().any(|bits| bits != 0))
}

/// The sum and the sum of squares without any error.
pub(super) fn exact_moments<T: Float>(bytes: &[u8]) -> (Exact, BigInt) {
    let mut squares = Superaccumulator::new();
    for raw in T::raws(bytes) {
        let value: f64 = T::load(*raw).into();
        if value.is_finite() {
            squares.add_square(value);
        }
    }
    (exact_sum::<T>(bytes), squares.settle())
}

/// The least or the greatest element, as IEEE 754-2019's `minimum` and `maximum`.
pub(super) fn extreme<T: Float>(op: Op, bytes: &[u8]) -> Option<f64> {
    struct Extreme<'a, T: Float, const MIN: bool>(&'a [T::Raw]);
    impl<T: Float, const MIN: bool> Kernel for Extreme<'_, T, MIN> {
        type Output = Option<(f64, bool)>;
        #[inline(always)]
        fn run(self) -> Self::Output {
            let mut keys = [if MIN { i64::MAX } else { i64::MIN }; LANES];
            let mut nan = [0_u64; LANES];
            let (groups, rest) = self.0.as_chunks::<LANES>();
            let mut take = |group: &[T::Raw]| {
                for ((best, nan), raw) in keys.iter_mut().zip(&mut nan).zip(group) {
                    let value: f64 = T::load(*raw).into();
                    let key = key(value);
                    *best = if (key < *best) == MIN { key } else { *best };
                    *nan |= u64::from(value.is_nan());
                }
            };
            groups.iter().for_each(|group| take(group));
            take(rest);
            let best = if MIN { keys.into_iter().min() } else { keys.into_iter().max() };
            best.map(|key| (unkey(key), nan.into_iter().any(|nan| nan != 0)))
        }
    }
    let raws = T::raws(bytes);
    if raws.is_empty() {
        return None;
    }
    let best =
        if op == Op::Min { dispatch(Extreme::<T, true>(raws)) } else { dispatch(Extreme::<T, false>(raws)) };
    best.map(|(value, nan)| if nan { f64::NAN } else { value })
}

/// Floats in their order as integers: negative ones have their bits turned round.
#[inline(always)]
fn key(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

fn unkey(key: i64) -> f64 {
    f64::from_bits((key ^ ((key >> 63) as u64 >> 1) as i64) as u64)
}

/// The product, by halves down to single elements: the same shape wherever a slice starts and ends, as long
/// as both are multiples of a power of two that holds it.
pub(super) fn product<T: Float>(bytes: &[u8]) -> Scaled {
    fn halves<T: Float>(raws: &[T::Raw]) -> Scaled {
        match raws {
            [] => Scaled::ONE,
            [single] => Scaled::from(T::load(*single).into()),
            _ => {
                let (left, right) = raws.split_at(raws.len().next_power_of_two() / 2);
                halves::<T>(left).multiply(halves::<T>(right))
            }
        }
    }
    halves::<T>(T::raws(bytes))
}
