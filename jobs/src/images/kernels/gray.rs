//! Colour to grey.

use crate::images::raster::{Buffers, Raster};
use crate::images::simd;

/// The grey image of `image`, equal to OpenCV's `COLOR_RGB2GRAY`: `(9798 R + 19235 G + 3735 B + 2¹⁴) >> 15`
/// for each pixel. A grey image is copied.
pub fn grayscale(image: &Raster, buffers: &mut Buffers) -> Raster {
    let mut gray = buffers.like(image, 1);
    if image.channels() == 1 {
        gray.data_mut().copy_from_slice(image.data());
    } else {
        let (blocks, rest) = image.data().as_chunks::<{ 3 * simd::GRAY_BLOCK }>();
        let (gray_blocks, gray_rest) = gray.data_mut().as_chunks_mut();
        if !simd::gray_blocks(blocks, gray_blocks) {
            convert(blocks.as_flattened(), gray_blocks.as_flattened_mut());
        }
        convert(rest, gray_rest);
    }
    gray
}

fn convert(colours: &[u8], grays: &mut [u8]) {
    for (pixel, gray) in colours.as_chunks::<3>().0.iter().zip(grays) {
        *gray = luma(*pixel);
    }
}

fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((9798 * u32::from(red) + 19235 * u32::from(green) + 3735 * u32::from(blue) + (1 << 14)) >> 15) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_give_what_single_pixels_give() {
        let colours: Vec<u8> = (0..3 * 1000_u32).map(|index| (index * index / 7 % 256) as u8).collect();
        let image = Raster::new(1000, 1, 3, colours.clone()).unwrap();
        let mut expected = vec![0; 1000];
        convert(&colours, &mut expected);
        assert_eq!(grayscale(&image, &mut Buffers::new()).data(), expected);
    }

    #[test]
    fn a_grey_colour_keeps_its_level() {
        assert!((0..=255).all(|level| luma([level; 3]) == level));
        assert_eq!([luma([255, 0, 0]), luma([0, 255, 0]), luma([0, 0, 255])], [76, 150, 29]);
    }
}
