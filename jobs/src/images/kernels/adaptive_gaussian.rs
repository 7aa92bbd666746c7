//! Thresholds against the Gaussian mean of each pixel's neighbourhood, equal to OpenCV's `adaptiveThreshold`.
//!
//! The mean is computed as OpenCV's vector code does, in 32-bit floats with fused multiply-adds: rows from left to
//! right, then columns from the middle outwards, rounded half to even. OpenCV itself does not fuse in the last few
//! columns of an image; there, a mean that lies half-way may round to the other side.

use super::adaptive::Rule;
use super::border::Border;
use super::gaussian;
use super::threshold::Polarity;
use crate::images::raster::{Buffers, Raster};
use crate::images::simd;

/// Pixels of a strip: its rows, as floats, stay in the first-level cache.
const STRIP: usize = 512;
/// What a strip's row takes: with a power of two, all rows would compete for the same few cache lines.
const STRIDE: usize = STRIP + LANES;
/// Pixels whose sums are kept in registers.
const LANES: usize = 64;

/// Compares each pixel of a grey image with the Gaussian mean of the `block` × `block` pixels around it (odd),
/// whose sigma follows from the block (`0.3·((block − 1)/2 − 1) + 0.8`, fixed weights up to 9).
pub fn adaptive_gaussian(
    gray: &Raster,
    block: usize,
    c: f64,
    max: u8,
    polarity: Polarity,
    buffers: &mut Buffers,
) -> Raster {
    let rule = Rule::new(c, max, polarity);
    let weights: Vec<f32> = gaussian::weights(block, None).into_iter().map(|weight| weight as f32).collect();
    let mut mask = buffers.like(gray, 1);
    let mut strip = Strip::new(block);
    for left in (0..gray.width()).step_by(STRIP) {
        simd::widest(
            #[inline(always)]
            || strip.run(gray, left, &weights, rule, mask.data_mut()),
        );
    }
    mask
}

/// A strip of columns, from the image's top to its bottom.
struct Strip {
    // A row of pixels with the block's margins, as floats.
    padded: Vec<f32>,
    // The last `block` rows of row sums; row y stands in slot y modulo `block`.
    ring: Vec<[f32; STRIDE]>,
    // Scratch of `compare`.
    pairs: Vec<Pair>,
}

impl Strip {
    fn new(block: usize) -> Self {
        Self { padded: vec![0.0; STRIP + block - 1], ring: vec![[0.0; STRIDE]; block], pairs: Vec::new() }
    }

    /// Fills the mask's columns from `left` on, as many as a strip has.
    #[inline(always)]
    fn run(&mut self, gray: &Raster, left: usize, weights: &[f32], rule: Rule, mask: &mut [u8]) {
        let (width, height) = (gray.width(), gray.height());
        let columns = left..width.min(left + STRIP);
        // Whole blocks; what the last one has beyond the strip is computed and dropped.
        let lanes = columns.len().next_multiple_of(LANES);
        let margin = (weights.len() / 2) as isize;
        for y in -margin..height as isize + margin {
            let row_at = |y: isize| gray.row(Border::Replicate.index(y, height));
            // A strip's rows lie far apart: the processor does not see which ones are next.
            simd::prefetch(&row_at(y + 1)[columns.clone()]);
            let padded = &mut self.padded[..lanes + weights.len() - 1];
            load(row_at(y), left, weights.len() / 2, padded);
            let slot = y.rem_euclid(self.ring.len() as isize) as usize;
            sum_row(padded, weights, &mut self.ring[slot][..lanes]);
            let Ok(middle) = usize::try_from(y - margin) else { continue };
            if let Some(next) = mask.get((middle + 1) * width..) {
                simd::prefetch(next.get(columns.clone()).unwrap_or_default());
            }
            let out = &mut mask[middle * width..][columns.clone()];
            self.compare(middle as isize, weights, &gray.row(middle)[columns.clone()], rule, out);
        }
    }

    fn slot(&self, y: isize) -> usize {
        y.rem_euclid(self.ring.len() as isize) as usize
    }

    /// Sums the columns around row `y` and compares its pixels with the means.
    #[inline(always)]
    fn compare(&mut self, y: isize, weights: &[f32], pixels: &[u8], rule: Rule, mask: &mut [u8]) {
        let (before, after) = weights.split_at(weights.len() / 2);
        let distances = 1..=before.len() as isize;
        let mut pairs = std::mem::take(&mut self.pairs);
        pairs.clear();
        pairs.extend(distances.zip(before.iter().rev()).map(|(distance, weight)| Pair {
            above: self.slot(y - distance),
            below: self.slot(y + distance),
            weight: *weight,
        }));
        let middle = (self.slot(y), after[0]);

        let (masks, mask_rest) = mask.as_chunks_mut::<LANES>();
        let (blocks, pixel_rest) = pixels.as_chunks::<LANES>();
        for (index, (mask, pixels)) in masks.iter_mut().zip(blocks).enumerate() {
            *mask = decide(&self.means(index, middle, &pairs), pixels, rule);
        }
        if !pixel_rest.is_empty() {
            let mut pixels = [0; LANES];
            pixels[..pixel_rest.len()].copy_from_slice(pixel_rest);
            let last = decide(&self.means(blocks.len(), middle, &pairs), &pixels, rule);
            mask_rest.copy_from_slice(&last[..mask_rest.len()]);
        }
        self.pairs = pairs;
    }

