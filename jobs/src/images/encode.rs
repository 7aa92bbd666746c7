//! Pixels to files' bytes.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::pnm::{PnmEncoder, PnmSubtype, SampleEncoding};
use image::codecs::tiff::TiffEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde::{Deserialize, Serialize};

use super::raster::Raster;

/// A file format that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Format {
    Png,
    Jpeg,
    WebP,
    Tiff,
    Pnm,
}

impl Format {
    /// What job files call them.
    pub(super) const NAMES: [(&str, Self); 5] = [
        ("png", Self::Png),
        ("jpeg", Self::Jpeg),
        ("webp", Self::WebP),
        ("tiff", Self::Tiff),
        ("pnm", Self::Pnm),
    ];

    /// What people call them, too.
    pub(super) const ALIASES: [(&str, Self); 4] =
        [("jpg", Self::Jpeg), ("tif", Self::Tiff), ("ppm", Self::Pnm), ("pgm", Self::Pnm)];

    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Tiff => "tiff",
            Self::Pnm => "pnm",
        }
    }
}

/// Appends `image` as a file to `file`, which must be empty. `quality` (1…100) is JPEG's; `mask` says that
/// the image has few levels.
///
/// # Errors
/// Why the format can't hold the image (its size), in words.
pub(super) fn encode(
    image: &Raster,
    format: Format,
    quality: u8,
    mask: bool,
    file: &mut Vec<u8>,
) -> Result<(), String> {
    let side = |pixels: usize| u32::try_from(pixels).map_err(|_| "a side is too long".to_owned());
    let (width, height) = (side(image.width())?, side(image.height())?);
    let (data, gray) = (image.data(), image.channels() == 1);
    let color = if gray { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let result = match format {
        Format::Jpeg => return jpeg(image, quality, file),
        Format::Png => {
            // Filters help photos and harm masks; the fast level beats the default fourfold in speed.
            let filter = if mask { FilterType::NoFilter } else { FilterType::Adaptive };
            PngEncoder::new_with_quality(file, CompressionType::Fast, filter)
                .write_image(data, width, height, color)
        }
        Format::WebP => WebPEncoder::new_lossless(file).write_image(data, width, height, color),
        Format::Tiff => TiffEncoder::new(Cursor::new(file)).write_image(data, width, height, color),
        Format::Pnm => {
            let binary = SampleEncoding::Binary;
            let subtype = if gray { PnmSubtype::Graymap(binary) } else { PnmSubtype::Pixmap(binary) };
            PnmEncoder::new(file).with_subtype(subtype).write_image(data, width, height, color)
        }
    };
    result.map_err(|error| error.to_string())
}

fn jpeg(image: &Raster, quality: u8, file: &mut Vec<u8>) -> Result<(), String> {
    let side =
        |pixels: usize| u16::try_from(pixels).map_err(|_| "JPEG has at most 65535 pixels a side".to_owned());
    let (width, height) = (side(image.width())?, side(image.height())?);
    let color =
        if image.channels() == 1 { jpeg_encoder::ColorType::Luma } else { jpeg_encoder::ColorType::Rgb };
    let encoder = jpeg_encoder::Encoder::new(file, quality);
    encoder.encode(image.data(), width, height, color).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::decode::{Wanted, decode};
    use super::super::raster::Buffers;
    use super::*;

    #[test]
    fn what_was_written_reads_back() {
        for channels in [1, 3] {
            let data = (0..40 * 30 * channels).map(|index| (index / 9) as u8).collect();
            let image = Raster::new(40, 30, channels, data).unwrap();
            for (name, format) in Format::NAMES {
                let mut file = Vec::new();
                encode(&image, format, 95, false, &mut file).unwrap();
                let (read, _) = decode(
                    &file,
                    Wanted { max_pixels: 10_000, luma: false, background: None },
                    &mut Buffers::new(),
                )
                .unwrap();
                if format == Format::Jpeg {
                    assert_eq!((read.width(), read.channels()), (40, channels), "{name}");
                } else if format == Format::WebP {
                    // It knows no grey.
                    assert_eq!(
                        read.data().iter().step_by(read.channels() / channels).copied().collect::<Vec<_>>(),
                        image.data(),
                        "{name}"
                    );
                } else {
                    assert_eq!(read, image, "{name}");
                }
            }
        }
    }

    #[test]
    fn a_format_that_cannot_hold_an_image_says_why() {
        let image = Raster::new(70_000, 1, 1, vec![0; 70_000]).unwrap();
        let error = encode(&image, Format::Jpeg, 90, false, &mut Vec::new()).unwrap_err();
        assert!(error.contains("65535"), "{error}");
        assert!(encode(&image, Format::WebP, 90, false, &mut Vec::new()).is_err());
    }
}
