//! Workers that talk nonsense: it costs them their lives, and nobody else anything.
//!
//! `HOSTILE_MUTANTS` and `HOSTILE_SEED` make the test of chance longer or repeat it, and `HOSTILE_MILLIS` is how long
//! a worker may live after a malformed frame (`scripts/faults.sh`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::path::PathBuf;

use protocol::{PROTOCOL_VERSION, monotonic_nanos};
use tests::{Figures, Finished, Gauge, Peak, Place, Started, number, program};

/// What a run may take beyond an undisturbed one: a worker that is dead and not yet buried, tables that grow.
const MORE_DESCRIPTORS: usize = 8;
const MORE_KIB: u64 = 12 << 10;

/// A run of prime tests with workers of the hostile program, and an undisturbed one to compare it with.
struct Rehearsal {
    place: Place,
    job: String,
    calm: Peak,
}

impl Rehearsal {
    fn new(tasks: u32, run: &str) -> Self {
        let place = Place::new();
        let from: u64 = 1_000_000_000_000;
        let text = format!(
            "kind = \"primes\"\n[input]\nrange = {{ from = {from}, to = {} }}\n[params]\nfactor = true\n\
             [run]\nworkers = 2\nretries = 50\n{run}\n",
            from + u64::from(tasks)
        );
        let job = place.write("job.toml", text).display().to_string();
        let mut rehearsal = Self { place, job, calm: Peak::default() };
        let (finished, calm) = rehearsal.run("calm", "duplicate", 0, &[]);
        finished.expect_code(0);
        rehearsal.calm = calm;
        rehearsal
    }

