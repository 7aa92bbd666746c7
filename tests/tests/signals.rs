//! Requests to stop, and pauses.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use nix::sys::signal::Signal;
use protocol::monotonic_nanos;
use tests::{Figures, Place, Started, number, program, wait_until};

/// How long tasks are that are running at an interrupt.
const TASK: Duration = Duration::from_millis(1500);
/// How long each pause is.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts a job and waits until its first task has run.
fn start(place: &Place, tasks: &[&str], arguments: &[&str]) -> Started {
    let first = format!("mark:{}", place.path().join("begun").display());
    let tasks: Vec<&str> = std::iter::once(first.as_str()).chain(tasks.iter().copied()).collect();
    let job = place.faults(&tasks, "workers = 2").display().to_string();
    let started = place.start(&[&["run", &job, "--format", "jsonl"], arguments].concat());
    wait_until("the first task", || place.path().join("begun").exists());
    started
}

#[test]
fn a_first_interrupt_lets_running_tasks_finish_and_starts_no_more() {
    let place = Place::new();
    let started = start(&place, &["sleep:2*100"], &[]);
    started.signal(Signal::SIGINT);
    let finished = started.finish().expect_code(130);
    place.check_nothing_is_left();
    let lines = finished.json_lines();
    assert!((1..=7).contains(&lines.len()), "{} tasks ended", lines.len());
    assert!(lines.iter().all(|line| line["ok"] == true));
    assert!(finished.stderr.contains("interrupted"), "{}", finished.stderr);
}

/// When each task of a place began, by its id.
fn starts(place: &Place) -> BTreeMap<u64, u64> {
    let notes = std::fs::read_dir(place.path().join("clock")).unwrap().flatten();
    let start = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        let task = name.split('-').nth(1).unwrap().parse().unwrap();
        (task, std::fs::read_to_string(entry.path()).unwrap().parse().unwrap())
    };
    notes.map(start).collect()
}

/// `INTERRUPTS` makes it longer, and `INTERRUPT_MILLIS` is how long after the signal a task may begin
/// (`scripts/faults.sh`).
#[test]
fn nothing_begins_after_a_first_interrupt_and_what_has_begun_ends() {
    let rounds = number("INTERRUPTS", 4);
    let limit = number("INTERRUPT_MILLIS", 1400);
    let mut latest = Figures::default();
    for round in 0..rounds {
        let place = Place::new();
        // Every other time, workers have many more tasks in their hands.
        let batch = if round % 2 == 0 { "\"auto\"" } else { "16" };
        let run = format!("workers = 4\norder = \"completion\"\nbatch = {batch}");
        let job = place.faults(&["sleep:1.5*200"], &run).display().to_string();
        for folder in ["turns", "clock"] {
            std::fs::create_dir(place.path().join(folder)).unwrap();
        }
        let hostile = program("hostile").display().to_string();
        let mut command = place.command(&["run", &job, "--format", "jsonl", "--worker-program", &hostile]);
        command
            .env("HOSTILE_SIN", "starts")
            .env("HOSTILE_TURNS", place.path().join("turns"))
            .env("HOSTILE_CLOCK", place.path().join("clock"));
        let started = Started { child: command.spawn().unwrap() };
        wait_until("the first task", || {
            std::fs::read_dir(place.path().join("clock")).unwrap().next().is_some()
        });
        // At every part of a task's time.
        std::thread::sleep(TASK * u32::try_from(round).unwrap() / u32::try_from(rounds).unwrap());
        let asked = monotonic_nanos();
        started.signal(Signal::SIGINT);
        let finished = started.finish().expect_code(130);
        place.check_nothing_is_left();
        let starts = starts(&place);
        latest.push(starts.values().max().unwrap().saturating_sub(asked));
        let lines = finished.json_lines();
        let mut ended: Vec<u64> = lines.iter().map(|line| line["id"].as_u64().unwrap()).collect();
        ended.sort_unstable();
        assert!(starts.into_keys().eq(ended), "what began is not what ended");
        assert!(lines.iter().all(|line| line["ok"] == true));
    }
    println!("the last start after a first interrupt, with tasks of {TASK:?}: {latest}");
    assert!(latest.millis_at(1.0) < limit as f64, "{latest}");
}

#[test]
fn a_second_interrupt_ends_everything_at_once() {
    let place = Place::new();
    let mut started = start(&place, &["hang*10"], &["--grace", "1h"]);
    started.signal(Signal::SIGINT);
    // Two signals at once would be one.
    let mut word = String::new();
    BufReader::new(started.child.stderr.take().unwrap()).read_line(&mut word).unwrap();
    assert!(word.contains("Ctrl-C again"), "{word}");
    let second = monotonic_nanos();
    started.signal(Signal::SIGINT);
    started.finish().expect_code(130);
    println!("from the second interrupt to the end: {} ms", (monotonic_nanos() - second) / 1_000_000);
    place.check_nothing_is_left();
}