    /// The means of the strip's pixels from `index · LANES` on.
    #[inline(always)]
    fn means(&self, index: usize, middle: (usize, f32), pairs: &[Pair]) -> [f32; LANES] {
        let at = |slot: usize| &self.ring[slot].as_chunks::<LANES>().0[index];
        let (slot, weight) = middle;
        let mut means = [0.0; LANES];
        for (mean, row_sum) in means.iter_mut().zip(at(slot)) {
            *mean = row_sum * weight;
        }
        for pair in pairs {
            for ((mean, above), below) in means.iter_mut().zip(at(pair.above)).zip(at(pair.below)) {
                *mean = (above + below).mul_add(pair.weight, *mean);
            }
        }
        means
    }
}

/// Two rows at the same distance from the middle one.
struct Pair {
    above: usize,
    below: usize,
    weight: f32,
}

/// Reads a row from `left` less `margin` on; before its first pixel and beyond its last, those go on.
#[inline(always)]
fn load(source: &[u8], left: usize, margin: usize, padded: &mut [f32]) {
    let (&[first, ..], &[.., last]) = (source, source) else { return };
    let (before, padded) = padded.split_at_mut(margin.saturating_sub(left));
    let inside = &source[left.saturating_sub(margin)..];
    let (middle, after) = padded.split_at_mut(inside.len().min(padded.len()));
    before.fill(f32::from(first));
    after.fill(f32::from(last));
    for (float, pixel) in middle.iter_mut().zip(inside) {
        *float = f32::from(*pixel);
    }
}

/// The weighted sums of a padded row, from left to right.
#[inline(always)]
fn sum_row(padded: &[f32], weights: &[f32], sums: &mut [f32]) {
    for (index, sums) in sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let mut taps = padded[index * LANES..].windows(LANES).zip(weights);
        let mut totals = [0.0; LANES];
        if let Some((samples, weight)) = taps.next() {
            for (total, sample) in totals.iter_mut().zip(samples) {
                *total = sample * weight;
            }
        }
        for (samples, weight) in taps {
            for (total, sample) in totals.iter_mut().zip(samples) {
                *total = sample.mul_add(*weight, *total);
            }
        }
        *sums = totals;
    }
}

#[inline(always)]
fn decide(means: &[f32; LANES], pixels: &[u8; LANES], rule: Rule) -> [u8; LANES] {
    // Adding 1.5 · 2²³ rounds half to even, and keeps the order of what is added to.
    const ROUND: f32 = 12_582_912.0;
    let offset = rule.offset as f32 + ROUND;
    let mut mask = [0; LANES];
    for ((mask, mean), pixel) in mask.iter_mut().zip(means).zip(pixels) {
        *mask = rule.side(mean + ROUND < f32::from(*pixel) + offset);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkered image that no block divides.
    fn image(width: usize, height: usize) -> Raster {
        let data = (0..width * height).map(|index| (index * 37 % 251) as u8).collect();
        Raster::new(width, height, 1, data).unwrap()
    }

    #[test]
    fn a_constant_image_is_white_where_c_is_above_zero() {
        let image = Raster::new(600, 9, 1, vec![90; 5400]).unwrap();
        for block in [3, 9, 11, 51] {
            for (c, level) in [(1.0, 255), (0.0, 0), (-1.0, 0)] {
                let gaussian =
                    adaptive_gaussian(&image, block, c, 255, Polarity::Binary, &mut Buffers::new());
                assert!(gaussian.data().iter().all(|sample| *sample == level), "{block} {c}");
            }
        }
    }

    #[test]
    fn the_inverse_is_the_opposite_for_whole_c() {
        let image = image(70, 30);
        let buffers = &mut Buffers::new();
        let mut white = adaptive_gaussian(&image, 11, 2.0, 255, Polarity::Binary, buffers);
        let black = adaptive_gaussian(&image, 11, 2.0, 255, Polarity::BinaryInv, buffers);
        super::super::invert(&mut white);
        assert_eq!(white, black);
    }

    #[test]
    fn the_baseline_gives_the_same_bits_as_the_widest_instructions() {
        let image = image(700, 40);
        let weights: Vec<f32> = gaussian::weights(11, None).into_iter().map(|weight| weight as f32).collect();
        let rule = Rule::new(2.0, 255, Polarity::Binary);
        let widest = adaptive_gaussian(&image, 11, 2.0, 255, Polarity::Binary, &mut Buffers::new());
        let mut mask = vec![0; image.pixels()];
        for left in (0..image.width()).step_by(STRIP) {
            Strip::new(11).run(&image, left, &weights, rule, &mut mask);
        }
        assert_eq!(widest.data(), mask);
    }
}
