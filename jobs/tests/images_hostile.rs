//! Broken and hostile files end their own task with a sentence, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::fs;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::ImageFormat;
use jobs::PlanOptions;
use jobs::spec::JobSpec;
use protocol::{Context, Handler, Payloads, Task, TaskError, TaskErrorKind, TaskId};
use tempfile::TempDir;

/// A handler that decodes `file` in a folder of its own, within a million pixels.
struct Victim {
    folder: TempDir,
    handler: Box<dyn Handler>,
    payload: Vec<u8>,
}

impl Victim {
    fn new() -> Self {
        Self::within("max_pixels = 1000000")
    }

    fn within(limit: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        let text = format!(
            "kind = \"images\"\n[input]\nfiles = [\"file\"]\n[params]\n{limit}\n[[params.step]]\nop = \"info\"\n"
        );
        let kind = jobs::find("images").unwrap();
        let mut job = JobSpec::parse("test.toml", &text, folder.path(), &[]).unwrap();
        let mut plan = kind.plan(&mut job, &PlanOptions::default()).unwrap();
        let mut payloads = Payloads::new();
        assert!(plan.tasks.next(1, &mut payloads).unwrap());
        let payload = payloads.get(0).unwrap().to_vec();
        Self { folder, handler: kind.handler(&plan.setup).unwrap(), payload }
    }

    /// What becomes of a file with these bytes; a panic is told apart by its being none of both.
    fn read(&mut self, bytes: &[u8]) -> Option<Result<(), TaskError>> {
        fs::write(self.folder.path().join("file"), bytes).unwrap();
        let context = Context { worker: "worker-1", link: None };
        let task = Task { id: TaskId(0), attempt: 1, payload: &self.payload, context };
        catch_unwind(AssertUnwindSafe(|| self.handler.run(&task, &mut Vec::new()))).ok()
    }
}

/// A picture of 61 × 47 pixels in every format that is read.
fn pictures() -> Vec<(&'static str, Vec<u8>)> {
    let picture =
        image::RgbImage::from_fn(61, 47, |x, y| image::Rgb([(x * 4) as u8, (y * 5) as u8, (x * y) as u8]));
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
    encoder.encode(picture.as_raw(), 61, 47, jpeg_encoder::ColorType::Rgb).unwrap();
    let mut progressive = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut progressive, 90);
    encoder.set_progressive(true);
    encoder.encode(picture.as_raw(), 61, 47, jpeg_encoder::ColorType::Rgb).unwrap();
    let mut files = vec![("jpeg", jpeg), ("progressive jpeg", progressive)];
    for (name, format) in [
        ("png", ImageFormat::Png),
        ("webp", ImageFormat::WebP),
        ("tiff", ImageFormat::Tiff),
        ("bmp", ImageFormat::Bmp),
        ("gif", ImageFormat::Gif),
        ("pnm", ImageFormat::Pnm),
    ] {
        let mut file = Cursor::new(Vec::new());
        image::DynamicImage::from(picture.clone()).write_to(&mut file, format).unwrap();
        files.push((name, file.into_inner()));
    }
    files
}

#[test]
fn every_format_is_read() {
    let mut victim = Victim::new();
    for (name, file) in pictures() {
        victim.read(&file).expect("no panic").unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_truncated_file_is_an_error() {
    let mut victim = Victim::new();
    let photo = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("photos/rocket.jpg")).unwrap();
    for (name, file) in pictures().into_iter().chain([("photo", photo)]) {
        for part in 0..50 {
            let end = file.len() * part / 50;
            match victim.read(&file[..end]) {
                Some(Err(error)) => {
                    assert!(error.message.starts_with("can't be decoded: "), "{name}: {error}")
                }
                // Its frame is whole before the file is: the trailer says no more.
                Some(Ok(())) => assert!(part >= 49, "{name} cut at {part}/50 was read"),
                None => panic!("{name} cut at {part}/50 panicked"),
            }
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let mut victim = Victim::new();
    for (name, file) in pictures() {
        for seed in 0..150_u64 {
            let mut broken = file.clone();
            let mut state = seed;
            for _ in 0..1 + seed % 4 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Headers are where it hurts: half of the flips go to the first hundred bytes.
                let span = if state >> 63 == 0 { file.len().min(100) } else { file.len() };
                broken[(state >> 33) as usize % span] ^= 1 << (state >> 20 & 7);
            }
            assert!(victim.read(&broken).is_some(), "{name} with bits flipped by seed {seed} panicked");
        }
    }
}

#[test]
fn a_header_that_claims_too_much_fails_for_memory() {
    let mut victim = Victim::new();
    let mut files = pictures();
    let mut patch = |name: &str, find: &[u8], replace: &[u8]| {
        let (_, file) = files.iter_mut().find(|(known, _)| *known == name).unwrap();
        let place = file.windows(find.len()).position(|bytes| bytes == find).unwrap();
        file[place..place + find.len()].copy_from_slice(replace);
        file.clone()
    };
    // Height and width of a JPEG; width and height of a BMP and a GIF.
    let claims = [
        ("jpeg", patch("jpeg", &[0, 47, 0, 61], &[0xEA, 0x60, 0xEA, 0x60])),
        ("progressive jpeg", patch("progressive jpeg", &[0, 47, 0, 61], &[0xEA, 0x60, 0xEA, 0x60])),
        ("bmp", patch("bmp", &[61, 0, 0, 0, 47, 0, 0, 0], &[0x60, 0xEA, 0, 0, 0x60, 0xEA, 0, 0])),
        ("gif", patch("gif", &[61, 0, 47, 0], &[0x60, 0xEA, 0x60, 0xEA])),
        ("pnm", b"P6 60000 60000 255\n123".to_vec()),
    ];
    for (name, file) in claims {
        let error = victim.read(&file).expect("no panic").expect_err(name);
        assert_eq!(error.kind, TaskErrorKind::Memory, "{name}: {error}");
        assert!(error.message.contains("60000 × 60000"), "{name}: {error}");
    }
    assert!(victim.read(&files[0].1).is_some(), "the handler goes on");
}

#[test]
fn what_is_no_image_is_said_to_be_none() {
    let mut victim = Victim::new();
    for bytes in [b"".as_slice(), b"hello, world", b"\xFF\xD8\xFF", b"%PDF-1.7", &[0; 1000]] {
        let error = victim.read(bytes).expect("no panic").expect_err("no image");
        assert_eq!(error.kind, TaskErrorKind::Error);
    }
}

/// A zlib stream of a few hundred kilobytes that unpacks to `runs` × 258 zeros.
fn zeros(runs: usize) -> Vec<u8> {
    // One block with fixed codes: a zero, then copies of 258 bytes from one byte before.
    let (mut bytes, mut word, mut filled) = (vec![0x78, 0x01], 0_u64, 0);
    let mut put = |bits: &str| {
        for bit in bits.bytes() {
            word |= u64::from(bit == b'1') << filled;
            filled += 1;
            if filled == 8 {
                bytes.push(word as u8);
                (word, filled) = (0, 0);
            }
        }
    };
    put("110");
    put("00110000");
    (0..runs).for_each(|_| put("1100010100000"));
    put("0000000");
    put("0000000");
    bytes
}

fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind.as_slice(), data].concat();
    [&(data.len() as u32).to_be_bytes(), body.as_slice(), &crc32fast::hash(&body).to_be_bytes()].concat()
}

