//! The kernels' results against OpenCV's, as stored by `scripts/images_goldens.py`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::Path;

use jobs::images::kernels::{self, Polarity, ThresholdKind};
use jobs::images::{Buffers, Raster};

/// A step's keys and values, as the golden file has them.
type Step<'a> = BTreeMap<&'a str, &'a str>;

#[test]
fn the_kernels_equal_opencv() {
    let (mut pictures, mut compared) = (Vec::new(), 0);
    let mut wrong = Vec::new();
    for line in include_str!("goldens/images.txt").lines() {
        if let Some(keys) = line.strip_prefix("picture ") {
            pictures.push(picture(&keys_of(keys)));
        } else if let Some(keys) = line.strip_prefix("photo ") {
            pictures.push(photo(&keys_of(keys)));
        } else if let Some((keys, results)) = line.split_once(" | ") {
            for (index, (picture, expected)) in pictures.iter().zip(results.split(' ')).enumerate() {
                compared += 1;
                if apply(picture, &keys_of(keys)) != expected {
                    wrong.push(format!("picture {index}: {keys}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 1500, "only {compared} results in the golden file");
}

fn keys_of(text: &str) -> Step<'_> {
    text.split(' ').filter_map(|pair| pair.split_once('=')).collect()
}

fn number<T: std::str::FromStr>(step: &Step<'_>, key: &str) -> T {
    step[key].parse().ok().unwrap_or_else(|| panic!("{key} of {step:?}"))
}

/// The result's CRC-32, and the level where Otsu found one.
fn apply(picture: &Raster, step: &Step<'_>) -> String {
    let buffers = &mut Buffers::new();
    let gray = |buffers: &mut Buffers| kernels::grayscale(picture, buffers);
    let size = || number(step, "size");
    let mut level = None;
    let image = match (step["op"], step.get("method").copied().unwrap_or_default()) {
        ("grayscale", _) => gray(buffers),
        ("threshold", _) => {
            let mut image = picture.clone();
            let value: f64 = number(step, "value");
            kernels::threshold(&mut image, value.floor() as i32, number(step, "max"), kind(step["type"]));
            image
        }
        ("otsu", _) => {
            let mut image = gray(buffers);
            let found = kernels::otsu(&kernels::histogram(&image)[0]);
            kernels::threshold(&mut image, i32::from(found), 255, kind(step["type"]));
            level = Some(found);
            image
        }
        ("adaptive-threshold", method) => {
            let polarity = if step["type"] == "binary" { Polarity::Binary } else { Polarity::BinaryInv };
            let (gray, block, c) = (gray(buffers), number(step, "block"), number(step, "c"));
            match method {
                "mean" => kernels::adaptive_mean(&gray, block, c, 255, polarity, buffers),
                _ => kernels::adaptive_gaussian(&gray, block, c, 255, polarity, buffers),
            }
        }
        ("blur", "box") => kernels::box_blur(picture, size(), buffers),
        ("blur", "median") => kernels::median_blur(picture, size(), buffers),
        ("blur", "gaussian") if step.contains_key("sigma") => {
            let sigma = number(step, "sigma");
            kernels::gaussian_blur(picture, kernels::size_for_sigma(sigma), Some(sigma), buffers)
        }
        ("blur", "gaussian") => kernels::gaussian_blur(picture, size(), None, buffers),
        ("edges", "sobel") => kernels::sobel(&gray(buffers), buffers),
        ("edges", "canny") => {
            kernels::canny(&gray(buffers), number(step, "low"), number(step, "high"), buffers)
        }
        other => panic!("{other:?} is not known here"),
    };
    let crc = crc32fast::hash(image.data());
    level.map_or_else(|| format!("{crc:08x}"), |level| format!("{crc:08x}:{level}"))
}

fn kind(name: &str) -> ThresholdKind {
    match name {
        "binary" => ThresholdKind::Binary,
        "binary-inv" => ThresholdKind::BinaryInv,
        "trunc" => ThresholdKind::Trunc,
        "tozero" => ThresholdKind::ToZero,
        _ => ThresholdKind::ToZeroInv,
    }
}

/// A part of one of the job's photos.
fn photo(keys: &Step<'_>) -> Raster {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("photos").join(keys["name"]);
    let image = image::open(path).unwrap();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let channels = usize::from(image.color().channel_count());
    let whole = Raster::new(width, height, channels, image.into_bytes()).unwrap();
    let (x, y): (usize, usize) = (number(keys, "x"), number(keys, "y"));
    let (width, height): (usize, usize) = (number(keys, "width"), number(keys, "height"));
    kernels::crop(&whole, x..x + width, y..y + height, &mut Buffers::new())
}

/// The same pictures as `picture` in `scripts/images_cases.py` makes.
fn picture(keys: &Step<'_>) -> Raster {
    let (seed, width, height): (u64, usize, usize) =
        (number(keys, "seed"), number(keys, "width"), number(keys, "height"));
    let channels = number(keys, "channels");
    let sample = |position: usize| {
        let noise = splitmix64(seed, position as u64) >> 56;
        let (x, y) = ((position / channels % width) as u64, (position / channels / width) as u64);
        match seed % 4 {
            0 => noise as u8,
            1 => ((x * 2 + y * 3 + noise / 16) % 256) as u8,
            2 => (noise / 8 + (noise % 2) * 150) as u8,
            _ => (seed % 251) as u8,
        }
    };
    let data = (0..width * height * channels).map(sample).collect();
    Raster::new(width, height, channels, data).unwrap()
}

/// Number `position` (from 0) of the SplitMix64 stream (Steele, Lea, Flood, 2014) that starts at `seed`.
fn splitmix64(seed: u64, position: u64) -> u64 {
    let mut z = seed.wrapping_add((position + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
