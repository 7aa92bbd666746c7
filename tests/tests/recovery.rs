//! How soon the tasks of a dead worker run again.
//!
//! `RECOVERY_TASKS` makes it longer (`scripts/faults.sh`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use tests::{Figures, Place, number, program};

#[test]
fn a_dead_workers_task_soon_runs_again() {
    let tasks = number("RECOVERY_TASKS", 100);
    let place = Place::new();
    let job =
        place.faults(&[&format!("sleep:0.002*{tasks}")], "workers = 2\nbatch = 1").display().to_string();
    let hostile = program("hostile").display().to_string();
    for folder in ["turns", "clock"] {
        std::fs::create_dir(place.path().join(folder)).unwrap();
    }
    let mut command = place.command(&["run", &job, "--worker-program", &hostile, "-q"]);
    command
        .env("HOSTILE_SIN", "die")
        .env("HOSTILE_TURNS", place.path().join("turns"))
        .env("HOSTILE_CLOCK", place.path().join("clock"));
    place.run_prepared(command).expect_code(0);

    // Every fifth task noted when its first attempt killed the worker, and when its second one ended.
    let noted = |task: u64, attempt: u32| -> u64 {
        place.read(&format!("clock/task-{task}-{attempt}")).parse().unwrap()
    };
    let mut gaps = Figures::default();
    for task in (0..tasks).step_by(5) {
        gaps.push(noted(task, 2).saturating_sub(noted(task, 1)));
    }
    println!(
        "from a worker's death to the end of its task's next attempt (2 ms of work, 5 to 15 ms of backoff): {gaps}"
    );
    assert!(gaps.millis_at(1.0) < 10_000.0, "{gaps}");
}
