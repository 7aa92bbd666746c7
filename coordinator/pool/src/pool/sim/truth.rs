//! What has really happened, by the simulator's own bookkeeping.

use std::collections::{BTreeMap, BTreeSet};

use super::process::{Lease, Verdict};
use crate::outcome::{AttemptRecord, Reason};
use crate::supervisor::Exit;
use protocol::TaskId;
use queue::WorkerId;

/// An outcome that has left the pool.
#[derive(Debug, Clone)]
pub(super) struct Left {
    pub(super) attempts: u32,
    pub(super) worker: u32,
    /// The failure's reason, if it failed, and its history.
    pub(super) failed: Option<(Reason, Vec<AttemptRecord>)>,
}

/// A process that was made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) worker: WorkerId,
    pub(super) exit: Option<Exit>,
    pub(super) buried: bool,
    pub(super) lies: bool,
}

/// What has really happened.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// Tasks in the hands of processes, as the pool must know them.
    pub(super) holders: BTreeMap<TaskId, WorkerId>,
    /// The attempts that a process was sent.
    pub(super) held: BTreeSet<(u32, Lease)>,
    /// Attempts that ended well, as an honest worker that was heard to the end has said: never to be run again.
    pub(super) done: BTreeSet<TaskId>,
    /// What anybody has said.
    pub(super) claimed: BTreeMap<(u32, Lease), Vec<Verdict>>,
    /// When each process began each of its tasks, in pool time.
    pub(super) begun: BTreeMap<(u32, TaskId), u64>,
    pub(super) made: BTreeMap<u32, Made>,
    pub(super) pills: Vec<u32>,
    pub(super) lines: u64,
    pub(super) left: BTreeMap<TaskId, Left>,
    pub(super) told: Told,
}

/// What the observer was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) ok: u64,
    pub(super) retried: u64,
    pub(super) cancelled: BTreeMap<TaskId, u32>,
    /// Failed attempts by task.
    pub(super) failures: BTreeMap<TaskId, u32>,
    pub(super) failed: u64,
    pub(super) started: u64,
    pub(super) died: u64,
    pub(super) lines: u64,
}
