//! Gaussian weights and the Gaussian blur.

use super::border::Border;
use crate::images::raster::{Buffers, Raster};
use crate::images::simd;

/// `size` weights (odd) that add up to 1, as OpenCV's `getGaussianKernel` makes them. Without a sigma, sizes
/// up to 9 have OpenCV's fixed weights, larger ones a sigma of `0.3·((size − 1)/2 − 1) + 0.8`.
pub(super) fn weights(size: usize, sigma: Option<f64>) -> Vec<f64> {
    let half: &[f64] = match (size, sigma) {
        (_, Some(_)) => &[],
        (1, None) => &[1.0],
        (3, None) => &[0.25, 0.5],
        (5, None) => &[0.0625, 0.25, 0.375],
        (7, None) => &[0.03125, 0.109375, 0.21875, 0.28125],
        (9, None) => &[4.0 / 256.0, 13.0 / 256.0, 30.0 / 256.0, 51.0 / 256.0, 60.0 / 256.0],
        _ => &[],
    };
    if half.is_empty() {
        return mirrored(&computed(size, sigma.unwrap_or(0.15 * size as f64 + 0.35)));
    }
    mirrored(half)
}

/// The first half of the weights, the middle one included.
fn computed(size: usize, sigma: f64) -> Vec<f64> {
    let scale = -0.125 / (sigma * sigma);
    let bell = |index: usize| {
        let x = 2.0 * index as f64 - (size - 1) as f64;
        (x * x * scale).exp()
    };
    let side: Vec<f64> = (0..size / 2).map(bell).collect();
    let norm = 1.0 / (2.0 * side.iter().sum::<f64>() + 1.0);
    side.into_iter().chain([1.0]).map(|weight| weight * norm).collect()
}

fn mirrored(half: &[f64]) -> Vec<f64> {
    half.iter().chain(half.iter().rev().skip(1)).copied().collect()
}

/// The window that OpenCV takes for a sigma where no size is given: three sigmas to each side.
pub fn size_for_sigma(sigma: f64) -> usize {
    (sigma * 6.0 + 1.0).round_ties_even() as usize | 1
}

/// The weights in 256ths: rounding errors are handed from weight to weight, and the middle one takes what is
/// left.
fn weights_in_256ths(weights: &[f64]) -> Vec<u16> {
    let middle = weights.len() / 2;
    let mut error = 0.0;
    let mut half: Vec<f64> = Vec::with_capacity(middle + 1);
    for weight in &weights[..middle] {
        let wanted = weight * 256.0 + error;
        let rounded = wanted.round_ties_even();
        error = wanted - rounded;
        half.push(rounded);
    }
    half.push(256.0 - 2.0 * half.iter().sum::<f64>());
    mirrored(&half).into_iter().map(|weight| weight as u16).collect()
}

/// Blurs with a `size` × `size` Gaussian window (odd), equal to OpenCV's `GaussianBlur` on 8 bits: weights in
/// 256ths, one rounding at the end, borders reflected.
pub fn gaussian_blur(image: &Raster, size: usize, sigma: Option<f64>, buffers: &mut Buffers) -> Raster {
    let mut blurred = buffers.like(image, image.channels());
    let weights = weights_in_256ths(&weights(size, sigma));
    for left in (0..image.row_len()).step_by(STRIP) {
        simd::widest(
            #[inline(always)]
            || blur_strip(image, left, &weights, blurred.data_mut()),
        );
    }
    blurred
}

/// Samples of a strip of columns: the rows of the window stay in the cache, and few in number however wide an
/// image is.
const STRIP: usize = 1024;
/// Samples whose sums are kept in registers.
const LANES: usize = 32;

/// Fills the columns of samples from `left` on, as many as a strip has.
#[inline(always)]
fn blur_strip(image: &Raster, left: usize, weights: &[u16], out: &mut [u8]) {
    let (len, channels, height) = (image.row_len(), image.channels(), image.height());
    let (size, margin) = (weights.len(), weights.len() / 2);
    let columns = left..len.min(left + STRIP);
    // Whole blocks only: the last one's surplus is computed from whatever stands there, and dropped.
    let blocks = columns.len().div_ceil(LANES);
    let mut padded = vec![0; blocks * LANES + 2 * margin * channels];
    let mut ring = vec![[0_u16; LANES]; size * blocks];
    let mut pairs: Vec<(usize, usize, u32)> = Vec::with_capacity(margin);
    let slot = |y: isize| y.rem_euclid(size as isize) as usize * blocks;

    let ahead = margin as isize;
    for y in -ahead..height as isize + ahead {
        let row_at = |y: isize| image.row(Border::Reflect101.index(y, height));
        simd::prefetch(&row_at(y + 1)[columns.clone()]);
        load(row_at(y), left, margin, channels, &mut padded);
        blur_row(&padded, weights, channels, &mut ring[slot(y)..][..blocks]);
        let Ok(middle) = usize::try_from(y - ahead) else { continue };
        if let Some(next) = out.get((middle + 1) * len..) {
            simd::prefetch(next.get(columns.clone()).unwrap_or_default());
        }
        // Rows at the same distance from the middle one share their weight.
        let center = (slot(y - ahead), u32::from(weights[margin]));
        pairs.clear();
        pairs.extend((0..ahead).zip(weights).map(|(distance, weight)| {
            (slot(y - 2 * ahead + distance), slot(y - distance), u32::from(*weight))
        }));
        let (whole, rest) = out[middle * len..][columns.clone()].as_chunks_mut();
        let last = whole.len();
        for (index, out) in whole.iter_mut().enumerate() {
            *out = rounded(sum_columns(&ring, index, center, &pairs));
        }
        if !rest.is_empty() {
            let samples = rounded(sum_columns(&ring, last, center, &pairs));
            rest.copy_from_slice(&samples[..rest.len()]);
        }
    }
}

