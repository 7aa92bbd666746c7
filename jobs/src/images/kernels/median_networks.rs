//! Medians of 3 × 3 and 5 × 5 samples, many at once, by exchanges.
//!
//! Neighbouring windows share their columns, so that these are sorted once; what is left is to select among
//! sorted columns. The exchanges for 5 × 5 were found by sorting rows and then the thirteen samples that may
//! still be the median (one in row i, column j of a matrix sorted both ways has at least (i + 1)(j + 1) − 1
//! others below), and by taking out exchanges as long as the rest is right for all 6⁵ columns of zeros and
//! ones, which by the zero-one principle (D. E. Knuth, TAOCP 3, 5.3.4) is right for all samples.

use super::border::Border;
use crate::images::raster::Raster;
use crate::images::simd;

/// Medians that are found at once.
const LANES: usize = 64;

type Samples = [u8; LANES];

/// How windows of `SIZE` × `SIZE` samples are reduced to their medians.
pub(super) trait Network<const SIZE: usize> {
    /// Sorts each lane's column.
    fn sort_columns(column: [Samples; SIZE]) -> [Samples; SIZE];

    /// The medians of windows: `windows[row][column]`, where each column is sorted.
    fn select(windows: [[Samples; SIZE]; SIZE]) -> Samples;
}

/// Exchanges, by the positions of the smaller and of the larger one, in a flat array of samples.
macro_rules! exchange {
    ($samples:ident: $($low:literal $high:literal),*) => {$(
        ($samples[$low], $samples[$high]) = ordered($samples[$low], $samples[$high]);
    )*};
}

#[inline(always)]
fn ordered(mut a: Samples, mut b: Samples) -> (Samples, Samples) {
    for (a, b) in a.iter_mut().zip(&mut b) {
        (*a, *b) = ((*a).min(*b), (*a).max(*b));
    }
    (a, b)
}

/// Windows of nine: the median of the largest low, the middle middle and the smallest high one (A. Paeth, *Median
/// finding on a 3 × 3 grid*, 1990).
pub(super) struct Nine;

impl Network<3> for Nine {
    #[inline(always)]
    fn sort_columns(mut column: [Samples; 3]) -> [Samples; 3] {
        exchange!(column: 0 1, 1 2, 0 1);
        column
    }

    #[inline(always)]
    fn select(windows: [[Samples; 3]; 3]) -> Samples {
        let mut all = [[0; LANES]; 9];
        all.copy_from_slice(windows.as_flattened());
        exchange!(all: 0 1, 1 2, 7 8, 6 7, 3 4, 4 5, 3 4, 2 4, 4 6, 2 4);
        all[4]
    }
}

/// Windows of twenty-five.
pub(super) struct TwentyFive;

impl Network<5> for TwentyFive {
    #[inline(always)]
    fn sort_columns(mut column: [Samples; 5]) -> [Samples; 5] {
        exchange!(column: 0 3, 1 4, 0 2, 1 3, 0 1, 2 4, 1 2, 3 4, 2 3);
        column
    }

    #[inline(always)]
    fn select(windows: [[Samples; 5]; 5]) -> Samples {
        let mut all = [[0; LANES]; 25];
        all.copy_from_slice(windows.as_flattened());
        exchange!(all:
        0 3, 1 4, 0 1, 2 4, 1 2, 3 4, 2 3, 5 8, 5 7, 6 8,
        5 6, 7 9, 6 7, 8 9, 7 8, 10 13, 11 14, 10 12, 11 13, 10 11,
        12 14, 11 12, 13 14, 12 13, 15 18, 16 19, 15 17, 16 18, 15 16, 17 19,
        16 17, 17 18, 20 23, 21 24, 20 22, 21 23, 20 21, 22 24, 21 22, 3 7,
        7 11, 11 15, 12 16, 8 12, 16 20, 17 21, 4 8, 12 16, 13 17, 15 4,
        8 12, 16 20, 9 13, 4 8, 12 16, 20 9, 8 12, 16 20, 12 16, 8 12
        );
        all[12]
    }
}

/// Fills `out` with the medians of the windows around each sample, channel by channel; beyond the edges the image
/// goes on with its edge pixels.
#[inline(always)]
pub(super) fn medians<const SIZE: usize, N: Network<SIZE>>(image: &Raster, out: &mut [u8]) {
    // Known distances between neighbours spare most checks of bounds.
    match image.channels() {
        1 => medians_of::<SIZE, 1, N>(image, out),
        _ => medians_of::<SIZE, 3, N>(image, out),
    }
}

