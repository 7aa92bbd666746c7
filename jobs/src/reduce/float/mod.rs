//! Floating-point arithmetic whose error does not grow with the number of items: exact, or in twice a
//! double's precision.

mod double;
mod round;
mod scaled;
mod superaccumulator;

pub(in crate::reduce) use double::{Double, two_sum};
pub(in crate::reduce) use round::{nearest, ratio};
pub(in crate::reduce) use scaled::Scaled;
pub(in crate::reduce) use superaccumulator::{SQUARE_SCALE, SUM_SCALE, Superaccumulator};
