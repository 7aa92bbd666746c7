//! Thresholds against each pixel's neighbourhood, equal to OpenCV's `adaptiveThreshold`: the rule, and the plain
//! mean.
//!
//! Both compare a pixel with the rounded local mean less a constant `c`; beyond the edges the image goes on
//! with its edge pixels.

use super::border::Border;
use super::threshold::Polarity;
use super::window;
use crate::images::raster::{Buffers, Raster};
use crate::images::simd;

/// How a pixel compares with its neighbourhood, and what it becomes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    // A pixel is on the bright side where mean < pixel + offset.
    pub(super) offset: i32,
    dark: u8,
    // Turns dark into bright by exclusive or: a form that stays in vector registers.
    flip: u8,
}

impl Rule {
    pub(super) fn new(c: f64, max: u8, polarity: Polarity) -> Self {
        // Beyond ±256 every pixel is on one side; clamped, the arithmetic below stays small.
        let offset = |c: f64| c.clamp(-256.0, 256.0) as i32;
        match polarity {
            Polarity::Binary => Self { offset: offset(c.ceil()), dark: 0, flip: max },
            Polarity::BinaryInv => Self { offset: offset(c.floor()), dark: max, flip: max },
        }
    }

    #[inline(always)]
    pub(super) fn side(self, bright: bool) -> u8 {
        self.dark ^ (self.flip & u8::from(bright).wrapping_neg())
    }
}

/// Compares each pixel of a grey image with the mean of the `block` × `block` pixels around it (odd).
pub fn adaptive_mean(
    gray: &Raster,
    block: usize,
    c: f64,
    max: u8,
    polarity: Polarity,
    buffers: &mut Buffers,
) -> Raster {
    let rule = Rule::new(c, max, polarity);
    let mut mask = buffers.like(gray, 1);
    let out = mask.data_mut();
    // mean < pixel + offset, where mean = (sum + area/2) / area: without the division.
    let area = (block * block) as i32;
    let shift = area * rule.offset - area / 2;
    if window::fits_u16(block) {
        simd::widest(
            #[inline(always)]
            || {
                window::slide(
                    gray,
                    block,
                    Border::Replicate,
                    out,
                    #[inline(always)]
                    |sums, row| compare_u16(sums, row, area as u16, shift, rule),
                );
            },
        );
    } else {
        simd::widest(
            #[inline(always)]
            || {
                window::slide(
                    gray,
                    block,
                    Border::Replicate,
                    out,
                    #[inline(always)]
                    |sums, row| compare_u32(sums, row, area, shift, rule),
                );
            },
        );
    }
    mask
}

/// Sums stay below 65,535 here, so that a bound that saturates there or at 0 decides as the true one would.
#[inline(always)]
fn compare_u16<const N: usize>(sums: &[u16; N], row: &[u8; N], area: u16, shift: i32, rule: Rule) -> [u8; N] {
    let amount = shift.unsigned_abs().min(u16::MAX.into()) as u16;
    let (more, less) = if shift < 0 { (0, amount) } else { (amount, 0) };
    let mut mask = [0; N];
    for ((mask, pixel), sum) in mask.iter_mut().zip(row).zip(sums) {
        let bound = (u16::from(*pixel) * area).saturating_add(more).saturating_sub(less);
        *mask = rule.side(*sum < bound);
    }
    mask
}

#[inline(always)]
fn compare_u32<const N: usize>(sums: &[u32; N], row: &[u8; N], area: i32, shift: i32, rule: Rule) -> [u8; N] {
    let mut mask = [0; N];
    for ((mask, pixel), sum) in mask.iter_mut().zip(row).zip(sums) {
        *mask = rule.side((*sum as i32) < i32::from(*pixel) * area + shift);
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

    /// The definition, in doubles.
    fn mean_by_definition(image: &Raster, block: usize, c: f64) -> Vec<u8> {
        let margin = (block / 2) as isize;
        let at = |x: isize, y: isize| {
            let row = image.row(Border::Replicate.index(y, image.height()));
            u64::from(row[Border::Replicate.index(x, image.width())])
        };
        let mut mask = Vec::new();
        for y in 0..image.height() as isize {
            for x in 0..image.width() as isize {
                let window = (y - margin..=y + margin)
                    .flat_map(|row| (x - margin..=x + margin).map(move |column| at(column, row)));
                let mean = (window.sum::<u64>() as f64 / (block * block) as f64).round();
                mask.push(if at(x, y) as f64 > mean - c { 255 } else { 0 });
            }
        }
        mask
    }

    #[test]
    fn the_mean_follows_its_definition_for_all_widths_of_sums() {
        for (width, height, block) in [(1, 1, 3), (1, 9, 11), (33, 7, 15), (40, 20, 17), (5, 5, 51)] {
            for c in [-300.0, -3.0, 0.0, 2.0, 300.0] {
                let image = image(width, height);
                let mask = adaptive_mean(&image, block, c, 255, Polarity::Binary, &mut Buffers::new());
                let expected = mean_by_definition(&image, block, c);
                assert_eq!(mask.data(), expected, "{width}×{height} block {block} c {c}");
            }
        }
    }
}
