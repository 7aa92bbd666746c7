//! Outcomes on their way into a frame: the worker's side of [`Outcomes`].

use super::Outcomes;
use super::runs::RunLengths;
use crate::MAX_TEXT;
use crate::varint::{self, Steps};
use crate::{TaskError, TaskErrorKind, TaskId};

/// How an attempt ended, as a head says it in its low three bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok = 0,
    Error = 1,
    Memory = 2,
    Panic = 3,
    Chunked = 4,
    ErrorForGood = 5,
    MemoryForGood = 6,
}

impl From<&TaskError> for Status {
    fn from(error: &TaskError) -> Self {
        match (error.kind, error.for_good) {
            (TaskErrorKind::Error, false) => Self::Error,
            (TaskErrorKind::Error, true) => Self::ErrorForGood,
            (TaskErrorKind::Memory, false) => Self::Memory,
            (TaskErrorKind::Memory, true) => Self::MemoryForGood,
        }
    }
}

/// A run's first id, count, attempt and status, microseconds and the number before its lengths, as long as they can be.
const MAX_HEAD: usize = varint::MAX_LENGTH + 3 + 6 + varint::MAX_LENGTH + varint::MAX_LENGTH;

/// Collects outcomes, frame after frame, in the same memory.
///
/// Tiny tasks are timed together, so an outcome first waits without its time, until [`settle`](Self::settle).
#[derive(Debug)]
pub(crate) struct OutcomeEncoder {
    busy_nanos: u64,
    // Invariant: those before `settled` have their time.
    runs: Vec<OpenRun>,
    settled: usize,
    // How many outcomes the others have together.
    waiting: usize,
    // The lengths of values that differ from their neighbours'.
    list: Vec<u8>,
    pub(super) heads: Vec<u8>,
    /// Values end to end; a handler appends to it directly.
    pub(crate) blob: Vec<u8>,
}

#[derive(Debug)]
struct OpenRun {
    first: TaskId,
    attempt: u32,
    status: Status,
    micros: u64,
    lengths: RunLengths,
}

impl OpenRun {
    #[inline]
    fn is_followed_by(&self, task: TaskId, attempt: u32, status: Status) -> bool {
        self.first.0.checked_add(self.lengths.count as u64) == Some(task.0)
            && self.attempt == attempt
            && self.status == Status::Ok
            && status == Status::Ok
    }

    /// Takes in the run that follows, if it can.
    fn join(&mut self, next: &Self) -> bool {
        self.is_followed_by(next.first, next.attempt, next.status)
            && self.micros == next.micros
            && self.lengths.join(&next.lengths)
    }
}

impl OutcomeEncoder {
    pub(crate) fn new() -> Self {
        Self {
            busy_nanos: 0,
            runs: Vec::new(),
            settled: 0,
            waiting: 0,
            list: Vec::new(),
            heads: Vec::new(),
            blob: Vec::new(),
        }
    }

    /// Appends an outcome whose value or sentence (`length` bytes) the blob has already.
    #[inline]
    pub(crate) fn push(&mut self, task: TaskId, attempt: u32, status: Status, length: u64) {
        self.waiting += 1;
        if self.runs.len() > self.settled
            && let Some(run) = self.runs.last_mut()
            && run.is_followed_by(task, attempt, status)
            && run.lengths.takes(length)
        {
            run.lengths.push(length, 1, &mut self.list);
        } else {
            let lengths = RunLengths::new(length, 1);
            self.runs.push(OpenRun { first: task, attempt, status, micros: 0, lengths });
        }
    }

    /// Appends a failure with its sentence, cut where it is too long.
    pub(crate) fn push_failure(&mut self, task: TaskId, attempt: u32, status: Status, message: &str) {
        let text = message.get(..message.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
        self.blob.extend_from_slice(text.as_bytes());
        self.push(task, attempt, status, text.len() as u64);
    }

    /// How many outcomes wait for their time.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Shares `nanos` evenly among the outcomes that wait for their time.
    pub(crate) fn settle(&mut self, nanos: u64) {
        self.busy_nanos = self.busy_nanos.saturating_add(nanos);
        let micros = nanos / (self.waiting.max(1) as u64 * 1000);
        self.waiting = 0;
        for run in self.runs.iter_mut().skip(self.settled) {
            run.micros = micros;
        }
        // The first of them may go on with the one before.
        if let Some([before, first]) =
            self.settled.checked_sub(1).and_then(|at| self.runs.get_mut(at..at + 2))
            && before.join(first)
        {
            self.runs.remove(self.settled);
        }
        self.settled = self.runs.len();
    }

    /// How many bytes the frame has so far, at most.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.runs.len() * MAX_HEAD + self.list.len() + self.blob.len()
    }

    /// What has settled, unless that is nothing. All must have settled.
    pub(crate) fn outcomes(&mut self) -> Option<Outcomes<'_>> {
        self.heads.clear();
        let mut steps = Steps::new();
        for run in &self.runs {
            varint::put(&mut self.heads, steps.to(run.first.0));
            steps.skip(run.lengths.count as u64 - 1);
            varint::put(&mut self.heads, run.lengths.count as u64);
            varint::put(&mut self.heads, u64::from(run.attempt) << 3 | run.status as u64);
            varint::put(&mut self.heads, run.micros);
            run.lengths.put(&self.list, &mut self.heads);
        }
        let outcomes = Outcomes { busy_nanos: self.busy_nanos, heads: &self.heads, blob: &self.blob };
        (!self.runs.is_empty()).then_some(outcomes)
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.busy_nanos = 0;
        self.runs.clear();
        self.settled = 0;
        self.waiting = 0;
        self.list.clear();
        self.blob.clear();
    }
}
