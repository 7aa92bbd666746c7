//! How often each level occurs, and what follows from it.

use crate::images::raster::Raster;

/// Counting one level many times in a row waits for its last store each time; spread over tables it doesn't.
const TABLES: usize = 8;

/// For each channel, how many samples have each level.
pub fn histogram(image: &Raster) -> Vec<[u32; 256]> {
    match image.channels() {
        1 => vec![count(image.data())],
        channels => {
            let mut counts = vec![[0; 256]; channels];
            for pixel in image.data().chunks_exact(channels) {
                for (level, counts) in pixel.iter().zip(&mut counts) {
                    counts[usize::from(*level)] += 1;
                }
            }
            counts
        }
    }
}

fn count(samples: &[u8]) -> [u32; 256] {
    let mut tables = [[0_u32; 256]; TABLES];
    let (blocks, rest) = samples.as_chunks::<TABLES>();
    for block in blocks {
        // One load of eight samples instead of eight: loads and stores are what this loop waits for.
        let word = u64::from_le_bytes(*block);
        for (index, table) in tables.iter_mut().enumerate() {
            table[usize::from((word >> (8 * index)) as u8)] += 1;
        }
    }
    for level in rest {
        tables[0][usize::from(*level)] += 1;
    }
    std::array::from_fn(|level| tables.iter().map(|table| table[level]).sum())
}

/// The mean of each channel.
pub fn mean(image: &Raster) -> Vec<f64> {
    let of = |counts: [u32; 256]| {
        let sum: u64 = (0..).zip(counts).map(|(level, count): (u64, u32)| level * u64::from(count)).sum();
        sum as f64 / image.pixels() as f64
    };
    histogram(image).into_iter().map(of).collect()
}

/// Otsu's level for these counts: the one that parts the samples into the two classes whose means lie
/// furthest apart, weighted by their sizes (N. Otsu, 1979). Equal to OpenCV's, whose order of operations on
/// doubles it follows; 0 where there is one class only.
pub fn otsu(counts: &[u32; 256]) -> u8 {
    let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    let scale = 1.0 / total as f64;
    let weigh = |sum, (level, count): (u32, &u32)| sum + f64::from(level) * f64::from(*count);
    let mean = (0..).zip(counts).fold(0.0, weigh) * scale;
    let epsilon = f64::from(f32::EPSILON);

    let (mut below_mean, mut below) = (0.0, 0.0);
    let (mut best, mut best_level) = (0.0, 0);
    for (level, count) in (0..=u8::MAX).zip(counts) {
        let share = f64::from(*count) * scale;
        below_mean *= below;
        below += share;
        let above = 1.0 - below;
        if f64::min(below, above) < epsilon || f64::max(below, above) > 1.0 - epsilon {
            continue;
        }
        below_mean = (below_mean + f64::from(level) * share) / below;
        let above_mean = (mean - below * below_mean) / above;
        let variance = below * above * (below_mean - above_mean) * (below_mean - above_mean);
        if variance > best {
            (best, best_level) = (variance, level);
        }
    }
    best_level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_counted_once() {
        let image = Raster::new(3, 7, 1, (0..21).map(|index| index % 5).collect()).unwrap();
        let counts = histogram(&image);
        assert_eq!(counts.len(), 1);
        assert_eq!(counts[0][..6], [5, 4, 4, 4, 4, 0]);
    }

    #[test]
    fn channels_are_counted_and_averaged_apart() {
        let image = Raster::new(2, 1, 3, vec![0, 10, 255, 1, 10, 255]).unwrap();
        assert_eq!(mean(&image), [0.5, 10.0, 255.0]);
        assert_eq!(histogram(&image)[2][255], 2);
    }

    #[test]
    fn otsu_parts_two_classes_and_finds_none_in_one() {
        let mut counts = [0; 256];
        counts[30] = 100;
        assert_eq!(otsu(&counts), 0);
        counts[200] = 50;
        assert_eq!(otsu(&counts), 30);
    }
}