#[test]
fn bombs_in_profiles_and_pixels_go_off_in_vain() {
    let mut victim = Victim::new();
    let header = [&8_u32.to_be_bytes()[..], &8_u32.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    // 100 MiB each: more than a decoder may take for a million pixels.
    let bomb = zeros(400_000);
    let profile = [b"bomb\0\0".as_slice(), &bomb].concat();
    let text = [b"bomb\0\0".as_slice(), &bomb].concat();
    for (name, chunks) in [
        ("profile", vec![png_chunk(b"iCCP", &profile), png_chunk(b"IDAT", &zeros(1))]),
        ("text", vec![png_chunk(b"zTXt", &text), png_chunk(b"IDAT", &zeros(1))]),
        ("pixels", vec![png_chunk(b"IDAT", &bomb)]),
    ] {
        let signature = b"\x89PNG\r\n\x1A\n".to_vec();
        let start = [signature, png_chunk(b"IHDR", &header)].concat();
        let file = [start, chunks.concat(), png_chunk(b"IEND", b"")].concat();
        let before = peak_memory();
        assert!(victim.read(&file).is_some(), "{name}");
        let grown = peak_memory() - before;
        assert!(grown < 100 << 10, "{name}: memory grew by {grown} KiB");
    }
}

/// A file of the folder of cases that once went wrong.
fn case(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)).unwrap()
}

#[test]
fn a_profile_that_unpacks_to_half_a_gigabyte_takes_no_more_than_its_image_may() {
    // The usual limit on pixels, which is far above this image's.
    let mut victim = Victim::within("");
    let file = case("iccp_bomb.png");
    let before = peak_memory();
    assert!(victim.read(&file).is_some());
    let grown = peak_memory() - before;
    assert!(grown < 80 << 10, "memory grew by {grown} KiB");
}

#[test]
fn what_stands_behind_a_jpeg_is_ignored_and_a_cut_one_is_refused() {
    let mut victim = Victim::new();
    for name in ["trail_da.jpg", "trail_junk.jpg", "trailing_sos.jpg"] {
        victim.read(&case(name)).expect("no panic").unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let error = victim.read(&case("noeoi.jpg")).expect("no panic").expect_err("it is cut");
    assert!(error.message.contains("ends before the image does"), "{error}");
    // Half of an image is no image, even with another, whole one behind it, as in a container of two.
    for (name, file) in pictures().into_iter().take(2) {
        let half = &file[..file.len() / 2];
        for behind in [&file[..], &file[2..], b"film \xFF\x42 \xFF\xD9"] {
            let error = victim.read(&[half, behind].concat()).expect("no panic").expect_err(name);
            assert!(error.for_good, "{name}: {error}");
            victim
                .read(&[&file[..], behind].concat())
                .expect("no panic")
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn colours_that_tiff_knows_and_we_do_not_are_named() {
    let mut victim = Victim::new();
    for (name, colours) in [("palette.tif", "palette colours"), ("ycbcr.tif", "YCbCr")] {
        match victim.read(&case(name)).expect("no panic") {
            Ok(()) => panic!("{name} is read: the document says that it is not"),
            Err(error) => assert!(error.message.contains(colours), "{name}: {error}"),
        }
    }
}

/// The most memory that this process has had, in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
