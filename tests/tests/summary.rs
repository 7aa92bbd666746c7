//! The end of a run: what came out, what failed, what held it back, what to do next.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use tests::Place;

fn summary(place: &Place) -> serde_json::Value {
    serde_json::from_str(&place.read("summary.json")).unwrap()
}

#[test]
fn failures_come_by_reason_with_what_to_do_next() {
    let place = Place::new();
    let job = place.faults(&["ok*3", "error*7", "segfault"], "workers = 2\nretries = 0");
    let job = job.display().to_string();
    let run = place.run(&["run", &job, "--run-id", "r1"]).expect_code(1);
    for part in [
        "3 ok, 8 failed",
        "failed (error): 7 tasks\n",
        "  … and 2 more\n",
        "failed (signal): 1 task\n",
        "every failure with its history: ",
        " runs show r1\n",
    ] {
        assert!(run.stderr.contains(part), "no {part:?} in:\n{}", run.stderr);
    }
    // What is said to come next can be pasted as it is.
    let next = run.stderr.lines().find_map(|line| line.strip_prefix("try the failed tasks again: ")).unwrap();
    assert!(next.ends_with(" retry r1"), "{next}");
    let again = place.run_prepared(place.command_through(&["sh", "-c", next], &[])).expect_code(1);
    assert!(again.stderr.contains("3 already done"), "{}", again.stderr);
    let nowhere = place.run(&["run", &job, "--store", "none"]).expect_code(1);
    assert!(!nowhere.stderr.contains("retry"), "{}", nowhere.stderr);
}

#[test]
fn the_time_is_accounted_for() {
    let place = Place::new();
    // One long task keeps a single worker busy at the end.
    let job = place.faults(&["sleep:1.5", "sleep:0.1"], "workers = 2").display().to_string();
    let run = place.run(&["run", &job, "--summary-json", "summary.json"]).expect_code(0);
    assert!(run.stderr.contains("\ntime: ") && run.stderr.contains(" % "), "{}", run.stderr);
    let summary = summary(&place);
    let time = |part: &str| summary.pointer(&format!("/time/{part}")).unwrap().as_f64().unwrap();
    let whole: f64 = ["starting", "planning", "tasks", "output", "ending"].map(time).iter().sum();
    assert!(whole > 1.4 && whole <= summary.pointer("/wall_seconds").unwrap().as_f64().unwrap(), "{summary}");
    // The short task ends long before the other.
    assert!(time("ending") > 0.0, "{summary}");
}
