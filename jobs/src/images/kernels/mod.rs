//! The pixel work: pure functions from samples to samples.
//!
//! What is said to equal OpenCV does so bit for bit on the same samples; `jobs/tests/images_goldens.rs`
//! compares with stored results of opencv-python-headless 4.14.0.94, and `scripts/images_compare.sh` with
//! fresh ones. Colour images are red, green, blue. Nothing here reads files or fails: shapes that make no
//! sense are refused where job files are read.

mod adaptive;
mod adaptive_gaussian;
mod border;
mod canny;
mod edges;
mod gaussian;
mod geometry;
mod gray;
mod histogram;
mod median;
mod median_networks;
mod resize;
mod threshold;
mod window;

pub use adaptive::adaptive_mean;
pub use adaptive_gaussian::adaptive_gaussian;
pub use canny::canny;
pub use edges::sobel;
pub use gaussian::{gaussian_blur, size_for_sigma};
pub use geometry::{Flip, crop, flip, orient, rotate, tile_bounds};
pub use gray::grayscale;
pub use histogram::{histogram, mean, otsu};
pub use median::median_blur;
pub use resize::{ResizeFilter, Resizer, fit_inside};
pub use threshold::{Polarity, ThresholdKind, invert, threshold};
pub use window::box_blur;
