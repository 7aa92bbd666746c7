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

use super::jpeg_end::end_of_image;
use super::kernels;
use super::raster::{Buffers, Raster};

/// Bytes of a pixel with four samples of 16 bits: the most that is decoded.
const MAX_PIXEL_BYTES: u64 = 8;
/// What decoders may allocate beside the pixels: palettes, profiles, windows.
const ASIDE: u64 = 32 << 20;

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

/// What is to be made of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The most pixels that an image may have.
    pub(super) max_pixels: u64,
    /// A grey image, by a JPEG's own brightness plane where it has one.
    pub(super) luma: bool,
    /// What shows through where the image is transparent; otherwise alpha is dropped.
    pub(super) background: Option<[u8; 3]>,
}

/// The image in `file` (the first, where it holds several), upright, and its format's name.
pub(super) fn decode(
    file: &[u8],
    wanted: Wanted,
    buffers: &mut Buffers,
) -> Result<(Raster, &'static str), DecodeError> {
    let Wanted { max_pixels, luma, .. } = wanted;
    let (image, format, orientation) = if file.starts_with(&[0xFF, 0xD8, 0xFF]) {
        let (image, orientation) = jpeg(file, max_pixels, luma, buffers)?;
        (image, "jpeg", orientation)
    } else {
        other(file, wanted, buffers)?
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
    // What stands behind the image is not shown to the decoder, which would go on with it.
    let end = end_of_image(file);
    let image = end.and_then(|end| file.get(..end)).unwrap_or(file);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(image), options);
    decoder.decode_headers().map_err(broken)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| broken("it has no size"))?;
    check_size(width as u64, height as u64, max_pixels)?;
    // The decoder would fill up with grey what is missing.
    if end.is_none() {
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

fn other(
    file: &[u8],
    wanted: Wanted,
    buffers: &mut Buffers,
) -> Result<(Raster, &'static str, Orientation), DecodeError> {
    let max_pixels = wanted.max_pixels;
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(broken)?;
    let format = reader.format().ok_or_else(|| broken("its first bytes are of no known image format"))?;
    let mut limits = Limits::no_limits();
    // What an image of the size that the header says needs: profiles and texts unpack to no more than the rest.
    limits.max_alloc = Some(max_file_bytes(png_pixels(file).unwrap_or(max_pixels).min(max_pixels)));
    reader.limits(limits);

    let mut decoder = reader.into_decoder().map_err(|error| match tiff_colours(file) {
        Some(colours) if matches!(error, ImageError::Unsupported(_)) => broken(format!(
            "its pixels are {colours}, which is not supported in TIFF: save it as RGB or grey, or as PNG or JPEG"
        )),
        _ => error.into(),
    })?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into(), max_pixels)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let color = decoder.color_type();
    let bytes = usize::try_from(decoder.total_bytes()).map_err(broken)?;
    let mut data = buffers.take(bytes);
    decoder.read_image(&mut data)?;
    let (data, channels) = to_8_bits(data, color, wanted.background, buffers)?;
    let image = Raster::new(width as usize, height as usize, channels, data);
    Ok((image.ok_or_else(|| broken("it has no pixels"))?, name(format), orientation))
}

/// How many pixels a PNG's header claims. It has the first place, whatever follows.
fn png_pixels(file: &[u8]) -> Option<u64> {
    let side = |at: usize| Some(u64::from(u32::from_be_bytes(file.get(at..at + 4)?.try_into().ok()?)));
    let is_png = file.starts_with(b"\x89PNG\r\n\x1A\n") && file.get(12..16) == Some(b"IHDR");
    if is_png { side(16)?.checked_mul(side(20)?) } else { None }
}

