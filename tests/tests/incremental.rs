//! Incremental runs: what has not changed is skipped, and everything else is done.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::{Finished, Place, processes_of, wait_until};

/// The photos that come with the images job.
const PHOTOS: [&str; 3] = ["chelsea.png", "coins.png", "rocket.jpg"];

/// A job that parts ink from paper, and copies of the real photos: each so many times.
fn photos(place: &Place, copies: usize) -> String {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs/photos");
    fs::create_dir(place.path().join("photos")).unwrap();
    for photo in PHOTOS {
        for copy in 0..copies {
            fs::copy(from.join(photo), place.path().join(format!("photos/{copy}-{photo}"))).unwrap();
        }
    }
    write_job(place, "otsu")
}

fn write_job(place: &Place, last: &str) -> String {
    let text = format!(
        "kind = \"images\"\n[input]\nglob = \"photos/*.{{jpg,png}}\"\n[[params.step]]\nop = \"tile\"\nrows = 2\n\
         columns = 2\n[[params.step]]\nop = \"grayscale\"\n[[params.step]]\nop = \"{last}\"\n\
         [output]\ndir = \"out\"\n"
    );
    place.write("job.toml", text).display().to_string()
}

/// Runs the job again, what has changed of it.
fn again(place: &Place, job: &str) -> Finished {
    let arguments = ["run", job, "--incremental", "--summary-json", "summary.json", "--format", "jsonl"];
    place.run(&arguments)
}

fn summary(place: &Place) -> Value {
    serde_json::from_str(&place.read("summary.json")).unwrap()
}

/// Tasks that workers have run.
fn executed(place: &Place) -> u64 {
    let summary = summary(place);
    summary["per_worker"].as_array().unwrap().iter().map(|worker| worker["tasks"].as_u64().unwrap()).sum()
}

/// Fails where a run did not skip so many of so many, or is not complete.
fn check(place: &Place, finished: &Finished, skipped: u64, total: u64) {
    let tasks = summary(place)["tasks"].clone();
    let counts = ["planned", "ok", "skipped"].map(|name| tasks[name].as_u64().unwrap());
    assert_eq!(counts, [total, total, skipped], "{}", finished.stderr);
    assert_eq!(executed(place), total - skipped);
    let told = format!("skipped {skipped} of {total}");
    assert!(finished.stderr.contains(&told), "{told:?} is not in:\n{}", finished.stderr);
    let lines = finished.json_lines();
    assert_eq!(lines.len() as u64, total);
    assert!((0..).zip(&lines).all(|(id, line)| line["id"] == id && line["ok"] == true));
}

/// What a run without a store makes of the photos, in another folder.
fn check_outputs(place: &Place, job: &str) {
    let set = "output.dir=\"fresh\"";
    place
        .run(&[
            "run",
            job,
            "--store",
            "none",
            "--force",
            "--set",
            set,
            "-q",
            "--output",
            "fresh.jsonl",
            "--reproducible",
        ])
        .expect_code(0);
    let files = |folder: &str| {
        let mut files: Vec<(PathBuf, Vec<u8>)> = fs::read_dir(place.path().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_name().unwrap().into(), fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    };
    assert!(files("out") == files("fresh"), "the outputs are not those of a fresh run");
    for name in ["fresh", "fresh.jsonl"] {
        let path = place.path().join(name);
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(path));
    }
}

#[test]
fn only_what_is_new_changed_failed_or_spoilt_is_run_again() {
    let place = Place::in_memory();
    let job = photos(&place, 4);
    let photo = |name: &str| place.path().join("photos").join(name);
    // One can't be decoded.
    fs::write(photo("9-broken.png"), "no photo").unwrap();
    let first = again(&place, &job).expect_code(1);
    assert!(first.stderr.contains("skipped 0 of 13: no earlier run"), "{}", first.stderr);
    // Nothing has changed; what failed fails again.
    let second = again(&place, &job).expect_code(1);
    assert!(second.stderr.contains("skipped 12 of 13 unchanged since run "), "{}", second.stderr);
    assert!(second.stderr.contains("to run: 1 not done or failed"), "{}", second.stderr);
    assert_eq!(executed(&place), 1);
    // One is mended, one is other, one is new and sorts before all others, one has gone.
    fs::copy(photo("0-coins.png"), photo("9-broken.png")).unwrap();
    fs::copy(photo("0-rocket.jpg"), photo("1-chelsea.png")).unwrap();
    fs::copy(photo("0-rocket.jpg"), photo("0-a.jpg")).unwrap();
    fs::remove_file(photo("3-coins.png")).unwrap();
    for tile in ["r00_c00", "r00_c01", "r01_c00", "r01_c01"] {
        fs::remove_file(place.path().join(format!("out/3-coins_{tile}.png"))).unwrap();
    }
    // One output has gone, one is other, one is only touched: in doubt it is made again.
    fs::remove_file(place.path().join("out/2-coins_r01_c00.png")).unwrap();
    fs::write(place.path().join("out/2-rocket_r00_c00.png"), "spoilt").unwrap();
    let third = again(&place, &job).expect_code(0);
    check(&place, &third, 8, 13);
    assert!(third.stderr.contains("1 new, 2 changed, 2 with an output that"), "{}", third.stderr);
    check_outputs(&place, &job);
    check(&place, &again(&place, &job).expect_code(0), 13, 13);
    check_outputs(&place, &job);
}

