//! Resizing, by the `fast_image_resize` crate.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions};
use serde::{Deserialize, Serialize};

use crate::images::raster::{Buffers, Raster};

/// How new pixels are made from old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResizeFilter {
    /// The nearest old pixel.
    Nearest,
    /// A weighted mean with a triangle as wide as the scale, so that shrinking does not alias.
    Linear,
    /// Lanczos with three lobes: the sharpest.
    Lanczos,
}

/// Resizes images, reusing its buffers.
#[derive(Debug, Default)]
pub struct Resizer(fast_image_resize::Resizer);

impl Resizer {
    /// `image` in `width` × `height` pixels (at least 1 each); `None` where a side passes what 32 bits count.
    pub fn resize(
        &mut self,
        image: &Raster,
        (width, height): (usize, usize),
        filter: ResizeFilter,
        buffers: &mut Buffers,
    ) -> Option<Raster> {
        let algorithm = match filter {
            ResizeFilter::Nearest => ResizeAlg::Nearest,
            ResizeFilter::Linear => ResizeAlg::Convolution(FilterType::Bilinear),
            ResizeFilter::Lanczos => ResizeAlg::Convolution(FilterType::Lanczos3),
        };
        let pixel = if image.channels() == 1 { PixelType::U8 } else { PixelType::U8x3 };
        let side = |pixels: usize| u32::try_from(pixels).ok();
        let source = ImageRef::new(side(image.width())?, side(image.height())?, image.data(), pixel).ok()?;
        let (into_width, into_height) = (side(width)?, side(height)?);

        let mut resized = buffers.raster(width, height, image.channels());
        let mut target = Image::from_slice_u8(into_width, into_height, resized.data_mut(), pixel).ok()?;
        self.0.resize(&source, &mut target, &ResizeOptions::new().resize_alg(algorithm)).ok()?;
        Some(resized)
    }
}

/// The largest size with the ratio of `width` × `height` that fits into `into`; at least 1 × 1.
pub fn fit_inside((width, height): (usize, usize), into: (usize, usize)) -> (usize, usize) {
    let scale = f64::min(into.0 as f64 / width as f64, into.1 as f64 / height as f64);
    let side = |length: usize, limit: usize| ((length as f64 * scale).round() as usize).clamp(1, limit);
    (side(width, into.0), side(height, into.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitting_keeps_the_ratio_and_the_limits() {
        assert_eq!(fit_inside((640, 427), (320, 320)), (320, 214));
        assert_eq!(fit_inside((427, 640), (320, 320)), (214, 320));
        assert_eq!(fit_inside((10, 10), (100, 40)), (40, 40));
        assert_eq!(fit_inside((10_000, 1), (100, 100)), (100, 1));
    }

    #[test]
    fn a_plain_image_stays_plain_in_every_size() {
        let image = Raster::new(9, 5, 3, [10, 20, 30].repeat(45)).unwrap();
        for filter in [ResizeFilter::Nearest, ResizeFilter::Linear, ResizeFilter::Lanczos] {
            for (width, height) in [(1, 1), (3, 17), (40, 2)] {
                let resized = Resizer::default()
                    .resize(&image, (width, height), filter, &mut Buffers::new())
                    .expect("it fits");
                assert_eq!(resized.data(), [10, 20, 30].repeat(width * height));
            }
        }
    }
}
