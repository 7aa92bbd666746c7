//! Workers and coordinators that die: nothing is lost, nobody innocent is charged, nothing is left.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::monotonic_nanos;
use serde_json::Value;
use tests::{Finished, Gauge, Place, number, processes_of, wait_until, workers_of};

fn summary(place: &Place) -> Value {
    serde_json::from_str(&place.read("summary.json")).unwrap()
}

fn ok_count(finished: &Finished) -> usize {
    finished.json_lines().iter().filter(|line| line["ok"] == true).count()
}

#[test]
fn killed_workers_cost_nothing_but_a_restart() {
    let place = Place::new();
    let tasks = vec!["sleep:0.03"; 300];
    let job = place.faults(&tasks, "workers = 2").display().to_string();
    let started = place.start(&["run", &job, "--format", "jsonl", "--summary-json", "summary.json"]);
    for _ in 0..3 {
        wait_until("a worker", || !workers_of(place.path()).is_empty());
        let victim = workers_of(place.path())[0];
        let _ = kill(Pid::from_raw(victim), Signal::SIGKILL);
        wait_until("its end", || !workers_of(place.path()).contains(&victim));
    }
    let finished = started.finish().expect_code(0);
    place.check_nothing_is_left();
    assert_eq!(ok_count(&finished), 300);
    let ids: Vec<u64> = finished.json_lines().iter().map(|line| line["id"].as_u64().unwrap()).collect();
    assert!(ids.into_iter().eq(0..300));
    assert!(summary(&place)["restarts"].as_u64().unwrap() >= 3);
}

#[test]
fn a_killed_coordinator_takes_its_workers_along() {
    let place = Place::new();
    let job = place.faults(&["hang*8", "child", "stop"], "workers = 4\nbatch = 1").display().to_string();
    let started = place.start(&["run", &job]);
    wait_until("four workers", || workers_of(place.path()).len() == 4);
    started.signal(Signal::SIGKILL);
    let _ = started.finish();
    wait_until("everybody's end", || processes_of(place.path()).is_empty());
    // What it could not tidy up, the next start does.
    let job = place.faults(&["ok"], "").display().to_string();
    place.run(&["run", &job]).expect_code(0);
}

