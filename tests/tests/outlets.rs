//! Where the command writes: pipes without a reader, and files that may not become long.

use std::fs::File;
use std::io::Read;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use tests::{Place, wait_until};

#[test]
fn a_pipe_without_a_reader_does_not_keep_a_signal_from_ending_the_run() {
    for flag in ["--output", "--trace", "--report", "--summary-json", "--log-file"] {
        for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
            let place = Place::new();
            nix::unistd::mkfifo(&place.path().join("pipe.jsonl"), Mode::S_IRWXU).unwrap();
            let job = place.faults(&["ok", "hang"], "workers = 1\ngrace = 0").display().to_string();
            let ended = matches!(flag, "--report" | "--summary-json" | "--log-file");
            let started = place.start(&["run", &job, flag, "pipe.jsonl", "--run-id", "x"]);
            wait_until("the run, or its waiting", || {
                let found = place.start(&["runs", "show", "x"]).finish().code() == 0;
                found || !ended && place.tmp().read_dir().unwrap().next().is_some()
            });
            started.signal(signal);
            started.finish().expect_code(code);
            place.check_nothing_is_left();
        }
    }
}

#[test]
fn a_reader_that_comes_later_gets_everything() {
    let place = Place::new();
    let pipe = place.path().join("pipe.jsonl");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let job = place.faults(&["ok*20000"], "workers = 2").display().to_string();
    let started = place.start(&["run", &job, "--output", "pipe.jsonl", "--store", "none"]);
    wait_until("the command's directory", || place.tmp().read_dir().unwrap().next().is_some());
    let mut text = String::new();
    File::open(&pipe).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 20_000);
    started.finish().expect_code(0);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "tests start the command as a user's shell does")]
fn a_limit_on_the_length_of_files_ends_the_run_with_3_and_leaves_nothing() {
    let place = Place::new();
    let job = place.faults(&["ok*20000"], "workers = 2").display().to_string();
    let limited = "ulimit -f 64; exec \"$0\" run \"$1\" --output out.jsonl --store none";
    let output = std::process::Command::new("/bin/sh")
        .args(["-c", limited])
        .arg(tests::program("coordinator"))
        .arg(&job)
        .current_dir(place.path())
        .env("TMPDIR", place.tmp())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("File too large"), "{told}");
    place.check_nothing_is_left();
}
