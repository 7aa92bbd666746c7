//! What a seed stands for: a configuration, tasks and a share of bad luck.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::rng::Rng;
use crate::BatchSize;
use crate::Reason;
use crate::{QueueConfig, Time};

/// How long tasks take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lengths {
    Tiny,
    Millisecond,
    HeavyTail,
}

/// What a task does to those that run it, in its first `times` attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habit {
    pub(super) mischief: Mischief,
    pub(super) times: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Mischief {
    Crash(Reason),
    Error(Reason),
    ErrorForGood(Reason),
    Hang,
    /// It ends well, about the time when a limit is noticed to have passed.
    Dawdle,
}

/// How often things go wrong, in a thousand.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Tasks that misbehave.
    pub(super) mischief: u64,
    /// Deaths in the middle of a task that is not to blame.
    pub(super) crash: u64,
    /// Deaths between two tasks; what was done and not yet told is lost.
    pub(super) crash_between: u64,
    /// Stopped processes (only where a time limit finds them).
    pub(super) stop: u64,
    /// Processes that say goodbye and go although nobody asked.
    pub(super) leave: u64,
    /// Processes that do not go when they have their pill.
    pub(super) linger: u64,
    /// Processes that can't be made, never greet, or die before.
    pub(super) stillbirth: u64,
    /// Nonsense on the link.
    pub(super) nonsense: u64,
    /// Processes that lie in their reports and status cells.
    pub(super) liars: u64,
    /// Messages that come in after their sender's death.
    pub(super) late: u64,
}

/// Everything that a seed decides before the run begins.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) config: QueueConfig,
    pub(super) tasks: u64,
    pub(super) priorities: bool,
    /// Tasks that an earlier run has done, in a thousand.
    pub(super) skips: u64,
    pub(super) lengths: Lengths,
    pub(super) faults: Faults,
    /// A worker tells after this many tasks, or when it has no more.
    pub(super) group: u64,
    /// The longest that any message takes, in microseconds.
    pub(super) latency: u64,
    /// How late the clock's ticks are.
    pub(super) lateness: Duration,
    pub(super) congestions: Vec<(Time, Duration)>,
    /// When so many tasks are cancelled.
    pub(super) cancels: Vec<(Time, u64)>,
    pub(super) recycles: Vec<Time>,
    pub(super) strikes: Vec<Time>,
    pub(super) stop: Option<Time>,
    pub(super) abort: Option<Time>,
}

impl Scenario {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let config = config(rng);
        let long = rng.chance(20);
        let faults = faults(rng, config.timeout.is_some());
        Self {
            tasks: if long { rng.range(1000, 2500) } else { rng.pick(&[0, 1, 2, 3, 7, 20, 60, 60, 150]) },
            priorities: rng.chance(300),
            skips: if rng.chance(150) { rng.range(1, 900) } else { 0 },
            lengths: match rng.below(3) {
                _ if long => Lengths::Tiny,
                0 => Lengths::Tiny,
                1 => Lengths::Millisecond,
                _ => Lengths::HeavyTail,
            },
            faults,
            group: rng.pick(&[1, 1, 4, 16, 64]),
            latency: rng.pick(&[0, 20, 200, 1500]),
            lateness: rng.pick(&[0, 0, 50, 1000]).into_micros(),
            congestions: moments(rng, 100, 3).into_iter().map(|at| (at, rng.micros(1, 20_000))).collect(),
            cancels: moments(rng, 300, 12).into_iter().map(|at| (at, rng.pick(&[1, 1, 3, 50]))).collect(),
            recycles: moments(rng, 200, 5),
            strikes: moments(rng, 200, 6),
            stop: rng.chance(120).then(|| moment(rng)),
            abort: rng.chance(80).then(|| moment(rng)),
            config,
        }
    }

    /// The longest that the queue may take to notice what a clock tells.
    pub(super) fn slack(&self) -> Duration {
        Duration::from_millis(5) + 4 * (self.lateness + Duration::from_micros(self.latency))
    }

    /// What a task does; a matter of its number only, so that a second attempt meets the same task.
    pub(super) fn habit(&self, seed: u64, task: u64) -> Option<Habit> {
        let mut rng = Rng::new(seed ^ task.wrapping_mul(0x2545_f491_4f6c_dd1d));
        if !rng.chance(self.faults.mischief) {
            return None;
        }
        let times = rng.pick(&[1, 1, 2, u32::MAX]);
        let mischief = match rng.below(6) {
            0 if self.config.timeout.is_some() => Mischief::Hang,
            5 if self.config.timeout.or(self.config.soft_timeout).is_some() => Mischief::Dawdle,
            0..=2 => Mischief::Crash(rng.pick(&[Reason::Signal, Reason::Exit, Reason::Memory])),
            3 => Mischief::ErrorForGood(rng.pick(&[Reason::Error, Reason::Memory])),
            _ => Mischief::Error(rng.pick(&[Reason::Error, Reason::Panic, Reason::Memory])),
        };
        Some(Habit { mischief, times })
    }
}