#[test]
fn a_touched_photo_is_skipped_and_one_that_hides_its_change_is_not() {
    let place = Place::in_memory();
    let job = photos(&place, 1);
    again(&place, &job).expect_code(0);
    let photo = place.path().join("photos/0-rocket.jpg");
    let file = fs::File::options().write(true).open(&photo).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    check(&place, &again(&place, &job).expect_code(0), 3, 3);
    // The same size and the same time, and one byte of the comment or the noise is other.
    let mut bytes = fs::read(&photo).unwrap();
    let last = bytes.len() - 1000;
    bytes[last] ^= 1;
    fs::write(&photo, bytes).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    check(&place, &again(&place, &job).expect_code(0), 2, 3);
    check_outputs(&place, &job);
}

#[test]
fn other_steps_are_other_work_and_going_back_does_not_deceive() {
    let place = Place::in_memory();
    let job = photos(&place, 1);
    again(&place, &job).expect_code(0);
    write_job(&place, "invert");
    check(&place, &again(&place, &job).expect_code(0), 0, 3);
    check_outputs(&place, &job);
    // The outputs of the first steps have been written over.
    write_job(&place, "otsu");
    check(&place, &again(&place, &job).expect_code(0), 0, 3);
    check_outputs(&place, &job);
    // Of the job's file only the steps count.
    fs::write(&job, fs::read_to_string(&job).unwrap() + "[run]\nretries = 0\n").unwrap();
    check(&place, &again(&place, &job).expect_code(0), 3, 3);
    // Names of outputs follow from the pattern.
    fs::write(&job, fs::read_to_string(&job).unwrap().replace("photos/*", "*/*")).unwrap();
    check(&place, &again(&place, &job).expect_code(0), 0, 3);
}

#[test]
fn what_an_unfinished_run_did_is_skipped_and_the_run_is_replaced() {
    let place = Place::in_memory();
    let job = photos(&place, 3);
    let broken = place.path().join("photos/1-broken.png");
    fs::write(&broken, "no photo").unwrap();
    place.run(&["run", &job, "--fail-fast", "-w", "1", "--batch", "1"]).expect_code(1);
    let stopped = place.run(&["runs", "list", "--json"]).expect_code(0).json_lines();
    assert_eq!(stopped[0]["state"], "failed");
    let done = stopped[0]["tasks"]["ok"].as_u64().unwrap();
    assert!((3..9).contains(&done), "{done}");
    fs::copy(place.path().join("photos/0-coins.png"), broken).unwrap();
    check(&place, &again(&place, &job).expect_code(0), done, 10);
    check_outputs(&place, &job);
    let runs = place.run(&["runs", "list", "--json"]).expect_code(0).json_lines();
    assert_eq!(runs[1]["replaced_by"], runs[0]["run_id"]);
    place.run(&["resume"]).expect_code(2);
}

#[test]
fn an_incremental_run_that_is_killed_goes_on_by_resume() {
    let place = Place::in_memory();
    let job = photos(&place, 4);
    again(&place, &job).expect_code(0);
    for copy in 0..3 {
        fs::copy(
            place.path().join("photos/0-coins.png"),
            place.path().join(format!("photos/{copy}-chelsea.png")),
        )
        .unwrap();
    }
    let arguments = ["run", &job, "--incremental", "--run-id", "killed", "-w", "1", "--batch", "1"];
    let started = place.start(&[&arguments[..], &["--output", "out.jsonl", "--reproducible"]].concat());
    let shown = || {
        let show = place.start(&["runs", "show", "killed", "--json"]).finish();
        if show.code() == 0 { show.json_lines()[0]["tasks"]["ok"].as_u64().unwrap() } else { 0 }
    };
    wait_until("what is carried over and more", || shown() > 9);
    started.signal(Signal::SIGKILL);
    // It may have been quicker.
    if started.finish().status.code().is_none() {
        wait_until("the workers' end", || processes_of(place.path()).is_empty());
        place.run(&["resume", "killed"]).expect_code(0);
    }
    check_outputs(&place, &job);
    assert_eq!(place.read("out.jsonl").lines().filter(|line| line.contains("\"ok\":true")).count(), 12);
    check(&place, &again(&place, &job).expect_code(0), 12, 12);
}