#[inline(always)]
fn medians_of<const SIZE: usize, const CHANNELS: usize, N: Network<SIZE>>(image: &Raster, out: &mut [u8]) {
    let (width, height, len) = (image.width(), image.height(), image.row_len());
    let margin = SIZE / 2;
    // Whole blocks: what the last ones have beyond the row is computed and dropped.
    let mut sorted = [(); SIZE].map(|()| vec![0; len.next_multiple_of(LANES) + 2 * margin * CHANNELS]);
    let row_at = |y: usize, place: usize| {
        image.row(Border::Replicate.index((y + place) as isize - margin as isize, height))
    };
    for (y, out) in out.chunks_exact_mut(len).enumerate() {
        let mut rows: [&[u8]; SIZE] = [&[]; SIZE];
        for (place, row) in rows.iter_mut().enumerate() {
            *row = row_at(y, place);
        }
        let next = row_at(y, SIZE);
        let rest = len - len % LANES;
        for start in (0..rest).step_by(LANES) {
            simd::prefetch(&next[start..][..LANES]);
            let mut column = [[0; LANES]; SIZE];
            for (column, row) in column.iter_mut().zip(rows) {
                *column = samples(&row[start..]);
            }
            store_sorted::<SIZE, N>(column, &mut sorted, margin * CHANNELS + start);
        }
        if rest < len {
            let mut column = [[0; LANES]; SIZE];
            for (column, row) in column.iter_mut().zip(rows) {
                column[..len - rest].copy_from_slice(&row[rest..]);
            }
            store_sorted::<SIZE, N>(column, &mut sorted, margin * CHANNELS + rest);
        }
        for sorted in &mut sorted {
            Border::Replicate.pad(sorted, width, margin, CHANNELS);
        }
        // A copy whose length is not known is a call, which takes longer than the medians.
        let (blocks, rest) = out.as_chunks_mut();
        let whole = blocks.len();
        for (index, out) in blocks.iter_mut().enumerate() {
            *out = N::select(windows::<SIZE, CHANNELS>(&sorted, index * LANES));
        }
        if !rest.is_empty() {
            let last = N::select(windows::<SIZE, CHANNELS>(&sorted, whole * LANES));
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }
}

#[inline(always)]
fn store_sorted<const SIZE: usize, N: Network<SIZE>>(
    column: [Samples; SIZE],
    sorted: &mut [Vec<u8>; SIZE],
    start: usize,
) {
    for (sorted, column) in sorted.iter_mut().zip(N::sort_columns(column)) {
        sorted[start..][..LANES].copy_from_slice(&column);
    }
}

/// The windows that begin at `start` and beyond.
#[inline(always)]
fn windows<const SIZE: usize, const CHANNELS: usize>(
    sorted: &[Vec<u8>; SIZE],
    start: usize,
) -> [[Samples; SIZE]; SIZE] {
    let mut windows = [[[0; LANES]; SIZE]; SIZE];
    for (window, sorted) in windows.iter_mut().zip(sorted) {
        let sorted = &sorted[start..][..LANES + (SIZE - 1) * CHANNELS];
        for (column, sample) in window.iter_mut().enumerate() {
            *sample = samples(&sorted[column * CHANNELS..]);
        }
    }
    windows
}

#[inline(always)]
fn samples(from: &[u8]) -> Samples {
    let mut samples = [0; LANES];
    samples.copy_from_slice(&from[..LANES]);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the network selects the median of all columns of zeros and ones.
    fn is_right<const SIZE: usize, N: Network<SIZE>>() -> bool {
        let columns = SIZE + 1;
        (0..columns.pow(SIZE as u32)).all(|case| {
            let ones = |column: usize| case / columns.pow(column as u32) % columns;
            let sample = |row: usize, column: usize| [u8::from(row + ones(column) >= SIZE); LANES];
            let windows = std::array::from_fn(|row| std::array::from_fn(|column| sample(row, column)));
            let expected = u8::from((0..SIZE).map(ones).sum::<usize>() > SIZE * SIZE / 2);
            N::select(windows) == [expected; LANES]
        })
    }

    #[test]
    fn the_networks_select_medians_of_all_zeros_and_ones() {
        assert!(is_right::<3, Nine>());
        assert!(is_right::<5, TwentyFive>());
    }
}
