//! Starting, running, sending the pills and joining, again and again.
//!
//! `CYCLES` makes it longer (`scripts/faults.sh`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use protocol::monotonic_nanos;
use tests::{Figures, Place, number};

#[test]
fn every_run_of_one_to_thirty_two_workers_ends_cleanly() {
    let cycles = number("CYCLES", 20);
    let place = Place::new();
    let job = place.faults(&["ok*64"], "").display().to_string();
    let mut times = Figures::default();
    for cycle in 0..cycles {
        // Every count from 1 to 32, in an order that mixes small and large.
        let workers = (1 + cycle * 13 % 32).to_string();
        let begin = monotonic_nanos();
        let started = place.start(&["run", &job, "-w", &workers, "--format", "jsonl", "-q"]);
        let finished = started.finish().expect_code(0);
        times.push(monotonic_nanos() - begin);
        place.check_nothing_is_left();
        assert_eq!(finished.json_lines().len(), 64);
        assert_eq!(finished.stderr, "");
    }
    println!("start, run, pills and join with 1 to 32 workers: {times}");
}
