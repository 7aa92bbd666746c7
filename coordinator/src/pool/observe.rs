//! What happens in a pool, as it happens, for whoever wants to show or record it.

use std::time::Duration;

use protocol::TaskId;

use super::frames::Details;
use crate::outcome::AttemptRecord;
use crate::queue::{Fate, KillReason, Lease, Report, Time, WorkerId};

/// Is told what happens in a pool: once a batch or frame, never once a task.
///
/// It is called on the pool's thread, so it must return at once: it notes and counts, and leaves showing and
/// writing to another thread.
pub trait Observer {
    /// Something happened at `at`, in the pool's time (since its start, pauses left out).
    fn on_event(&mut self, at: Time, event: &PoolEvent<'_>);
}

/// Nobody looks.
impl Observer for () {
    fn on_event(&mut self, _: Time, _: &PoolEvent<'_>) {}
}

/// Something that happened in a pool.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolEvent<'a> {
    /// More tasks have been planned.
    Planned {
        /// How many there are now, those included that an earlier session has done.
        tasks: u64,
        /// How many of them an earlier session has done.
        skipped: u64,
        /// There will be no more.
        all: bool,
    },
    /// A worker process has been started.
    Started {
        /// Which worker.
        worker: WorkerId,
        /// Which process of it, from 0.
        incarnation: u32,
        /// The process.
        pid: u32,
    },
    /// A worker has greeted: it takes tasks from now on.
    Greeted {
        /// Which worker.
        worker: WorkerId,
    },
    /// Tasks have been sent to a worker, in one message.
    Sent {
        /// Which worker.
        worker: WorkerId,
        /// What it is to run.
        tasks: &'a [Lease],
    },
    /// Tasks of a worker ended well, and their outcomes count.
    Done {
        /// Which worker.
        worker: WorkerId,
        /// The tasks, in the order in which they ended.
        tasks: Done<'a>,
    },
    /// An attempt failed.
    Failed {
        /// Which worker.
        worker: WorkerId,
        /// Whose attempt.
        task: TaskId,
        /// How it failed.
        record: &'a AttemptRecord,
        /// Whether it is tried again or has failed for good.
        fate: Fate,
    },
    /// A task was cancelled that nobody ran.
    Cancelled {
        /// Which task.
        task: TaskId,
    },
    /// A running task says how far it has come.
    Progress {
        /// Which worker.
        worker: WorkerId,
        /// Which task.
        task: TaskId,
        /// So much is done.
        done: u64,
        /// Of so much.
        total: u64,
    },
    /// A worker has printed a line.
    Printed {
        /// Which worker.
        worker: WorkerId,
        /// What it was running then.
        task: Option<TaskId>,
        /// The line, without its end.
        line: &'a str,
    },
    /// A task has run past its soft limit.
    Slow {
        /// Which worker.
        worker: WorkerId,
        /// Which task.
        task: TaskId,
    },
    /// A worker was killed.
    Killed {
        /// Which worker.
        worker: WorkerId,
        /// Why.
        reason: KillReason,
    },
    /// A worker process has ended.
    Died {
        /// Which worker.
        worker: WorkerId,
        /// It had been told to, or said goodbye.
        orderly: bool,
        /// How it ended, without the worker's name.
        how: &'a str,
    },
}

/// Tasks that ended well.
#[derive(Debug, Clone, Copy)]
pub struct Done<'a> {
    reports: &'a [Report],
    details: &'a [Details],
}

impl<'a> Done<'a> {
    pub(super) fn new(reports: &'a [Report], details: &'a [Details]) -> Self {
        Self { reports, details }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.reports.len()
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// Each task with its attempt and how long that took, to the microsecond.
    pub fn iter(&self) -> impl Iterator<Item = (TaskId, u32, Duration)> + use<'a> {
        let took = |details: &Details| Duration::from_micros(details.micros);
        self.reports
            .iter()
            .zip(self.details)
            .map(move |(report, details)| (report.task, report.attempt, took(details)))
    }
}