    /// A folder of the rehearsal.
    fn folder(&self, sin: &str, name: &str) -> PathBuf {
        let folder = self.place.path().join(format!("{name}-{sin}"));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Runs the job into a file called after `name`, the first `limit` processes committing `sin`.
    fn run(&self, name: &str, sin: &str, limit: u64, arguments: &[&str]) -> (Finished, Peak) {
        self.run_seeded(name, sin, limit, 0, arguments)
    }

    fn run_seeded(
        &self,
        name: &str,
        sin: &str,
        limit: u64,
        seed: u64,
        arguments: &[&str],
    ) -> (Finished, Peak) {
        let hostile = program("hostile").display().to_string();
        let file = format!("{name}.jsonl");
        let fixed = ["run", &self.job, "--reproducible", "--output", &file, "--worker-program", &hostile];
        let mut command = self.place.command(&[&fixed, arguments].concat());
        command
            .env("HOSTILE_SIN", sin)
            .env("HOSTILE_LIMIT", limit.to_string())
            .env("HOSTILE_SEED", seed.to_string())
            .env("HOSTILE_TURNS", self.folder(name, "turns"))
            .env("HOSTILE_CLOCK", self.folder(name, "clock"));
        let started = Started { child: command.spawn().unwrap() };
        let gauge = Gauge::of(started.child.id());
        let finished = started.finish();
        self.place.check_nothing_is_left();
        (finished, gauge.peak())
    }

    /// Fails where the results are not the undisturbed run's, or more was taken for them.
    fn check(&self, name: &str, peak: Peak, more_kib: u64) {
        let same = self.place.read("calm.jsonl") == self.place.read(&format!("{name}.jsonl"));
        assert!(same, "{name}: the results differ");
        let calm = self.calm;
        assert!(peak.descriptors <= calm.descriptors + MORE_DESCRIPTORS, "{name}: {peak:?}, calm {calm:?}");
        assert!(peak.resident_kib <= calm.resident_kib + more_kib, "{name}: {peak:?}, calm {calm:?}");
    }

    /// What the sinners have noted, each in lines.
    fn notes(&self, name: &str) -> Vec<Vec<String>> {
        let notes = std::fs::read_dir(self.folder(name, "clock")).unwrap().flatten();
        let lines = |entry: std::fs::DirEntry| {
            std::fs::read_to_string(entry.path()).unwrap().lines().map(str::to_owned).collect()
        };
        notes.map(lines).collect()
    }
}

/// Fails where somebody lived longer after a malformed frame than may be.
fn check_lives(lives: &Figures) {
    println!("life after a malformed frame: {lives}");
    assert!(lives.millis_at(1.0) < number("HOSTILE_MILLIS", 10_000) as f64, "{lives}");
}

/// The time in the last line of a dead sinner's note, where it came to write one.
fn life(note: &[String]) -> u64 {
    note.last().and_then(|line| line.parse().ok()).unwrap_or(0)
}

#[test]
fn nonsense_costs_the_worker_its_life_at_once_and_nobody_a_result() {
    let sins = [
        "hello-again",
        "empty",
        "huge",
        "long",
        "tag",
        "why",
        "trailing",
        "status",
        "lengths",
        "no-tasks",
        "many-tasks",
        "failed-run",
        "text",
        "two-values",
        "no-chunks",
        "ask-twice",
        "piece-without",
        "piece-outside",
        "piece-empty",
        "pieces-over",
        "pieces-many",
        "piece-claim",
        "deaf",
    ];
    let rehearsal = Rehearsal::new(400, "");
    let mut lives = Figures::default();
    for sin in sins {
        let (finished, peak) = rehearsal.run(sin, sin, 6, &["-v"]);
        let finished = finished.expect_code(0);
        assert!(finished.stderr.contains("broke the protocol: "), "{sin}: {}", finished.stderr);
        rehearsal.check(sin, peak, MORE_KIB);
        rehearsal.notes(sin).iter().for_each(|note| lives.push(life(note)));
    }
    assert!(lives.count() >= sins.len());
    check_lives(&lives);
}

#[test]
fn a_value_without_end_is_cut_off_at_its_limit() {
    let rehearsal = Rehearsal::new(50, "batch = 1");
    let (finished, peak) = rehearsal.run("chunks", "chunks", 1, &[]);
    finished.expect_code(0);
    // The longest value, in memory that grows by doubling.
    rehearsal.check("chunks", peak, MORE_KIB + ((3 * 64) << 10));
}

#[test]
fn lies_about_tasks_are_ignored() {
    // One task at a time, so that ids a hundred away are certainly not the liar's own.
    let rehearsal = Rehearsal::new(400, "batch = 1");
    for sin in ["unknown-task", "others-tasks", "other-attempt", "duplicate", "goodbye"] {
        let (finished, peak) = rehearsal.run(sin, sin, u64::MAX, &[]);
        finished.expect_code(0);
        rehearsal.check(sin, peak, MORE_KIB);
    }
}

#[test]
fn descriptors_that_come_with_frames_are_not_kept() {
    let rehearsal = Rehearsal::new(300, "");
    let (finished, peak) = rehearsal.run("descriptors", "descriptors", u64::MAX, &[]);
    finished.expect_code(0);
    rehearsal.check("descriptors", peak, MORE_KIB);
}

#[test]
fn a_frame_or_value_without_end_is_for_the_time_limit_and_an_end_without_frame_for_a_restart() {
    let rehearsal = Rehearsal::new(200, "timeout = \"500ms\"");
    for sin in ["cut-silence", "drip", "half-value", "cut-exit"] {
        let (finished, peak) = rehearsal.run(sin, sin, 2, &[]);
        finished.expect_code(0);
        rehearsal.check(sin, peak, MORE_KIB);
    }
    // The task is charged, and no other.
    let arguments = ["--retries", "0", "--timeout", "2s", "--format", "jsonl"];
    let (finished, peak) = rehearsal.run("half", "half-value", 1, &arguments);
    let lines = finished.expect_code(1).json_lines();
    let failed: Vec<_> = lines.iter().filter(|line| line["ok"] == false).collect();
    assert!(lines.len() == 200 && failed.len() == 1, "{failed:#?}");
    assert_eq!(failed[0]["error"]["reason"], "timeout");
    assert!(peak.descriptors <= rehearsal.calm.descriptors + MORE_DESCRIPTORS, "{peak:?}");
}

#[test]
fn a_wrong_greeting_costs_a_restart_and_for_ever_the_run() {
    let rehearsal = Rehearsal::new(100, "");
    let (theirs, ours) = (PROTOCOL_VERSION + 6, PROTOCOL_VERSION);
    let version =
        format!("the worker speaks version {theirs} of the protocol, the coordinator version {ours}");
    let reasons = [
        ("magic", "a greeting that is not a worker's"),
        ("version", version.as_str()),
        ("empty-hello", "a frame of 0 bytes"),
        ("no-channel", "without having connected"),
        ("leave", "without having connected"),
    ];
    for (sin, reason) in reasons {
        let (finished, peak) = rehearsal.run(sin, sin, 2, &[]);
        finished.expect_code(0);
        rehearsal.check(sin, peak, MORE_KIB);
        let name = format!("{sin}-always");
        let (finished, _) = rehearsal.run(&name, sin, u64::MAX, &["-w", "1"]);
        let finished = finished.expect_code(3);
        assert!(finished.stderr.contains(reason), "{sin}: {}", finished.stderr);
        assert!(finished.stderr.contains("(6 starts)"), "{sin}: {}", finished.stderr);
    }
}

#[test]
fn nothing_that_a_worker_says_while_it_greets_harms_or_shows() {
    let rehearsal = Rehearsal::new(100, "");
    for sin in ["talk", "crowd", "leave", "no-channel"] {
        let (finished, peak) = rehearsal.run(sin, sin, 3, &["--log-file", "log", "-vv"]);
        let finished = finished.expect_code(0);
        for word in ["panicked", "memory allocation", "RUST_BACKTRACE"] {
            assert!(!finished.stderr.contains(word), "{sin}: {}", finished.stderr);
        }
        rehearsal.check(sin, peak, MORE_KIB);
    }
}

#[test]
fn a_worker_that_never_greets_holds_up_no_task() {
    let rehearsal = Rehearsal::new(100, "");
    let begin = monotonic_nanos();
    let (finished, peak) = rehearsal.run("no-hello", "no-hello", 1, &[]);
    println!("a run with a worker that never greets: {} ms", (monotonic_nanos() - begin) / 1_000_000);
    finished.expect_code(0);
    rehearsal.check("no-hello", peak, MORE_KIB);
}

#[test]
fn workers_that_always_talk_nonsense_fail_tasks_and_do_not_hang_the_run() {
    let rehearsal = Rehearsal::new(20, "timeout = \"1s\"");
    let (finished, _) = rehearsal.run("always", "tag", u64::MAX, &["--retries", "0", "--batch", "1"]);
    let finished = finished.expect_code(1);
    assert!(finished.stderr.contains("protocol"), "{}", finished.stderr);
}

#[test]
fn frames_changed_by_chance_cost_the_worker_its_life_and_nobody_a_result() {
    let mutants = number("HOSTILE_MUTANTS", 60);
    let seed = number("HOSTILE_SEED", u64::from(std::process::id()));
    println!("HOSTILE_SEED={seed}");
    // Enough tasks for every process to get to its sin.
    let rehearsal = Rehearsal::new(u32::try_from(mutants).unwrap() * 20, "batch = 4");
    let (finished, peak) = rehearsal.run_seeded("mutants", "mutant", mutants, seed, &[]);
    finished.expect_code(0);
    println!("{peak:?}, calm {:?}", rehearsal.calm);
    rehearsal.check("mutants", peak, MORE_KIB);

    let notes = rehearsal.notes("mutants");
    assert_eq!(notes.len() as u64, mutants, "not every mutant was sent");
    let of = |nature: &'static str| notes.iter().filter(move |note| note[0] == nature);
    let lives_on = |note: &&Vec<String>| note.last().is_some_and(|line| line == "lives on");
    for nature in ["well-formed", "pieces"] {
        let (all, alive) = (of(nature).count(), of(nature).filter(lives_on).count());
        println!("{nature} all the same: {all}, of which {} came at the wrong time and died", all - alive);
    }
    let mut lives = Figures::default();
    of("malformed").for_each(|note| lives.push(life(note)));
    assert!(lives.count() > 0, "not one malformed frame");
    assert_eq!(of("malformed").filter(lives_on).count(), 0, "a malformed frame was borne");
    check_lives(&lives);
}
