//! The kind `images` from job file to output files, without processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use jobs::spec::{JobSpec, SpecErrors};
use jobs::{Kind, PlanOptions};
use protocol::{Context, Payloads, Task, TaskError, TaskErrorKind, TaskId};
use serde_json::Value;
use tempfile::TempDir;

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/photos");

fn kind() -> &'static dyn Kind {
    jobs::find("images").expect("it is registered")
}

/// Each task's input and what became of it.
type Results = Vec<(String, Result<Value, TaskError>)>;

fn run(text: &str, base: &Path, force: bool) -> Result<Results, SpecErrors> {
    let mut job = JobSpec::parse("test.toml", &format!("kind = \"images\"\n{text}"), base, &[])?;
    let mut plan = kind().plan(&mut job, &PlanOptions { force, items: None })?;
    job.unknown_keys().into_result()?;
    let mut handler = kind().handler(&plan.setup).unwrap();
    let presenter = kind().presenter(&plan.setup).unwrap();
    let (mut payloads, mut results) = (Payloads::new(), Results::new());
    while plan.tasks.next(2, &mut payloads).unwrap() {
        for payload in payloads.iter() {
            let context = Context { worker: "worker-1", link: None };
            let (mut value, mut input, mut json) = (Vec::new(), String::new(), String::new());
            let result = handler.run(&Task { id: TaskId(0), attempt: 1, payload, context }, &mut value);
            presenter.input(payload, &mut input).unwrap();
            let shown = result.map(|()| {
                presenter.value(payload, &value, &mut json).unwrap();
                presenter.text(payload, &value, &mut String::new()).unwrap();
                serde_json::from_str(&json).unwrap()
            });
            results.push((input, shown));
        }
        payloads.clear();
    }
    assert_eq!(plan.total, Some(results.len() as u64));
    Ok(results)
}

/// The values of a run in which nothing fails.
fn values(text: &str, base: &Path) -> Vec<Value> {
    let results = run(text, base, false).unwrap_or_else(|errors| panic!("{errors}"));
    results
        .into_iter()
        .map(|(input, result)| result.unwrap_or_else(|error| panic!("{input}: {error}")))
        .collect()
}

/// What is wrong with a job file.
fn refusal(text: &str, base: &Path) -> String {
    run(text, base, false).expect_err("it is wrong").to_string()
}

