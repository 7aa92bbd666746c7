//! A file that changes while a reduce job reads it: its tasks fail in a sentence, the workers live, and nobody is
//! given the answer of half a file.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::fs::{self, File};
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tests::{Finished, Place, Started, wait_until, workers_of};

/// Bytes of an array that takes a worker a while, and hardly any disk: zeros that were never written.
const LARGE: u64 = 256 << 20;

/// A place with `name`, and the job that sums it in few tasks, each tried once.
fn place_with(name: &str) -> (Place, String) {
    let place = Place::new();
    let path = place.path().join(name);
    let input = match name {
        "x.npy" => {
            let shape = (LARGE - 128) / 8;
            let start = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': ({shape},), }}");
            let header = format!("{start:<117}\n");
            place.write(name, [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes()].concat());
            lengthen(&path, LARGE);
            ""
        }
        "x.bin" => {
            place.write(name, "");
            lengthen(&path, LARGE);
            "dtype = \"i64\"\n"
        }
        _ => {
            place.write(name, format!("n\n{}", "1\n".repeat(10_000_000)));
            ""
        }
    };
    let job = format!(
        "kind = \"reduce\"\n[input]\nfile = \"{name}\"\n{input}[params]\nop = \"sum\"\nchunk = 8388608\n\
         [run]\nretries = 0\n"
    );
    let job = place.write("job.toml", job).display().to_string();
    (place, job)
}

fn lengthen(path: &Path, length: u64) {
    File::options().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// Starts the job, and stops a worker while it has a part of the file mapped; `None` where all was read before
/// that could happen.
fn stopped_in_the_middle(place: &Place, arguments: &[&str], name: &str) -> Option<(Started, Pid)> {
    let mut started = place.start(arguments);
    loop {
        for worker in workers_of(place.path()).into_iter().map(Pid::from_raw) {
            // It may have ended meanwhile.
            let _ = kill(worker, Signal::SIGSTOP);
            wait_until("the worker's stop", || !matches!(state_of(worker), Some('R' | 'S' | 'D')));
            let maps = fs::read_to_string(format!("/proc/{worker}/maps")).unwrap_or_default();
            if maps.lines().any(|line| line.ends_with(name)) {
                return Some((started, worker));
            }
            let _ = kill(worker, Signal::SIGCONT);
        }
        if started.child.try_wait().unwrap().is_some() {
            place.check_nothing_is_left();
            return None;
        }
    }
}

/// A process's state, as in ps; `None` where there is none any more.
fn state_of(process: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// Runs the job and changes the file while a worker reads it.
fn changed_under(name: &str, workers: &str, change: impl Fn(&Path)) -> (Finished, Value) {
    let arguments = ["run", "job.toml", "-w", workers, "--format", "jsonl", "--summary-json", "summary.json"];
    for _ in 0..100 {
        let (place, _) = place_with(name);
        let Some((started, worker)) = stopped_in_the_middle(&place, &arguments, name) else { continue };
        change(&place.path().join(name));
        kill(worker, Signal::SIGCONT).unwrap();
        let finished = started.finish();
        place.check_nothing_is_left();
        let summary = serde_json::from_str(&place.read("summary.json")).unwrap();
        return (finished, summary);
    }
    panic!("no worker was caught reading {name} in a hundred runs");
}

/// The reasons and messages of the tasks that failed.
fn failures(finished: &Finished) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let failed = finished.json_lines().into_iter().filter(|line| line["ok"] == false);
    failed.map(|line| (text(&line["error"]["reason"]), text(&line["error"]["message"]))).collect()
}

#[test]
fn a_file_cut_while_it_is_mapped_fails_tasks_in_a_sentence_and_kills_no_worker() {
    for name in ["x.npy", "x.bin", "x.csv"] {
        for workers in ["1", "2", "5"] {
            let (finished, summary) = changed_under(name, workers, |path| lengthen(path, 5000));
            let finished = finished.expect_code(1);
            let failures = failures(&finished);
            assert!(!failures.is_empty());
            for (reason, message) in failures {
                assert_eq!(reason, "error", "{message}");
                assert!(message.contains(&format!("{name}: has shrunk from ")), "{message}");
                assert!(message.contains(" to 5000 bytes since the job was planned"), "{message}");
            }
            assert_eq!((&summary["restarts"], &summary["result"]), (&json!(0), &Value::Null), "{summary}");
        }
    }
}

#[test]
fn a_file_that_grows_or_is_written_to_fails_the_tasks_that_come_after() {
    let (finished, summary) = changed_under("x.bin", "2", |path| lengthen(path, LARGE + 8));
    let grown = failures(&finished.expect_code(1));
    let sentence = format!("x.bin: has grown from {LARGE} to {} bytes since", LARGE + 8);
    assert!(
        grown.iter().all(|(reason, message)| reason == "error" && message.contains(&sentence)),
        "{grown:?}"
    );
    assert!(!grown.is_empty() && summary["result"].is_null());
    let (finished, summary) = changed_under("x.csv", "2", |path| {
        // The last number becomes another one.
        let file = File::options().write(true).open(path).unwrap();
        std::os::unix::fs::FileExt::write_at(&file, b"7", file.metadata().unwrap().len() - 2).unwrap();
    });
    let written = failures(&finished.expect_code(1));
    assert!(
        written.iter().all(|(_, message)| message.contains("x.csv: has been written to since")),
        "{written:?}"
    );
    assert!(!written.is_empty() && summary["result"].is_null());
}

#[test]
fn a_file_that_is_replaced_in_mid_run_is_noticed() {
    for workers in ["1", "5"] {
        let (finished, summary) = changed_under("x.csv", workers, |path| {
            let new = path.with_extension("new");
            fs::write(&new, format!("n\n{}", "7\n".repeat(10_000_000))).unwrap();
            fs::rename(new, path).unwrap();
        });
        let failures = failures(&finished.expect_code(1));
        let noticed =
            |(_, message): &(String, String)| message.contains("has been replaced by another file since");
        assert!(failures.iter().all(noticed), "{failures:?}");
        assert!(!failures.is_empty() && summary["result"].is_null());
    }
}

#[test]
fn a_bus_error_that_is_none_of_the_files_kills_the_worker_as_ever() {
    let (place, _) = place_with("x.bin");
    let arguments = ["run", "job.toml", "-w", "1", "--format", "jsonl", "--summary-json", "summary.json"];
    let mut caught = None;
    wait_until("a worker that reads", || {
        caught = stopped_in_the_middle(&place, &arguments, "x.bin");
        caught.is_some()
    });
    let (started, worker) = caught.unwrap();
    wait_until("the worker's end", || {
        // Before the first read the handler is the standard library's, which swallows the first one.
        let _ = kill(worker, Signal::SIGBUS);
        let _ = kill(worker, Signal::SIGCONT);
        matches!(state_of(worker), None | Some('Z' | 'X'))
    });
    let finished = started.finish().expect_code(1);
    let failures = failures(&finished);
    assert_eq!(failures.len(), 1, "only the running task is charged: {failures:?}");
    assert_eq!(failures[0].0, "signal");
    assert!(failures[0].1.contains("SIGBUS (a mapped file shrank"), "{failures:?}");
    let summary: Value = serde_json::from_str(&place.read("summary.json")).unwrap();
    assert_eq!((&summary["tasks"]["ok"], &summary["tasks"]["failed"]), (&json!(3), &json!(1)), "{summary}");
}