#[test]
fn grace_is_not_for_ever() {
    let place = Place::new();
    let started = start(&place, &["hang*10"], &["--grace", "300ms"]);
    started.signal(Signal::SIGTERM);
    started.finish().expect_code(143);
    place.check_nothing_is_left();
}

#[test]
fn a_hang_up_is_a_request_to_stop() {
    let place = Place::new();
    let started = start(&place, &["sleep:0.2*100"], &[]);
    started.signal(Signal::SIGHUP);
    started.finish().expect_code(143);
    place.check_nothing_is_left();
}

/// `PAUSES` makes it longer (`scripts/faults.sh`).
#[test]
fn pauses_run_no_time_limit_out() {
    let pauses = number("PAUSES", 5);
    let place = Place::new();
    // Nearly all of the sleep, which is longer than the limit, passes in pauses. It is in one batch with the
    // first task, so that it has begun before the first pause: a worker that comes up between pauses may find no
    // time to begin.
    let sleep = format!("sleep:{}", PAUSE.as_secs_f64() * pauses as f64);
    let alone = ["--timeout", "4s", "--retries", "0", "--workers", "1", "--batch", "2"];
    let started = start(&place, &[&sleep], &alone);
    let pid = started.child.id();
    let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    for pause in 0..pauses {
        started.signal(Signal::SIGTSTP);
        wait_until("the pause", || state().contains(") T ") || state().contains(") Z "));
        if state().contains(") Z ") {
            println!("the run was over after {pause} pauses");
            break;
        }
        std::thread::sleep(PAUSE);
        started.signal(Signal::SIGCONT);
        wait_until("the end of the pause", || !state().contains(") T "));
    }
    let finished = started.finish().expect_code(0);
    place.check_nothing_is_left();
    assert_eq!(finished.json_lines().len(), 2);
}

/// The command and its workers.
fn everybody(place: &Place, started: &Started) -> Vec<nix::unistd::Pid> {
    let own = i32::try_from(started.child.id()).unwrap();
    std::iter::once(own).chain(tests::workers_of(place.path())).map(nix::unistd::Pid::from_raw).collect()
}

#[test]
fn time_in_which_everybody_was_stopped_from_outside_is_charged_to_nobody() {
    let place = Place::new();
    let begun = place.path().join("begun");
    let first = format!("mark:{}", begun.display());
    let run = "workers = 2\nbatch = 1\ntimeout = \"2s\"\nretries = 0";
    let job = place.faults(&[&first, "sleep:1.2*4"], run).display().to_string();
    let started = place.start(&["run", &job, "--format", "jsonl"]);
    wait_until("the first task", || begun.exists());
    let everybody = everybody(&place, &started);
    let signal = |signal| everybody.iter().for_each(|pid| nix::sys::signal::kill(*pid, signal).unwrap());
    signal(Signal::SIGSTOP);
    // Longer than any task may take.
    std::thread::sleep(PAUSE * 4);
    signal(Signal::SIGCONT);
    let finished = started.finish().expect_code(0);
    assert!(finished.json_lines().iter().all(|line| line["ok"] == true), "{}", finished.stdout);
}

#[test]
fn ignored_signals_of_whoever_started_it_change_nothing_for_workers_and_programs() {
    let place = Place::new();
    let through = ["env", "--ignore-signal=CHLD", "--ignore-signal=TERM", "--ignore-signal=HUP"];
    let text = "kind = \"command\"\n[input]\nargs = [0, 3]\n[params]\nargv = [\"sh\", \"-c\", \"grep SigIgn /proc/self/status; exit $0\", \"{}\"]\n[run]\nretries = 0\n";
    let job = place.write("job.toml", text).display().to_string();
    let finished = place.run_prepared(place.command_through(&through, &["run", &job, "--format", "jsonl"]));
    let lines = finished.expect_code(1).json_lines();
    let told = lines[0]["value"]["stdout"].as_str().unwrap();
    let mask = u64::from_str_radix(told.trim_start_matches("SigIgn:").trim(), 16).unwrap();
    // Above are the C library's own, and those of real time.
    assert_eq!(mask & 0x7fff_ffff, 0, "{told}");
    assert_eq!(lines[1]["error"]["message"], "exit code 3", "{}", lines[1]);
    // A crash of a worker is told as what it was.
    let job = place.faults(&["segfault"], "retries = 0").display().to_string();
    let finished = place.run_prepared(place.command_through(&through, &["run", &job, "--format", "jsonl"]));
    let lines = finished.expect_code(1).json_lines();
    assert_eq!(lines[0]["error"]["reason"], "signal", "{}", lines[0]);
}
