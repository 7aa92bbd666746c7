//! Quantities as people write them, read exactly: no floating point between the text and the number.
//!
//! The command line and the job file share these functions, so that `--timeout 30s` and `timeout = "30s"`
//! mean the same and are refused with the same words.

mod duration;
mod number;
mod size;

pub use duration::{format_duration, parse_duration};
pub use number::ValueError;
pub use size::{format_size, parse_size};
