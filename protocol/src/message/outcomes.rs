//! Outcomes end to end: what a worker reports in one frame.

use super::runs::{self, MAX_TASKS, RunLengths};
use super::{DecodeError, MAX_TEXT, MAX_VALUE};
use crate::varint::{self, Steps};
use crate::{TaskErrorKind, TaskId};

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
    heads: &'a [u8],
    /// Values and sentences, end to end.
    blob: &'a [u8],
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
    heads: Vec<u8>,
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
    fn tiny_outcomes_in_a_row_share_one_head() {
        let mut encoder = OutcomeEncoder::new();
        for task in 0..5000_u64 {
            encoder.blob.extend_from_slice(&task.to_le_bytes());
            encoder.push(TaskId(70 + task), 1, Status::Ok, 8);
            if task % 100 == 7 {
                encoder.settle(300 * encoder.waiting() as u64);
            }
        }
        encoder.settle(10);
        let outcomes = encoder.outcomes().unwrap();
        assert!(outcomes.heads.len() < 12, "{:?}", outcomes.heads);
        let runs: Vec<_> = outcomes.runs().map(Result::unwrap).collect();
        let [run] = runs.as_slice() else { panic!("{} runs", runs.len()) };
        let RunResult::Values(values) = run.result else { panic!("{run:?}") };
        assert_eq!((run.first, values.len(), values.all()), (TaskId(70), 5000, Some(8)));
        for (outcome, task) in outcomes.iter().map(Result::unwrap).zip(0..) {
            assert_eq!((outcome.task.0, outcome.micros), (70 + task, 0));
            assert_eq!(outcome.result, OutcomeResult::Ok(&task.to_le_bytes()));
        }
        assert_eq!(outcomes.iter().count(), 5000);
    }

    proptest::proptest! {
        #[test]
        fn any_outcomes_come_back(ends: Vec<(u8, u8, u8, Vec<u8>)>) {
            let mut encoder = OutcomeEncoder::new();
            let (mut wanted, mut task, mut from) = (Vec::new(), 0_u64, 0);
            for (gap, kind, settle, value) in &ends {
                let attempt = 1 + u32::from(gap % 5 == 0);
                task += u64::from(gap % 7 == 0);
                if kind % 16 == 0 {
                    encoder.push_failure(TaskId(task), attempt, Status::Panic, "oh");
                } else {
                    encoder.blob.extend_from_slice(value);
                    encoder.push(TaskId(task), attempt, Status::Ok, value.len() as u64);
                }
                let result =
                    if kind % 16 == 0 { OutcomeResult::Panic("oh") } else { OutcomeResult::Ok(value) };
                wanted.push(WireOutcome { task: TaskId(task), attempt, micros: 0, result });
                task += 1;
                if settle % 4 == 0 {
                    let count = encoder.waiting() as u64;
                    let micros = u64::from(settle % 8);
                    encoder.settle(micros * 1000 * count);
                    for outcome in &mut wanted[from..] {
                        outcome.micros = micros;
                    }
                    from = wanted.len();
                }
            }
            encoder.settle(0);
            let size = encoder.size();
            let got: Vec<_> = encoder.outcomes().map(|all| all.iter().collect()).unwrap_or_default();
            proptest::prop_assert_eq!(got, wanted.into_iter().map(Ok).collect::<Vec<_>>());
            proptest::prop_assert!(encoder.heads.len() + encoder.blob.len() <= size);
        }
    }

    #[test]
    fn only_values_come_in_runs_and_never_more_than_a_batch_has() {
        assert_eq!(read(&[0, 2, 8 | 1, 0, 2], b"ab"), [Err(DecodeError::Heads)]);
        assert_eq!(read(&[0, 1, 8 | 1, 0, 1, 2], b"ab"), [Err(DecodeError::Heads)]);
        assert_eq!(read(&[0, 0, 8, 0, 0], b""), [Err(DecodeError::Heads)]);
        assert_eq!(read(&[0, 0x80, 0x80, 4, 8, 0, 0], b""), [Err(DecodeError::Heads)]);
        let many = read(&[0, 0xff, 0xff, 3, 8, 0, 0, 0, 1, 8, 0, 0], b"");
        assert_eq!((many.len(), many.last()), (MAX_TASKS + 1, Some(&Err(DecodeError::Heads))));
        let mut endless = vec![0, 2, 8, 0];
        varint::put(&mut endless, u64::MAX - 1);
        assert_eq!(read(&endless, b"ab"), [Err(DecodeError::Lengths)]);
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
        assert_eq!(read(&[0, 1, 8, 0, 8], b"abc"), [Err(DecodeError::Lengths)]);
        assert_eq!(read(&[0, 1, 8, 0, 4], b"abc").last(), Some(&Err(DecodeError::Lengths)));
        assert_eq!(read(&[], b"abc"), [Err(DecodeError::Lengths)]);
    }

    #[test]
    fn unknown_status_foreign_text_and_broken_heads_are_refused() {
        assert_eq!(read(&[0, 1, 8 | 5, 0, 0], b""), [Err(DecodeError::Status(5))]);
        assert_eq!(read(&[0, 1, 8 | 1, 0, 4], b"\xff\xfe"), [Err(DecodeError::Text)]);
        assert_eq!(read(&[0, 1, 8, 0], b""), [Err(DecodeError::Heads)]);
        let attempt_of_33_bits = [0, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 0];
        assert_eq!(read(&attempt_of_33_bits, b""), [Err(DecodeError::Heads)]);
    }

    #[test]
    fn a_chunked_value_beyond_the_limit_is_refused() {
        let mut heads = vec![0, 1, 8 | 4, 0];
        varint::put(&mut heads, (MAX_VALUE + 1) << 1);
        assert_eq!(read(&heads, b""), [Err(DecodeError::Lengths)]);
    }
}
