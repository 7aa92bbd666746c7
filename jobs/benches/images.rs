//! Kernels on one core, in nanoseconds a pixel of processor time (so that other work on the machine hardly
//! shows): `cargo bench -p jobs --bench images`. `scripts/images_compare.sh` prints OpenCV's beside them.

#![allow(clippy::expect_used, reason = "no measurement without a picture")]

use std::hint::black_box;

use jobs::images::kernels::{self, Polarity, ResizeFilter, Resizer, ThresholdKind};
use jobs::images::{Buffers, Raster};
use rustix::time::{ClockId, clock_gettime};

const WIDTH: usize = 4000;
const HEIGHT: usize = 3000;
const ROUNDS: usize = 9;

fn main() {
    let (colours, gray) = (picture(3), picture(1));
    report("gray", &colours, kernels::grayscale);
    report_in_place("threshold", &gray, |gray| kernels::threshold(gray, 99, 255, ThresholdKind::Binary));
    report_in_place("otsu", &gray, |gray| {
        let level = kernels::otsu(&kernels::histogram(gray)[0]);
        kernels::threshold(gray, i32::from(level), 255, ThresholdKind::Binary);
    });
    for block in [11, 31] {
        report(&format!("adaptive mean {block}"), &gray, |gray, buffers| {
            kernels::adaptive_mean(gray, block, 2.0, 255, Polarity::Binary, buffers)
        });
        report(&format!("adaptive gaussian {block}"), &gray, |gray, buffers| {
            kernels::adaptive_gaussian(gray, block, 2.0, 255, Polarity::Binary, buffers)
        });
    }
    report("copy", &gray, kernels::grayscale);
    report("box blur 11", &gray, |gray, buffers| kernels::box_blur(gray, 11, buffers));
    report("gaussian blur 11", &gray, |gray, buffers| kernels::gaussian_blur(gray, 11, None, buffers));
    report("median 3", &gray, |gray, buffers| kernels::median_blur(gray, 3, buffers));
    report("median 5", &gray, |gray, buffers| kernels::median_blur(gray, 5, buffers));
    report("sobel", &gray, kernels::sobel);
    let (mut resizer, size) = (Resizer::default(), (WIDTH * 3 / 10, HEIGHT * 3 / 10));
    report("resize to 0.3", &gray, |gray, buffers| {
        resizer.resize(gray, size, ResizeFilter::Linear, buffers).unwrap_or_else(|| gray.clone())
    });
}

/// A soft ramp with some noise, as a photo might have.
fn picture(channels: usize) -> Raster {
    let sample = |index: usize| {
        let (x, y) = (index / channels % WIDTH, index / channels / WIDTH);
        let noise = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60;
        (x / 23 + y / 31 + noise as usize) as u8
    };
    let data = (0..WIDTH * HEIGHT * channels).map(sample).collect();
    Raster::new(WIDTH, HEIGHT, channels, data).expect("the shape fits")
}

/// All rounds share their buffers, as a worker's tasks do.
fn report(name: &str, picture: &Raster, mut kernel: impl FnMut(&Raster, &mut Buffers) -> Raster) {
    let mut buffers = Buffers::new();
    print(name, picture, || {
        let start = cpu_nanos();
        let result = black_box(kernel(picture, &mut buffers));
        let nanos = cpu_nanos() - start;
        buffers.give(result.into_data());
        nanos
    });
}

/// For kernels that change a picture; the copy that each gets is not timed.
fn report_in_place(name: &str, picture: &Raster, mut kernel: impl FnMut(&mut Raster)) {
    let mut copy = picture.clone();
    print(name, picture, || {
        copy.data_mut().copy_from_slice(picture.data());
        let start = cpu_nanos();
        kernel(black_box(&mut copy));
        cpu_nanos() - start
    });
}

/// Prints the fastest and the middle round, in nanoseconds a pixel.
fn print(name: &str, picture: &Raster, mut round: impl FnMut() -> i64) {
    round();
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round() as f64 / picture.pixels() as f64).collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:24} {:6.3} fastest {:6.3} median", rounds[0], rounds[ROUNDS / 2]);
}

fn cpu_nanos() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
