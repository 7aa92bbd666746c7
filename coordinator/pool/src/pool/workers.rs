//! The seam to the workers: all that the driver knows of processes and links.
//!
//! [`Local`](super::local::Local) has the real ones. The simulator has a double of it that keeps everybody's time,
//! records what it is told, and lets processes crash, hang and lie; so the whole pool runs in tests without a process.
//! What crosses the seam is a batch or a frame, never a single task.

use std::io;
use std::time::Duration;

use protocol::{Running, TaskId};

use super::death::Evidence;
use super::frames::Parsed;
use super::ledger::Ledger;
use super::lines::{Line, Lines};
use queue::{BatchId, KillReason, Leases, WorkerId};

/// The workers of a pool. A worker without a process (it has died, or was never started) takes every order and does
/// nothing.
pub(super) trait Workers {
    /// The time, in monotonic nanoseconds.
    fn now(&self) -> u64;

    /// Makes a process for a worker and returns its id; or says why there is none.
    fn start(&mut self, worker: WorkerId, incarnation: u32) -> Result<u32, String>;

    /// Sends tasks in one message. A dead worker does not take it; its death is heard of.
    fn send(&mut self, worker: WorkerId, batch: BatchId, tasks: &[Leases], ledger: &mut Ledger);

    /// Takes back what a worker has not started of a batch, except that at least `keep` tasks of it stay; returns how
    /// many stay. `None`: there is nobody to take it from.
    fn recall(&mut self, worker: WorkerId, batch: BatchId, keep: usize) -> Option<usize>;

    /// What a worker's status cell says that it is running.
    fn running(&self, worker: WorkerId) -> Option<Running>;

    /// Sends a worker its poison pill.
    fn send_pill(&mut self, worker: WorkerId);

    /// Lets a worker know that the task which it runs is cancelled.
    fn warn(&mut self, worker: WorkerId, task: TaskId);

    /// Kills a worker and all that it started; its death is heard of. Returns its process, if it has one.
    fn kill(&mut self, worker: WorkerId, reason: KillReason) -> Option<u32>;

    /// By how many bytes a worker's memory has grown since the first look.
    fn growth(&mut self, worker: WorkerId) -> u64;

    /// Stands still, with all workers, until somebody lets this process go on.
    fn pause(&mut self);

    /// Waits until something can be heard, for no longer than `patience`, while so many workers have something to do.
    ///
    /// # Errors
    /// The system lets nobody wait.
    fn wait(&mut self, patience: Option<Duration>, working: usize) -> io::Result<()>;

    /// From when to when (in monotonic nanoseconds) the last wait was one in which nobody of this run was let run, this
    /// thread included.
    fn stopped(&mut self) -> Option<(u64, u64)> {
        None
    }

    /// Lets `ear` hear of the next thing that has happened, whatever one worker has to say about it. False if there is
    /// nothing now.
    fn next(&mut self, ear: &mut impl Ear) -> bool;

    /// Lets `ear` hear all that a worker whose process has [ended](Heard::Ended) had said before.
    fn last_words(&mut self, worker: WorkerId, ear: &mut impl Ear);

    /// What is known of the end of a worker's process.
    fn obituary(&self, worker: WorkerId) -> Option<Obituary<'_>>;

    /// Forgets a process that has ended: it is reaped, and what it left behind is killed.
    fn bury(&mut self, worker: WorkerId);
}

/// Hears what happens to workers.
pub(super) trait Ear {
    /// Something happened, at this monotonic time.
    fn hear(&mut self, at: u64, heard: Heard<'_>);

    /// Memory for a long value.
    fn room_for(&mut self, length: usize) -> Vec<u8>;
}

/// Something that happened.
#[derive(Debug)]
pub(super) enum Heard<'a> {
    /// Another thread asks for something, or has tasks or room again.
    Woken,
    /// A worker has greeted and takes tasks.
    Greeted(WorkerId),
    /// A worker has ended tasks.
    Outcomes(Frame<'a>),
    /// A running task says how far it has come.
    Progress { worker: WorkerId, task: TaskId, attempt: u32, done: u64, total: u64 },
    /// A worker has printed a line, while it ran this attempt.
    Printed { worker: WorkerId, running: Option<(TaskId, u32)>, line: Line<'a> },
    /// A worker makes no sense.
    Broke(WorkerId),
    /// A worker's process has ended. It may have said more before.
    Ended(WorkerId),
}

/// A frame of outcomes, and the worker that it came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) worker: WorkerId,
    pub(super) pid: u32,
    /// How long it was busy with these tasks.
    pub(super) busy: Duration,
    /// What the frame says.
    pub(super) said: &'a Parsed,
    pub(super) bytes: &'a [u8],
    pub(super) lines: &'a Lines,
}

/// The end of a worker's process.
#[derive(Debug)]
pub(super) struct Obituary<'a> {
    pub(super) worker: WorkerId,
    pub(super) pid: u32,
    /// What its status cell says that it was running.
    pub(super) running: Option<Running>,
    /// How many tasks it had finished and not reported, as its status cell says.
    pub(super) unreported: usize,
    pub(super) evidence: Evidence<'a>,
}