trait IntoMicros {
    fn into_micros(self) -> Duration;
}

impl IntoMicros for u64 {
    fn into_micros(self) -> Duration {
        Duration::from_micros(self)
    }
}

/// A moment in the first half second, rather early than late: runs are short.
fn moment(rng: &mut Rng) -> Time {
    let scale = rng.pick(&[1_000, 10_000, 100_000, 500_000]);
    Time(rng.below(scale) * 1000)
}

fn moments(rng: &mut Rng, per_mille: u64, most: u64) -> Vec<Time> {
    let count = if rng.chance(per_mille) { rng.range(1, most) } else { 0 };
    (0..count).map(|_| moment(rng)).collect()
}

fn config(rng: &mut Rng) -> QueueConfig {
    let timeout = rng.chance(500).then(|| rng.micros(50_000, 300_000));
    let soft_timeout = rng.chance(300).then(|| rng.micros(20_000, 200_000));
    let retry_on = if rng.chance(700) {
        QueueConfig::default().retry_on
    } else {
        Reason::ALL.into_iter().filter(|_| rng.chance(600)).collect()
    };
    QueueConfig {
        workers: rng.range(1, 5) as u32,
        window: rng.pick(&[1, 2, 5, 20, 100, 1000]),
        window_bytes: if rng.chance(200) { rng.range(1, 5000) as usize } else { 16 << 20 },
        retries: rng.below(4) as u32,
        retry_on,
        backoff: rng.pick(&[0, 100, 10_000, 30_000]).into_micros(),
        backoff_limit: rng.pick(&[5_000, 60_000]).into_micros(),
        seed: rng.next(),
        timeout,
        soft_timeout,
        batch: match rng.below(3) {
            0 => BatchSize::Fixed(NonZeroU32::MIN.saturating_add(rng.pick(&[0, 1, 7, 63]))),
            _ => BatchSize::Auto,
        },
        batch_target: rng.pick(&[100, 2_000]).into_micros(),
        batch_tasks: 4096,
        batch_bytes: if rng.chance(200) { rng.range(1, 500) as usize } else { 60 * 1024 },
        max_tasks_per_worker: if rng.chance(200) { NonZeroU64::new(rng.range(1, 20)) } else { None },
        max_failures: rng.chance(100).then(|| rng.below(4)),
        start_timeout: rng.micros(20_000, 60_000),
        late_greeting: rng.micros(0, 30_000),
        max_idle_starts: NonZeroU32::MIN.saturating_add(rng.pick(&[0, 2, 5, 5])),
        grace: rng.micros(0, 100_000),
        cancel_grace: rng.pick(&[0, 0, 2_000]).into_micros(),
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
        late: some(300, 500),
    }
}
