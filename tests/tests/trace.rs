//! `--trace`: a timeline that other tools open.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use serde_json::Value;
use tests::Place;

fn trace(place: &Place) -> Value {
    serde_json::from_str(&place.read("trace.json")).unwrap()
}

/// The slices of a track, by when they begin.
fn slices(trace: &Value, track: u64) -> Vec<(f64, f64, String)> {
    let events = trace["traceEvents"].as_array().unwrap();
    let mut slices: Vec<_> = events
        .iter()
        .filter(|event| event["ph"] == "X" && event["tid"] == track)
        .map(|event| {
            let number = |key: &str| event[key].as_f64().unwrap();
            (number("ts"), number("ts") + number("dur"), event["name"].as_str().unwrap().to_owned())
        })
        .collect();
    slices.sort_by(|one, other| one.0.total_cmp(&other.0));
    slices
}

#[test]
fn a_trace_has_a_track_for_each_worker_on_which_tasks_never_overlap() {
    let place = Place::new();
    let tasks = ["sleep:0.01*40", "segfault", "error*2", "hang", "ok*200"];
    let job = place.faults(&tasks, "workers = 3\nretries = 1\ntimeout = \"2s\"").display().to_string();
    let run =
        place.run(&["run", &job, "--trace", "trace.json", "--summary-json", "summary.json"]).expect_code(1);
    assert!(!run.stderr.contains("the trace"), "{}", run.stderr);
    let trace = trace(&place);
    let mut done = 0;
    for track in 1..=3 {
        let slices = slices(&trace, track);
        assert!(slices.iter().any(|(.., name)| name == "start"), "{slices:?}");
        let tasks: Vec<_> = slices.iter().filter(|(.., name)| name.starts_with("task ")).collect();
        for pair in tasks.windows(2) {
            assert!(pair[0].1 <= pair[1].0 + 0.002, "they overlap: {pair:?}");
        }
        done += tasks.iter().filter(|(.., name)| !name.contains("failed")).count();
    }
    assert_eq!(done, 240);
    let names = trace["traceEvents"].as_array().unwrap().iter().map(|event| event["name"].as_str().unwrap());
    let names: Vec<_> = names.collect();
    for name in ["restart", "died", "killed", "sent", ": failed (error)", ": failed (timeout)"] {
        assert!(names.iter().any(|other| other.ends_with(name)), "no {name:?}");
    }
    assert_eq!(trace["otherData"]["tasks"], 240);
}

#[test]
fn a_trace_is_there_for_a_run_that_goes_on_and_replaces_nothing_else() {
    let place = Place::new();
    let job = place.faults(&["ok*5", "error"], "workers = 1").display().to_string();
    place.run(&["run", &job, "--run-id", "r1"]).expect_code(1);
    place.run(&["retry", "r1", "--trace", "trace.json"]).expect_code(1);
    assert!(slices(&trace(&place), 1).iter().any(|(.., name)| name.contains("failed (error)")));
    let clash = place.run(&["run", &job, "--trace", "job.toml"]).expect_code(2);
    assert!(clash.stderr.contains("--trace job.toml: that is the job file"), "{}", clash.stderr);
    let clash = place.run(&["run", &job, "--trace", "a.json", "--summary-json", "a.json"]).expect_code(2);
    assert!(clash.stderr.contains("that is the --summary-json"), "{}", clash.stderr);
    let clash = place.run(&["run", &job, "--trace", "no/a.json"]).expect_code(2);
    assert!(clash.stderr.contains("mkdir -p no"), "{}", clash.stderr);
}
