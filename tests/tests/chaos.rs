//! Chaos: random workers are killed, stopped and made to crash at random moments of a long run, and the
//! results are those of an undisturbed one.
//!
//! `CHAOS_TASKS`, `CHAOS_SIGNALS` and `CHAOS_SEED` make it longer or repeat it (`scripts/chaos.sh`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::{Place, Random, number, workers_of};

#[test]
fn chaos_changes_no_result_alone() {
    let tasks = number("CHAOS_TASKS", 40_000);
    let signals = number("CHAOS_SIGNALS", 120);
    let seed = number("CHAOS_SEED", 1 + u64::from(std::process::id()));
    println!("CHAOS_SEED={seed}");
    let mut random = Random::new(seed);
    let place = Place::new();
    let from: u64 = 100_000_000_000_000_000;
    let text = format!(
        "kind = \"primes\"\n[input]\nrange = {{ from = {from}, to = {} }}\n[params]\nfactor = true\n\
         [run]\nworkers = 4\nretries = 30\ntimeout = \"2s\"\n",
        from + tasks
    );
    let job = place.write("job.toml", text).display().to_string();
    place.run(&["run", &job, "--reproducible", "--output", "calm.jsonl", "-q"]).expect_code(0);

    let started = place.start(&["run", &job, "--reproducible", "--output", "chaos.jsonl"]);
    let pid = started.child.id();
    let running =
        || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"));
    let (mut sent, mut counts) = (0, [0; 32]);
    while sent < signals && running() {
        let workers = workers_of(place.path());
        if workers.is_empty() {
            continue;
        }
        let victim = workers[random.below(workers.len())];
        // A stopped worker hangs until its time limit; the others die at once. Of 16, in the long version, 2 are
        // stopped, and fewer in the short one.
        let signal = match random.below(16) {
            0 => Signal::SIGSTOP,
            1 if signals >= 1000 => Signal::SIGSTOP,
            2..=3 => Signal::SIGSEGV,
            4..=5 => Signal::SIGABRT,
            _ => Signal::SIGKILL,
        };
        counts[signal as usize] += 1;
        sent += u64::from(kill(Pid::from_raw(victim), signal).is_ok());
        std::thread::sleep(std::time::Duration::from_micros(random.number() % 10_000));
    }
    let finished = started.finish().expect_code(0);
    let of = |signal: Signal| counts[signal as usize];
    let [kills, crashes, aborts, stops] =
        [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGABRT, Signal::SIGSTOP].map(of);
    println!("{sent} signals: {kills} SIGKILL, {crashes} SIGSEGV, {aborts} SIGABRT, {stops} SIGSTOP");
    println!("{}", finished.stderr);
    place.check_nothing_is_left();
    assert!(sent >= signals.min(20), "the run was over after {sent} signals");
    assert!(place.read("calm.jsonl") == place.read("chaos.jsonl"), "results differ; CHAOS_SEED={seed}");
    assert_eq!(place.read("chaos.jsonl").lines().count() as u64, tasks);
}
