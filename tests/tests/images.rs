//! The images kind through the real command: files in, files out, and what must not happen to either.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::Place;

/// The photos that come with the images job.
const PHOTOS: [&str; 3] = ["chelsea.png", "coins.png", "rocket.jpg"];

fn photo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs/photos").join(name)
}

/// A place with a copy of each photo.
fn place_with_photos() -> Place {
    let place = Place::new();
    fs::create_dir(place.path().join("photos")).unwrap();
    for name in PHOTOS {
        fs::copy(photo(name), place.path().join("photos").join(name)).unwrap();
    }
    place
}

fn job(place: &Place, input: &str, steps: &[&str], output: &str) -> String {
    let steps: String = steps.iter().map(|step| format!("[[params.step]]\n{step}\n")).collect();
    let text = format!("kind = \"images\"\n[input]\n{input}\n{steps}[output]\n{output}\n");
    place.write("job.toml", text).display().to_string()
}

/// All files below a folder, by their names from there on, in order.
fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path().strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_jobs_own_pipeline_cuts_each_photo_into_four_hundred_tiles() {
    let place = place_with_photos();
    fs::copy(photo("../images.toml"), place.path().join("images.toml")).unwrap();
    let run = ["run", "images.toml", "--format", "jsonl", "--summary-json", "summary.json"];
    let finished = place.run(&run).expect_code(0);
    let lines = finished.json_lines();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["value"]["files"] == 400), "{lines:?}");
    let tiles = files_below(&place.path().join("out/photos"));
    assert_eq!(tiles.len(), 1200);
    assert!(tiles.iter().all(|tile| tile.ends_with(".png")), "{tiles:?}");
    // Once more: what is there is the same, and stays.
    place.run(&run).expect_code(0);
    assert_eq!(files_below(&place.path().join("out/photos")).len(), 1200);
}

#[test]
fn outputs_are_the_same_for_any_number_of_workers() {
    let place = place_with_photos();
    let steps = ["op = \"grayscale\"", "op = \"otsu\""];
    let job = job(&place, "glob = \"photos/*\"", &steps, "dir = \"out\"\nformat = \"pnm\"");
    let mut all: Vec<Vec<Vec<u8>>> = Vec::new();
    for workers in ["1", "2", "5"] {
        place.run(&["run", &job, "-w", workers, "--force"]).expect_code(0);
        let out = place.path().join("out");
        all.push(files_below(&out).iter().map(|name| fs::read(out.join(name)).unwrap()).collect());
        fs::remove_dir_all(out).unwrap();
    }
    assert!(all[0].len() == 3 && all.iter().all(|outputs| *outputs == all[0]));
}

#[test]
fn names_keep_the_path_below_the_patterns_root() {
    let place = place_with_photos();
    fs::create_dir_all(place.path().join("photos/deep/er")).unwrap();
    fs::copy(photo("coins.png"), place.path().join("photos/deep/er/more.png")).unwrap();
    let job = job(&place, "glob = \"photos/**/*\"", &["op = \"invert\""], "dir = \"out\"\nformat = \"jpeg\"");
    place.run(&["run", &job]).expect_code(0);
    let wanted = ["chelsea.jpg", "coins.jpg", "deep/er/more.jpg", "rocket.jpg"];
    assert_eq!(files_below(&place.path().join("out")), wanted);
}

#[test]
fn two_inputs_for_one_output_are_refused_before_anything_runs() {
    let place = place_with_photos();
    fs::copy(photo("coins.png"), place.path().join("photos/rocket.png")).unwrap();
    let job = job(&place, "glob = \"photos/*\"", &["op = \"invert\""], "dir = \"out\"\nformat = \"png\"");
    let finished = place.run(&["run", &job]).expect_code(2);
    let both = finished.stderr.contains("rocket.jpg") && finished.stderr.contains("rocket.png");
    assert!(both, "{}", finished.stderr);
    assert!(!place.path().join("out").exists());
}

