//! Outcomes end to end: what a worker reports in one frame.

use super::runs::{self, MAX_TASKS};
use crate::TaskId;
use crate::varint::{self, Steps};
use crate::{DecodeError, MAX_TEXT, MAX_VALUE};

/// Outcomes of one worker, in the order in which the tasks ended.
///
/// ```
/// use protocol::{FromWorker, OutcomeResult, TaskId};
///
/// let frame = b"\x02\x05\x05\0\x01\x08\x03\x04\x02ab"; // task 0 is ok: its value is "ab"
/// let FromWorker::Outcomes(outcomes) = FromWorker::decode(frame)? else { panic!("no outcomes") };
/// assert_eq!(outcomes.busy_nanos, 5);
/// assert_eq!(outcomes.runs().count(), 1);
/// for outcome in outcomes.iter() {
///     assert_eq!(outcome?.result, OutcomeResult::Ok(b"ab"));
/// }
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::BorrowDecode)]
pub struct Outcomes<'a> {
    /// How long the worker was busy with these tasks, in nanoseconds.
    pub busy_nanos: u64,
    /// A head for each run of tasks with consecutive ids that ended alike: first id, count, attempt and status,
    /// microseconds, lengths.
    pub(super) heads: &'a [u8],
    /// Values and sentences, end to end.
    pub(super) blob: &'a [u8],
}

/// How one attempt ended, as its worker says.
///
/// ```
/// use protocol::{FromWorker, OutcomeResult, TaskId};
///
/// let frame = b"\x02\x05\x05\0\x01\x08\x03\x04\x02ab"; // task 0 is ok: its value is "ab"
/// let FromWorker::Outcomes(outcomes) = FromWorker::decode(frame)? else { panic!("no outcomes") };
/// if let Some(outcome) = outcomes.iter().next() {
///     let outcome = outcome?;
///     assert_eq!((outcome.task, outcome.attempt, outcome.micros), (TaskId(0), 1, 3));
/// }
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireOutcome<'a> {
    /// Which task.
    pub task: TaskId,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// The value, or why there is none.
    pub result: OutcomeResult<'a>,
}

/// How the same attempt of some tasks with consecutive ids ended, as their worker says.
///
/// ```
/// use protocol::{FromWorker, RunResult, TaskId};
///
/// let frame = b"\x02\x05\x05\0\x02\x08\x03\x02\x02ab"; // tasks 0 and 1 are ok: "a" and "b"
/// let FromWorker::Outcomes(outcomes) = FromWorker::decode(frame)? else { panic!("no outcomes") };
/// for run in outcomes.runs() {
///     let run = run?;
///     assert_eq!((run.first, run.attempt, run.micros), (TaskId(0), 1, 3));
///     assert!(matches!(run.result, RunResult::Values(_)));
/// }
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeRun<'a> {
    /// The first task.
    pub first: TaskId,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// How long each took, in microseconds.
    pub micros: u64,
    /// Their values, or why the one task has none.
    pub result: RunResult<'a>,
}

/// The values of some tasks, or how a task ended otherwise.
///
/// ```
/// use protocol::RunResult;
///
/// fn tasks(result: &RunResult<'_>) -> usize {
///     match result {
///         RunResult::Values(values) => values.len(),
///         RunResult::Single(_) => 1,
///     }
/// }
/// # let _ = tasks;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunResult<'a> {
    /// A value a task.
    Values(Values<'a>),
    /// One task, which ended as this says; never [`OutcomeResult::Ok`].
    Single(OutcomeResult<'a>),
}

/// Values, one at least, end to end.
///
/// ```
/// use protocol::{FromWorker, RunResult, TaskId};
///
/// let frame = b"\x02\x05\x05\0\x02\x08\x03\x02\x02ab"; // tasks 0 and 1 are ok: "a" and "b"
/// let FromWorker::Outcomes(outcomes) = FromWorker::decode(frame)? else { panic!("no outcomes") };
/// for run in outcomes.runs() {
///     if let RunResult::Values(values) = run?.result {
///         assert_eq!((values.len(), values.all(), values.bytes), (2, Some(1), b"ab".as_slice()));
///         assert_eq!(values.lengths().sum::<usize>(), values.bytes.len());
///     }
/// }
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values<'a> {
    /// All of them.
    pub bytes: &'a [u8],
    count: usize,
    lengths: Lengths<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths<'a> {
    All(usize),
    // As they stand in the heads; they have been read once, and add up.
    Each(&'a [u8]),
}

impl<'a> Values<'a> {
    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is one at least")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The length of each, in bytes, where they all have the same.
    pub fn all(&self) -> Option<usize> {
        match self.lengths {
            Lengths::All(length) => Some(length),
            Lengths::Each(_) => None,
        }
    }

    /// The length of each, in bytes.
    pub fn lengths(&self) -> impl Iterator<Item = usize> + use<'a> {
        let mut lengths = self.lengths;
        (0..self.count).map(move |_| match &mut lengths {
            Lengths::All(length) => *length,
            // They have been checked.
            Lengths::Each(heads) => varint::take(heads).map_or(0, |length| length as usize),
        })
    }
}

