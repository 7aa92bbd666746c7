//! Payloads too long for a message: they lie in shared memory, and everything else is as for the short ones.

//! `LARGE_ECHOES` and `LARGE_KILLS_SEED` make the long tests longer or repeat them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tests::{Gauge, Place, Random, Started, number, workers_of};

/// Runs a case of the benchmark program, which checks its answers itself.
fn bench(case: &str, scale: f64, memory: Option<u64>) -> Value {
    let place = Place::new();
    let mut command = place.other_program("bench_pool", &[case, "2", &scale.to_string()]);
    if let Some(bytes) = memory {
        command.env("BENCH_MEMORY", bytes.to_string());
    }
    let finished = place.run_prepared(command).expect_code(0);
    serde_json::from_str(&finished.stdout).unwrap()
}

#[test]
fn long_payloads_arrive_whole() {
    assert_eq!(bench("mib-copied", 0.2, None)["tasks"], 40);
    assert_eq!(bench("mib-in-place", 0.2, None)["tasks"], 40);
}

#[test]
fn of_a_large_arena_no_more_is_used_than_the_workers_need() {
    // Each of the two workers has two tasks at most, and no more than one waits beside those that are kept
    // back for workers on their way.
    let touched = bench("mib-copied", 1.0, None)["touched"].as_u64().unwrap();
    assert!(touched <= (2 * 2 + 1 + 2) << 20, "{touched} bytes");
}

#[test]
fn long_payloads_are_mapped_one_at_a_time_where_address_space_is_limited() {
    assert_eq!(bench("mib-copied", 0.2, Some(128 << 20))["tasks"], 40);
}

#[test]
fn a_long_payload_survives_the_workers_that_die_of_it() {
    assert_eq!(bench("mib-fragile", 1.0, None)["tasks"], 20);
}

#[test]
fn long_values_come_back_whole() {
    assert_eq!(bench("16mib-echo", 0.02, None)["tasks"], 4);
}

#[test]
fn a_payload_may_have_256_mib() {
    assert_eq!(bench("256mib", 0.5, None)["tasks"], 2);
}

#[test]
fn long_values_come_back_whole_where_address_space_is_limited() {
    assert_eq!(bench("16mib-echo", 0.02, Some(256 << 20))["tasks"], 4);
}

/// Starts echoing 16 MiB at a time, with `between` while it runs; returns what it said and what it took.
fn echo(tasks: u64, place: &Place, between: impl FnOnce(u32)) -> (Value, u64) {
    let scale = (tasks as f64 / 200.0).to_string();
    let mut command = place.other_program("bench_pool", &["16mib-echo", "2", &scale]);
    // Whoever is killed again and again must not fail for it.
    command.env("BENCH_RETRIES", "100").stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Started { child: command.spawn().unwrap() };
    let gauge = Gauge::of(started.child.id());
    between(started.child.id());
    let finished = started.finish().expect_code(0);
    place.check_nothing_is_left();
    (serde_json::from_str(&finished.stdout).unwrap(), gauge.peak().resident_kib)
}

#[test]
fn memory_does_not_grow_with_the_number_of_long_values_alone() {
    let tasks = number("LARGE_ECHOES", 100);
    let (said, peak) = echo(tasks, &Place::new(), |_| {});
    assert_eq!(said["tasks"], tasks);
    // The arena (six payloads), what it is filled from, two outboxes, and some values on their way: 16 MiB each.
    println!("{tasks} tasks of 16 MiB: peak {peak} KiB");
    assert!(peak < 288 << 10, "{peak} KiB");
}

#[test]
fn a_worker_killed_in_the_middle_of_a_value_costs_no_other_and_is_replaced_alone() {
    let seed = number("LARGE_KILLS_SEED", u64::from(std::process::id()));
    println!("LARGE_KILLS_SEED={seed}");
    let mut random = Random::new(seed);
    let place = Place::new();
    let mut kills = 0;
    let (said, _) = echo(number("LARGE_ECHOES", 100), &place, |coordinator| {
        let alive = || {
            std::fs::read_to_string(format!("/proc/{coordinator}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z"))
        };
        while alive() && kills < 12 {
            std::thread::sleep(Duration::from_micros(20_000 + random.number() % 30_000));
            let workers = workers_of(place.path());
            let Some(victim) = workers.get(kills % workers.len().max(1)) else { continue };
            kills += usize::from(kill(Pid::from_raw(*victim), Signal::SIGKILL).is_ok());
        }
    });
    println!("{kills} kills");
    assert!(kills > 0 && said["tasks"].as_u64().unwrap() > 0, "{said}");
}
