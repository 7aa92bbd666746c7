//! What a pool's run came to.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use std::time::Duration;

use super::Spent;
use queue::Counts;

/// What a pool's run came to.
///
/// ```
/// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
/// pool.close();
/// pool.join()?;
/// if let Some(report) = pool.report() {
///     println!("{:?}, {} tasks without a result", report.end, report.unfinished);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PoolReport {
    /// Counts of tasks and restarts, over this session and those before it.
    #[doc(hidden)]
    pub counts: Counts,
    /// Tasks whose outcomes an earlier session had.
    pub skipped: u64,
    /// Tasks without an outcome: of a run that was stopped.
    pub unfinished: u64,
    /// The source had no more tasks: all that there are have been planned.
    #[doc(hidden)]
    pub all_planned: bool,
    /// One entry a worker, in the order of their numbers.
    pub workers: Vec<WorkerReport>,
    /// How it ended.
    pub end: End,
    /// What its time was spent on.
    #[doc(hidden)]
    pub spent: Spent,
}

/// What one worker did, over all its incarnations.
///
/// ```
/// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
/// pool.close();
/// pool.join()?;
/// if let Some(report) = pool.report() {
///     for (number, worker) in (1..).zip(&report.workers) {
///         println!("worker-{number}: {} tasks in {:?}, {} processes", worker.tasks, worker.busy, worker.incarnations);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WorkerReport {
    /// The process id of its last incarnation.
    pub pid: u32,
    /// How many processes it has been.
    pub incarnations: u32,
    /// Tasks that it ended.
    pub tasks: u64,
    /// Time that it spent in tasks.
    pub busy: Duration,
    /// Pills that it was given.
    pub pills: u32,
}

/// How a pool's run ended.
///
/// ```
/// use unhurt::pool::End;
///
/// fn exit_code(end: &End) -> u8 {
///     match end {
///         End::Done => 0,
///         End::Stopped => 130,
///         _ => 3,
///     }
/// }
/// assert_eq!(exit_code(&End::Done), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// Every task has its outcome.
    Done,
    /// It was asked to stop.
    Stopped,
    /// More tasks failed than may.
    TooManyFailures,
    /// No worker is left and none can be started.
    NoWorkers {
        /// How many processes were started.
        starts: u64,
        /// What became of the last one.
        last: String,
    },
    /// An input turned out to be bad in the middle.
    BadInput(String),
    /// The sink wants no more.
    SinkClosed,
}

/// Processor time of this process and of all children that have ended.
pub fn cpu_seconds() -> f64 {
    let of = |who| {
        getrusage(who).map_or(0.0, |usage| {
            let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
            micros as f64 / 1e6
        })
    };
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}
