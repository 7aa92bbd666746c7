//! A coordinator that is killed at any moment leaves no process behind, and the next start tidies up.
//!
//! `KILLS` and `KILLS_SEED` make it longer or repeat it (`scripts/faults.sh`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::monotonic_nanos;
use tests::{Figures, Place, Random, number, processes_of, run_until_fork, wait_until, workers_of};

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

#[test]
fn what_one_left_that_was_killed_while_it_made_a_process_is_swept_and_its_run_goes_on() {
    let place = Place::new();
    let job = place.faults(&["ok*20"], "workers = 2").display().to_string();
    let unborn = match run_until_fork(&place, &["run", &job, "--run-id", "killed"]) {
        Err(error @ (Errno::EPERM | Errno::EACCES | Errno::ENOSYS)) => {
            eprintln!("SKIPPED: this process may not trace another: {error}");
            assert!(std::env::var("CI").is_err(), "in CI a skip is a failure");
            return;
        }
        unborn => unborn.unwrap(),
    };
    let directories = || std::fs::read_dir(place.tmp()).unwrap().count();
    assert_eq!(directories(), 1);
    // It has copies of all that its maker had open, and they belong to nobody.
    place.start(&["run", &job, "--store", "none"]).finish().expect_code(0);
    assert_eq!(directories(), 0);
    let resumed = place.start(&["resume", "killed"]);
    drop(unborn);
    resumed.finish().expect_code(0);
    wait_until("the end of who had no maker", || processes_of(place.path()).is_empty());
    place.check_nothing_is_left();
}

#[test]
fn a_sweep_leaves_the_living_alone() {
    let place = Place::new();
    let hangs = place.faults(&["hang*2"], "workers = 2").display().to_string();
    let living = place.start(&["run", &hangs, "--store", "none"]);
    wait_until("two workers", || workers_of(place.path()).len() == 2);
    let workers = workers_of(place.path());
    let job = place.write("other.toml", "kind = \"primes\"\n[input]\nnumbers = [7]\n").display().to_string();
    place.start(&["run", &job]).finish().expect_code(0);
    // It still has the directory that a new worker needs.
    kill(Pid::from_raw(workers[0]), Signal::SIGKILL).unwrap();
    let is_new = || workers_of(place.path()).iter().any(|worker| !workers.contains(worker));
    wait_until("a new worker", is_new);
    wait_until("its work", || workers_of(place.path()).len() == 2);
    living.signal(Signal::SIGINT);
    living.signal(Signal::SIGTERM);
    living.finish().expect_code(130);
    place.check_nothing_is_left();
}