/// The value of an attempt, or why there is none.
///
/// ```
/// use protocol::OutcomeResult;
///
/// fn tell(result: OutcomeResult<'_>) -> String {
///     match result {
///         OutcomeResult::Ok(value) => format!("a value of {} bytes", value.len()),
///         OutcomeResult::Chunked(length) => format!("a value of {length} bytes, sent before"),
///         OutcomeResult::Error(why) | OutcomeResult::Memory(why) | OutcomeResult::Panic(why) => why.to_owned(),
///         OutcomeResult::ErrorForGood(why) | OutcomeResult::MemoryForGood(why) => format!("{why}, certainly"),
///     }
/// }
/// assert_eq!(tell(OutcomeResult::Chunked(1 << 20)), "a value of 1048576 bytes, sent before");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeResult<'a> {
    /// The value.
    Ok(&'a [u8]),
    /// The value came before, in chunks of this many bytes together; at most [`MAX_VALUE`].
    Chunked(u64),
    /// The handler returned an error: this sentence.
    Error(&'a str),
    /// The handler found that the task needs too much memory.
    Memory(&'a str),
    /// The handler panicked: the message, and where.
    Panic(&'a str),
    /// As an error, and certain to come again.
    ErrorForGood(&'a str),
    /// As want of memory, and certain to come again.
    MemoryForGood(&'a str),
}

impl<'a> Outcomes<'a> {
    /// The outcomes in runs, each checked as it is read. Nothing follows an error.
    pub fn runs(&self) -> OutcomeRuns<'a> {
        OutcomeRuns { heads: self.heads, blob: self.blob, steps: Steps::new(), left: MAX_TASKS }
    }

    /// The outcomes, each checked as it is read. Nothing follows an error.
    pub fn iter(&self) -> OutcomesIter<'a> {
        OutcomesIter { runs: self.runs(), run: None }
    }
}

/// The runs of outcomes of a frame, in order.
///
/// ```
/// use protocol::{FromWorker, TaskId};
///
/// let frame = b"\x02\x05\x05\0\x02\x08\x03\x02\x02ab"; // tasks 0 and 1 are ok: "a" and "b"
/// let FromWorker::Outcomes(outcomes) = FromWorker::decode(frame)? else { panic!("no outcomes") };
/// let firsts: Result<Vec<TaskId>, _> = outcomes.runs().map(|run| run.map(|run| run.first)).collect();
/// assert_eq!(firsts?, [TaskId(0)]);
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct OutcomeRuns<'a> {
    heads: &'a [u8],
    blob: &'a [u8],
    steps: Steps,
    // How many outcomes there may still be.
    left: usize,
}

impl<'a> OutcomeRuns<'a> {
    fn read(&mut self) -> Result<OutcomeRun<'a>, DecodeError> {
        let first = TaskId(self.steps.follow(varint::take(&mut self.heads)?));
        let count = runs::take_count(&mut self.heads, &mut self.left)?;
        self.steps.skip(count as u64 - 1);
        let attempt_and_status = varint::take(&mut self.heads)?;
        let attempt = u32::try_from(attempt_and_status >> 3).map_err(|_| DecodeError::Heads)?;
        let micros = varint::take(&mut self.heads)?;
        let each = runs::take_lengths(&mut self.heads)?;
        let result = match (attempt_and_status as u8 & 7, each, count) {
            (0, each, count) => RunResult::Values(self.take_values(each, count)?),
            (status, Some(length), 1) => RunResult::Single(self.take_single(status, length)?),
            // Only values come in runs.
            _ => return Err(DecodeError::Heads),
        };
        Ok(OutcomeRun { first, attempt, micros, result })
    }

    fn take_values(&mut self, each: Option<u64>, count: usize) -> Result<Values<'a>, DecodeError> {
        let (total, lengths) = match each {
            Some(each) => {
                let total = each.checked_mul(count as u64).ok_or(DecodeError::Lengths)?;
                (total, Lengths::All(usize::try_from(each).map_err(|_| DecodeError::Lengths)?))
            }
            None => {
                let (from, mut total) = (self.heads, 0_u64);
                for _ in 0..count {
                    let length = varint::take(&mut self.heads)?;
                    total = total.checked_add(length).ok_or(DecodeError::Lengths)?;
                }
                (total, Lengths::Each(from))
            }
        };
        Ok(Values { bytes: self.take(total)?, count, lengths })
    }

    fn take_single(&mut self, status: u8, length: u64) -> Result<OutcomeResult<'a>, DecodeError> {
        Ok(match status {
            1 => OutcomeResult::Error(self.take_text(length)?),
            2 => OutcomeResult::Memory(self.take_text(length)?),
            3 => OutcomeResult::Panic(self.take_text(length)?),
            4 if length <= MAX_VALUE => OutcomeResult::Chunked(length),
            4 => return Err(DecodeError::Lengths),
            5 => OutcomeResult::ErrorForGood(self.take_text(length)?),
            6 => OutcomeResult::MemoryForGood(self.take_text(length)?),
            other => return Err(DecodeError::Status(other)),
        })
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(length).map_err(|_| DecodeError::Lengths)?;
        let (bytes, rest) = self.blob.split_at_checked(length).ok_or(DecodeError::Lengths)?;
        self.blob = rest;
        Ok(bytes)
    }

    fn take_text(&mut self, length: u64) -> Result<&'a str, DecodeError> {
        if length > MAX_TEXT as u64 {
            return Err(DecodeError::Lengths);
        }
        std::str::from_utf8(self.take(length)?).map_err(|_| DecodeError::Text)
    }
}

