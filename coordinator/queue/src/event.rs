//! What goes into the queue and what comes out.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use core::time::Duration;

use ids::TaskId;

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
    /// The answer to [`Command::Observe`].
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
    /// The first task.
    pub first: TaskId,
    /// How many tasks.
    pub count: u32,
    /// Which attempt of each.
    pub attempt: u32,
    /// How it went.
    pub verdict: Verdict,
}

impl Report {
    /// What became of one task.
    pub fn one(task: TaskId, attempt: u32, verdict: Verdict) -> Self {
        Self { first: task, count: 1, attempt, verdict }
    }

    /// The tasks, in order.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = TaskId> + use<> {
        in_a_row(self.first, self.count)
    }
}

/// How an attempt went, as the worker tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is a value.
    Ok,
    /// It failed, and the worker lives.
    Failed(Reason),
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

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Make a process for this worker.
    Start {
        /// Who.
        worker: WorkerId,
        /// Which process of this worker it is, from 1.
        incarnation: u32,
    },
    /// Send these tasks.
    Send {
        /// To whom.
        worker: WorkerId,
        /// The batch's number.
        batch: BatchId,
        /// The tasks, in the order in which they run.
        tasks: Vec<Leases>,
    },
    /// Take back what this worker has not started of a batch, and answer with [`Event::Recalled`].
    Recall {
        /// From whom.
        worker: WorkerId,
        /// Of which batch.
        batch: BatchId,
        /// How many of its tasks the worker keeps in any case.
        keep: usize,
    },
    /// Read the status cell and answer with [`Event::Observed`].
    Observe {
        /// Whose.
        worker: WorkerId,
    },
    /// Tell the worker that no more tasks will come.
    Pill {
        /// Whom.
        worker: WorkerId,
    },
    /// Kill the worker and all that it started.
    Kill {
        /// Whom.
        worker: WorkerId,
        /// Why.
        reason: KillReason,
    },
    /// These tasks have ended well.
    Accept {
        /// The tasks, by their place among all that the reports of [`Event::Outcomes`] tell of.
        places: Range<usize>,
    },
    /// An attempt has failed.
    Charge {
        /// The task.
        task: TaskId,
        /// The attempt that failed.
        attempt: u32,
        /// By whom it was made.
        worker: WorkerId,
        /// Why it failed.
        reason: Reason,
        /// The task's place among all that the reports of [`Event::Outcomes`] tell of; none where the worker died
        /// of it.
        place: Option<usize>,
        /// What happens to the task now.
        fate: Fate,
    },
    /// A running attempt has passed the soft limit.
    Slow {
        /// Where.
        worker: WorkerId,
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
    },
    /// A task that nobody runs has been cancelled, and has failed for good.
    Cancelled {
        /// The task.
        task: TaskId,
        /// How many attempts of it have failed.
        attempts: u32,
    },
    /// Let a worker know that the task which it runs is cancelled: it will be killed soon.
    Warn {
        /// Whom.
        worker: WorkerId,
        /// The task.
        task: TaskId,
    },
    /// The run can't go on: no worker is left and none can be started.
    GiveUp(GiveUp),
    /// All is done and everybody has gone.
    Joined,
}

/// So many consecutive ids. They may be a liar's, so they wrap around instead of ending in a panic.
fn in_a_row(first: TaskId, count: u32) -> impl ExactSizeIterator<Item = TaskId> {
    (0..count).map(move |index| TaskId(first.0.wrapping_add(index.into())))
}

/// Tasks with consecutive ids in a worker's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leases {
    /// The first task.
    pub first: TaskId,
    /// How many tasks.
    pub count: u32,
    /// The attempt that this is of each, from 1.
    pub attempt: u32,
}

impl Leases {
    /// One task.
    pub fn one(task: TaskId, attempt: u32) -> Self {
        Self { first: task, count: 1, attempt }
    }

    /// The tasks, in order.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = TaskId> + use<> {
        in_a_row(self.first, self.count)
    }

    /// Which of them a task is, from 0.
    pub fn place(&self, task: TaskId) -> Option<u32> {
        let place = u32::try_from(task.0.checked_sub(self.first.0)?).ok()?;
        (place < self.count).then_some(place)
    }

    /// Takes in those that follow directly, of the same attempt; false where they do not.
    pub(super) fn join(&mut self, next: &Self) -> bool {
        let follows = self.first.0 + u64::from(self.count) == next.first.0 && self.attempt == next.attempt;
        if follows {
            self.count += next.count;
        }
        follows
    }
}

/// What happens to a task whose attempt has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is tried again, after this long.
    Retry(Duration),
    /// It has failed for good.
    Failed,
}

/// Why a worker is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillReason {
    /// This task ran past its limit.
    Timeout(TaskId),
    /// It has work, or its pill and nothing else, and shows no sign of life.
    Stalled,
    /// It spoke nonsense.
    Protocol,
    /// It has this task, which is cancelled, and does not give it back.
    Cancelled(TaskId),
    /// It did not greet in time.
    StartTimeout,
    /// The run ends.
    Stop,
}

/// The end of a run that can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GiveUp {
    /// How many processes were started in all.
    pub starts: u64,
}
