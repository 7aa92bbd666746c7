//! Log lines: on the standard error and in files, as text and as JSON.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

use serde_json::Value;
use tests::Place;

fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect()
}

/// A task that prints more than a pipe holds, so that it is read while it runs; and one that fails at first.
fn job(place: &Place) -> String {
    place.faults(&["stdout:2MB", "flaky:2"], "workers = 1\nretries = 2").display().to_string()
}

#[test]
fn what_workers_print_is_logged_with_worker_task_and_attempt() {
    let place = Place::new();
    let job = job(&place);
    let run = place.run(&["run", &job, "--log-format", "json", "--log-file", "run.log"]).expect_code(0);
    assert!(!run.stderr.contains("\"INFO\""), "the standard error stays as it was: {}", run.stderr);
    let lines = objects(&place.read("run.log"));
    let printed: Vec<_> =
        lines.iter().filter(|line| line["target"] == "worker" && !line["task"].is_null()).collect();
    assert!(!printed.is_empty(), "{lines:#?}");
    for line in printed {
        assert_eq!(line["worker"], "worker-1");
        assert!(line["attempt"].as_u64() >= Some(1) && line["timestamp"].is_string(), "{line}");
    }
    let failed: Vec<_> = lines.iter().filter(|line| line["reason"].is_string()).collect();
    assert!(failed.iter().any(|line| line["worker"] == "worker-1" && line["task"] == 1), "{lines:#?}");
}

#[test]
fn a_log_file_is_added_to_and_has_no_colours() {
    let place = Place::new();
    let job = job(&place);
    let arguments = ["run", &job, "--log-file", "run.log", "--color", "always", "-v"];
    let first = place.run(&arguments).expect_code(0);
    assert!(first.stderr.contains("INFO"), "{}", first.stderr);
    let once = place.read("run.log");
    assert!(once.contains(" INFO worker: ") && !once.contains('\u{1b}'), "{once}");
    place.run(&arguments).expect_code(0);
    assert!(place.read("run.log").starts_with(&once) && place.read("run.log").len() > once.len());
}

#[test]
fn the_log_tells_of_the_queue_its_pills_and_its_join() {
    let place = Place::new();
    let job = job(&place);
    let told = place.run(&["run", &job, "-v", "--workers", "2", "--color", "never"]).expect_code(0).stderr;
    let told_of = |what: &str| told.find(what).unwrap_or_else(|| panic!("{what} is not told:\n{told}"));
    let put = told_of("all tasks are put into the queue");
    let pill = told_of("takes its poison pill");
    let joined = told_of("the queue is joined");
    assert!(put < pill && pill < joined, "{told}");
}

#[test]
fn rust_log_says_how_much_is_in_the_file() {
    let place = Place::new();
    let job = job(&place);
    let mut command = place.command(&["run", &job, "--log-file", "run.log"]);
    command.env("RUST_LOG", "error");
    place.run_prepared(command).expect_code(0);
    assert_eq!(place.read("run.log"), "");
    let bad = place.run(&["run", &job, "--log-file", "no/run.log"]).expect_code(2);
    assert!(bad.stderr.contains("--log-file no/run.log: it can't be written"), "{}", bad.stderr);
}