fn folder_with(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// A tiny grey picture, as a file.
fn pgm(width: usize, height: usize, level: u8) -> Vec<u8> {
    [format!("P5 {width} {height} 255\n").into_bytes(), vec![level; width * height]].concat()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const GRAY: &str = "[[params.step]]\nop = \"grayscale\"\n";

#[test]
fn the_example_cuts_every_photo_into_four_hundred_masks_and_runs_twice() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(PHOTOS, folder.path().join("photos")).unwrap();
    let text = kind().example().replace("kind = \"images\"", "");
    let first = values(&text, folder.path());
    assert_eq!(first.len(), 3);
    assert!(first.iter().all(|value| value["files"] == 400), "{first:?}");
    assert_eq!(first[2]["output"], "out/photos/rocket_r*_c*.png");

    let out = folder.path().join("out/photos");
    let all = names(&out);
    assert_eq!(all.len(), 1200);
    assert!(all.contains(&"coins_r19_c07.png".to_owned()), "{:?}", &all[..30]);
    let mask = image::open(out.join("rocket_r19_c19.png")).unwrap().into_luma8();
    assert_eq!(mask.dimensions(), (32, 22));
    assert!(mask.pixels().all(|pixel| pixel.0 == [0] || pixel.0 == [255]));

    let before = fs::metadata(out.join("coins_r19_c07.png")).unwrap().modified().unwrap();
    assert_eq!(values(&text, folder.path()), first, "the same again");
    let after = fs::metadata(out.join("coins_r19_c07.png")).unwrap().modified().unwrap();
    assert_eq!(before, after, "an equal file is kept as it is");
}

#[test]
fn a_different_file_in_the_way_fails_the_task_unless_forced() {
    let folder = folder_with(&[("a.pgm", &pgm(4, 4, 9)), ("out/a.png", b"precious")]);
    let text = format!("[input]\nglob = \"*.pgm\"\n{GRAY}[output]\ndir = \"out\"");
    let results = run(&text, folder.path(), false).unwrap();
    let error = results[0].1.as_ref().unwrap_err();
    assert!(
        error.message.contains("--force") && !error.message.contains("a.pgm"),
        "said with its input: {error}"
    );
    assert_eq!(fs::read(folder.path().join("out/a.png")).unwrap(), b"precious");
    run(&text, folder.path(), true).unwrap()[0].1.as_ref().unwrap();
    assert_ne!(fs::read(folder.path().join("out/a.png")).unwrap(), b"precious");
    assert_eq!(names(&folder.path().join("out")), ["a.png"]);
}

#[test]
fn outputs_keep_the_path_below_the_pattern() {
    let picture = pgm(2, 2, 1);
    let folder = folder_with(&[("in/a.pgm", &picture), ("in/deep/er/b.pgm", &picture), ("in/c.txt", b"")]);
    let text = format!("[input]\nglob = \"in/**/*.pgm\"\n{GRAY}[output]\ndir = \"in/out\"\nformat = \"pnm\"");
    for _ in 0..2 {
        // The second time, what was written is not taken for input.
        let outputs: Vec<_> =
            values(&text, folder.path()).iter().map(|value| value["output"].clone()).collect();
        assert_eq!(outputs, ["in/out/a.pnm", "in/out/deep/er/b.pnm"]);
    }
    assert!(folder.path().join("in/out/deep/er/b.pnm").is_file());
}

#[test]
fn outputs_that_collide_are_refused_before_anything_runs() {
    let picture = pgm(2, 2, 1);
    let folder = folder_with(&[("a.pgm", &picture), ("a.ppm", &picture), ("x/b.pnm", &picture)]);
    let text = format!("[input]\nglob = \"a.*\"\n{GRAY}[output]\ndir = \"out\"");
    let message = refusal(&text, folder.path());
    assert!(message.contains("a.pgm and a.ppm would both be written to"), "{message}");
    let text = format!("[input]\nfiles = [\"x/b.pnm\"]\n{GRAY}[output]\ndir = \"x\"\nformat = \"pnm\"");
    let message = refusal(&text, folder.path());
    assert!(message.contains("could overwrite the input x/b.pnm"), "{message}");
    assert!(!folder.path().join("out").exists());
}

#[test]
fn mistakes_are_told_with_place_and_way_out() {
    let folder = folder_with(&[("a.pgm", &pgm(2, 2, 1)), ("deep/a.txt", b"")]);
    let output = "[output]\ndir = \"out\"";
    let step = |keys: &str| format!("[input]\nglob = \"*.pgm\"\n[[params.step]]\n{keys}\n{output}");
    for (text, expected) in [
        (format!("[input]\nglob = \"*.jpg\"\n{output}"), "matches no file"),
        (format!("[input]\nfiles = [\"b.pgm\"]\n{output}"), "`input.files[0]`: \"b.pgm\" is no file"),
        (format!("[input]\nglob = \"a{{\"\n{output}"), "is no pattern"),
        (output.to_owned(), "`input.glob`: or `files` is required"),
        ("[input]\nglob = \"*.pgm\"".to_owned(), "`output.dir`: is required"),
        (step("op = \"sharpen\""), "\"sharpen\" is not a step"),
        (step("op = \"treshold\""), "did you mean \"threshold\"?"),
        (step("op = \"invert\"") + "\nformat = \"jpge\"", "did you mean \"jpeg\"?"),
        (
            format!("[params]\nstep = \"grayscale\"\n[input]\nglob = \"*.pgm\"\n{output}"),
            "op = \"grayscale\"",
        ),
        (
            format!("[params]\nstep = [\"greyscale\"]\n[input]\nglob = \"*.pgm\"\n{output}"),
            "op = \"grayscale\"",
        ),
        (format!("[params]\nstep.op = \"invert\"\n[input]\nglob = \"*.pgm\"\n{output}"), "[[params.step]]"),
        (
            format!("[params]\nbackground = \"#ff\"\n[input]\nglob = \"*.pgm\"\n{output}"),
            "\"#ff\" is no colour",
        ),
        (format!("[input]\nglob = \"deep\"\n{output}"), "is a folder"),
        (
            step("op = \"blur\"\nmethod = \"box\"\nsize = 4"),
            "test.toml:7:8: `params.step[0].size`: 4 is not odd",
        ),
        (step("op = \"blur\""), "`params.step[0].size`: is required"),
        (step("op = \"blur\"\nsigma = -1"), "-1 is not above 0"),
        (step("op = \"threshold\""), "`params.step[0].value`: is required"),
        (step("op = \"threshold\"\nvalue = 1\ntyp = \"trunc\""), "did you mean `type`?"),
        (
            step("op = \"adaptive-threshold\"\nmethod = \"median\"\nblock = 3\nc = 0"),
            "is not one of mean, gaussian",
        ),
        (step("op = \"resize\""), "`params.step[0].width`: is required"),
        (step("op = \"rotate\"\ndegrees = 45"), "45 is not one of 90, 180, 270"),
        (step("op = \"tile\"\nrows = 1000\ncolumns = 1000"), "more than 10000 tiles"),
        (
            step("op = \"tile\"\nrows = 2\ncolumns = 2\n[[params.step]]\nop = \"info\""),
            "can't come after `tile`",
        ),
        (step("op = \"edges\"\nmethod = \"canny\"\nlow = 9\nhigh = 5"), "is above `high`"),
        (step("op = \"invert\"") + "\nquality = 0", "0 is not from 1 to 100"),
        (step("op = \"invert\"") + "\nformat = \"bmp\"", "\"bmp\" is not one of png, jpeg"),
        (format!("[params]\nmax_pixels = 0\n{}", step("op = \"invert\"")), "must be above 0"),
    ] {
        let message = refusal(&text, folder.path());
        assert!(message.contains(expected), "{text}\n→ {message}\nlacks {expected}");
    }
}

#[test]
fn files_keep_their_order_and_their_doubles_and_never_share_an_output() {
    let folder =
        folder_with(&[("b.pgm", &pgm(2, 2, 1)), ("a.pgm", &pgm(2, 2, 2)), ("in/c.pgm", &pgm(2, 2, 3))]);
    let inputs = |text: &str| -> Vec<String> {
        run(text, folder.path(), false).unwrap().into_iter().map(|(input, _)| input).collect()
    };
    let info = "[[params.step]]\nop = \"info\"";
    let text = format!("[input]\nfiles = [\"b.pgm\", \"a.pgm\", \"./b.pgm\", \"b.pgm\"]\n{info}");
    assert_eq!(inputs(&text), ["b.pgm", "a.pgm", "./b.pgm", "b.pgm"], "as they stand");
    let text = format!("[input]\nglob = [\"b*\", \"./*.pgm\", \"*.pgm\"]\n{info}");
    let found = inputs(&text);
    assert_eq!(found.len(), 2, "each once: {found:?}");

    let output = format!("{GRAY}[output]\ndir = \"out\"");
    for (files, expected) in [
        ("\"a.pgm\", \"b.pgm\", \"a.pgm\"", "a.pgm is named twice"),
        ("\"./a.pgm\", \"a.pgm\"", "./a.pgm and a.pgm are one file"),
        ("\"in/../a.pgm\", \"a.pgm\"", "in/../a.pgm and a.pgm are one file"),
    ] {
        let message = refusal(&format!("[input]\nfiles = [{files}]\n{output}"), folder.path());
        assert!(message.contains(expected) && message.contains("name it once"), "{message}");
    }
    let outputs = |input: &str| -> Vec<Value> {
        let text = format!("[input]\n{input}\n{output}");
        values(&text, folder.path()).iter().map(|value| value["output"].clone()).collect()
    };
    assert_eq!(outputs("files = [\"in/c.pgm\"]"), outputs("glob = \"in/*.pgm\""));
    assert_eq!(outputs("files = [\"in/c.pgm\"]"), ["out/c.png"]);
    assert_eq!(outputs("files = [\"in/c.pgm\", \"a.pgm\"]"), ["out/in/c.png", "out/a.png"]);
}

#[test]
fn greyscale_jpg_and_tif_are_words_too() {
    let folder = folder_with(&[("a.pgm", &pgm(2, 2, 1))]);
    for (format, output) in [("jpg", "out/a.jpg"), ("tif", "out/a.tiff")] {
        let text = format!(
            "[input]\nglob = \"*.pgm\"\n[[params.step]]\nop = \"greyscale\"\n[output]\ndir = \"out\"\nformat = \"{format}\""
        );
        assert_eq!(values(&text, folder.path())[0]["output"], output);
    }
}

#[test]
fn what_is_no_file_any_more_fails_its_task_and_holds_nobody_up() {
    let folder = folder_with(&[("a.pgm", &pgm(2, 2, 1)), ("b.pgm", &pgm(2, 2, 1))]);
    let text = "kind = \"images\"\n[input]\nglob = \"*.pgm\"\n[[params.step]]\nop = \"info\"";
    let mut job = JobSpec::parse("test.toml", text, folder.path(), &[]).unwrap();
    let mut plan = kind().plan(&mut job, &PlanOptions::default()).unwrap();
    let mut payloads = Payloads::new();
    assert!(plan.tasks.next(2, &mut payloads).unwrap());
    fs::remove_file(folder.path().join("a.pgm")).unwrap();
    nix::unistd::mkfifo(&folder.path().join("a.pgm"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::remove_file(folder.path().join("b.pgm")).unwrap();
    let mut handler = kind().handler(&plan.setup).unwrap();
    for (payload, expected) in payloads.iter().zip(["is no regular file", "No such file"]) {
        let context = Context { worker: "worker-1", link: None };
        let task = Task { id: TaskId(0), attempt: 1, payload, context };
        let error = handler.run(&task, &mut Vec::new()).unwrap_err();
        assert!(error.message.contains(expected) && error.for_good, "{error:?}");
    }
}

#[test]
fn info_and_histogram_write_nothing() {
    let folder = folder_with(&[("a.ppm", b"P6 2 1 255\n\x01\x02\x03\x05\x06\x07")]);
    let text =
        "[input]\nfiles = [\"a.ppm\"]\n[[params.step]]\nop = \"info\"\n[[params.step]]\nop = \"histogram\"";
    let value = &values(text, folder.path())[0];
    assert_eq!(value["top_left"], serde_json::json!([1, 2, 3]));
    assert_eq!(value["mean"], serde_json::json!([3.0, 4.0, 5.0]));
    assert_eq!(
        (&value["format"], &value["channels"], &value["pixels"]),
        (&"pnm".into(), &3.into(), &2.into())
    );
    assert_eq!(value["histogram"][2][7], 1);
    assert!(value.get("output").is_none() && value.get("micros").is_none());
    assert_eq!(names(folder.path()), ["a.ppm"]);
}

#[test]
fn times_are_in_the_value_only_on_request() {
    let folder = folder_with(&[("a.pgm", &pgm(3, 3, 0))]);
    let text = "[input]\nglob = \"*.pgm\"\n[params]\ntimings = true\n[[params.step]]\nop = \"info\"";
    let value = &values(text, folder.path())[0];
    assert!(value["micros"]["decode"].is_u64(), "{value}");
}

#[test]
fn otsus_level_is_in_the_value() {
    let text = format!(
        "[input]\nfiles = [\"{PHOTOS}/coins.png\"]\n[[params.step]]\nop = \"otsu\"\n[output]\ndir = \"out\""
    );
    let folder = tempfile::tempdir().unwrap();
    let value = &values(&text, folder.path())[0];
    assert_eq!(value["otsu"], serde_json::json!([107]), "as by OpenCV");
    assert_eq!(value["output"], "out/coins.png");
}

#[test]
fn an_exif_orientation_is_respected() {
    // A tall picture, stored lying on its side: dark where its top is.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 100);
    encoder.add_exif_metadata(exif).unwrap();
    let lying: Vec<u8> = (0..64 * 32).map(|index| if index % 64 < 32 { 20 } else { 220 }).collect();
    encoder.encode(&lying, 64, 32, jpeg_encoder::ColorType::Luma).unwrap();
    let folder = folder_with(&[("a.jpg", &file)]);
    let text = format!("[input]\nglob = \"*.jpg\"\n{GRAY}[output]\ndir = \"out\"");
    let value = &values(&text, folder.path())[0];
    assert_eq!((&value["width"], &value["height"]), (&32.into(), &64.into()));
    let upright = image::open(folder.path().join("out/a.png")).unwrap().into_luma8();
    assert!(upright.get_pixel(16, 5).0[0] < 30 && upright.get_pixel(16, 60).0[0] > 210);
}

#[test]
fn luma_decoding_gives_nearly_what_grayscale_gives() {
    let folder = tempfile::tempdir().unwrap();
    let job = |decode: &str, dir: &str| {
        format!(
            "[input]\nfiles = [\"{PHOTOS}/rocket.jpg\"]\n[params]\ndecode = \"{decode}\"\n{GRAY}[output]\ndir = \"{dir}\""
        )
    };
    values(&job("colour", "gray"), folder.path());
    values(&job("luma", "luma"), folder.path());
    let read = |dir: &str| image::open(folder.path().join(dir).join("rocket.png")).unwrap().into_luma8();
    let (gray, luma) = (read("gray"), read("luma"));
    let apart = gray.iter().zip(luma.iter()).map(|(one, other)| one.abs_diff(*other));
    assert!(apart.clone().max().unwrap() <= 40, "{:?}", apart.max());
    let mean = apart.clone().map(u64::from).sum::<u64>() as f64 / apart.len() as f64;
    assert!(mean < 1.0, "{mean}");
}

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");

#[test]
fn luma_is_dozens_of_levels_beside_grayscale_at_saturated_edges() {
    let folder = tempfile::tempdir().unwrap();
    let grey = |decode: &str| {
        let text = format!(
            "[input]\nfiles = [\"{CASES}/red_line_on_white.jpg\"]\n[params]\ndecode = \"{decode}\"\n{GRAY}[output]\ndir = \"{decode}\""
        );
        values(&text, folder.path());
        image::open(folder.path().join(decode).join("red_line_on_white.png")).unwrap().into_luma8()
    };
    let (gray, luma) = (grey("colour"), grey("luma"));
    let most = gray.iter().zip(luma.iter()).map(|(one, other)| one.abs_diff(*other)).max().unwrap();
    assert!((12..40).contains(&most), "{most}: the document says that it is dozens");
}

#[test]
fn otsu_takes_the_lowest_of_levels_that_part_equally_well() {
    let text = format!(
        "[input]\nfiles = [\"{CASES}/otsu_tie_11_19.pnm\"]\n[[params.step]]\nop = \"otsu\"\n[output]\ndir = \"out\""
    );
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(values(&text, folder.path())[0]["otsu"], serde_json::json!([142]));
}

#[test]
fn means_of_windows_beyond_165_are_the_exact_ones_rounded() {
    let (folder, size) = (tempfile::tempdir().unwrap(), 255_i64);
    let original = image::open(format!("{CASES}/box255.ppm")).unwrap().into_rgb8();
    let text = format!(
        "[input]\nfiles = [\"{CASES}/box255.ppm\"]\n[[params.step]]\nop = \"blur\"\nmethod = \"box\"\nsize = {size}\n[output]\ndir = \"out\""
    );
    values(&text, folder.path());
    let blurred = image::open(folder.path().join("out/box255.png")).unwrap().into_rgb8();
    // Borders are mirrored about the last pixel, again and again where the image is narrower than the window.
    let mirrored = |at: i64, length: u32| {
        let period = 2 * (i64::from(length) - 1).max(1);
        let at = at.rem_euclid(period);
        at.min(period - at) as u32
    };
    let (width, height) = original.dimensions();
    for (x, y) in [(0, 0), (width / 2, height / 2), (width - 1, height - 1), (5, 9)] {
        for channel in 0..3 {
            let mut sum = 0_u64;
            for dy in -size / 2..=size / 2 {
                for dx in -size / 2..=size / 2 {
                    let (from_x, from_y) =
                        (mirrored(i64::from(x) + dx, width), mirrored(i64::from(y) + dy, height));
                    sum += u64::from(original.get_pixel(from_x, from_y).0[channel]);
                }
            }
            let mean = sum as f64 / (size * size) as f64;
            assert_eq!(f64::from(blurred.get_pixel(x, y).0[channel]), mean.round(), "{x}, {y}: {mean}");
        }
    }
}

#[test]
fn steps_do_what_they_say() {
    let folder = folder_with(&[("a.pgm", &pgm(40, 20, 100))]);
    let size = |steps: &str, dir: &str| {
        let text = format!("[input]\nglob = \"*.pgm\"\n{steps}\n[output]\ndir = \"{dir}\"");
        values(&text, folder.path());
        image::image_dimensions(folder.path().join(dir).join("a.png")).unwrap()
    };
    let step = |keys: &str| format!("[[params.step]]\n{keys}\n");
    assert_eq!(size(&step("op = \"resize\"\nwidth = 10"), "one"), (10, 5));
    assert_eq!(size(&step("op = \"resize\"\nheight = 40\nfilter = \"lanczos\""), "two"), (80, 40));
    assert_eq!(size(&step("op = \"resize\"\nheight = 15\nwidth = 15\nfit = \"inside\""), "three"), (15, 8));
    assert_eq!(
        size(&step("op = \"resize\"\nheight = 15\nwidth = 15\nfilter = \"nearest\""), "four"),
        (15, 15)
    );
    assert_eq!(size(&step("op = \"crop\"\nx = 3\nwidth = 7\nheight = 20"), "five"), (7, 20));
    assert_eq!(size(&step("op = \"rotate\"\ndegrees = 270"), "six"), (20, 40));
    assert_eq!(size(&step("op = \"flip\"\ndirection = \"vertical\""), "seven"), (40, 20));
    assert_eq!(size(&step("op = \"edges\""), "eight"), (40, 20));
}

#[test]
fn what_an_image_has_no_room_for_fails_its_task() {
    let folder = folder_with(&[("a.pgm", &pgm(4, 4, 100))]);
    for (keys, kind, expected) in [
        ("op = \"crop\"\nx = 3\nwidth = 2\nheight = 1", TaskErrorKind::Error, "columns 3…5"),
        ("op = \"tile\"\nrows = 5\ncolumns = 1", TaskErrorKind::Error, "can't be cut"),
        ("op = \"resize\"\nwidth = 1000", TaskErrorKind::Memory, "max_pixels"),
    ] {
        let text = format!(
            "[input]\nglob = \"*.pgm\"\n[params]\nmax_pixels = 10000\n[[params.step]]\n{keys}\n[output]\ndir = \"out\""
        );
        let results = run(&text, folder.path(), false).unwrap();
        let error = results[0].1.as_ref().unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
}
