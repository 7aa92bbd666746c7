//! How a job's time depends on its number of workers: from measured times to a speedup curve, a serial fraction
//! and a recommendation. Pure: it measures nothing and writes nothing.
//!
//! - Amdahl's law (G. Amdahl, AFIPS 1967): a job of which the fraction s can't be spread takes
//!   T(n) = T(1) · (s + (1 − s) / n).
//! - The Karp–Flatt metric (CACM 33, 1990): e = (1/S − 1/n) / (1 − 1/n), the serial fraction that a measured
//!   speedup S on n workers amounts to; where it grows with n, it is overhead that grows.

mod analysis;
mod chart;
mod counts;
mod fit;
mod measurement;
mod svg;

pub use analysis::{Limit, Row, Scaling, analyse};
pub use chart::text;
pub use counts::{order, parse_counts};
pub use fit::{Fit, fit};
pub use measurement::Measurement;
pub use svg::svg;
