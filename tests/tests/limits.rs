//! Time limits, failure policy, recycling.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use serde_json::Value;
use tests::{Figures, Place, processes_of, wait_until};

fn summary(place: &Place) -> Value {
    serde_json::from_str(&place.read("summary.json")).unwrap()
}

#[test]
fn hung_tasks_time_out_and_the_others_do_not_notice() {
    let place = Place::new();
    let tasks: Vec<&str> = std::iter::repeat_n(["ok*249", "hang"], 4).flatten().collect();
    // Long enough for the others on the busiest machine.
    let job = place.faults(&tasks, "workers = 4\ntimeout = \"2s\"\nretries = 0").display().to_string();
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(1);
    let lines = finished.json_lines();
    assert_eq!(lines.len(), 1000);
    let mut lives = Figures::default();
    for line in lines {
        let hung = line["id"].as_u64().unwrap() % 250 == 249;
        assert_eq!(line["ok"], !hung, "{line}");
        if hung {
            assert_eq!(line["error"]["reason"], "timeout", "{line}");
            assert!(line["micros"].as_u64().unwrap() >= 1_995_000, "{line}");
            lives.push(line["micros"].as_u64().unwrap() * 1000);
        }
    }
    println!("from the start of a hung task to its end, at a limit of 2 s: {lives}");
}

#[test]
fn what_a_hung_task_had_started_is_killed_with_it() {
    let place = Place::new();
    let mark = format!("mark:{}", place.path().join("after").display());
    // One worker: whose child hangs, then itself. The last task keeps the run going meanwhile.
    let tasks = ["child", "hang", mark.as_str(), "hang"];
    let job = place.faults(&tasks, "workers = 1\nbatch = 1\nretries = 0").display().to_string();
    let mut started = place.start(&["run", &job, "--timeout", "3s"]);
    let children = || processes_of(place.path()).iter().filter(|line| line.contains("sleep 1000")).count();
    wait_until("the child", || children() == 1);
    wait_until("the task behind the hung one", || place.path().join("after").exists());
    wait_until("the child's end", || children() == 0);
    assert!(started.child.try_wait().unwrap().is_none(), "the run was over before");
    started.finish().expect_code(1);
    place.check_nothing_is_left();
}

#[test]
fn a_soft_limit_marks_and_warns_once() {
    let place = Place::new();
    let job = place.faults(&["ok", "sleep:3", "ok"], "soft_timeout = \"1s\"").display().to_string();
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(0);
    let lines = finished.json_lines();
    assert_eq!(lines[1]["slow"], true);
    assert!(lines[0].get("slow").is_none());
    assert_eq!(finished.stderr.matches("soft time limit").count(), 1, "{}", finished.stderr);
}

#[test]
fn fail_fast_starts_nothing_more() {
    let place = Place::new();
    let job = place.faults(&["error", "sleep:0.02*2000"], "workers = 2").display().to_string();
    let arguments = ["run", &job, "--fail-fast", "--format", "jsonl", "--summary-json", "summary.json"];
    let finished = place.run(&arguments).expect_code(1);
    assert!(finished.json_lines().len() < 1000);
    assert!(finished.stderr.contains("too many failures"), "{}", finished.stderr);
}

#[test]
fn a_bounded_number_of_failures_is_borne() {
    let place = Place::new();
    let job = place.faults(&["error*3", "ok*50"], "workers = 2\nretries = 0").display().to_string();
    let finished = place.run(&["run", &job, "--max-failures", "3", "--format", "jsonl"]).expect_code(1);
    assert_eq!(finished.json_lines().len(), 53);
    place.run(&["run", &job, "--max-failures", "2"]).expect_code(1);
}

#[test]
fn workers_are_recycled_after_so_many_tasks() {
    let place = Place::new();
    let job = place.faults(&["ok*100"], "workers = 2\nmax_tasks_per_worker = 10").display().to_string();
    place.run(&["run", &job, "--summary-json", "summary.json"]).expect_code(0);
    let summary = summary(&place);
    assert_eq!(summary["tasks"]["ok"], 100);
    let incarnations: u64 =
        summary["per_worker"].as_array().unwrap().iter().map(|w| w["incarnations"].as_u64().unwrap()).sum();
    assert!(incarnations >= 10, "{summary}");
}

#[test]
fn plain_errors_are_not_retried_unless_asked() {
    let place = Place::new();
    let text = "kind = \"faults\"\n[input]\ntasks = [\"error\"]\n[run]\nretry_on = [\"signal\"]\n";
    let job = place.write("job.toml", text).display().to_string();
    let once = place.run(&["run", &job, "--format", "jsonl"]).expect_code(1);
    assert_eq!(once.json_lines()[0]["attempts"], 1);
    let again = place.run(&["run", &job, "--retry-on", "error", "--format", "jsonl"]).expect_code(1);
    assert_eq!(again.json_lines()[0]["attempts"], 3);
}

#[test]
fn a_failure_that_is_certain_is_not_tried_again_whatever_is_asked() {
    let place = Place::new();
    place.write("large.pnm", "P5 60000 60000 255\nx");
    place.write("text.pnm", "no image at all");
    place.write("small.pnm", "P2 1 1 255 7\n");
    place.write("out", "a file where the folder should be");
    let text = "kind = \"images\"\n[input]\nfiles = [\"large.pnm\", \"text.pnm\", \"small.pnm\"]\n\
                [output]\ndir = \"out\"\n[run]\nretry_on = [\"error\", \"memory\"]\n";
    let job = place.write("job.toml", text).display().to_string();
    let finished = place.run(&["run", &job, "--format", "jsonl", "--order", "input"]).expect_code(1);
    let lines = finished.json_lines();
    let reasons: Vec<_> = lines.iter().map(|line| line["error"]["reason"].as_str().unwrap_or("")).collect();
    assert_eq!(reasons, ["memory", "error", "error"], "{}", finished.stdout);
    assert!(lines.iter().all(|line| line["attempts"] == 1), "{}", finished.stdout);
}
