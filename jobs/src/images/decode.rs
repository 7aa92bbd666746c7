//! Files to pixels, within limits.
//!
//! JPEG is read by `zune-jpeg`, everything else by the `image` crate; both are pure Rust, since files may be
//! hostile. Sizes come from the header and are checked before anything is decoded. As by OpenCV's `imread`,
//! the result has 8 bits a sample (deeper ones lose their low bits) and no alpha, and is set upright as its
//! EXIF orientation says.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::kernels;
use super::raster::{Buffers, Raster};

/// Bytes of a pixel with four samples of 16 bits: the most that is decoded.
const MAX_PIXEL_BYTES: u64 = 8;
/// What decoders may allocate beside the pixels: palettes, profiles, windows.
const ASIDE: u64 = 64 << 20;

/// Why a file did not become an image.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    /// The header says so.
    #[error("has {0} × {1} pixels, more than `params.max_pixels` ({2}) allows")]
    TooLarge(u64, u64, u64),
    /// A decoder reached its limit.
    #[error("would need more memory to decode than `params.max_pixels` allows: {0}")]
    Memory(String),
    /// The file is not what it says it is.
    #[error("can't be decoded: {0}")]
    Broken(String),
}

impl From<ImageError> for DecodeError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(limit) => Self::Memory(limit.to_string()),
            error => Self::Broken(error.to_string()),
        }
    }
}

fn broken(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::Broken(error.to_string())
}

/// The most bytes that a file may have whose image has at most `max_pixels`.
pub(super) fn max_file_bytes(max_pixels: u64) -> u64 {
    max_pixels.saturating_mul(MAX_PIXEL_BYTES).saturating_add(ASIDE)
}

/// The image in `file`, upright, and its format's name. With `luma`, it is grey, by a JPEG's own brightness
/// plane where it has one.
pub(super) fn decode(
    file: &[u8],
    max_pixels: u64,
    luma: bool,
    buffers: &mut Buffers,
) -> Result<(Raster, &'static str), DecodeError> {
    let (image, format, orientation) = if file.starts_with(&[0xFF, 0xD8, 0xFF]) {
        let (image, orientation) = jpeg(file, max_pixels, luma, buffers)?;
        (image, "jpeg", orientation)
    } else {
        other(file, max_pixels, buffers)?
    };
    let mut image = kernels::orient(image, orientation, buffers);
    if luma && image.channels() > 1 {
        let gray = kernels::grayscale(&image, buffers);
        buffers.give(std::mem::replace(&mut image, gray).into_data());
    }
    Ok((image, format))
}

fn jpeg(
    file: &[u8],
    max_pixels: u64,
    luma: bool,
    buffers: &mut Buffers,
) -> Result<(Raster, Orientation), DecodeError> {
    // The format's own limit; `max_pixels` is checked below.
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default().set_max_width(side).set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(broken)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| broken("it has no size"))?;
    check_size(width as u64, height as u64, max_pixels)?;
    if ends_early(file) {
        return Err(broken("the file ends before the image does"));
    }

    let gray = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => true,
        Some(ColorSpace::YCbCr) => luma,
        _ => false,
    };
    let (space, channels) = if gray { (ColorSpace::Luma, 1) } else { (ColorSpace::RGB, 3) };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let mut data = buffers.take(width * height * channels);
    decoder.decode_into(&mut data).map_err(broken)?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let image = Raster::new(width, height, channels, data).ok_or_else(|| broken("it has no pixels"))?;
    Ok((image, orientation.unwrap_or(Orientation::NoTransforms)))
}

/// True where the last end-of-image marker belongs to something before the last scan (a thumbnail): the
/// decoder would fill up with grey what is missing.
fn ends_early(file: &[u8]) -> bool {
    let marker = |code: u8| file.array_windows().rposition(|pair| *pair == [0xFF, code]);
    match marker(0xD9) {
        None => true,
        Some(end) => file[end..].array_windows().any(|pair| *pair == [0xFF, 0xDA]),
    }
}

