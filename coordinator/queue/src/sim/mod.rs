//! The queue in a simulated world: virtual time, simulated workers, seeded bad luck, and a checker that does
//! its own bookkeeping and holds every answer of the queue against the promises.
//!
//! `SIM_SEEDS=n` plays that many seeds, `SIM_SEED=n` plays one again and prints its trace.

mod audit;
mod book;
mod cancels;
mod life;
mod process;
mod rng;
mod scenario;
mod world;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use world::{Run, World};

/// As many as an ordinary test run can afford.
const SEEDS: u64 = 2_000;

/// How much of a failing seed's trace is shown.
const TAIL: usize = 60;

/// What so many seeds must meet, or the simulator has lost its teeth.
const MUST_MEET: [&str; 31] = [
    "cancelled in its lane",
    "cancelled and taken back",
    "cancelled at a death",
    "cancelled while it runs",
    "warning",
    "charge by death",
    "charge by report",
    "failed for good",
    "claimed fresh starts",
    "dead letter",
    "death of the dead",
    "ignored report",
    "join",
    "join after a stop",
    "join after an abort",
    "kill at a stop",
    "late greeting",
    "lone task",
    "no worker left",
    "nonsense",
    "pill at the end",
    "recalled tasks",
    "replaced worker",
    "slow task",
    "stalled worker",
    "start timeout",
    "suspicion",
    "timeout",
    "too many failures",
    "two batches",
    "window full",
];

fn number_from(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is not a number")))
}

/// Plays a seed; a panic is a broken promise too.
fn play(seed: u64, traced: bool) -> Run {
    catch_unwind(AssertUnwindSafe(|| World::play(seed, traced))).unwrap_or_else(|_| Run {
        verdict: Err("the queue panicked".to_owned()),
        trace: Vec::new(),
        met: BTreeSet::new(),
    })
}

fn fail(seed: u64, complaint: &str, whole: bool) -> ! {
    let trace = play(seed, true).trace;
    let hidden = if whole { 0 } else { trace.len().saturating_sub(TAIL) };
    for line in &trace[hidden..] {
        eprintln!("{line}");
    }
    panic!("seed {seed}: {complaint} (SIM_SEED={seed} shows all of it)");
}

#[test]
fn the_queue_keeps_its_promises_whatever_happens() {
    let one = number_from("SIM_SEED");
    let seeds = one.map_or(0..number_from("SIM_SEEDS").unwrap_or(SEEDS), |seed| seed..seed + 1);
    let enough = seeds.end - seeds.start >= SEEDS;
    let mut met = BTreeSet::new();
    for seed in seeds {
        let run = play(seed, false);
        if let Err(complaint) = run.verdict {
            fail(seed, &complaint, one.is_some());
        }
        met.extend(run.met);
    }
    let missed = MUST_MEET.iter().find(|what| enough && !met.contains(*what));
    assert_eq!(missed, None, "not met by any seed");
}

#[test]
fn the_same_seed_leads_to_the_same_commands() {
    for seed in 0..200 {
        let traces = [play(seed, true), play(seed, true)].map(|run| run.trace);
        assert!(traces[0] == traces[1], "seed {seed} differs between two runs");
    }
}
