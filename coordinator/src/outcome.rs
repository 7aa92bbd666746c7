//! How tasks ended, in batches on their way out.

use protocol::TaskId;
use serde::{Deserialize, Serialize};

/// How one task ended: exactly one of these leaves the pool for each task.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The reason of the last attempt.
    pub reason: Reason,
    /// What happened, in a sentence.
    pub message: String,
    /// Every attempt that was charged, first to last.
    pub history: Vec<AttemptRecord>,
}

/// One attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Default)]
pub struct OutcomeBatch {
    records: Vec<Record>,
    bytes: Vec<u8>,
    long_bytes: usize,
    // Memory of long values that were read: fresh memory costs a page fault for every 4 KiB of the next one.
    // Invariant: empty vectors, together at most SPARE_BYTES.
    spare: Vec<Vec<u8>>,
}

/// How much memory of long values a batch keeps, in bytes.
const SPARE_BYTES: usize = 20 << 20;

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
    /// A value that is worth no copying. Boxed, since nearly all records are others'.
    #[allow(clippy::box_collection, reason = "a record is to be small")]
    Long(Box<Vec<u8>>),
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
            record.rest = Rest::Long(Box::new(value));
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

    /// Takes the long value of the outcome that was pushed as this one, where it has one; it is empty then.
    pub fn take_long(&mut self, index: usize) -> Option<Vec<u8>> {
        match &mut self.records.get_mut(index)?.rest {
            Rest::Long(value) => {
                self.long_bytes = self.long_bytes.saturating_sub(value.len());
                Some(std::mem::take(&mut **value))
            }
            Rest::Nothing | Rest::Failed(_) => None,
        }
    }

    /// Memory for a long value: used before, where there is some of about this length.
    pub(crate) fn room_for(&mut self, length: usize) -> Vec<u8> {
        let fits = |spare: &Vec<u8>| (length..=length.saturating_mul(2)).contains(&spare.capacity());
        match self.spare.iter().position(fits) {
            Some(at) => self.spare.swap_remove(at),
            None => Vec::with_capacity(length),
        }
    }

    /// Forgets the outcomes and keeps the memory.
    pub fn clear(&mut self) {
        if self.long_bytes > 0 {
            self.keep_memory();
        }
        self.records.clear();
        self.bytes.clear();
        self.long_bytes = 0;
    }

    /// Keeps the long values' memory, the latest ones', as far as it may.
    fn keep_memory(&mut self) {
        let mut kept: usize = self.spare.iter().map(Vec::capacity).sum();
        for record in &mut self.records {
            let Rest::Long(value) = &mut record.rest else { continue };
            let mut value = std::mem::take(&mut **value);
            if value.capacity() > SPARE_BYTES {
                continue;
            }
            while kept + value.capacity() > SPARE_BYTES && !self.spare.is_empty() {
                kept = kept.saturating_sub(self.spare.remove(0).capacity());
            }
            kept += value.capacity();
            value.clear();
            self.spare.push(value);
        }
    }
}
