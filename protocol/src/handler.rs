//! What a worker runs: a [`Handler`] takes a task's payload and appends its value.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use crate::frame::write_frame;
use crate::{FromWorker, TaskError, TaskId, WorkerCell};

/// Something that runs tasks, one at a time, inside a worker process.
///
/// It may keep state between tasks (buffers, caches), but the value must not depend on it: a task may run
/// on any worker, after any other task, and more than once.
///
/// ```
/// use std::sync::Arc;
///
/// use protocol::{Context, Handler, Task, TaskError, TaskId, WorkerCell};
///
/// #[derive(Default)]
/// struct Sum {
///     cell: Option<Arc<WorkerCell>>,
/// }
///
/// impl Handler for Sum {
///     fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
///         let mut sum = 0;
///         for byte in task.payload {
///             if self.cell.as_ref().is_some_and(|cell| cell.is_cancelled(task.id)) {
///                 return Err(TaskError::new("nobody wants it any more"));
///             }
///             sum += u64::from(*byte);
///         }
///         value.extend(sum.to_le_bytes());
///         Ok(())
///     }
///
///     fn attach(&mut self, cell: Arc<WorkerCell>) {
///         self.cell = Some(cell);
///     }
/// }
///
/// let context = Context { worker: "worker-1", link: None };
/// let mut value = Vec::new();
/// Sum::default().run(&Task { id: TaskId(0), attempt: 1, payload: &[1, 2, 3], context }, &mut value)?;
/// assert_eq!(value, 6_u64.to_le_bytes());
/// # Ok::<(), TaskError>(())
/// ```
pub trait Handler {
    /// Runs one task and appends its value to `value` (which may already hold other tasks' bytes).
    ///
    /// # Errors
    /// A [`TaskError`] fails this attempt and nothing else. A panic is caught and does the same.
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError>;

    /// Gives it the worker's status cell, once, before the first task. A handler of long tasks can ask the
    /// cell whether the one that it runs has been [cancelled](WorkerCell::is_cancelled).
    fn attach(&mut self, cell: Arc<WorkerCell>) {
        let _ = cell;
    }
}

/// One attempt of a task, as its handler sees it.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// Which task.
    pub id: TaskId,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// What the plan said: the handler's own bytes.
    pub payload: &'a [u8],
    /// Where it runs.
    pub context: Context<'a>,
}

impl Task<'_> {
    /// Tells the coordinator how far this task has come: `done` of `total`, in units of one's own. Waits
    /// where the link is full.
    ///
    /// ```
    /// # fn example(task: &protocol::Task<'_>) -> Result<(), protocol::TaskError> {
    /// for (done, byte) in (1..).zip(task.payload) {
    ///     println!("{byte}");
    ///     task.progress(done, task.payload.len() as u64).map_err(|error| protocol::TaskError::new(error.to_string()))?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The coordinator is gone.
    pub fn progress(&self, done: u64, total: u64) -> io::Result<()> {
        let Some(link) = self.context.link else { return Ok(()) };
        let progress = FromWorker::Progress { task: self.id, attempt: self.attempt, done, total };
        write_frame(link, &mut Vec::new(), |out| progress.encode(out))
    }
}

/// Where a task runs.
///
/// ```
/// let context = protocol::Context { worker: "worker-1", link: None }; // for a test of a handler
/// assert_eq!(context.worker, "worker-1");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The worker's name, for example `worker-1`.
    pub worker: &'a str,
    /// The raw end of the link to the coordinator, where there is one. Only rehearsals of broken workers
    /// have a use for it.
    pub link: Option<BorrowedFd<'a>>,
}