fn other(
    file: &[u8],
    max_pixels: u64,
    buffers: &mut Buffers,
) -> Result<(Raster, &'static str, Orientation), DecodeError> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(broken)?;
    let format = reader.format().ok_or_else(|| broken("its first bytes are of no known image format"))?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(max_file_bytes(max_pixels));
    reader.limits(limits);

    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into(), max_pixels)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let color = decoder.color_type();
    let bytes = usize::try_from(decoder.total_bytes()).map_err(broken)?;
    let mut data = buffers.take(bytes);
    decoder.read_image(&mut data)?;
    let (data, channels) = to_8_bits(data, color, buffers)?;
    let image = Raster::new(width as usize, height as usize, channels, data);
    Ok((image.ok_or_else(|| broken("it has no pixels"))?, name(format), orientation))
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "png",
        ImageFormat::WebP => "webp",
        ImageFormat::Tiff => "tiff",
        ImageFormat::Bmp => "bmp",
        ImageFormat::Gif => "gif",
        ImageFormat::Pnm => "pnm",
        // No other decoder is built in.
        _ => "other",
    }
}

fn check_size(width: u64, height: u64, max_pixels: u64) -> Result<(), DecodeError> {
    if width.saturating_mul(height) > max_pixels {
        return Err(DecodeError::TooLarge(width, height, max_pixels));
    }
    Ok(())
}

/// One or three samples of 8 bits a pixel.
fn to_8_bits(
    data: Vec<u8>,
    color: ColorType,
    buffers: &mut Buffers,
) -> Result<(Vec<u8>, usize), DecodeError> {
    let (samples, kept, bytes) = match color {
        ColorType::L8 => return Ok((data, 1)),
        ColorType::Rgb8 => return Ok((data, 3)),
        ColorType::La8 => (2, 1, 1),
        ColorType::Rgba8 => (4, 3, 1),
        ColorType::L16 => (1, 1, 2),
        ColorType::La16 => (2, 1, 2),
        ColorType::Rgb16 => (3, 3, 2),
        ColorType::Rgba16 => (4, 3, 2),
        other => return Err(broken(format!("its pixels are {other:?}, which is not supported"))),
    };
    // Deeper samples come in the machine's byte order; the high byte is the one to keep.
    let high = if cfg!(target_endian = "little") { bytes - 1 } else { 0 };
    let pixels = data.len() / (samples * bytes);
    let mut narrow = buffers.take(pixels * kept);
    for (pixel, out) in data.chunks_exact(samples * bytes).zip(narrow.chunks_exact_mut(kept)) {
        for (index, sample) in out.iter_mut().enumerate() {
            *sample = pixel[index * bytes + high];
        }
    }
    buffers.give(data);
    Ok((narrow, kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_samples_lose_their_low_bits_and_pixels_their_alpha() {
        let deep: Vec<u8> =
            [0x1234_u16, 0x5678, 0x9ABC, 0xFFFF].into_iter().flat_map(u16::to_ne_bytes).collect();
        let (data, channels) = to_8_bits(deep, ColorType::Rgba16, &mut Buffers::new()).unwrap();
        assert_eq!((data, channels), (vec![0x12, 0x56, 0x9A], 3));
        let (data, channels) = to_8_bits(vec![1, 2, 3, 4], ColorType::La8, &mut Buffers::new()).unwrap();
        assert_eq!((data, channels), (vec![1, 3], 1));
    }

    #[test]
    fn a_thumbnails_end_is_not_the_images() {
        let thumbnail = [0xFF, 0xD8, 0xFF, 0xDA, 1, 0xFF, 0xD9];
        let scan = [0xFF, 0xDA, 7, 7];
        let end = [0xFF, 0xD9, 0];
        assert!(ends_early(&[&thumbnail[..], &scan].concat()));
        assert!(!ends_early(&[&thumbnail[..], &scan, &end].concat()));
        assert!(ends_early(&scan));
    }
}
