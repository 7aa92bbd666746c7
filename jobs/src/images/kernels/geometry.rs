//! Moving pixels about without changing them.

use std::ops::Range;

use image::metadata::Orientation;
use serde::{Deserialize, Serialize};

use crate::images::raster::{Buffers, Raster};

/// The axis that a flip exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flip {
    /// Left for right.
    Horizontal,
    /// Top for bottom.
    Vertical,
}

/// The part of `image` with these columns and rows, which must lie inside and not be empty.
pub fn crop(image: &Raster, columns: Range<usize>, rows: Range<usize>, buffers: &mut Buffers) -> Raster {
    let channels = image.channels();
    let mut part = buffers.raster(columns.len(), rows.len(), channels);
    let len = part.row_len();
    for (out, y) in part.data_mut().chunks_exact_mut(len).zip(rows) {
        out.copy_from_slice(&image.row(y)[columns.start * channels..][..len]);
    }
    part
}

/// Where part `index` of `parts` lies in `0..length`: parts cover everything and differ by one at most.
pub fn tile_bounds(length: usize, parts: usize, index: usize) -> Range<usize> {
    index * length / parts..(index + 1) * length / parts
}

/// Mirrors `image`.
pub fn flip(image: &mut Raster, flip: Flip) {
    let (len, channels, height) = (image.row_len(), image.channels(), image.height());
    match flip {
        Flip::Horizontal if channels == 1 => {
            image.data_mut().chunks_exact_mut(len).for_each(<[u8]>::reverse);
        }
        Flip::Horizontal => {
            for row in image.data_mut().chunks_exact_mut(len) {
                row.as_chunks_mut::<3>().0.reverse();
            }
        }
        Flip::Vertical => {
            let (top, bottom) = image.data_mut().split_at_mut(height / 2 * len);
            for (upper, lower) in top.chunks_exact_mut(len).zip(bottom.rchunks_exact_mut(len)) {
                upper.swap_with_slice(lower);
            }
        }
    }
}

/// `image`, turned clockwise by `quarters` of a full turn.
pub fn rotate(image: &Raster, quarters: u8, buffers: &mut Buffers) -> Raster {
    let mut turned = if quarters % 2 == 1 {
        transpose(image, buffers)
    } else {
        let mut copy = buffers.like(image, image.channels());
        copy.data_mut().copy_from_slice(image.data());
        copy
    };
    if matches!(quarters % 4, 1 | 2) {
        flip(&mut turned, Flip::Horizontal);
    }
    if matches!(quarters % 4, 2 | 3) {
        flip(&mut turned, Flip::Vertical);
    }
    turned
}

/// Sets `image` upright that was taken with this EXIF orientation.
pub fn orient(image: Raster, orientation: Orientation, buffers: &mut Buffers) -> Raster {
    let (quarters, flipped) = match orientation {
        Orientation::NoTransforms => (0, None),
        Orientation::Rotate90 => (1, None),
        Orientation::Rotate180 => (2, None),
        Orientation::Rotate270 => (3, None),
        Orientation::FlipHorizontal => (0, Some(Flip::Horizontal)),
        Orientation::FlipVertical => (0, Some(Flip::Vertical)),
        Orientation::Rotate90FlipH => (1, Some(Flip::Horizontal)),
        Orientation::Rotate270FlipH => (3, Some(Flip::Horizontal)),
    };
    let mut upright = image;
    if quarters > 0 {
        let turned = rotate(&upright, quarters, buffers);
        buffers.give(std::mem::replace(&mut upright, turned).into_data());
    }
    if let Some(axis) = flipped {
        flip(&mut upright, axis);
    }
    upright
}

/// Rows for columns.
fn transpose(image: &Raster, buffers: &mut Buffers) -> Raster {
    let mut turned = buffers.raster(image.height(), image.width(), image.channels());
    if image.channels() == 1 {
        transpose_pixels(image.data().as_chunks::<1>().0, turned.data_mut().as_chunks_mut::<1>().0, image);
    } else {
        transpose_pixels(image.data().as_chunks::<3>().0, turned.data_mut().as_chunks_mut::<3>().0, image);
    }
    turned
}

/// In squares, so that both images' cache lines are used up before they leave.
fn transpose_pixels<const CHANNELS: usize>(
    from: &[[u8; CHANNELS]],
    to: &mut [[u8; CHANNELS]],
    shape: &Raster,
) {
    const SQUARE: usize = 32;
    let (width, height) = (shape.width(), shape.height());
    for top in (0..height).step_by(SQUARE) {
        for left in (0..width).step_by(SQUARE) {
            for x in left..width.min(left + SQUARE) {
                for y in top..height.min(top + SQUARE) {
                    to[x * height + y] = from[y * width + x];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 2 3
    /// 4 5 6
    fn image(channels: usize) -> Raster {
        let data = (1..=6).flat_map(|level| vec![level; channels]).collect();
        Raster::new(3, 2, channels, data).unwrap()
    }

    fn levels(image: &Raster) -> (usize, Vec<u8>) {
        (image.width(), image.data().iter().copied().step_by(image.channels()).collect())
    }

    #[test]
    fn a_quarter_turn_is_clockwise() {
        for channels in [1, 3] {
            let turn = |quarters| levels(&rotate(&image(channels), quarters, &mut Buffers::new()));
            assert_eq!(turn(1), (2, vec![4, 1, 5, 2, 6, 3]));
            assert_eq!(turn(2), (3, vec![6, 5, 4, 3, 2, 1]));
            assert_eq!(turn(3), (2, vec![3, 6, 2, 5, 1, 4]));
            assert_eq!(turn(4), levels(&image(channels)));
        }
    }

    #[test]
    fn orientations_are_undone_as_the_image_crate_does() {
        for code in 1..=8 {
            let orientation = Orientation::from_exif(code).unwrap();
            let source = image::RgbImage::from_raw(3, 2, image(3).into_data()).unwrap();
            let mut expected = image::DynamicImage::from(source);
            expected.apply_orientation(orientation);
            let upright = orient(image(3), orientation, &mut Buffers::new());
            assert_eq!(upright.width() as u32, expected.width(), "{code}");
            assert_eq!(upright.data(), expected.as_bytes(), "{code}");
        }
    }

    #[test]
    fn tiles_cover_an_image_once() {
        for (length, parts) in [(20, 20), (427, 20), (1, 1), (7, 3)] {
            let bounds: Vec<_> = (0..parts).map(|index| tile_bounds(length, parts, index)).collect();
            assert_eq!(bounds.iter().cloned().flatten().collect::<Vec<_>>(), (0..length).collect::<Vec<_>>());
            assert!(bounds.iter().all(|bound| !bound.is_empty()));
        }
    }

    #[test]
    fn a_crop_keeps_its_pixels() {
        let part = crop(&image(3), 1..3, 1..2, &mut Buffers::new());
        assert_eq!(levels(&part), (2, vec![5, 6]));
    }
}
