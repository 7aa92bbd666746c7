//! A coordinator that is killed at any moment leaves no process behind, and the next start tidies up.
//!
//! `KILLS` and `KILLS_SEED` make it longer or repeat it (`scripts/faults.sh`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::time::Duration;

use nix::sys::signal::Signal;
use protocol::monotonic_nanos;
use tests::{Figures, Place, Random, number, processes_of, wait_until};

#[test]
fn a_coordinator_killed_at_any_moment_leaves_nobody_alive() {
    let kills = number("KILLS", 12);
    let seed = number("KILLS_SEED", u64::from(std::process::id()));
    println!("KILLS_SEED={seed}");
    let mut random = Random::new(seed);
    let place = Place::new();
    // Short and long tasks, children left behind, workers that are stopped, that die and that start anew.
    let tasks = ["ok*50", "child*4", "sleep:0.01*40", "kill", "panic", "child", "stop", "hang*20"];
    let job = place.faults(&tasks, "workers = 4\nbatch = 1").display().to_string();
    let mut times = Figures::default();
    for _ in 0..kills {
        let started = place.start(&["run", &job]);
        std::thread::sleep(Duration::from_micros(random.number() % 300_000));
        started.signal(Signal::SIGKILL);
        let killed = monotonic_nanos();
        let _ = started.finish();
        wait_until("everybody's end", || processes_of(place.path()).is_empty());
        times.push(monotonic_nanos() - killed);
    }
    println!("from the coordinator's death to the last process's: {times}");
    // What they could not tidy up, the next start does.
    let job = place.faults(&["ok"], "").display().to_string();
    place.run(&["run", &job]).expect_code(0);
}
