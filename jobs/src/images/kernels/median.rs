//! The median filter, equal to OpenCV's `medianBlur` (the image goes on with its edge pixels).

use super::border::Border;
use super::median_networks::{Nine, TwentyFive, medians};
use crate::images::raster::{Buffers, Raster};
use crate::images::simd;

/// The median of the `size` × `size` pixels around each (odd), channel by channel.
pub fn median_blur(image: &Raster, size: usize, buffers: &mut Buffers) -> Raster {
    let mut blurred = buffers.like(image, image.channels());
    match size {
        1 => blurred.data_mut().copy_from_slice(image.data()),
        3 => simd::widest(
            #[inline(always)]
            || medians::<3, Nine>(image, blurred.data_mut()),
        ),
        5 => simd::widest(
            #[inline(always)]
            || medians::<5, TwentyFive>(image, blurred.data_mut()),
        ),
        _ => {
            for channel in 0..image.channels() {
                sliding(image, channel, size, blurred.data_mut());
            }
        }
    }
    blurred
}

/// Larger windows: a histogram slides along each row, and the median walks with it (T. Huang, 1979).
fn sliding(image: &Raster, channel: usize, size: usize, out: &mut [u8]) {
    let (width, channels) = (image.width(), image.channels());
    let margin = (size / 2) as isize;
    for y in 0..image.height() {
        let rows: Vec<&[u8]> = (y as isize - margin..=y as isize + margin)
            .map(|y| image.row(Border::Replicate.index(y, image.height())))
            .collect();
        let column = |x: isize| {
            let index = Border::Replicate.index(x, width) * channels + channel;
            rows.iter().map(move |row| row[index])
        };
        let mut window = Window::new(size * size / 2);
        for x in -margin..margin {
            column(x).for_each(|level| window.add(level));
        }
        for x in 0..width {
            column(x as isize + margin).for_each(|level| window.add(level));
            out[(y * width + x) * channels + channel] = window.median();
            column(x as isize - margin).for_each(|level| window.remove(level));
        }
    }
}

/// The levels in a window.
struct Window {
    counts: [u32; 256],
    // How many samples lie below `median`.
    below: u32,
    median: u8,
    half: u32,
}

impl Window {
    fn new(half: usize) -> Self {
        Self { counts: [0; 256], below: 0, median: 0, half: half as u32 }
    }

    fn add(&mut self, level: u8) {
        self.counts[usize::from(level)] += 1;
        self.below += u32::from(level < self.median);
    }

    fn remove(&mut self, level: u8) {
        self.counts[usize::from(level)] -= 1;
        self.below -= u32::from(level < self.median);
    }

    /// The level that has at most half of a full window below it, and at most half above.
    fn median(&mut self) -> u8 {
        while self.below > self.half {
            self.median -= 1;
            self.below -= self.counts[usize::from(self.median)];
        }
        while self.below + self.counts[usize::from(self.median)] <= self.half {
            self.below += self.counts[usize::from(self.median)];
            self.median += 1;
        }
        self.median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: usize, height: usize, channels: usize) -> Raster {
        let data = (0..width * height * channels).map(|index| (index * index * 31 % 253) as u8).collect();
        Raster::new(width, height, channels, data).unwrap()
    }

    fn by_definition(image: &Raster, size: usize) -> Vec<u8> {
        let margin = (size / 2) as isize;
        let mut medians = Vec::new();
        for y in 0..image.height() as isize {
            for x in 0..image.row_len() {
                let (column, channel) = ((x / image.channels()) as isize, x % image.channels());
                let mut window = Vec::new();
                for row in y - margin..=y + margin {
                    for column in column - margin..=column + margin {
                        let row = image.row(Border::Replicate.index(row, image.height()));
                        let column = Border::Replicate.index(column, image.width());
                        window.push(row[column * image.channels() + channel]);
                    }
                }
                window.sort_unstable();
                medians.push(window[window.len() / 2]);
            }
        }
        medians
    }

    #[test]
    fn medians_follow_their_definition() {
        for (width, height, channels) in
            [(1, 1, 1), (1, 6, 3), (7, 1, 1), (37, 9, 1), (20, 11, 3), (70, 6, 3)]
        {
            let image = image(width, height, channels);
            for size in [1, 3, 5, 7, 9] {
                let blurred = median_blur(&image, size, &mut Buffers::new());
                assert_eq!(blurred.data(), by_definition(&image, size), "{width}×{height}×{channels} {size}");
            }
        }
    }
}
