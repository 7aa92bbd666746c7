//! The whole pool in a simulated world: virtual time, a double of the workers that crashes, hangs and lies as a seed
//! says, and a checker that holds every order and every outcome against the promises. No process is made.
//!
//! `SIM_SEEDS=n` plays that many seeds, `SIM_SEED=n` plays one again and prints its trace. `mutants.toml` lists bugs of
//! the pool that it must catch.

mod check;
mod double;
mod ends;
mod process;
mod rng;
mod scenario;
mod truth;
mod world;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::driver::Driver;
use super::tasks::Tasks;
use super::watch::Watch;
use super::{Control, PoolReport};
use check::check;
use double::Double;
use ends::{Audience, Drain, Spring};
use world::World;

/// So many seeds are played, in four tests that run side by side.
const SEEDS: u64 = 10_000;

/// How much of a failing seed's trace is shown.
const TAIL: usize = 80;

/// What so many seeds must meet, or the simulator has lost its teeth.
const MUST_MEET: [&str; 22] = [
    "abort",
    "bad input",
    "cancelled",
    "charged by a death",
    "charged by a report",
    "congested",
    "dead letter",
    "failed start",
    "kill in the middle",
    "last words",
    "late frame",
    "liar",
    "long value",
    "nonsense",
    "no workers",
    "pill",
    "recalled",
    "restored",
    "sink closed",
    "stop",
    "suspended",
    "timeout",
];

struct Played {
    verdict: Result<(), String>,
    trace: Vec<String>,
    met: BTreeSet<&'static str>,
}

fn play(seed: u64, traced: bool) -> Played {
    let world = Rc::new(RefCell::new(World::new(seed, traced)));
    let end = catch_unwind(AssertUnwindSafe(|| run(&world)));
    let mut world = world.borrow_mut();
    let verdict = match (world.complaint.take(), end) {
        (Some(complaint), _) => Err(complaint),
        (None, Ok(Ok(report))) => check(&mut world, &report),
        (None, Ok(Err(error))) => Err(error.to_string()),
        (None, Err(_)) => Err("the pool panicked".to_owned()),
    };
    Played { verdict, trace: std::mem::take(&mut world.trace), met: std::mem::take(&mut world.met) }
}

fn run(world: &Rc<RefCell<World>>) -> std::io::Result<PoolReport> {
    let (control, controlled) = Control::new()?;
    world.borrow_mut().control = Some(control);
    let options = world.borrow().scenario.options.clone();
    let (mut source, mut sink) = (Spring::new(world.clone()), Drain(world.clone()));
    let mut audience = Audience(world.clone());
    let tasks = Tasks::new(&options, &mut source, &mut sink);
    let watch = Watch::new(0, options.max_memory_growth.is_some(), &mut audience);
    Driver::new(&options, &controlled, Double::new(world.clone()), tasks, watch).run()
}

fn number_from(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is not a number")))
}

fn fail(seed: u64, complaint: &str, whole: bool) -> ! {
    let trace = play(seed, true).trace;
    let hidden = if whole { 0 } else { trace.len().saturating_sub(TAIL) };
    for line in &trace[hidden..] {
        eprintln!("{line}");
    }
    panic!("seed {seed}: {complaint} (SIM_SEED={seed} shows all of it)");
}

/// Plays one of four parts of the seeds.
fn play_part(part: u64) {
    let one = number_from("SIM_SEED");
    let all = number_from("SIM_SEEDS").unwrap_or(SEEDS);
    let seeds = one.map_or(all * part / 4..all * (part + 1) / 4, |seed| seed..seed + 1);
    let enough = seeds.end - seeds.start >= SEEDS / 4;
    let mut met = BTreeSet::new();
    for seed in seeds {
        let played = play(seed, false);
        if let Err(complaint) = played.verdict {
            fail(seed, &complaint, one.is_some());
        }
        met.extend(played.met);
    }
    let missed: Vec<_> = MUST_MEET.iter().filter(|what| enough && !met.contains(*what)).collect();
    assert!(missed.is_empty(), "not met by any seed: {missed:?}");
}

#[test]
fn the_pool_keeps_its_promises_whatever_its_workers_do() {
    play_part(0);
}

#[test]
fn the_pool_keeps_its_promises_in_the_second_part_of_the_seeds() {
    play_part(1);
}

#[test]
fn the_pool_keeps_its_promises_in_the_third_part_of_the_seeds() {
    play_part(2);
}

#[test]
fn the_pool_keeps_its_promises_in_the_fourth_part_of_the_seeds() {
    play_part(3);
}

#[test]
fn the_same_seed_leads_to_the_same_run() {
    for seed in 0..50 {
        let traces = [play(seed, true), play(seed, true)].map(|played| played.trace);
        assert!(traces[0] == traces[1], "seed {seed} differs between two runs");
    }
}
