//! What comes out of the queue, by audience: the workers, the books about the tasks, the observers.
//!
//! Each audience has a type of its own, so that whoever carries one of them out matches all of it: a task's end can't
//! be taken for an order and dropped.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use ids::TaskId;

use super::{BatchId, Leases, WorkerId};
use crate::Reason;

/// What the queue decides when it hears of an event.
///
/// Settle the tasks first, then give the orders, then pass on the notes: within each list, the order counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decisions {
    /// What became of tasks. Their evidence (a frame, a death) is at hand now and not later.
    pub tasks: Vec<Settled>,
    /// What the workers are to do, in this order. Orders of later events come behind those of earlier ones.
    pub orders: VecDeque<Order>,
    /// What observers want to know.
    pub notes: Vec<Note>,
}

impl Decisions {
    /// True if there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.orders.is_empty() && self.notes.is_empty()
    }
}

/// Something that a worker is to do, or that is to be done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Make a process for this worker.
    Start {
        /// Which worker.
        worker: WorkerId,
        /// Which process of this worker it is, from 1.
        incarnation: u32,
    },
    /// Send these tasks.
    Send {
        /// To which worker.
        worker: WorkerId,
        /// The batch's number.
        batch: BatchId,
        /// The tasks, in the order in which they run.
        tasks: Vec<Leases>,
    },
    /// Take back what this worker has not started of a batch, and answer with
    /// [`Event::Recalled`](super::Event::Recalled).
    Recall {
        /// From which worker.
        worker: WorkerId,
        /// Of which batch.
        batch: BatchId,
        /// How many of its tasks the worker keeps in any case.
        keep: usize,
    },
    /// Read the status cell and answer with [`Event::Observed`](super::Event::Observed).
    Observe {
        /// Whose cell.
        worker: WorkerId,
    },
    /// Send the poison pill: no more tasks will come.
    Pill {
        /// To which worker.
        worker: WorkerId,
    },
    /// Let a worker know that the task which it runs is cancelled: it will be killed soon.
    Warn {
        /// Which worker.
        worker: WorkerId,
        /// The task.
        task: TaskId,
    },
    /// Kill the worker and all that it started.
    Kill {
        /// Which worker.
        worker: WorkerId,
        /// Why.
        reason: KillReason,
    },
}

/// What became of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// These tasks have ended well.
    Accepted {
        /// The tasks, by their place among all that the reports of [`Event::Outcomes`](super::Event::Outcomes) tell of.
        places: Range<usize>,
    },
    /// An attempt has failed.
    Charged {
        /// The task.
        task: TaskId,
        /// The attempt that failed.
        attempt: u32,
        /// The worker that made it.
        worker: WorkerId,
        /// Why it failed.
        reason: Reason,
        /// The task's place among all that the reports of [`Event::Outcomes`](super::Event::Outcomes) tell of; none if
        /// the worker died of it.
        place: Option<usize>,
        /// What happens to the task now.
        fate: Fate,
    },
    /// A task that no worker runs has been cancelled, and has failed for good.
    Cancelled {
        /// The task.
        task: TaskId,
        /// How many attempts of it have failed.
        attempts: u32,
    },
}

/// Something that observers want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// A running attempt has passed the soft limit.
    Slow {
        /// Where it runs.
        worker: WorkerId,
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
    },
    /// The run can't go on: no worker is left and none can be started.
    GaveUp(GiveUp),
    /// All is done and every worker has gone.
    Joined,
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

/// All decisions in the order in which they are carried out, for those that look at all of them.
#[cfg(test)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Task(Settled),
    Order(Order),
    Note(Note),
}

#[cfg(test)]
impl Decisions {
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Said> {
        let tasks = self.tasks.drain(..).map(Said::Task);
        tasks.chain(self.orders.drain(..).map(Said::Order)).chain(self.notes.drain(..).map(Said::Note))
    }
}
