//! Medians of 3 × 3 and 5 × 5 samples, many at once, by exchanges.
//!
//! Neighbouring windows share their columns, so that these are sorted once; what is left is to select among
//! sorted columns. The exchanges for 5 × 5 were found by sorting rows and then the thirteen samples that may
//! still be the median (one in row i, column j of a matrix sorted both ways has at least (i + 1)(j + 1) − 1
//! others below), and by taking out exchanges as long as the rest is right for all 6⁵ columns of zeros and
//! ones, which by the zero-one principle (D. E. Knuth, TAOCP 3, 5.3.4) is right for all samples.

use super::border::Border;
use crate::images::raster::Raster;

/// Medians that are found at once.
const LANES: usize = 32;

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
    let (width, height, channels, len) = (image.width(), image.height(), image.channels(), image.row_len());
    let margin = SIZE / 2;
    // Whole blocks: what the last ones have beyond the row is computed and dropped.
    let room = (len.next_multiple_of(LANES) + 2 * margin * channels).next_multiple_of(LANES);
    let mut rows: [Vec<u8>; SIZE] = std::array::from_fn(|_| vec![0; room]);
    let mut sorted: [Vec<u8>; SIZE] = std::array::from_fn(|_| vec![0; room]);
    let load = |rows: &mut [Vec<u8>; SIZE], y: isize| {
        // Columns are sorted: a row may stand anywhere.
        let row = &mut rows[y.rem_euclid(SIZE as isize) as usize];
        row[margin * channels..][..len].copy_from_slice(image.row(Border::Replicate.index(y, height)));
        Border::Replicate.pad(row, width, margin, channels);
    };
    for y in -(margin as isize)..margin as isize {
        load(&mut rows, y);
    }
    for (y, out) in (0_isize..).zip(out.chunks_exact_mut(len)) {
        load(&mut rows, y + margin as isize);
        for start in (0..room).step_by(LANES) {
            let column = N::sort_columns(std::array::from_fn(|row| samples(&rows[row], start)));
            for (sorted, column) in sorted.iter_mut().zip(column) {
                sorted[start..][..LANES].copy_from_slice(&column);
            }
        }
        for (start, out) in (0..).step_by(LANES).zip(out.chunks_mut(LANES)) {
            let window =
                |row: usize| std::array::from_fn(|column| samples(&sorted[row], start + column * channels));
            let medians = N::select(std::array::from_fn(window));
            out.copy_from_slice(&medians[..out.len()]);
        }
    }
}

#[inline(always)]
fn samples(row: &[u8], start: usize) -> Samples {
    let mut samples = [0; LANES];
    samples.copy_from_slice(&row[start..][..LANES]);
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
