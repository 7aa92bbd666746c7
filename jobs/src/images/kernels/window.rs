//! Sums over square windows: the box blur, and the local means of adaptive thresholds.
//!
//! Column sums slide down the image (a row comes in, a row goes out); the sums of `size` neighbouring columns
//! come from sums of 2, 4, 8, … neighbours, so that nothing is carried from pixel to pixel and all of it
//! vectorises.

use std::ops::{Add, Sub};

use super::border::Border;
use crate::images::raster::{Buffers, Raster};
use crate::images::simd;

/// Sums that are made at once, so that what lies between stays in the first-level cache.
const STRIP: usize = 1024;

/// The mean of the `size` × `size` pixels around each, equal to OpenCV's `blur` (rounded to nearest, borders
/// reflected). `size` is odd.
pub fn box_blur(image: &Raster, size: usize, buffers: &mut Buffers) -> Raster {
    let mut blurred = buffers.like(image, image.channels());
    let row_len = image.row_len();
    let rows = blurred.data_mut().chunks_exact_mut(row_len);
    let scale = 1.0 / (size * size) as f64;
    if fits_u16(size) {
        simd::widest(
            #[inline(always)]
            || {
                slide(
                    image,
                    size,
                    Border::Reflect101,
                    rows,
                    #[inline(always)]
                    |sums: &[u16], row: &mut [u8]| {
                        divide(sums, scale, row);
                    },
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
                    rows,
                    #[inline(always)]
                    |sums: &[u32], row: &mut [u8]| {
                        divide(sums, scale, row);
                    },
                );
            },
        );
    }
    blurred
}

/// Rounds `sums · scale`, which lies in 0…255 and (the window's area being odd) never half-way.
#[inline(always)]
fn divide<T: Copy + Into<u32>>(sums: &[T], scale: f64, row: &mut [u8]) {
    // Adding 1.5 · 2⁵² leaves the rounded integer in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    for (sample, sum) in row.iter_mut().zip(sums) {
        let sum: u32 = (*sum).into();
        *sample = (f64::from(sum) * scale + ROUND).to_bits() as u8;
    }
}

/// True where no window sum passes 65,535.
pub(super) fn fits_u16(size: usize) -> bool {
    size * size * 255 <= usize::from(u16::MAX)
}

/// Calls `emit` for each of `rows`, from the top, with the sums of the `size` × `size` windows around each of
/// the row's samples. `size` is odd; whether `T` holds the sums is the caller's to know.
#[inline(always)]
pub(super) fn slide<T, Row>(
    image: &Raster,
    size: usize,
    border: Border,
    rows: impl Iterator<Item = Row>,
    emit: impl Fn(&[T], Row),
) where
    T: Copy + Default + From<u8> + Add<Output = T> + Sub<Output = T>,
{
    let (width, channels, len) = (image.width(), image.channels(), image.row_len());
    let margin = size / 2;
    let inner = margin * channels..margin * channels + len;
    let mut columns = vec![T::default(); len + 2 * margin * channels];
    let overlap = 2 * margin * channels;
    let mut scratch = [vec![T::default(); STRIP + overlap], vec![T::default(); STRIP + overlap]];
    let mut sums = vec![T::default(); len];
    let row_at = |y: isize| image.row(border.index(y, image.height()));

    for y in -(margin as isize)..margin as isize {
        for (column, sample) in columns[inner.clone()].iter_mut().zip(row_at(y)) {
            *column = *column + T::from(*sample);
        }
    }
    let mut leaving: Option<&[u8]> = None;
    for (y, row) in (0_isize..).zip(rows) {
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
        for (start, sums) in (0..).step_by(STRIP).zip(sums.chunks_mut(STRIP)) {
            let columns = &columns[start..][..sums.len() + overlap];
            neighbours(columns, size, channels, &mut scratch, sums);
        }
        emit(&sums, row);
    }
}

/// `sums[x]` = the sum of `size` elements of `columns`, `stride` apart, from `x` on. `size` is odd.
#[inline(always)]
fn neighbours<T: Copy + Add<Output = T>>(
    columns: &[T],
    size: usize,
    stride: usize,
    scratch: &mut [Vec<T>; 2],
    sums: &mut [T],
) {
    let count = sums.len();
    sums.copy_from_slice(&columns[..count]);
    let [current, next] = scratch;
    let (mut len, mut reach, mut offset) = (columns.len(), 1, stride);
    while 2 * reach <= size {
        let distance = reach * stride;
        len -= distance;
        let from = if reach == 1 { columns } else { current.as_slice() };
        for ((pair, near), far) in next[..len].iter_mut().zip(&from[..len]).zip(&from[distance..]) {
            *pair = *near + *far;
        }
        std::mem::swap(current, next);
        reach *= 2;
        if size & reach != 0 {
            for (sum, part) in sums.iter_mut().zip(&current[offset..]) {
                *sum = *sum + *part;
            }
            offset += reach * stride;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_sums_are_sums_over_windows() {
        let columns: Vec<u32> = (0..40).map(|index| index * index % 17).collect();
        for (size, stride) in [(1, 1), (3, 1), (3, 3), (11, 1), (13, 3), (7, 2)] {
            let mut scratch = [columns.clone(), columns.clone()];
            let mut sums = vec![0; columns.len() - (size - 1) * stride];
            neighbours(&columns, size, stride, &mut scratch, &mut sums);
            for (start, sum) in sums.iter().enumerate() {
                let expected: u32 = (0..size).map(|step| columns[start + step * stride]).sum();
                assert_eq!(*sum, expected, "{size} {stride} {start}");
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
