//! Batches: tasks end to end, so that a tiny task costs a few bytes and no allocation at either end.

use super::{DecodeError, MAX_MESSAGE, MAX_PAYLOAD, ToWorker};
use crate::varint::{self, Steps};
use crate::{TaskId, codec};

/// Tag, batch number and two lengths, as long as they can be.
const MAX_PREFIX: usize = 1 + 9 + 5 + 5;
/// Id, attempt and payload length, as long as they can be.
const MAX_HEAD: usize = varint::MAX_LENGTH + 5 + 3;

const _: () = assert!(MAX_PREFIX + MAX_HEAD + MAX_PAYLOAD <= MAX_MESSAGE);
// Claim words count positions in 16 bits: a message must not hold more tasks of the shortest sort.
const _: () = assert!(MAX_MESSAGE / 3 <= u16::MAX as usize);

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
    /// A head a task: id, attempt, payload length.
    heads: &'a [u8],
    /// The payloads, end to end.
    blob: &'a [u8],
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
        BatchTasks { heads: self.heads, blob: self.blob, steps: Steps::new() }
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
}

impl<'a> BatchTasks<'a> {
    #[inline]
    fn read(&mut self) -> Result<TaskHead<'a>, DecodeError> {
        let id = TaskId(self.steps.follow(varint::take(&mut self.heads)?));
        let attempt = varint::take_u32(&mut self.heads)?;
        let length = varint::take_u32(&mut self.heads)? as usize;
        let (payload, rest) = self.blob.split_at_checked(length).ok_or(DecodeError::Lengths)?;
        self.blob = rest;
        Ok(TaskHead { id, attempt, payload })
    }
}

impl<'a> Iterator for BatchTasks<'a> {
    type Item = Result<TaskHead<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.heads.is_empty() {
            let left_over = !std::mem::take(&mut self.blob).is_empty();
            return left_over.then_some(Err(DecodeError::Lengths));
        }
        let task = self.read();
        if task.is_err() {
            (self.heads, self.blob) = (&[], &[]);
        }
        Some(task)
    }
}

/// Builds batches, one after the other, in the same memory.
///
/// ```
/// use protocol::{BatchEncoder, TaskId, ToWorker};
///
/// let mut encoder = BatchEncoder::new();
/// encoder.begin(0);
/// assert!(encoder.push(TaskId(5), 1, b"five"));
/// assert!(encoder.push(TaskId(6), 2, b"six"));
/// assert_eq!((encoder.len(), encoder.is_empty()), (2, false));
/// let message = encoder.bytes(); // for `TaskSender::send`
/// assert!(matches!(ToWorker::decode(message)?, ToWorker::Batch(_)));
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Default)]
pub struct BatchEncoder {
    batch: u64,
    count: usize,
    heads: Vec<u8>,
    blob: Vec<u8>,
    message: Vec<u8>,
    steps: Option<Steps>,
}

impl BatchEncoder {
    /// An encoder without memory; it takes some as it is used, at most about twice [`MAX_MESSAGE`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what it holds and begins the batch with this number.
    pub fn begin(&mut self, batch: u64) {
        self.batch = batch;
        self.count = 0;
        self.heads.clear();
        self.blob.clear();
        self.steps = None;
    }

    /// Appends a task and returns `true`, or returns `false` where the message would grow beyond
    /// [`MAX_MESSAGE`]. The first task of a batch fits if its payload is at most [`MAX_PAYLOAD`].
    #[inline]
    pub fn push(&mut self, id: TaskId, attempt: u32, payload: &[u8]) -> bool {
        let used = MAX_PREFIX + MAX_HEAD + self.heads.len() + self.blob.len();
        if payload.len() > MAX_PAYLOAD || used + payload.len() > MAX_MESSAGE {
            return false;
        }
        let step = self.steps.get_or_insert_with(Steps::new).to(id.0);
        varint::put(&mut self.heads, step);
        varint::put(&mut self.heads, u64::from(attempt));
        varint::put(&mut self.heads, payload.len() as u64);
        self.blob.extend_from_slice(payload);
        self.count += 1;
        true
    }