/// What the colours of a TIFF's first image are called, where they are not red, green and blue: tag 262 of the first
/// directory (TIFF 6.0, section 2).
fn tiff_colours(file: &[u8]) -> Option<&'static str> {
    let little = match file.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = file.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let offset: [u8; 4] = file.get(4..8)?.try_into().ok()?;
    let directory = if little { u32::from_le_bytes(offset) } else { u32::from_be_bytes(offset) } as usize;
    let entry = |index: usize| directory.checked_add(2 + 12 * index);
    let entries = usize::from(short(directory)?);
    let tag = (0..entries).filter_map(entry).find(|at| short(*at) == Some(262))?;
    Some(match short(tag.checked_add(8)?)? {
        3 => "palette colours",
        4 => "a transparency mask",
        5 => "CMYK",
        6 => "YCbCr",
        8..=10 => "L*a*b*",
        _ => return None,
    })
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
    background: Option<[u8; 3]>,
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
    if let (Some(background), 2 | 4) = (background, samples) {
        let blended = blend(&data, (samples, bytes, high), background, buffers);
        buffers.give(data);
        return Ok(blended);
    }
    let mut narrow = buffers.take(pixels * kept);
    for (pixel, out) in data.chunks_exact(samples * bytes).zip(narrow.chunks_exact_mut(kept)) {
        for (index, sample) in out.iter_mut().enumerate() {
            *sample = pixel[index * bytes + high];
        }
    }
    buffers.give(data);
    Ok((narrow, kept))
}

/// Colours over a background, as opaque as their alpha says; grey if both are.
fn blend(
    data: &[u8],
    (samples, bytes, high): (usize, usize, usize),
    background: [u8; 3],
    buffers: &mut Buffers,
) -> (Vec<u8>, usize) {
    let [red, green, blue] = background;
    let gray = samples == 2 && red == green && green == blue;
    let channels = if gray { 1 } else { 3 };
    let pixels = data.len() / (samples * bytes);
    let mut opaque = buffers.take(pixels * channels);
    for (pixel, out) in data.chunks_exact(samples * bytes).zip(opaque.chunks_exact_mut(channels)) {
        let alpha = u32::from(pixel[(samples - 1) * bytes + high]);
        for (index, sample) in out.iter_mut().enumerate() {
            let colour = u32::from(pixel[if samples == 2 { 0 } else { index } * bytes + high]);
            let below = u32::from(background[index]);
            *sample = ((colour * alpha + below * (255 - alpha) + 127) / 255) as u8;
        }
    }
    (opaque, channels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_samples_lose_their_low_bits_and_pixels_their_alpha() {
        let deep: Vec<u8> =
            [0x1234_u16, 0x5678, 0x9ABC, 0xFFFF].into_iter().flat_map(u16::to_ne_bytes).collect();
        let (data, channels) = to_8_bits(deep, ColorType::Rgba16, None, &mut Buffers::new()).unwrap();
        assert_eq!((data, channels), (vec![0x12, 0x56, 0x9A], 3));
        let (data, channels) =
            to_8_bits(vec![1, 2, 3, 4], ColorType::La8, None, &mut Buffers::new()).unwrap();
        assert_eq!((data, channels), (vec![1, 3], 1));
    }

    #[test]
    fn what_is_transparent_shows_the_background_that_was_chosen() {
        let blended = |data: Vec<u8>, color, background| {
            to_8_bits(data, color, Some(background), &mut Buffers::new()).unwrap()
        };
        let colours = vec![10, 20, 30, 0, 10, 20, 30, 255, 0, 100, 200, 51];
        let expected = vec![255, 255, 255, 10, 20, 30, 204, 224, 244];
        assert_eq!(blended(colours, ColorType::Rgba8, [255; 3]), (expected, 3));
        assert_eq!(blended(vec![100, 0, 100, 255], ColorType::La8, [7; 3]), (vec![7, 100], 1));
        assert_eq!(blended(vec![100, 0], ColorType::La8, [7, 8, 9]), (vec![7, 8, 9], 3));
        let deep: Vec<u8> = [0x1234_u16, 0, 0x1234, 0xFFFF].into_iter().flat_map(u16::to_ne_bytes).collect();
        assert_eq!(blended(deep, ColorType::La16, [7; 3]), (vec![7, 0x12], 1));
    }
}
