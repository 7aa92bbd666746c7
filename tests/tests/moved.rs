//! Runs that go on though things have moved: the user, the job file, the photos, the partial output.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use tests::{Finished, Place};

/// A job that stops by itself in the middle: at the task that fails, the first time.
const TASKS: &str = "kind = \"faults\"\n[input]\ntasks = [\"ok*20\", \"flaky:1\", \"ok*20\"]\n";

/// Runs the job in the folder `jobs` below the place, and stops in the middle.
fn stopped(place: &Place, more: &[&str]) {
    fs::create_dir_all(place.path().join("jobs/out")).unwrap();
    place.write("jobs/job.toml", TASKS);
    let run = ["run", "job.toml", "--output", "out/results.jsonl", "--reproducible", "--run-id", "r1"];
    let stop = ["--fail-fast", "--retries", "0", "-w", "1", "--batch", "1"];
    let mut command = place.command(&[&run, &stop, more].concat());
    command.current_dir(place.path().join("jobs"));
    place.run_prepared(command).expect_code(1);
}

/// Retries the run, which also does the rest, from the place's own folder.
fn retried(place: &Place, more: &[&str]) -> Finished {
    place.run(&[&["retry", "r1", "--retries", "2", "--max-failures", "10"], more].concat())
}

fn check_results(place: &Place) {
    let results = place.read("jobs/out/results.jsonl");
    assert_eq!(results.lines().filter(|line| line.contains("\"ok\":true")).count(), 41, "{results}");
    assert!(!place.path().join("jobs/out/results.jsonl.partial").exists());
}

#[test]
fn a_run_goes_on_where_it_was_started_from_wherever_that_is_said() {
    let place = Place::in_memory();
    stopped(&place, &["--store", "my.db"]);
    retried(&place, &["--store", "jobs/my.db"]).expect_code(0);
    check_results(&place);
}

#[test]
fn a_partial_output_that_someone_has_written_to_is_written_anew() {
    let place = Place::in_memory();
    stopped(&place, &[]);
    let partial = place.path().join("jobs/out/results.jsonl.partial");
    let text = fs::read_to_string(&partial).unwrap();
    assert!(text.lines().count() >= 20);
    fs::write(&partial, text.replace("true", "false") + "{\"half a line").unwrap();
    retried(&place, &[]).expect_code(0);
    check_results(&place);
}

#[test]
fn a_job_file_that_has_moved_is_missed_unless_the_stored_one_will_do() {
    let place = Place::in_memory();
    stopped(&place, &[]);
    fs::rename(place.path().join("jobs/job.toml"), place.path().join("jobs/other.toml")).unwrap();
    let refused = retried(&place, &[]).expect_code(2);
    assert!(refused.stderr.contains("job.toml"), "{}", refused.stderr);
    retried(&place, &["--changed", "keep"]).expect_code(0);
    check_results(&place);
}

#[test]
fn a_folder_that_has_gone_is_named() {
    let place = Place::in_memory();
    stopped(&place, &[]);
    fs::rename(place.path().join("jobs"), place.path().join("moved")).unwrap();
    let refused = retried(&place, &[]).expect_code(2);
    assert!(refused.stderr.contains("jobs: the run was started there"), "{}", refused.stderr);
}

#[test]
fn an_output_is_never_the_store() {
    let place = Place::in_memory();
    let job = place.write("job.toml", TASKS).display().to_string();
    for flag in ["--output", "--summary-json"] {
        let refused = place.run(&["run", &job, "--store", "a.jsonl", flag, "./a.jsonl"]).expect_code(2);
        assert!(refused.stderr.contains("that is the store"), "{flag}: {}", refused.stderr);
        place.run(&["run", &job, "--store", "a.jsonl", flag, "./a.jsonl", "--force"]).expect_code(2);
    }
    place.run(&["runs", "list", "--store", "a.jsonl"]).expect_code(0);
}

/// Three photos; the second can't be decoded, and the run stops there.
fn stopped_at_a_broken_photo(place: &Place) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs/photos");
    fs::create_dir(place.path().join("photos")).unwrap();
    fs::copy(from.join("coins.png"), place.path().join("photos/a.png")).unwrap();
    fs::write(place.path().join("photos/b.png"), "no photo").unwrap();
    fs::copy(from.join("rocket.jpg"), place.path().join("photos/c.jpg")).unwrap();
    let text = "kind = \"images\"\n[input]\nglob = \"photos/*\"\n[[params.step]]\nop = \"grayscale\"\n\
                [output]\ndir = \"out\"\npath = \"out.jsonl\"\n";
    let job = place.write("job.toml", text).display().to_string();
    place.run(&["run", &job, "--fail-fast", "-w", "1", "--batch", "1", "--run-id", "r1"]).expect_code(1);
}

#[test]
fn photos_that_have_changed_are_kept_to_but_not_photos_that_are_others() {
    let place = Place::in_memory();
    stopped_at_a_broken_photo(&place);
    let photo = |name: &str| place.path().join("photos").join(name);
    fs::copy(photo("a.png"), photo("b.png")).unwrap();
    let refused = place.run(&["retry", "r1"]).expect_code(2);
    assert!(refused.stderr.contains("b.png has changed its size"), "{}", refused.stderr);
    // One that sorts before them would move every task.
    fs::copy(photo("a.png"), photo("0.png")).unwrap();
    let refused = place.run(&["retry", "r1", "--changed", "keep"]).expect_code(2);
    assert!(refused.stderr.contains("does not fit the inputs"), "{}", refused.stderr);
    fs::remove_file(photo("0.png")).unwrap();
    place.run(&["retry", "r1", "--changed", "keep", "--max-failures", "9"]).expect_code(0);
    let results = place.read("out.jsonl");
    let inputs: Vec<_> = results.lines().map(|line| line.split('"').nth(5).unwrap()).collect();
    assert_eq!(inputs, ["photos/a.png", "photos/b.png", "photos/c.jpg"], "{results}");
    // Nobody can tell any more what came from which photo: an incremental run takes nothing from it.
    let job = place.path().join("job.toml").display().to_string();
    let again = place.run(&["run", &job, "--incremental", "--force"]).expect_code(0);
    assert!(again.stderr.contains("skipped 0 of 3"), "{}", again.stderr);
}
