//! How one task ended, and every attempt that failed before.

use protocol::TaskId;
use queue::Reason;
use serde::{Deserialize, Serialize};

/// How one task ended: exactly one of these leaves the pool for each task.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// Which task.
    pub task: TaskId,
    /// What the plan said.
    pub payload: &'a [u8],
    /// How many attempts were charged to it, counted from 1 (0: it was cancelled before its first).
    pub attempts: u32,
    /// The number of the worker that made the last attempt, from 1 (0: none).
    pub worker: u32,
    /// How long the last attempt took, in microseconds.
    pub micros: u64,
    /// True where an attempt passed the soft timeout.
    pub slow: bool,
    /// The value, or why there is none.
    pub result: Result<&'a [u8], &'a Failure>,
}

/// Why a task failed for good: a dead letter.
///
/// ```
/// # fn example(error: &unhurt::Error) {
/// if let Some(failure) = error.failure() {
///     println!("given up after {} attempts: {}", failure.history.len(), failure.message);
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// The reason of the last attempt.
    pub reason: Reason,
    /// What happened, in a sentence.
    pub message: String,
    /// Every attempt that was charged, first to last.
    pub history: Vec<AttemptRecord>,
}

/// One attempt that failed.
///
/// ```
/// # fn example(error: &unhurt::Error) {
/// for attempt in error.history() {
///     println!("process {} ended by signal {:?}, exit code {:?}", attempt.pid, attempt.signal, attempt.exit_code);
///     attempt.last_lines.iter().for_each(|line| println!("it had said: {line}"));
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptRecord {
    /// Counted from 1.
    pub attempt: u32,
    /// The worker's number, from 1.
    pub worker: u32,
    /// Its process id.
    pub pid: u32,
    /// Why it failed.
    pub reason: Reason,
    /// What happened, in a sentence.
    pub message: String,
    /// The signal that killed the worker, if one did.
    pub signal: Option<i32>,
    /// The worker's exit code, if it exited.
    pub exit_code: Option<i32>,
    /// The last lines that the worker wrote to its standard output and error.
    pub last_lines: Vec<String>,
    /// How long it took, in microseconds.
    pub micros: u64,
}

impl Failure {
    /// About how much memory it takes, in bytes.
    pub(crate) fn footprint(&self) -> usize {
        let attempt = |attempt: &AttemptRecord| {
            let lines = attempt.last_lines.iter().map(|line| size_of::<String>() + line.len());
            size_of::<AttemptRecord>() + attempt.message.len() + lines.sum::<usize>()
        };
        size_of::<Self>() + self.message.len() + self.history.iter().map(attempt).sum::<usize>()
    }

    /// A dead letter with this history.
    #[doc(hidden)]
    pub fn new(reason: Reason, message: String, history: Vec<AttemptRecord>) -> Self {
        Self { reason, message, history }
    }
}

impl AttemptRecord {
    /// An attempt of which no more is known than this.
    #[doc(hidden)]
    pub fn new(attempt: u32, worker: u32, reason: Reason, message: String) -> Self {
        Self {
            attempt,
            worker,
            pid: 0,
            reason,
            message,
            signal: None,
            exit_code: None,
            last_lines: Vec::new(),
            micros: 0,
        }
    }
}