    /// How many tasks it holds.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True where it holds none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The batch as a message: what [`TaskSender::send`](crate::TaskSender::send) takes.
    pub fn bytes(&mut self) -> &[u8] {
        self.message.clear();
        let batch = Batch { batch: self.batch, heads: &self.heads, blob: &self.blob };
        codec::encode(&ToWorker::Batch(batch), &mut self.message);
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (u64, Vec<TaskHead<'_>>) {
        let ToWorker::Batch(batch) = ToWorker::decode(bytes).unwrap() else { panic!("not a batch") };
        (batch.batch, batch.tasks().collect::<Result<_, _>>().unwrap())
    }

    #[test]
    fn tasks_come_back_as_they_went_in() {
        let mut encoder = BatchEncoder::new();
        encoder.begin(9);
        assert!(encoder.push(TaskId(5), 1, b"five"));
        assert!(encoder.push(TaskId(u64::MAX), u32::MAX, b""));
        assert!(encoder.push(TaskId(0), 2, b"zero"));
        assert_eq!(encoder.len(), 3);
        let (batch, tasks) = read(encoder.bytes());
        assert_eq!(batch, 9);
        assert_eq!(
            tasks,
            [
                TaskHead { id: TaskId(5), attempt: 1, payload: b"five" },
                TaskHead { id: TaskId(u64::MAX), attempt: u32::MAX, payload: b"" },
                TaskHead { id: TaskId(0), attempt: 2, payload: b"zero" },
            ]
        );
    }

    #[test]
    fn the_longest_payload_fits_alone_and_a_longer_one_never() {
        let mut encoder = BatchEncoder::new();
        let payload = vec![1; MAX_PAYLOAD + 1];
        encoder.begin(u64::MAX);
        assert!(!encoder.push(TaskId(1), 1, &payload));
        assert!(encoder.push(TaskId(u64::MAX >> 1), u32::MAX, &payload[1..]));
        assert!(encoder.bytes().len() <= MAX_MESSAGE);
    }

    #[test]
    fn a_full_batch_says_so_and_stays_within_the_limit() {
        let mut encoder = BatchEncoder::new();
        encoder.begin(u64::MAX);
        let mut id = 0_u64;
        while encoder.push(TaskId(id.wrapping_mul(0x9e37_79b9_7f4a_7c15)), u32::MAX, &[0; 7]) {
            id += 1;
        }
        let length = encoder.bytes().len();
        assert!(length <= MAX_MESSAGE && length > MAX_MESSAGE - 100, "{length}");
        assert_eq!(read(encoder.bytes()).1.len() as u64, id);
    }

    #[test]
    fn an_encoder_forgets_the_batch_before() {
        let mut encoder = BatchEncoder::new();
        encoder.begin(0);
        encoder.push(TaskId(7), 1, b"seven");
        encoder.begin(1);
        encoder.push(TaskId(8), 1, b"eight");
        let (batch, tasks) = read(encoder.bytes());
        assert_eq!((batch, tasks.len(), tasks[0].id), (1, 1, TaskId(8)));
    }

    #[test]
    fn payloads_that_do_not_add_up_are_refused() {
        for (heads, blob) in [([0, 1, 4].as_slice(), b"abc".as_slice()), (&[0, 1, 2], b"abc"), (&[], b"a")] {
            let tasks: Vec<_> = Batch { batch: 0, heads, blob }.tasks().collect();
            assert_eq!(tasks.last(), Some(&Err(DecodeError::Lengths)), "{heads:?}");
        }
    }

    #[test]
    fn nothing_follows_a_broken_head() {
        let batch = Batch { batch: 0, heads: &[0, 0x80], blob: b"abc" };
        assert_eq!(batch.tasks().collect::<Vec<_>>(), [Err(DecodeError::Heads)]);
    }
}
