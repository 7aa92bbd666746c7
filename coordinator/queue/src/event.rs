//! What goes into the queue.

use core::fmt;
use core::time::Duration;

use ids::{TaskId, TaskRun};

use super::Time;
use crate::Reason;

/// A worker's place, from 0. The processes that fill it one after the other are its incarnations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u32);

impl WorkerId {
    /// As an index into a list of all workers.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Counted from 1, as in its name and in results.
    pub fn number(self) -> u32 {
        self.0.saturating_add(1)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker-{}", self.number())
    }
}

/// A batch's number; no two batches of a run share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Time has passed, or tasks were put.
    Tick,
    /// No more tasks will be put.
    PlanEnded,
    /// Outcomes can't leave fast enough (or can again): nothing new is leased meanwhile.
    Congested(bool),
    /// A worker has greeted and takes tasks.
    Started {
        /// Who.
        worker: WorkerId,
    },
    /// A worker has ended tasks.
    Outcomes {
        /// Who.
        worker: WorkerId,
        /// How long it spent in them, all together.
        busy: Duration,
        /// What became of them, in the order of their ends.
        reports: &'a [Report],
    },
    /// A recall was carried out: of this batch, only the first `started` tasks have been or will be run.
    Recalled {
        /// Who.
        worker: WorkerId,
        /// Which of its batches.
        batch: BatchId,
        /// How many tasks stay with the worker.
        started: usize,
    },
    /// The answer to [`Order::Observe`](super::Order::Observe).
    Observed {
        /// Who.
        worker: WorkerId,
        /// What its status cell says that it is running.
        running: Option<Running>,
    },
    /// A worker has grown too large: replace it once it has done what it has.
    Recycle {
        /// Who.
        worker: WorkerId,
    },
    /// A worker spoke nonsense.
    Broke {
        /// Who.
        worker: WorkerId,
    },
    /// A worker's process has ended (or could not be made); all that it had said has been handed in before.
    Died {
        /// Who.
        worker: WorkerId,
        /// What its status cell says that it was running.
        running: Option<Running>,
        /// How many tasks it had finished and not yet reported, as its status cell says.
        unreported: usize,
        /// How it ended.
        death: Death,
    },
    /// These tasks are no longer wanted: they end as cancelled, unless they have ended otherwise before that.
    Cancel {
        /// Which.
        tasks: &'a [TaskId],
    },
    /// Start nothing more; let running tasks finish for the time of grace.
    Stop,
    /// End now.
    Abort,
}

/// What became of tasks with consecutive ids in a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The tasks.
    pub run: TaskRun,
    /// Which attempt of each.
    pub attempt: u32,
    /// How it went.
    pub verdict: Verdict,
}

impl Report {
    /// What became of one task.
    pub fn one(task: TaskId, attempt: u32, verdict: Verdict) -> Self {
        Self { run: TaskRun::one(task), attempt, verdict }
    }

    /// The tasks, in order.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = TaskId> + use<> {
        self.run.tasks()
    }
}

/// How an attempt went, as the worker tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is a value.
    Ok,
    /// It failed, and the worker lives.
    Failed(Reason),
    /// It failed, the worker lives, and another attempt is certain to fail in the same way.
    FailedForGood(Reason),
}

/// What a status cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// The task.
    pub task: TaskId,
    /// Its attempt.
    pub attempt: u32,
    /// When the attempt began.
    pub since: Time,
}

/// How a worker's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It said goodbye and exited with 0.
    Orderly,
    /// It ended in the middle, for this reason.
    Crash(Reason),
    /// It could not be made.
    NeverBorn,
}

/// Tasks with consecutive ids in a worker's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leases {
    /// The tasks.
    pub run: TaskRun,
    /// The attempt that this is of each, from 1.
    pub attempt: u32,
}

impl Leases {
    /// One task.
    pub fn one(task: TaskId, attempt: u32) -> Self {
        Self { run: TaskRun::one(task), attempt }
    }

    /// The tasks, in order.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = TaskId> + use<> {
        self.run.tasks()
    }

    /// Takes in those that follow directly, of the same attempt; false where they do not.
    pub(super) fn join(&mut self, next: &Self) -> bool {
        self.attempt == next.attempt && self.run.join(next.run)
    }
}
