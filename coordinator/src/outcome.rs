//! How tasks failed: why, and after which attempts.
//!
//! ```
//! use coordinator::outcome::{AttemptRecord, Failure};
//!
//! fn show(failure: &Failure) {
//!     println!("{}: {}", failure.reason.name(), failure.message);
//!     for AttemptRecord { attempt, worker, reason, micros, .. } in &failure.history {
//!         println!("  attempt {attempt} on worker-{worker}: {reason:?} after {micros} µs");
//!     }
//! }
//! ```

use protocol::TaskId;
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
/// # fn example(error: &coordinator::Error) {
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
/// # fn example(error: &coordinator::Error) {
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

/// Why an attempt failed.
///
/// ```
/// use coordinator::outcome::Reason;
///
/// let fatal = Reason::ALL.into_iter().filter(|reason| !matches!(reason, Reason::Error | Reason::Panic));
/// assert_eq!(fatal.clone().count(), 6);
/// assert_eq!(Reason::Timeout.name(), "timeout");
/// let builder = coordinator::Pool::builder().retry_on(fatal);
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The task said so.
    Error,
    /// The task panicked.
    Panic,
    /// The worker was killed by a signal.
    Signal,
    /// The worker exited in the middle of the task.
    Exit,
    /// The task ran past its time limit.
    Timeout,
    /// The task needed more memory than it may have.
    Memory,
    /// The worker broke the protocol.
    Protocol,
    /// The task was cancelled.
    Cancelled,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Error,
        Self::Panic,
        Self::Signal,
        Self::Exit,
        Self::Timeout,
        Self::Memory,
        Self::Protocol,
        Self::Cancelled,
    ];

    /// The name that results and job files use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Signal => "signal",
            Self::Exit => "exit",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Protocol => "protocol",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Outcomes, stored end to end: a tiny task's outcome costs no allocation.
#[doc(hidden)]
#[derive(Debug, Clone, Default)]
pub struct OutcomeBatch {
    records: Vec<Record>,
    bytes: Vec<u8>,
    long_bytes: usize,
}

#[derive(Debug, Clone)]
struct Record {
    task: TaskId,
    attempts: u32,
    worker: u32,
    micros: u64,
    slow: bool,
    // Payload and value stand one behind the other: from `start` to `middle`, and from there to `end`.
    start: usize,
    middle: usize,
    end: usize,
    rest: Rest,
}

/// What an outcome has beside the bytes that it shares with the others.
#[derive(Debug, Clone)]
enum Rest {
    Nothing,
    /// A value that is worth no copying.
    Long(Box<[u8]>),
    Failed(Box<Failure>),
}

impl OutcomeBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many outcomes it holds.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True where it holds none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many bytes of payloads and values it holds.
    pub fn total_bytes(&self) -> usize {
        self.bytes.len() + self.long_bytes
    }

    /// Appends a copy of an outcome.
    #[inline]
    pub fn push(&mut self, outcome: Outcome<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(outcome.payload);
        let middle = self.bytes.len();
        let rest = match outcome.result {
            Ok(value) => {
                self.bytes.extend_from_slice(value);
                Rest::Nothing
            }
            Err(failure) => Rest::Failed(Box::new(failure.clone())),
        };
        let Outcome { task, attempts, worker, micros, slow, .. } = outcome;
        let end = self.bytes.len();
        self.records.push(Record { task, attempts, worker, micros, slow, start, middle, end, rest });
    }

    /// Appends an outcome with a long value, which is not copied; the outcome's own result does not count.
    pub fn push_long(&mut self, outcome: Outcome<'_>, value: Vec<u8>) {
        self.long_bytes += value.len();
        self.push(Outcome { result: Ok(&[]), ..outcome });
        if let Some(record) = self.records.last_mut() {
            record.rest = Rest::Long(value.into_boxed_slice());
        }
    }

    /// The outcomes, in the order in which they were pushed.
    pub fn iter(&self) -> impl Iterator<Item = Outcome<'_>> {
        self.records.iter().map(|record| self.outcome(record))
    }

    /// The outcome that was pushed as this one, counted from 0.
    pub fn get(&self, index: usize) -> Option<Outcome<'_>> {
        self.records.get(index).map(|record| self.outcome(record))
    }

    fn outcome<'a>(&'a self, record: &'a Record) -> Outcome<'a> {
        Outcome {
            task: record.task,
            payload: self.bytes.get(record.start..record.middle).unwrap_or_default(),
            attempts: record.attempts,
            worker: record.worker,
            micros: record.micros,
            slow: record.slow,
            result: match &record.rest {
                Rest::Nothing => Ok(self.bytes.get(record.middle..record.end).unwrap_or_default()),
                Rest::Long(value) => Ok(value),
                Rest::Failed(failure) => Err(failure),
            },
        }
    }

    /// Gives every outcome another task id.
    pub(crate) fn renumber(&mut self, mut number: impl FnMut(TaskId) -> TaskId) {
        self.records.iter_mut().for_each(|record| record.task = number(record.task));
    }

    /// Forgets the outcomes and keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.bytes.clear();
        self.long_bytes = 0;
    }
}
