//! Outcomes end to end: what a worker reports in one frame.

use super::{DecodeError, MAX_TEXT, MAX_VALUE};
use crate::varint::{self, Steps};
use crate::{TaskErrorKind, TaskId};

/// Outcomes of one worker, in the order in which the tasks ended.
///
/// ```
/// use protocol::{FromWorker, OutcomeResult, TaskId};
///
/// let frame = b"\x02\x05\x04\0\x08\x03\x02\x02ab"; // task 0 is ok: its value is "ab"
/// let FromWorker::Outcomes(outcomes) = FromWorker::decode(frame)? else { panic!("no outcomes") };
/// assert_eq!(outcomes.busy_nanos, 5);
/// for outcome in outcomes.iter() {
///     assert_eq!(outcome?.result, OutcomeResult::Ok(b"ab"));
/// }
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::BorrowDecode)]
pub struct Outcomes<'a> {
    /// How long the worker was busy with these tasks, in nanoseconds.
    pub busy_nanos: u64,
    /// A head an outcome: id, attempt and status, microseconds, length.
    heads: &'a [u8],
    /// Values and sentences, end to end.
    blob: &'a [u8],
}

/// How one attempt ended, as its worker says.
///
/// ```
/// use protocol::{FromWorker, OutcomeResult, TaskId};
///
/// let frame = b"\x02\x05\x04\0\x08\x03\x02\x02ab"; // task 0 is ok: its value is "ab"
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
}

/// How an attempt ended, as a head says it in its low three bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok = 0,
    Error = 1,
    Memory = 2,
    Panic = 3,
    Chunked = 4,
}

impl From<TaskErrorKind> for Status {
    fn from(kind: TaskErrorKind) -> Self {
        match kind {
            TaskErrorKind::Error => Self::Error,
            TaskErrorKind::Memory => Self::Memory,
        }
    }
}

impl<'a> Outcomes<'a> {
    /// The outcomes, each checked as it is read. Nothing follows an error.
    pub fn iter(&self) -> OutcomesIter<'a> {
        OutcomesIter { heads: self.heads, blob: self.blob, steps: Steps::new() }
    }
}

/// The outcomes of a frame, in order.
///
/// ```
/// use protocol::{FromWorker, OutcomeResult, TaskId};
///
/// let frame = b"\x02\x05\x04\0\x08\x03\x02\x02ab"; // task 0 is ok: its value is "ab"
/// let FromWorker::Outcomes(outcomes) = FromWorker::decode(frame)? else { panic!("no outcomes") };
/// let tasks: Result<Vec<TaskId>, _> = outcomes.iter().map(|outcome| outcome.map(|outcome| outcome.task)).collect();
/// assert_eq!(tasks?, [TaskId(0)]);
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct OutcomesIter<'a> {
    heads: &'a [u8],
    blob: &'a [u8],
    steps: Steps,
}

impl<'a> OutcomesIter<'a> {
    #[inline]
    fn read(&mut self) -> Result<WireOutcome<'a>, DecodeError> {
        let task = TaskId(self.steps.follow(varint::take(&mut self.heads)?));
        let attempt_and_status = varint::take(&mut self.heads)?;
        let attempt = u32::try_from(attempt_and_status >> 3).map_err(|_| DecodeError::Heads)?;
        let micros = varint::take(&mut self.heads)?;
        let length = varint::take(&mut self.heads)?;
        let result = match attempt_and_status as u8 & 7 {
            0 => OutcomeResult::Ok(self.take(length)?),
            1 => OutcomeResult::Error(self.take_text(length)?),
            2 => OutcomeResult::Memory(self.take_text(length)?),
            3 => OutcomeResult::Panic(self.take_text(length)?),
            4 if length <= MAX_VALUE => OutcomeResult::Chunked(length),
            4 => return Err(DecodeError::Lengths),
            other => return Err(DecodeError::Status(other)),
        };
        Ok(WireOutcome { task, attempt, micros, result })
    }

    #[inline]
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

impl<'a> Iterator for OutcomesIter<'a> {
    type Item = Result<WireOutcome<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.heads.is_empty() {
            let left_over = !std::mem::take(&mut self.blob).is_empty();
            return left_over.then_some(Err(DecodeError::Lengths));
        }
        let outcome = self.read();
        if outcome.is_err() {
            (self.heads, self.blob) = (&[], &[]);
        }
        Some(outcome)
    }
}

/// Collects outcomes, frame after frame, in the same memory.
///
/// Tiny tasks are timed together, so an outcome first waits without its time, until [`settle`](Self::settle).
#[derive(Debug)]
pub(crate) struct OutcomeEncoder {
    busy_nanos: u64,
    waiting: Vec<Waiting>,
    heads: Vec<u8>,
    /// Values end to end; a handler appends to it directly.
    pub(crate) blob: Vec<u8>,
    steps: Steps,
}

#[derive(Debug)]
struct Waiting {
    task: TaskId,
    attempt: u32,
    status: Status,
    length: u64,
}

