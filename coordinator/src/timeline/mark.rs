//! What the pool's thread notes for the trace, and its writer writes.

use protocol::TaskId;

use super::lane::Span;
use crate::pool::Limit;
use crate::queue::WorkerId;

/// Something that is written down.
#[derive(Debug)]
pub(super) enum Mark {
    /// The beginning of the run.
    Zero(u64),
    /// A worker that is seen for the first time.
    Worker(WorkerId),
    /// A process from its start to its greeting (or its death before that).
    Start {
        worker: WorkerId,
        span: Span,
        incarnation: u32,
        pid: u32,
    },
    Sent {
        worker: WorkerId,
        at: u64,
        tasks: usize,
        first: TaskId,
    },
    /// Tasks that were reported together.
    Batch {
        worker: WorkerId,
        span: Span,
        tasks: usize,
    },
    Task {
        worker: WorkerId,
        span: Span,
        task: TaskId,
        attempt: u32,
    },
    Failed {
        worker: WorkerId,
        span: Span,
        task: TaskId,
        attempt: u32,
        reason: &'static str,
        message: String,
    },
    Wait {
        worker: WorkerId,
        span: Span,
    },
    /// Something at one moment: a kill, a death, a soft limit.
    Instant {
        worker: WorkerId,
        at: u64,
        name: &'static str,
        detail: String,
    },
    Limit {
        limit: Limit,
        span: Span,
    },
    Paused {
        at: u64,
        nanos: u64,
    },
    Counts(Counted),
}

/// How much there was, and how much of it was written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) tasks: u64,
    pub(super) tasks_kept: u64,
    /// Marks that came faster than they could be written.
    pub(super) lost: u64,
}