/// The samples of sums in 65,536ths that have a half to round by.
#[inline(always)]
fn rounded(totals: [u32; LANES]) -> [u8; LANES] {
    let mut samples = [0; LANES];
    for (sample, total) in samples.iter_mut().zip(totals) {
        *sample = (total >> 16) as u8;
    }
    samples
}

/// The weighted sums of block `index`'s columns, in 65,536ths, with a half to round by. `middle` is a row's slot
/// and weight, `pairs` those of the rows around it.
#[inline(always)]
fn sum_columns(
    ring: &[[u16; LANES]],
    index: usize,
    middle: (usize, u32),
    pairs: &[(usize, usize, u32)],
) -> [u32; LANES] {
    let mut totals = [1_u32 << 15; LANES];
    for (total, part) in totals.iter_mut().zip(&ring[middle.0 + index]) {
        *total += u32::from(*part) * middle.1;
    }
    for (above, below, weight) in pairs {
        let rows = ring[above + index].iter().zip(&ring[below + index]);
        for (total, (above, below)) in totals.iter_mut().zip(rows) {
            *total += (u32::from(*above) + u32::from(*below)) * weight;
        }
    }
    totals
}

/// Reads a row's samples from `left` on and `margin` pixels before; beyond the edges it is reflected.
#[inline(always)]
fn load(source: &[u8], left: usize, margin: usize, channels: usize, padded: &mut [u8]) {
    let width = source.len() / channels;
    let before = (margin * channels).saturating_sub(left);
    let start = left.saturating_sub(margin * channels);
    let inside = (padded.len() - before).min(source.len() - start);
    padded[before..before + inside].copy_from_slice(&source[start..][..inside]);
    // A strip begins anywhere in a pixel: samples are found by their position in the row.
    for place in (0..before).chain(before + inside..padded.len()) {
        let sample = (left + place) as isize - (margin * channels) as isize;
        let (pixel, channel) = (sample.div_euclid(channels as isize), sample.rem_euclid(channels as isize));
        padded[place] = source[Border::Reflect101.index(pixel, width) * channels + channel as usize];
    }
}

/// One row, in 256ths: 256 · 255 fits. Samples at the same distance from the middle one share their weight.
#[inline(always)]
fn blur_row(padded: &[u8], weights: &[u16], channels: usize, row: &mut [[u16; LANES]]) {
    let margin = weights.len() / 2;
    for (index, sums) in row.iter_mut().enumerate() {
        let samples = |tap: usize| &padded[index * LANES + tap * channels..][..LANES];
        let mut totals = [0; LANES];
        for (total, sample) in totals.iter_mut().zip(samples(margin)) {
            *total = u16::from(*sample) * weights[margin];
        }
        for (tap, weight) in weights[..margin].iter().enumerate() {
            let pairs = samples(tap).iter().zip(samples(2 * margin - tap));
            for (total, (left, right)) in totals.iter_mut().zip(pairs) {
                *total += (u16::from(*left) + u16::from(*right)) * *weight;
            }
        }
        *sums = totals;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one() {
        for size in (1..60).step_by(2) {
            for sigma in [None, Some(0.3), Some(5.0)] {
                let weights = weights(size, sigma);
                assert_eq!(weights.len(), size);
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{size} {sigma:?}");
                assert_eq!(weights_in_256ths(&weights).iter().sum::<u16>(), 256, "{size} {sigma:?}");
            }
        }
    }

    #[test]
    fn the_window_reaches_three_sigmas_to_each_side() {
        assert_eq!([0.5, 1.0, 1.5, 2.0].map(size_for_sigma), [5, 7, 11, 13]);
    }

    #[test]
    fn blurring_a_constant_image_changes_nothing() {
        let image = Raster::new(5, 9, 3, vec![200; 135]).unwrap();
        assert_eq!(gaussian_blur(&image, 31, None, &mut Buffers::new()), image);
    }
}
