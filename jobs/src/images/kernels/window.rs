//! Sums over square windows: the box blur, and the local means of adaptive thresholds.
//!
//! Column sums slide down the image (a row comes in, a row goes out); the sums of `size` neighbouring columns
//! come from sums of 3, 9, 27, … neighbours, so that nothing is carried from pixel to pixel and all of it
//! vectorises. Each sum becomes an output sample while it is still in a register.

use std::ops::{Add, Sub};

use super::border::Border;
use crate::images::raster::{Buffers, Raster};
use crate::images::simd;

/// Sums that are made at once, in registers.
const LANES: usize = 64;
/// Sums whose parts are made at once, so that what lies between stays in the first-level cache.
const STRIP: usize = 16 * LANES;

/// The mean of the `size` × `size` pixels around each, equal to OpenCV's `blur` (rounded to nearest, borders
/// reflected). `size` is odd.
pub fn box_blur(image: &Raster, size: usize, buffers: &mut Buffers) -> Raster {
    let mut blurred = buffers.like(image, image.channels());
    let out = blurred.data_mut();
    let scale = 1.0 / (size * size) as f64;
    if fits_u16(size) {
        simd::widest(
            #[inline(always)]
            || {
                slide(
                    image,
                    size,
                    Border::Reflect101,
                    out,
                    #[inline(always)]
                    |sums: &[u16; LANES], _| divide(sums, scale),
                );
            },
        );
    } else {
        simd::widest(
            #[inline(always)]
            || {
                slide(
                    image,
                    size,
                    Border::Reflect101,
                    out,
                    #[inline(always)]
                    |sums: &[u32; LANES], _| divide(sums, scale),
                );
            },
        );
    }
    blurred
}

/// Rounds `sums · scale`, which lies in 0…255 and (the window's area being odd) never half-way.
#[inline(always)]
fn divide<T: Copy + Into<u32>>(sums: &[T; LANES], scale: f64) -> [u8; LANES] {
    // Adding 1.5 · 2⁵² leaves the rounded integer in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let mut means = [0; LANES];
    for (mean, sum) in means.iter_mut().zip(sums) {
        let sum: u32 = (*sum).into();
        *mean = (f64::from(sum) * scale + ROUND).to_bits() as u8;
    }
    means
}

/// True where no window sum passes 65,535.
pub(super) fn fits_u16(size: usize) -> bool {
    size * size * 255 <= usize::from(u16::MAX)
}

/// Fills `out`, of the image's shape, with what `finish` makes of the sums of the `size` × `size` windows around
/// samples and of the samples themselves. `size` is odd; whether `T` holds the sums is the caller's to know.
#[inline(always)]
pub(super) fn slide<T>(
    image: &Raster,
    size: usize,
    border: Border,
    out: &mut [u8],
    finish: impl Fn(&[T; LANES], &[u8; LANES]) -> [u8; LANES],
) where
    T: Copy + Default + From<u8> + Add<Output = T> + Sub<Output = T>,
{
    let (width, channels, len) = (image.width(), image.channels(), image.row_len());
    let margin = size / 2;
    let inner = margin * channels..margin * channels + len;
    // Whole blocks; what the last one has beyond the row is computed and dropped.
    let mut columns = vec![T::default(); len.next_multiple_of(LANES) + 2 * margin * channels];
    let mut neighbours = Neighbours::new(size, channels);
    let row_at = |y: isize| image.row(border.index(y, image.height()));

    for y in -(margin as isize)..margin as isize {
        for (column, sample) in columns[inner.clone()].iter_mut().zip(row_at(y)) {
            *column = *column + T::from(*sample);
        }
    }
    let mut leaving: Option<&[u8]> = None;
    for (y, (out, row)) in (0_isize..).zip(out.chunks_exact_mut(len).zip(image.rows())) {
        let entering = row_at(y + margin as isize);
        let middle = &mut columns[inner.clone()];
        match leaving {
            None => middle.iter_mut().zip(entering).for_each(|(sum, new)| *sum = *sum + T::from(*new)),
            Some(leaving) => {
                for ((sum, new), old) in middle.iter_mut().zip(entering).zip(leaving) {
                    *sum = *sum + T::from(*new) - T::from(*old);
                }
            }
        }
        leaving = Some(row_at(y - margin as isize));
        border.pad(&mut columns, width, margin, channels);
        let next = row_at(y + margin as isize + 1);
        for (start, out) in (0..).step_by(STRIP).zip(out.chunks_mut(STRIP)) {
            let columns = &columns[start..];
            neighbours.load(columns, out.len().next_multiple_of(LANES));
            let (blocks, rest) = out.as_chunks_mut::<LANES>();
            let whole = blocks.len();
            let (pixels, last) = row[start..].as_chunks::<LANES>();
            for (index, (out, pixels)) in blocks.iter_mut().zip(pixels).enumerate() {
                simd::prefetch(&next[start + index * LANES..][..LANES]);
                *out = finish(&neighbours.sums(columns, index * LANES), pixels);
            }
            if !rest.is_empty() {
                let mut pixels = [0; LANES];
                pixels[..rest.len()].copy_from_slice(last);
                let last = finish(&neighbours.sums(columns, whole * LANES), &pixels);
                rest.copy_from_slice(&last[..rest.len()]);
            }
        }
    }
}