impl<'a> Iterator for OutcomeRuns<'a> {
    type Item = Result<OutcomeRun<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.heads.is_empty() {
            let left_over = !std::mem::take(&mut self.blob).is_empty();
            return left_over.then_some(Err(DecodeError::Lengths));
        }
        let run = self.read();
        if run.is_err() {
            (self.heads, self.blob) = (&[], &[]);
        }
        Some(run)
    }
}

/// The outcomes of a frame, in order.
///
/// ```
/// use protocol::{FromWorker, OutcomeResult, TaskId};
///
/// let frame = b"\x02\x05\x05\0\x01\x08\x03\x04\x02ab"; // task 0 is ok: its value is "ab"
/// let FromWorker::Outcomes(outcomes) = FromWorker::decode(frame)? else { panic!("no outcomes") };
/// let tasks: Result<Vec<TaskId>, _> = outcomes.iter().map(|outcome| outcome.map(|outcome| outcome.task)).collect();
/// assert_eq!(tasks?, [TaskId(0)]);
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct OutcomesIter<'a> {
    runs: OutcomeRuns<'a>,
    // What is left of the run at hand, which has values.
    run: Option<(OutcomeRun<'a>, Values<'a>)>,
}

impl<'a> Iterator for OutcomesIter<'a> {
    type Item = Result<WireOutcome<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((run, values)) = &mut self.run
                && let Some(value) = values.take_first()
            {
                let OutcomeRun { first: task, attempt, micros, .. } = *run;
                run.first = TaskId(task.0.wrapping_add(1));
                return Some(Ok(WireOutcome { task, attempt, micros, result: OutcomeResult::Ok(value) }));
            }
            let run = match self.runs.next()? {
                Ok(run) => run,
                Err(error) => return Some(Err(error)),
            };
            match run.result {
                RunResult::Values(values) => self.run = Some((run, values)),
                RunResult::Single(result) => {
                    let OutcomeRun { first: task, attempt, micros, .. } = run;
                    return Some(Ok(WireOutcome { task, attempt, micros, result }));
                }
            }
        }
    }
}

impl<'a> Values<'a> {
    fn take_first(&mut self) -> Option<&'a [u8]> {
        self.count = self.count.checked_sub(1)?;
        let length = match &mut self.lengths {
            Lengths::All(length) => *length,
            Lengths::Each(heads) => varint::take(heads).ok()? as usize,
        };
        let (value, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests;