#[test]
fn an_existing_file_that_differs_is_replaced_only_by_force() {
    let place = place_with_photos();
    let job = job(&place, "files = [\"photos/coins.png\"]", &["op = \"invert\""], "dir = \"out\"");
    fs::create_dir_all(place.path().join("out")).unwrap();
    fs::write(place.path().join("out/coins.png"), "precious").unwrap();
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(1);
    assert!(finished.stdout.contains("--force"), "{}", finished.stdout);
    assert_eq!(fs::read(place.path().join("out/coins.png")).unwrap(), b"precious");
    place.run(&["run", &job, "--force"]).expect_code(0);
    assert!(fs::read(place.path().join("out/coins.png")).unwrap().starts_with(b"\x89PNG"));
}

/// The header of a PNG that claims so many pixels in a row and rows, and nothing behind it.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    file.extend_from_slice(&header);
    file.extend_from_slice(&crc32(&header).to_be_bytes());
    file.extend_from_slice(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn a_broken_file_and_a_bomb_fail_alone() {
    let place = place_with_photos();
    let jpeg = fs::read(photo("rocket.jpg")).unwrap();
    fs::write(place.path().join("photos/cut.jpg"), &jpeg[..200]).unwrap();
    fs::write(place.path().join("photos/text.png"), "no image").unwrap();
    fs::write(place.path().join("photos/bomb.png"), bomb(60_000, 60_000)).unwrap();
    let job = job(&place, "glob = \"photos/*\"", &["op = \"grayscale\""], "dir = \"out\"");
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(1);
    let reason = |name: &str| -> Value {
        let lines = finished.json_lines();
        let line = lines.iter().find(|line| line["input"].as_str().unwrap().ends_with(name)).unwrap();
        line["error"]["reason"].clone()
    };
    assert_eq!(reason("bomb.png"), "memory");
    assert_eq!((reason("cut.jpg"), reason("text.png")), ("error".into(), "error".into()));
    assert!(PHOTOS.iter().all(|name| reason(name).is_null()));
    assert_eq!(files_below(&place.path().join("out")), ["chelsea.png", "coins.png", "rocket.png"]);
}

#[test]
fn info_writes_no_image_and_tells_what_is_in_it() {
    let place = place_with_photos();
    let text = "kind = \"images\"\n[input]\nfiles = [\"photos/coins.png\"]\n[[params.step]]\nop = \"info\"\n";
    let job = place.write("job.toml", text).display().to_string();
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(0);
    let value = &finished.json_lines()[0]["value"];
    assert!(value["width"].as_u64() > Some(0) && value["height"].as_u64() > Some(0), "{value}");
    assert!(!place.path().join("out").exists());
}

#[test]
fn patterns_of_a_job_that_is_named_without_a_folder_start_in_the_current_one() {
    let place = place_with_photos();
    fs::copy(photo("coins.png"), place.path().join("coins.png")).unwrap();
    for (glob, count) in
        [("*.png", 1), ("**/coins.png", 2), ("{photos,none}/*", 3), ("p[h]otos/*.jpg", 1), ("coins.png", 1)]
    {
        place.write(
            "bare.toml",
            format!("kind = \"images\"\n[input]\nglob = \"{glob}\"\n[[params.step]]\nop = \"info\"\n"),
        );
        for job in ["bare.toml", "./bare.toml"] {
            let finished = place.run(&["run", job, "--format", "jsonl", "--store", "none"]).expect_code(0);
            assert_eq!(finished.json_lines().len(), count, "{glob} of {job}: {}", finished.stdout);
        }
    }
}

#[test]
fn a_failure_names_its_input_once() {
    let place = place_with_photos();
    place.write("photos/text.png", "no image");
    let job = job(&place, "files = [\"photos/text.png\"]", &["op = \"info\""], "dir = \"out\"");
    let finished = place.run(&["run", &job]).expect_code(1);
    assert!(
        finished.stdout.contains("photos/text.png: failed (error): can't be decoded"),
        "{}",
        finished.stdout
    );
}
