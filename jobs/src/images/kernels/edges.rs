//! Gradients.

use super::border::Border;
use crate::images::raster::{Buffers, Raster};
use crate::images::simd;

/// The magnitude √(gx² + gy²) of the 3 × 3 Sobel gradient of a grey image, rounded and cut off at 255;
/// borders are reflected, as by OpenCV's `Sobel`.
pub fn sobel(gray: &Raster, buffers: &mut Buffers) -> Raster {
    let mut edges = buffers.like(gray, 1);
    let width = gray.width();
    simd::widest(
        #[inline(always)]
        || {
            let mut rows = edges.data_mut().chunks_exact_mut(width);
            gradients(
                gray,
                Border::Reflect101,
                #[inline(always)]
                |across, down| {
                    for ((edge, gx), gy) in rows.next().unwrap_or_default().iter_mut().zip(across).zip(down) {
                        let (gx, gy) = (f32::from(*gx), f32::from(*gy));
                        // Exact: the sum is an integer below 2²⁴, and no root of an integer lies half-way.
                        *edge = (gx * gx + gy * gy).sqrt().round_ties_even().min(255.0) as u8;
                    }
                },
            );
        },
    );
    edges
}

/// Calls `each` for each row, from the top, with the 3 × 3 Sobel gradients along the row and down.
#[inline(always)]
pub(super) fn gradients(gray: &Raster, border: Border, mut each: impl FnMut(&[i16], &[i16])) {
    let width = gray.width();
    let mut padded: [Vec<i16>; 3] = std::array::from_fn(|_| vec![0; width + 2]);
    let (mut across, mut down) = (vec![0; width], vec![0; width]);
    for y in 0..gray.height() as isize {
        for (row, y) in padded.iter_mut().zip(y - 1..) {
            for (wide, pixel) in row[1..].iter_mut().zip(gray.row(border.index(y, gray.height()))) {
                *wide = i16::from(*pixel);
            }
            border.pad(row, width, 1, 1);
        }
        let [above, middle, below] = padded.each_ref().map(|row| &row[..width + 2]);
        for x in 0..width {
            across[x] = above[x + 2] - above[x] + 2 * (middle[x + 2] - middle[x]) + below[x + 2] - below[x];
            down[x] = below[x] - above[x] + 2 * (below[x + 1] - above[x + 1]) + below[x + 2] - above[x + 2];
        }
        each(&across, &down);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_an_edge_and_a_plain_is_none() {
        let image = Raster::new(6, 3, 1, [10, 10, 10, 30, 30, 30].repeat(3)).unwrap();
        let edges = sobel(&image, &mut Buffers::new());
        assert_eq!(edges.data(), [0, 0, 80, 80, 0, 0].repeat(3));
    }
}
