//! Thresholds with one level for the whole image.

use serde::{Deserialize, Serialize};

use crate::images::raster::Raster;
use crate::images::simd;

/// What a threshold does with samples above and below its level; OpenCV's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThresholdKind {
    /// Above: the maximum; else 0.
    Binary,
    /// Above: 0; else the maximum.
    BinaryInv,
    /// Above: the level; else unchanged.
    Trunc,
    /// Above: unchanged; else 0.
    ToZero,
    /// Above: 0; else unchanged.
    ToZeroInv,
}

/// Which side of a comparison becomes white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Polarity {
    /// Bright pixels become white.
    Binary,
    /// Bright pixels become black.
    BinaryInv,
}

/// Compares every sample with `level` (above means strictly above), as OpenCV's `threshold` does with a level
/// rounded down. A level outside 0…255 is meaningful: everything or nothing lies above it.
pub fn threshold(image: &mut Raster, level: i32, max: u8, kind: ThresholdKind) {
    let samples = image.data_mut();
    let Ok(level) = u8::try_from(level.min(255)) else {
        // Everything lies above.
        return match kind {
            ThresholdKind::Binary => samples.fill(max),
            ThresholdKind::ToZero => {}
            ThresholdKind::BinaryInv | ThresholdKind::Trunc | ThresholdKind::ToZeroInv => samples.fill(0),
        };
    };
    simd::widest(
        #[inline(always)]
        move || match kind {
            ThresholdKind::Binary => each(samples, move |sample| if sample > level { max } else { 0 }),
            ThresholdKind::BinaryInv => each(samples, move |sample| if sample > level { 0 } else { max }),
            ThresholdKind::Trunc => each(samples, move |sample| sample.min(level)),
            ThresholdKind::ToZero => each(samples, move |sample| if sample > level { sample } else { 0 }),
            ThresholdKind::ToZeroInv => each(samples, move |sample| if sample > level { 0 } else { sample }),
        },
    );
}

/// Black for white: every sample becomes 255 less itself.
pub fn invert(image: &mut Raster) {
    let samples = image.data_mut();
    simd::widest(
        #[inline(always)]
        || each(samples, |sample| !sample),
    );
}

#[inline(always)]
fn each(samples: &mut [u8], change: impl Fn(u8) -> u8) {
    for sample in samples {
        *sample = change(*sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Raster {
        Raster::new(256, 1, 1, (0..=255).collect()).unwrap()
    }

    #[test]
    fn a_binary_threshold_twice_is_the_same_as_once() {
        let mut once = ramp();
        threshold(&mut once, 99, 255, ThresholdKind::Binary);
        let mut twice = once.clone();
        threshold(&mut twice, 99, 255, ThresholdKind::Binary);
        assert_eq!(once, twice);
        assert_eq!(once.data()[99..101], [0, 255]);
    }

    #[test]
    fn a_level_outside_the_range_takes_all_or_nothing() {
        for (level, kind, expected) in [
            (-5, ThresholdKind::Binary, vec![7; 256]),
            (300, ThresholdKind::Binary, vec![0; 256]),
            (-5, ThresholdKind::Trunc, vec![0; 256]),
            (300, ThresholdKind::Trunc, (0..=255).collect()),
            (255, ThresholdKind::ToZero, vec![0; 256]),
            (-1, ThresholdKind::ToZeroInv, vec![0; 256]),
        ] {
            let mut image = ramp();
            threshold(&mut image, level, 7, kind);
            assert_eq!(image.data(), expected, "{level} {kind:?}");
        }
    }

    #[test]
    fn inverting_twice_gives_the_image_back() {
        let mut image = ramp();
        invert(&mut image);
        assert_ne!(image, ramp());
        invert(&mut image);
        assert_eq!(image, ramp());
    }
}