impl OutcomeEncoder {
    pub(crate) fn new() -> Self {
        Self { busy_nanos: 0, waiting: Vec::new(), heads: Vec::new(), blob: Vec::new(), steps: Steps::new() }
    }

    /// Appends an outcome whose value or sentence (`length` bytes) the blob has already.
    #[inline]
    pub(crate) fn push(&mut self, task: TaskId, attempt: u32, status: Status, length: u64) {
        self.waiting.push(Waiting { task, attempt, status, length });
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
        self.waiting.len()
    }

    /// Shares `nanos` evenly among the outcomes that wait for their time.
    pub(crate) fn settle(&mut self, nanos: u64) {
        self.busy_nanos = self.busy_nanos.saturating_add(nanos);
        let micros = nanos / (self.waiting.len().max(1) as u64 * 1000);
        for outcome in self.waiting.drain(..) {
            varint::put(&mut self.heads, self.steps.to(outcome.task.0));
            varint::put(&mut self.heads, u64::from(outcome.attempt) << 3 | outcome.status as u64);
            varint::put(&mut self.heads, micros);
            varint::put(&mut self.heads, outcome.length);
        }
    }

    /// How many bytes the frame has so far, about.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.heads.len() + self.blob.len()
    }

    /// What has settled, unless that is nothing.
    pub(crate) fn outcomes(&self) -> Option<Outcomes<'_>> {
        let outcomes = Outcomes { busy_nanos: self.busy_nanos, heads: &self.heads, blob: &self.blob };
        (!self.heads.is_empty()).then_some(outcomes)
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.busy_nanos = 0;
        self.waiting.clear();
        self.heads.clear();
        self.blob.clear();
        self.steps = Steps::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(heads: &[u8], blob: &[u8]) -> Vec<Result<WireOutcome<'static>, DecodeError>> {
        let (heads, blob) = (heads.to_vec().leak(), blob.to_vec().leak());
        Outcomes { busy_nanos: 0, heads, blob }.iter().collect()
    }

    #[test]
    fn outcomes_come_back_as_they_went_in() {
        let mut encoder = OutcomeEncoder::new();
        encoder.blob.extend_from_slice(b"value");
        encoder.push(TaskId(4), 1, Status::Ok, 5);
        encoder.settle(7_900);
        encoder.push_failure(TaskId(6), 2, Status::Error, "no such file");
        encoder.push(TaskId(5), u32::MAX, Status::Chunked, MAX_VALUE);
        encoder.settle(4_000);
        let outcomes = encoder.outcomes().unwrap();
        assert_eq!(outcomes.busy_nanos, 11_900);
        let outcome = |task, attempt, micros, result| Ok(WireOutcome { task, attempt, micros, result });
        assert_eq!(
            outcomes.iter().collect::<Vec<_>>(),
            [
                outcome(TaskId(4), 1, 7, OutcomeResult::Ok(b"value")),
                outcome(TaskId(6), 2, 2, OutcomeResult::Error("no such file")),
                outcome(TaskId(5), u32::MAX, 2, OutcomeResult::Chunked(MAX_VALUE)),
            ]
        );
    }

    #[test]
    fn a_long_sentence_is_cut_between_two_characters() {
        let mut encoder = OutcomeEncoder::new();
        encoder.push_failure(TaskId(0), 1, Status::Panic, &"é!x".repeat(MAX_TEXT));
        encoder.settle(0);
        let Some(Ok(outcome)) = encoder.outcomes().unwrap().iter().next() else { panic!("no outcome") };
        let OutcomeResult::Panic(text) = outcome.result else { panic!("{outcome:?}") };
        assert!(text.len() <= MAX_TEXT && text.len() > MAX_TEXT - 4);
    }

    #[test]
    fn values_that_do_not_add_up_are_refused() {
        assert_eq!(read(&[0, 8, 0, 4], b"abc"), [Err(DecodeError::Lengths)]);
        assert_eq!(read(&[0, 8, 0, 2], b"abc").last(), Some(&Err(DecodeError::Lengths)));
        assert_eq!(read(&[], b"abc"), [Err(DecodeError::Lengths)]);
    }

    #[test]
    fn unknown_status_foreign_text_and_broken_heads_are_refused() {
        assert_eq!(read(&[0, 8 | 5, 0, 0], b""), [Err(DecodeError::Status(5))]);
        assert_eq!(read(&[0, 8 | 1, 0, 2], b"\xff\xfe"), [Err(DecodeError::Text)]);
        assert_eq!(read(&[0, 8, 0], b""), [Err(DecodeError::Heads)]);
        let attempt_of_33_bits = [0, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 0];
        assert_eq!(read(&attempt_of_33_bits, b""), [Err(DecodeError::Heads)]);
    }

    #[test]
    fn a_chunked_value_beyond_the_limit_is_refused() {
        let mut heads = vec![0, 8 | 4, 0];
        varint::put(&mut heads, MAX_VALUE + 1);
        assert_eq!(read(&heads, b""), [Err(DecodeError::Lengths)]);
    }
}
