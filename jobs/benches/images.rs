//! Kernels on one core, in nanoseconds a pixel of processor time (so that other work on the machine hardly
//! shows), and the reading and writing of files, of the time that the kind itself reports: `cargo bench -p unhurt-jobs
//! --bench images`. `scripts/bench.sh kernels` has OpenCV's beside them, on the same files.

#![allow(clippy::expect_used, reason = "no measurement without a picture")]

use std::hint::black_box;
use std::path::Path;

use jobs::PlanOptions;
use jobs::images::kernels::{self, Polarity, ResizeFilter, Resizer, ThresholdKind};
use jobs::images::{Buffers, Raster};
use jobs::spec::JobSpec;
use protocol::{Context, Payloads, Task, TaskId};
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
    let mut resizer = Resizer::default();
    for (name, size) in [("resize to 1200 × 900", (1200, 900)), ("resize to 640 × 480", (640, 480))] {
        report(name, &gray, |gray, buffers| {
            resizer.resize(gray, size, ResizeFilter::Linear, buffers).unwrap_or_else(|| gray.clone())
        });
    }
    files();
}

/// Reads and writes files of a photo's pixels, and leaves them for `scripts/peers/opencv_kernels.py`.
fn files() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("images-speed");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("photos/rocket.jpg");
    let run = |input: &Path, decode: &str, steps: &str, format: &str| {
        Job::new(&folder, input, decode, steps, format).run("read")
    };
    run(&photo, "colour", "", "pnm");
    let tile = std::fs::read(folder.join("rocket.pnm")).expect("it was just written");
    std::fs::write(folder.join("photo.pnm"), mosaic(&tile)).expect("the folder can be written to");
    run(&folder.join("photo.pnm"), "colour", "", "jpeg");
    let photo = folder.join("photo.jpg");
    let gray = folder.join("gray.pnm");
    run(&photo, "luma", "", "pnm");
    std::fs::rename(folder.join("photo.pnm"), &gray).expect("it was just written");

    for (name, input, decode, steps, format, stage) in [
        ("JPEG decode", &photo, "colour", "", "", "decode"),
        ("JPEG decode, luma", &photo, "luma", "", "", "decode"),
        ("PNG encode, gray", &gray, "colour", "", "png", "encode"),
        ("PNG encode, mask", &gray, "colour", "[[params.step]]\nop = \"otsu\"", "png", "encode"),
        ("JPEG encode, gray", &gray, "colour", "", "jpeg", "encode"),
    ] {
        let mut job = Job::new(&folder, input, decode, steps, format);
        print(name, || job.run(stage));
    }
}

/// A PNM picture of our size, full of a smaller one and its mirror images: with details as small as a camera's, and
/// without seams.
fn mosaic(file: &[u8]) -> Vec<u8> {
    let (width, height) = (640, 427);
    let pixels = file.last_chunk::<{ 640 * 427 * 3 }>().expect("as large as the photo").as_chunks::<3>().0;
    let mirrored = |place: usize, len: usize| {
        if (place / len).is_multiple_of(2) { place % len } else { len - 1 - place % len }
    };
    let mut mosaic = format!("P6 {WIDTH} {HEIGHT} 255\n").into_bytes();
    for y in 0..HEIGHT {
        let row = mirrored(y, height) * width;
        mosaic.extend((0..WIDTH).flat_map(|x| pixels[row + mirrored(x, width)]));
    }
    mosaic
}

/// A job with one image, as a worker runs it.
struct Job {
    handler: Box<dyn protocol::Handler>,
    payloads: Payloads,
}

impl Job {
    /// With no format, nothing is written.
    fn new(folder: &Path, input: &Path, decode: &str, steps: &str, format: &str) -> Self {
        let output = match format {
            "" => "[[params.step]]\nop = \"info\"".to_owned(),
            format => format!("[output]\ndir = \".\"\nformat = {format:?}\nquality = 90"),
        };
        let text = format!(
            "kind = \"images\"\n[input]\nfiles = [{input:?}]\n[params]\ndecode = {decode:?}\ntimings = true\n\
             {steps}\n{output}"
        );
        let mut spec = JobSpec::parse("job.toml", &text, folder, &[]).expect("a sound job");
        let kind = jobs::find("images").expect("a kind there is");
        let mut plan = kind.plan(&mut spec, &PlanOptions { force: true, items: None }).expect("a sound job");
        let mut payloads = Payloads::new();
        plan.tasks.next(1, &mut payloads).expect("it has a task");
        Self { handler: kind.handler(&plan.setup).expect("it was made for it"), payloads }
    }

    /// The nanoseconds that a stage takes.
    fn run(&mut self, stage: &str) -> i64 {
        let mut value = Vec::new();
        let payload = self.payloads.iter().next().expect("it has a task");
        let context = Context { worker: "worker-1", link: None };
        self.handler
            .run(&Task { id: TaskId(0), attempt: 1, payload, context }, &mut value)
            .expect("it goes well");
        let value: serde_json::Value = serde_json::from_slice(&value).expect("values are JSON");
        value["micros"][stage].as_i64().expect("the job asks for times") * 1000
    }
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
    print(name, || {
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
    print(name, || {
        copy.data_mut().copy_from_slice(picture.data());
        let start = cpu_nanos();
        kernel(black_box(&mut copy));
        cpu_nanos() - start
    });
}

/// Prints the fastest and the middle round, in nanoseconds a pixel.
fn print(name: &str, mut round: impl FnMut() -> i64) {
    round();
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round() as f64 / (WIDTH * HEIGHT) as f64).collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:24} {:6.3} fastest {:6.3} median", rounds[0], rounds[ROUNDS / 2]);
}

fn cpu_nanos() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