/// Sums of neighbouring columns, by sums of 3, 9, 27, … of them.
struct Neighbours<T> {
    // How far apart neighbours are.
    stride: usize,
    overlap: usize,
    // Sums of 3, 9, 27, … neighbours from each place on.
    levels: Vec<Vec<T>>,
    // Which sums add up to one of all: how many of these levels up, and how far away.
    parts: Vec<(usize, usize)>,
}

impl<T: Copy + Default + Add<Output = T>> Neighbours<T> {
    /// For sums of `size` columns, `stride` apart.
    fn new(size: usize, stride: usize) -> Self {
        // Making a level pays where a sum takes three of it at least.
        let top = (0..).take_while(|level| 3_usize.pow(level + 2) <= size).count();
        let mut parts = Vec::new();
        let mut place = 0;
        for level in (0..=top).rev() {
            let reach = 3_usize.pow(level as u32);
            while place + reach <= size {
                parts.push((level, place * stride));
                place += reach;
            }
        }
        let overlap = (size - 1) * stride;
        Self { stride, overlap, levels: vec![vec![T::default(); STRIP + overlap]; top], parts }
    }

    /// Makes what `sums` needs for the `count` sums from the first of `columns` on.
    #[inline(always)]
    fn load(&mut self, columns: &[T], count: usize) {
        let (mut len, mut distance) = (count + self.overlap, self.stride);
        let mut from = columns;
        for level in &mut self.levels {
            len -= 2 * distance;
            let parts = from[..len].iter().zip(&from[distance..][..len]).zip(&from[2 * distance..][..len]);
            for (sum, ((first, second), third)) in level[..len].iter_mut().zip(parts) {
                *sum = *first + *second + *third;
            }
            from = level;
            distance *= 3;
        }
    }

    /// The sums from the columns at `at` and beyond; `load` has seen these columns.
    #[inline(always)]
    fn sums(&self, columns: &[T], at: usize) -> [T; LANES] {
        let mut sums = [T::default(); LANES];
        for (level, distance) in &self.parts {
            let from = if *level == 0 { columns } else { &self.levels[level - 1] };
            for (sum, part) in sums.iter_mut().zip(&from[at + distance..][..LANES]) {
                *sum = *sum + *part;
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_sums_are_sums_over_windows() {
        let columns: Vec<u32> = (0..STRIP as u32 + 400).map(|index| index * index % 17).collect();
        for (size, stride) in [(1, 1), (3, 1), (3, 3), (9, 1), (11, 1), (13, 3), (7, 2), (31, 1), (99, 3)] {
            let mut neighbours = Neighbours::new(size, stride);
            neighbours.load(&columns, STRIP);
            for at in (0..STRIP).step_by(LANES) {
                for (start, sum) in (at..).zip(neighbours.sums(&columns, at)) {
                    let expected: u32 = (0..size).map(|step| columns[start + step * stride]).sum();
                    assert_eq!(sum, expected, "{size} {stride} {start}");
                }
            }
        }
    }

    #[test]
    fn blurring_a_constant_image_changes_nothing() {
        let image = Raster::new(9, 4, 3, vec![77; 108]).unwrap();
        for size in [1, 3, 15, 17, 51] {
            assert_eq!(box_blur(&image, size, &mut Buffers::new()), image);
        }
    }
}
