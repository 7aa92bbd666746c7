//! What a pool's run came to.

use std::time::Duration;

use super::Spent;
use crate::queue::Counts;

/// What a pool's run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolReport {
    /// Counts of tasks and restarts, over this session and those before it.
    pub counts: Counts,
    /// Tasks whose outcomes an earlier session had.
    pub skipped: u64,
    /// Tasks without an outcome: of a run that was stopped.
    pub unfinished: u64,
    /// One entry a worker, in the order of their numbers.
    pub workers: Vec<WorkerReport>,
    /// How it ended.
    pub end: End,
    /// What its time was spent on.
    pub spent: Spent,
}

/// What one worker did, over all its incarnations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
