//! `scale`: the job on several numbers of workers, through the real command. What the times amount to is tested
//! where it is computed; here, that they are measured and told.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::{Place, wait_until};

fn sleep(place: &Place, seconds: &str) -> String {
    place.write("naps.toml", format!("kind = \"sleep\"\ninput.seconds = {seconds}\n")).display().to_string()
}

#[test]
fn every_number_of_workers_is_measured_as_often_as_asked_and_told_in_every_form() {
    let place = Place::new();
    let job = sleep(&place, "[0.01, 0.01, 0.01, 0.01]");
    let arguments =
        ["scale", &job, "--workers", "1..2,4", "--repeat", "2", "--svg", "s.svg", "--csv", "t.csv"];
    let finished = place.run(&arguments).expect_code(0);
    for part in ["workers       time   speedup", "# speedup, | ideal", "serial fraction: ", "recommended: "] {
        assert!(finished.stdout.contains(part), "{part:?} is missing in\n{}", finished.stdout);
    }
    assert_eq!(finished.stderr.matches("warm-up").count(), 1, "{}", finished.stderr);
    let csv = place.read("t.csv");
    let runs: Vec<_> = csv.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().0).collect();
    assert_eq!(runs, ["1,1", "2,1", "4,1", "4,2", "2,2", "1,2"]);
    assert!(csv.lines().skip(1).all(|line| line.rsplit(',').next().unwrap().parse::<f64>().unwrap() > 0.0));
    assert_eq!(place.read("s.svg").matches("<circle").count(), 3);
    let json =
        place.run(&["scale", &job, "--workers", "1,2", "--repeat", "1", "--json", "-q"]).expect_code(0);
    assert_eq!(json.stderr, "");
    let told: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((told["job"].as_str(), told["rows"].as_array().unwrap().len()), (Some("naps"), 2));
    let fraction = told["amdahl"]["serial_fraction"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&fraction), "{told}");
}

#[test]
fn what_can_not_be_measured_is_refused() {
    let place = Place::new();
    let job = sleep(&place, "[0]");
    for (arguments, why) in [
        (["scale", job.as_str(), "--workers", "0..2"], "too small"),
        (["scale", &job, "--workers", "4..2"], "smaller number first"),
        (["scale", &job, "--repeat", "0"], "--repeat"),
        (["scale", &job, "--input", "-"], "again and again"),
        (["scale", &job, "--svg", "nowhere/s.svg"], "nowhere"),
    ] {
        let said = place.run(&arguments).expect_code(2).stderr;
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
}

#[test]
fn a_job_whose_tasks_fail_is_measured_and_told_by_the_exit_code() {
    let place = Place::new();
    let job = place.faults(&["ok", "error"], "retries = 0").display().to_string();
    let finished = place.run(&["scale", &job, "--workers", "1..2", "--repeat", "1"]).expect_code(1);
    assert!(finished.stdout.contains("recommended: "), "{}", finished.stdout);
}

#[test]
fn a_signal_ends_it_between_or_in_its_runs() {
    let place = Place::new();
    let job = place.write("job.toml", "kind = \"faults\"\n[input]\ntasks = [\"mark:begun\", \"hang\"]\n");
    let started = place.start(&["scale", &job.display().to_string(), "--set", "run.grace='0s'"]);
    wait_until("the first task", || place.path().join("begun").exists());
    started.signal(Signal::SIGINT);
    started.finish().expect_code(130);
    place.check_nothing_is_left();
}
