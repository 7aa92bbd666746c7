//! What a pool may be told. Every value is checked where it is read (command line, job file, builder), so
//! that nothing in here can be nonsense.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use queue::BatchSize;

use crate::outcome::Reason;

/// How a pool works.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// How many worker processes.
    pub workers: NonZeroU32,
    /// Attempts after the first.
    pub retries: u32,
    /// The reasons after which a task is tried again.
    pub retry_on: Vec<Reason>,
    /// The hard limit on one attempt: its worker is killed.
    pub timeout: Option<Duration>,
    /// The soft limit on one attempt: a warning and a mark in the result.
    pub soft_timeout: Option<Duration>,
    /// How many tasks are sent at once.
    pub batch: BatchSize,
    /// The priority of its tasks: of all that wait, those with the highest go first.
    pub priority: i32,
    /// Limits on each worker process.
    pub limits: Limits,
    /// A worker is replaced after this many tasks.
    pub max_tasks_per_worker: Option<NonZeroU64>,
    /// A worker is replaced once its resident memory has grown by this many bytes since its start.
    pub max_memory_growth: Option<u64>,
    /// The run ends once more than this many tasks have failed for good.
    pub max_failures: Option<u64>,
    /// How long running tasks may go on after a request to stop.
    pub grace: Duration,
    /// How long a cancelled task may go on that is running, to tidy up behind itself.
    pub cancel_grace: Duration,
    /// How long a worker may take from its start to its greeting.
    pub start_timeout: Duration,
    /// Workers may start processes of their own: a guard sees to it that none outlives the coordinator.
    pub guard: bool,
    /// Outcomes carry their tasks' payloads, for sinks that show or store them.
    pub payloads_in_outcomes: bool,
    /// A program that speaks the protocol; absent: this one, run again as a worker.
    pub worker_program: Option<PathBuf>,
}

/// The order in which results leave. A pool hands them on as they come; whoever wants them in the order of the input
/// puts them back into it.
///
/// ```
/// use unhurt::pool::Order;
///
/// let builder = unhurt::Pool::builder().order(Order::Completion); // for `Pool::map`
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By task id.
    Input,
    /// As they come.
    Completion,
}

/// Limits on one worker process, enforced by the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Address space, in bytes.
    pub memory: Option<u64>,
    /// Processor time, in seconds.
    pub cpu_seconds: Option<u64>,
    /// Open files.
    pub open_files: Option<u64>,
    /// The size of a file it writes, in bytes.
    pub file_size: Option<u64>,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            workers: NonZeroU32::MIN,
            retries: 2,
            retry_on: vec![Reason::Signal, Reason::Exit, Reason::Timeout, Reason::Memory, Reason::Protocol],
            timeout: None,
            soft_timeout: None,
            batch: BatchSize::Auto,
            priority: 0,
            limits: Limits::default(),
            max_tasks_per_worker: None,
            max_memory_growth: None,
            max_failures: None,
            grace: Duration::from_secs(10),
            cancel_grace: Duration::ZERO,
            start_timeout: Duration::from_secs(10),
            guard: false,
            payloads_in_outcomes: true,
            worker_program: None,
        }
    }
}
