//! What a running task may know and say.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use protocol::{TaskId, WorkerCell, monotonic_nanos};

/// Progress that comes sooner than this after the last is not sent.
const OFTEN_NANOS: u64 = 20_000_000;

/// Where a task runs: who it is, how long it may take, whether anybody still wants it.
///
/// ```
/// use unhurt::{Context, TaskError};
///
/// fn count(most: u64, context: &Context<'_>) -> Result<u64, TaskError> {
///     for done in 0..most {
///         if context.is_cancelled() {
///             return Err(TaskError::new("nobody wants to know any more"));
///         }
///         if context.time_left().is_some_and(|left| left.as_millis() < 10) {
///             return Err(TaskError::new(format!("only {done} in that time")));
///         }
///         context.progress(done, most);
///     }
///     let (id, attempt, worker) = (context.id(), context.attempt(), context.worker());
///     context.log(format_args!("task {id}, attempt {attempt}, is done on {worker}"));
///     Ok(most)
/// }
/// ```
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) task: &'a protocol::Task<'a>,
    pub(super) timeout: Option<Duration>,
    pub(super) began_nanos: u64,
    pub(super) cell: Option<&'a WorkerCell>,
    pub(super) told_nanos: Cell<u64>,
}

impl Context<'_> {
    /// The task's number: the pool counts them from 0, in the order in which they came.
    pub fn id(&self) -> TaskId {
        self.task.id
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.task.attempt
    }

    /// The worker's name, for example `worker-1`.
    pub fn worker(&self) -> &str {
        self.task.context.worker
    }

    /// How much is left of the time limit; `None` where there is no limit. When it has run out, the process is
    /// killed.
    pub fn time_left(&self) -> Option<Duration> {
        let passed = Duration::from_nanos(monotonic_nanos().saturating_sub(self.began_nanos));
        Some(self.timeout?.saturating_sub(passed))
    }

    /// True where the task has been cancelled: end it soon, or the process is killed. It is killed at once
    /// unless the pool gives cancelled tasks a [grace](super::Builder::cancel_grace).
    pub fn is_cancelled(&self) -> bool {
        self.cell.is_some_and(|cell| cell.is_cancelled(self.task.id))
    }

    /// Says how far the task has come: `done` of `total`, in units of one's own. It comes out of
    /// [`Pool::events`](super::Pool::events), at most 50 times a second.
    pub fn progress(&self, done: u64, total: u64) {
        let now = monotonic_nanos();
        if now.saturating_sub(self.told_nanos.get()) >= OFTEN_NANOS || done >= total {
            self.told_nanos.set(now);
            // Where the coordinator is gone, nobody wants to know.
            let _ = self.task.progress(done, total);
        }
    }

    /// Writes a line to the log: it comes out of [`Pool::events`](super::Pool::events) and in the coordinator's
    /// `tracing` output, with the worker's and the task's name. So does all that a task prints.
    pub fn log(&self, line: impl fmt::Display) {
        eprintln!("{line}");
    }
}