/// `GIVE_UP_MILLIS` is how long it may take (`scripts/faults.sh`).
#[test]
fn a_worker_that_cannot_start_ends_the_run_with_the_reason() {
    let place = Place::new();
    let job = place.faults(&["ok*10"], "workers = 2").display().to_string();
    let begin = monotonic_nanos();
    let finished = place.run(&["run", &job, "--worker-program", "/bin/false"]).expect_code(3);
    let millis = (monotonic_nanos() - begin) / 1_000_000;
    println!("two workers that exit at once: given up after {millis} ms");
    assert!(millis < number("GIVE_UP_MILLIS", 60_000));
    assert!(finished.stderr.contains("exited with code 1 before it greeted"), "{}", finished.stderr);
    assert!(finished.stderr.contains("12 starts"), "{}", finished.stderr);
    let missing = place.run(&["run", &job, "--worker-program", "/no/such/program"]).expect_code(3);
    assert!(missing.stderr.contains("No such file"), "{}", missing.stderr);
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let place = Place::new();
    let job = place.write("job.toml", "kind = \"primes\"\n[input]\nrange = { from = 0, to = 3000000 }\n");
    let mut command = place.command(&["run", &job.display().to_string()]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "0 is not prime\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    place.check_nothing_is_left();
}

#[test]
fn a_poison_task_is_the_only_one_that_fails() {
    let place = Place::new();
    let job = place.faults(&["ok*20", "segfault", "ok*19"], "workers = 2\nbatch = 8").display().to_string();
    let arguments = ["run", &job, "--format", "jsonl", "--summary-json", "summary.json"];
    let finished = place.run(&arguments).expect_code(1);
    let lines = finished.json_lines();
    assert_eq!((lines.len(), ok_count(&finished)), (40, 39));
    let dead = &lines[20];
    assert_eq!(dead["ok"], false);
    assert_eq!(dead["error"]["reason"], "signal");
    assert!(dead["error"]["message"].as_str().unwrap().contains("SIGSEGV"), "{dead}");
    assert_eq!(dead["attempts"], 3);
    assert!(lines.iter().filter(|line| line["ok"] == true).all(|line| line["attempts"] == 1));
    assert_eq!(summary(&place)["tasks"]["failed"], 1);
}

#[test]
fn a_hundred_poison_tasks_in_ten_thousand_cost_no_innocent() {
    let place = Place::new();
    let tasks: Vec<&str> = std::iter::repeat_n(["ok*99", "abort"], 100).flatten().collect();
    let job = place.faults(&tasks, "workers = 2\nbatch = 64\nretries = 1").display().to_string();
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(1);
    let lines = finished.json_lines();
    assert_eq!(lines.len(), 10_000);
    for line in lines {
        let poison = line["id"].as_u64().unwrap() % 100 == 99;
        assert_eq!(line["ok"], !poison, "{line}");
        assert_eq!(line["attempts"], if poison { 2 } else { 1 }, "{line}");
    }
}

#[test]
fn every_way_to_die_has_its_reason() {
    let place = Place::new();
    let ways = [
        ("error", "error"),
        ("panic", "panic"),
        ("abort", "signal"),
        ("segfault", "signal"),
        ("exit:3", "exit"),
        ("kill", "signal"),
        ("overflow", "signal"),
        ("garbage", "protocol"),
        ("close", "protocol"),
        ("memory:4GiB", "memory"),
    ];
    let endless = [("hang", "timeout"), ("stop", "timeout"), ("busy:60", "timeout")];
    // Of the others none is in a hurry: a busy machine may take its time for them.
    for (ways, limit) in [(&ways[..], ""), (&endless, "timeout = \"1s\"")] {
        let tasks: Vec<&str> = ways.iter().map(|(task, _)| *task).collect();
        let run = format!("workers = 3\nretries = 0\nmemory = \"1GiB\"\n{limit}");
        let job = place.faults(&tasks, &run).display().to_string();
        let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(1);
        let lines = finished.json_lines();
        assert_eq!(lines.len(), ways.len());
        for (line, (task, reason)) in lines.iter().zip(ways) {
            assert_eq!(line["error"]["reason"], *reason, "{task}: {line}");
            assert_eq!(line["attempts"], 1, "{task}: {line}");
        }
    }
}

#[test]
fn a_flaky_task_succeeds_at_its_third_attempt() {
    let place = Place::new();
    let job = place.faults(&["ok*5", "flaky:2", "ok*5"], "workers = 2").display().to_string();
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(0);
    assert_eq!(finished.json_lines()[5]["attempts"], 3);
    let finished = place.run(&["run", &job, "--retries", "1", "--format", "jsonl"]).expect_code(1);
    assert_eq!(finished.json_lines()[5]["ok"], false);
}

#[test]
fn what_a_task_leaves_behind_goes_with_its_worker() {
    let place = Place::new();
    let job = place.faults(&["child*3", "ok"], "workers = 2").display().to_string();
    place.run(&["run", &job]).expect_code(0);
}

/// `FLOOD_MB` makes it longer (`scripts/faults.sh`).
#[test]
fn a_flood_of_output_harms_no_result() {
    let flood = number("FLOOD_MB", 20);
    let place = Place::new();
    let tasks = ["ok", &format!("stdout:{flood}MB"), &format!("stderr:{flood}MB"), "ok"];
    let job = place.faults(&tasks, "workers = 2").display().to_string();
    let started = place.start(&["run", &job, "--format", "jsonl", "-v"]);
    let gauge = Gauge::of(started.child.id());
    let finished = started.finish().expect_code(0);
    place.check_nothing_is_left();
    let peak = gauge.peak();
    println!("{flood} MB to each of standard output and error: {peak:?}");
    assert!(peak.resident_kib < 64 << 10, "{peak:?}");
    assert_eq!(ok_count(&finished), 4);
    assert!(finished.stderr.len() < 1 << 20, "{} bytes of log", finished.stderr.len());
    assert!(finished.stderr.contains("prints too much"), "no word of it");
}
