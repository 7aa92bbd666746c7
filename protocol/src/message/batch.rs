//! Batches: tasks end to end, so that a tiny task costs little more than its payload and no allocation at either end.

use super::runs::{self, MAX_TASKS};
use crate::varint::{self, Steps};
use crate::{DecodeError, TaskId};

/// Tasks for one worker, in the order in which it is to do them.
///
/// ```
/// use protocol::{BatchEncoder, TaskId, ToWorker};
///
/// let mut encoder = BatchEncoder::new();
/// encoder.begin(0);
/// assert!(encoder.push(TaskId(5), 1, b"five"));
/// assert!(encoder.push(TaskId(6), 2, b"six"));
/// let ToWorker::Batch(batch) = ToWorker::decode(encoder.bytes())? else { panic!("no batch") };
/// for task in batch.tasks() {
///     let task = task?;
///     println!("batch {}: task {}, {} bytes", batch.batch, task.id, task.payload.len());
/// }
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::BorrowDecode)]
pub struct Batch<'a> {
    /// The batch's number, from 0 and one more each time, for each process anew.
    pub batch: u64,
    /// A head for each run of tasks with consecutive ids: first id, count, attempt, payload lengths.
    pub(super) heads: &'a [u8],
    /// The payloads, end to end.
    pub(super) blob: &'a [u8],
}

/// One task of a batch.
///
/// ```
/// let task = protocol::TaskHead { id: protocol::TaskId(5), attempt: 1, payload: b"five" };
/// println!("task {}, attempt {}: {} bytes", task.id, task.attempt, task.payload.len());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskHead<'a> {
    /// Which task.
    pub id: TaskId,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// What the plan said.
    pub payload: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The tasks, each checked as it is read. Nothing follows an error.
    pub fn tasks(&self) -> BatchTasks<'a> {
        BatchTasks {
            heads: self.heads,
            blob: self.blob,
            steps: Steps::new(),
            left: MAX_TASKS,
            run: Run { next: 0, count: 0, attempt: 0, each: None },
        }
    }
}

/// The tasks of a batch, in order.
///
/// ```
/// use protocol::{BatchEncoder, TaskId, ToWorker};
///
/// let mut encoder = BatchEncoder::new();
/// encoder.begin(0);
/// assert!(encoder.push(TaskId(5), 1, b"five"));
/// assert!(encoder.push(TaskId(6), 2, b"six"));
/// let ToWorker::Batch(batch) = ToWorker::decode(encoder.bytes())? else { panic!("no batch") };
/// let ids: Result<Vec<u64>, _> = batch.tasks().map(|task| task.map(|task| task.id.0)).collect();
/// assert_eq!(ids?, [5, 6]);
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BatchTasks<'a> {
    heads: &'a [u8],
    blob: &'a [u8],
    steps: Steps,
    // How many tasks there may still be in runs that have not begun.
    left: usize,
    run: Run,
}

/// What is left of the run at hand.
#[derive(Debug, Clone, Copy)]
struct Run {
    next: u64,
    count: usize,
    attempt: u32,
    each: Option<u64>,
}

impl<'a> BatchTasks<'a> {
    fn begin_run(&mut self) -> Result<(), DecodeError> {
        let next = self.steps.follow(varint::take(&mut self.heads)?);
        let count = runs::take_count(&mut self.heads, &mut self.left)?;
        self.steps.skip(count as u64 - 1);
        let attempt = varint::take_u32(&mut self.heads)?;
        let each = runs::take_lengths(&mut self.heads)?;
        self.run = Run { next, count, attempt, each };
        Ok(())
    }

    #[inline]
    fn read(&mut self) -> Result<TaskHead<'a>, DecodeError> {
        if self.run.count == 0 {
            self.begin_run()?;
        }
        let length = match self.run.each {
            Some(each) => each,
            None => varint::take(&mut self.heads)?,
        };
        let length = usize::try_from(length).map_err(|_| DecodeError::Lengths)?;
        let (payload, rest) = self.blob.split_at_checked(length).ok_or(DecodeError::Lengths)?;
        self.blob = rest;
        let id = TaskId(self.run.next);
        self.run.next = self.run.next.wrapping_add(1);
        self.run.count -= 1;
        Ok(TaskHead { id, attempt: self.run.attempt, payload })
    }
}

impl<'a> Iterator for BatchTasks<'a> {
    type Item = Result<TaskHead<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.run.count == 0 && self.heads.is_empty() {
            let left_over = !std::mem::take(&mut self.blob).is_empty();
            return left_over.then_some(Err(DecodeError::Lengths));
        }
        let task = self.read();
        if task.is_err() {
            (self.heads, self.blob) = (&[], &[]);
            self.run.count = 0;
        }
        Some(task)
    }
}