#[test]
fn from_another_folder_the_same_job_is_the_same() {
    let place = Place::in_memory();
    let job = photos(&place, 1);
    again(&place, &job).expect_code(0);
    let mut command = place.command(&["run", "../job.toml", "--incremental"]);
    command.current_dir(place.path().join("photos"));
    let finished = place.run_prepared(command).expect_code(0);
    assert!(finished.stderr.contains("skipped 3 of 3 unchanged"), "{}", finished.stderr);
}

#[test]
fn a_resumed_images_job_replaces_what_it_had_written() {
    let place = Place::in_memory();
    let job = photos(&place, 4);
    let started = place.start(&["run", &job, "--run-id", "r1", "-w", "1", "--batch", "1"]);
    wait_until("some photos", || fs::read_dir(place.path().join("out")).map_or(0, Iterator::count) > 8);
    started.signal(Signal::SIGTERM);
    // It may have been quicker.
    if started.finish().code() == 143 {
        place.run(&["resume", "r1"]).expect_code(0);
    }
    check_outputs(&place, &job);
}

#[test]
fn other_kinds_are_skipped_whole_or_not_at_all() {
    let place = Place::in_memory();
    place.write("numbers.txt", "2\n36\n101\n");
    let job = place.write("job.toml", "kind = \"primes\"\n[input]\nfile = \"numbers.txt\"\n");
    let job = job.display().to_string();
    let first = again(&place, &job).expect_code(0);
    let second = again(&place, &job).expect_code(0);
    assert_eq!(first.stdout, second.stdout);
    assert!(second.stderr.contains("skipped 3 unchanged since run "), "{}", second.stderr);
    assert_eq!((executed(&place), summary(&place)["tasks"]["skipped"].as_u64()), (0, Some(3)));
    place.write("numbers.txt", "2\n36\n101\n7\n");
    let third = again(&place, &job).expect_code(0);
    assert!(third.stderr.contains("skipped 0: no earlier run"), "{}", third.stderr);
    assert_eq!(third.json_lines().len(), 4);
}

#[test]
fn items_from_the_standard_input_are_never_taken_for_others() {
    let place = Place::in_memory();
    let job = place.write("job.toml", "kind = \"primes\"\n[input]\nnumbers = [7]\n");
    let job = job.display().to_string();
    place.write("items.txt", "4\n6\n");
    place.write("more.txt", "4\n8\n");
    let run = |items: &str, from: &str| {
        let mut command = place.command(&["run", &job, "--incremental", "--input", items]);
        command.stdin(fs::File::open(place.path().join(from)).unwrap());
        place.run_prepared(command).expect_code(0)
    };
    for (items, from, skipped) in [
        ("-", "items.txt", 0),
        ("-", "more.txt", 0),
        ("items.txt", "more.txt", 0),
        ("items.txt", "more.txt", 2),
    ] {
        let finished = run(items, from);
        assert!(finished.stderr.contains(&format!("skipped {skipped}")), "{items}: {}", finished.stderr);
        assert_eq!(finished.stdout.lines().count(), 2);
    }
    let finished = again(&place, &job).expect_code(0);
    assert_eq!(finished.json_lines()[0]["input"], "7");
    assert!(finished.stderr.contains("skipped 0"), "{}", finished.stderr);
}

#[test]
fn where_nothing_can_be_skipped_for_certain_it_is_refused() {
    let place = Place::in_memory();
    let job = place.faults(&["ok*3"], "").display().to_string();
    let refused = place.run(&["run", &job, "--incremental"]).expect_code(2);
    assert!(refused.stderr.contains("may give something else each time"), "{}", refused.stderr);
    let refused = place.run(&["run", &job, "--incremental", "--store", "none"]).expect_code(2);
    assert!(refused.stderr.contains("leave out --store none"), "{}", refused.stderr);
}
