//! The `pi` job through the real command: the answer depends on the seed and the samples, and on nothing else.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tests::{Place, processes_of, wait_until};

fn job(place: &Place, samples: u64, seed: u64) -> String {
    let text = format!("kind = \"pi\"\n[input]\nsamples = {samples}\nseed = {seed}\n");
    place.write("job.toml", text).display().to_string()
}

fn summary(place: &Place) -> Value {
    serde_json::from_str(&place.read("summary.json")).unwrap()
}

fn estimate(place: &Place, job: &str, more: &[&str]) -> Value {
    let arguments = [&["run", job, "--summary-json", "summary.json"], more].concat();
    let finished = place.run(&arguments).expect_code(0);
    let result = summary(place)["result"].clone();
    assert_eq!(finished.stdout.lines().last().unwrap(), result.to_string());
    result
}

#[test]
fn any_workers_and_batches_give_the_same_estimate() {
    let place = Place::new();
    let job = job(&place, 1_000_001, 7);
    let one = estimate(&place, &job, &["-w", "1"]);
    for workers in ["1", "2", "7", "16"] {
        for batch in ["1", "5", "auto"] {
            let estimate = estimate(&place, &job, &["-w", workers, "--batch", batch]);
            assert_eq!(estimate, one, "-w {workers} --batch {batch}");
        }
    }
}

#[test]
fn the_estimate_is_pi_within_its_error() {
    let place = Place::new();
    for seed in [0, 1, u64::from(u32::MAX) + 1] {
        let estimate = estimate(&place, &job(&place, 2_000_000, seed), &[]);
        let (pi, error) = (estimate["pi"].as_f64().unwrap(), estimate["standard_error"].as_f64().unwrap());
        assert!((0.001..0.0013).contains(&error), "{estimate}");
        // The numbers are the same each time: no seed here is unlucky.
        assert!((pi - std::f64::consts::PI).abs() < 4.0 * error, "{estimate}");
        assert_eq!(estimate["samples"], 2_000_000);
        let inside = estimate["inside"].as_u64().unwrap() as f64;
        assert_eq!(pi, 4.0 * (inside / 2_000_000.0));
    }
}

#[test]
fn another_seed_gives_another_estimate() {
    let place = Place::new();
    let one = estimate(&place, &job(&place, 100_000, 1), &[]);
    let other = estimate(&place, &job(&place, 100_000, 2), &[]);
    assert_ne!(one["inside"], other["inside"]);
}

#[test]
fn tasks_are_never_single_samples() {
    let place = Place::new();
    for (samples, tasks) in [(1_u64, 1), (65_536, 1), (65_537, 2), (10_000_000, 39)] {
        estimate(&place, &job(&place, samples, 0), &[]);
        assert_eq!(summary(&place)["tasks"]["planned"], tasks, "{samples} samples");
    }
}

#[test]
fn a_killed_worker_changes_nothing() {
    let place = Place::new();
    let job = job(&place, 4_000_000, 3);
    let undisturbed = estimate(&place, &job, &[]);
    let started = place.start(&["run", &job, "-w", "2", "--summary-json", "summary.json"]);
    let worker = |line: &String| line.contains("__worker");
    wait_until("a worker", || processes_of(place.path()).iter().any(worker));
    let line = processes_of(place.path()).into_iter().find(worker).unwrap_or_default();
    if let Some(victim) = line.split(' ').next().and_then(|pid| pid.parse().ok()) {
        let _ = kill(Pid::from_raw(victim), Signal::SIGKILL);
    }
    let finished = started.finish().expect_code(0);
    place.check_nothing_is_left();
    assert_eq!(finished.stdout.lines().last().unwrap(), undisturbed.to_string());
}

#[test]
fn impossible_samples_are_refused_with_their_place() {
    let place = Place::new();
    let cases = [
        ("samples = 0", "at least 1"),
        ("samples = -1", "too small"),
        ("samples = 9_000_000_000_000_000_000", "too large"),
        ("samples = 1.5", "not an integer"),
        ("samples = 1\nseed = -1", "input.seed"),
        ("seed = 1", "`input.samples`: is required"),
        ("samples = 1\nchunk = 1", "input.chunk"),
    ];
    for (input, part) in cases {
        let job = place.write("job.toml", format!("kind = \"pi\"\n[input]\n{input}\n"));
        let finished = place.run(&["run", &job.display().to_string()]).expect_code(2);
        assert!(finished.stderr.contains(part), "{part:?} is missing in:\n{}", finished.stderr);
        assert!(finished.stderr.contains("job.toml:") && finished.stdout.is_empty());
    }
}
