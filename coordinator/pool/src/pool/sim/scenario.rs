//! What a seed stands for: options, tasks, and a share of bad luck.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::rng::Rng;
use crate::outcome::Reason;
use crate::pool::{PoolOptions, Request};
use protocol::TaskId;
use queue::BatchSize;

/// How often things go wrong, in a thousand.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Tasks that misbehave in their first attempts.
    pub(super) mischief: u64,
    /// Deaths in the middle of a task that is not to blame.
    pub(super) crash: u64,
    /// Deaths between two tasks; what was done and not said is lost.
    pub(super) crash_between: u64,
    /// Processes that stop (only if a time limit finds them).
    pub(super) stop: u64,
    /// Processes that say goodbye and go although nobody asked.
    pub(super) leave: u64,
    /// Processes that do not take their pill.
    pub(super) linger: u64,
    /// Processes that can't be made, or end before they greet, or never greet.
    pub(super) stillbirth: u64,
    /// Links that break.
    pub(super) nonsense: u64,
    /// Processes that speak of others' tasks, say things twice, and give back what they run.
    pub(super) liars: u64,
}

/// What a task does to those that run it, in its first `times` attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habit {
    pub(super) mischief: Mischief,
    pub(super) times: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Mischief {
    Signal(i32),
    Exit(i32),
    Say(Reason),
    Hang,
}

/// Everything that a seed decides before the run begins.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) options: PoolOptions,
    pub(super) tasks: u64,
    /// The last input is bad.
    pub(super) bad_input: bool,
    /// Tasks that an earlier session has done, in a thousand.
    pub(super) restored: u64,
    pub(super) faults: Faults,
    /// A worker reports after this many tasks, or when it has no more.
    pub(super) group: u64,
    /// The longest that any message takes, and a task, in microseconds.
    pub(super) latency: u64,
    pub(super) length: u64,
    /// When the sink has no room, and for how long.
    pub(super) congestions: Vec<(u64, u64)>,
    /// When the sink's reader goes.
    pub(super) closes: Option<u64>,
    pub(super) requests: Vec<(u64, Request)>,
    /// When somebody kills a process.
    pub(super) strikes: Vec<u64>,
    /// How often the observer looks at what runs.
    pub(super) look: Option<Duration>,
}

impl Scenario {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let options = options(rng);
        let tasks = match rng.below(40) {
            0 => rng.range(400, 1200),
            _ => rng.pick(&[0, 1, 2, 3, 7, 20, 60, 60, 120]),
        };
        let faults = faults(rng, options.timeout.is_some());
        let mut requests: Vec<(u64, Request)> = Vec::new();
        if rng.chance(350) {
            for _ in 0..rng.range(1, 30) {
                requests.push((moment(rng), Request::Cancel(TaskId(rng.below(tasks + 2)))));
            }
        }
        for (per_mille, request) in
            [(120, Request::Stop), (80, Request::Abort), (150, Request::Suspend), (60, Request::Suspend)]
        {
            if rng.chance(per_mille) {
                requests.push((moment(rng), request));
            }
        }
        Self {
            tasks,
            bad_input: rng.chance(60),
            restored: if rng.chance(150) { rng.range(1, 900) } else { 0 },
            faults,
            group: rng.pick(&[1, 1, 4, 16, 64]),
            latency: rng.pick(&[0, 20, 200, 1500]),
            length: rng.pick(&[5, 5, 1000, 1000, 30_000]),
            congestions: moments(rng, 200, 3).into_iter().map(|at| (at, rng.range(1, 20_000_000))).collect(),
            closes: rng.chance(60).then(|| moment(rng)),
            requests,
            strikes: moments(rng, 250, 6),
            look: rng.chance(200).then(|| rng.micros(500, 20_000)),
            options,
        }
    }

    /// What a task does; a matter of its number only, so that a second attempt meets the same task.
    pub(super) fn habit(&self, seed: u64, task: TaskId) -> Option<Habit> {
        let mut rng = Rng::new(seed ^ task.0.wrapping_mul(0x2545_f491_4f6c_dd1d));
        if !rng.chance(self.faults.mischief) {
            return None;
        }
        let times = rng.pick(&[1, 1, 2, u32::MAX]);
        let mischief = match rng.below(6) {
            0 if self.options.timeout.is_some() => Mischief::Hang,
            0 | 1 => Mischief::Signal(rng.pick(&[6, 9, 11])),
            2 => Mischief::Exit(rng.pick(&[0, 3])),
            _ => Mischief::Say(rng.pick(&[Reason::Error, Reason::Panic, Reason::Memory])),
        };
        Some(Habit { mischief, times })
    }
}

/// A moment in the first half second, rather early than late, in nanoseconds: runs are short.
fn moment(rng: &mut Rng) -> u64 {
    let scale = rng.pick(&[1_000, 10_000, 100_000, 500_000]);
    rng.below(scale) * 1000
}

fn moments(rng: &mut Rng, per_mille: u64, most: u64) -> Vec<u64> {
    let count = if rng.chance(per_mille) { rng.range(1, most) } else { 0 };
    (0..count).map(|_| moment(rng)).collect()
}

fn options(rng: &mut Rng) -> PoolOptions {
    let usual = PoolOptions::default();
    PoolOptions {
        workers: NonZeroU32::MIN.saturating_add(rng.below(4) as u32),
        retries: rng.below(4) as u32,
        retry_on: if rng.chance(700) {
            usual.retry_on.clone()
        } else {
            Reason::ALL.into_iter().filter(|_| rng.chance(600)).collect()
        },
        timeout: rng.chance(500).then(|| rng.micros(50_000, 300_000)),
        soft_timeout: rng.chance(300).then(|| rng.micros(20_000, 200_000)),
        batch: match rng.below(3) {
            0 => BatchSize::Fixed(NonZeroU32::MIN.saturating_add(rng.pick(&[0, 1, 7, 63]))),
            _ => BatchSize::Auto,
        },
        max_tasks_per_worker: if rng.chance(200) { NonZeroU64::new(rng.range(1, 20)) } else { None },
        max_memory_growth: rng.chance(100).then_some(1000),
        max_failures: rng.chance(100).then(|| rng.below(4)),
        grace: rng.micros(0, 100_000),
        cancel_grace: Duration::from_micros(rng.pick(&[0, 0, 2_000])),
        start_timeout: rng.micros(20_000, 60_000),
        payloads_in_outcomes: rng.chance(500),
        ..usual
    }
}

fn faults(rng: &mut Rng, has_timeout: bool) -> Faults {
    let mut some = |per_mille: u64, most: u64| if rng.chance(per_mille) { rng.range(1, most) } else { 0 };
    Faults {
        mischief: some(400, 300),
        crash: some(300, 100),
        crash_between: some(250, 100),
        stop: if has_timeout { some(250, 60) } else { 0 },
        leave: some(100, 60),
        linger: some(150, 500),
        stillbirth: some(200, 600),
        nonsense: some(150, 60),
        liars: some(200, 700),
    }
}
