//! Building batches.

use super::batch::Batch;
use super::runs::{MAX_TASKS, RunLengths};
use super::to_worker::ToWorker;
use crate::varint::{self, Steps};
use crate::{MAX_MESSAGE, MAX_PAYLOAD, Strings, TaskId, codec};

/// Tag, batch number and two lengths, as long as they can be.
const MAX_PREFIX: usize = 1 + 9 + 5 + 5;
/// A run's first id, count, attempt and lengths, as long as they can be where it has one task.
const MAX_HEAD: usize = varint::MAX_LENGTH + 3 + 5 + 4;

const _: () = assert!(MAX_PREFIX + 2 * MAX_HEAD + MAX_PAYLOAD <= MAX_MESSAGE);

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
    // The run that goes on, and the lengths of its payloads where they differ.
    open: Option<OpenRun>,
    list: Vec<u8>,
}

#[derive(Debug)]
struct OpenRun {
    first: u64,
    attempt: u32,
    lengths: RunLengths,
}

impl OpenRun {
    fn is_followed_by(&self, id: TaskId, attempt: u32, length: usize) -> bool {
        self.first.checked_add(self.lengths.count as u64) == Some(id.0)
            && self.attempt == attempt
            && self.lengths.takes(length as u64)
    }
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
        self.list.clear();
        self.steps = None;
        self.open = None;
    }

    /// Appends a task and returns `true`, or returns `false` where the message would grow beyond
    /// [`MAX_MESSAGE`], or the batch beyond [`MAX_TASKS`]. The first task of a batch fits if its payload is at most
    /// [`MAX_PAYLOAD`].
    #[inline]
    pub fn push(&mut self, id: TaskId, attempt: u32, payload: &[u8]) -> bool {
        self.append(id, attempt, payload.len(), 1, payload)
    }

    /// Appends tasks with consecutive ids from `first` on, a payload each: as [`push`](Self::push) for each of them.
    /// Where it returns `false`, some may have been appended.
    ///
    /// ```
    /// let (mut encoder, mut payloads) = (protocol::BatchEncoder::new(), protocol::Payloads::new());
    /// ["a", "b", "c"].iter().for_each(|text| payloads.push(text.as_bytes()));
    /// encoder.begin(0);
    /// assert!(encoder.push_run(protocol::TaskId(7), 1, payloads.part(1..3))); // tasks 7 and 8
    /// assert_eq!(encoder.len(), 2);
    /// ```
    pub fn push_run(&mut self, first: TaskId, attempt: u32, payloads: Strings<'_>) -> bool {
        if let Some(length) = payloads.alike() {
            return self.append(first, attempt, length, payloads.len(), payloads.bytes());
        }
        let mut tasks = payloads.iter().zip(0..);
        tasks.all(|(payload, index)| self.push(TaskId(first.0.wrapping_add(index)), attempt, payload))
    }

    /// Appends `count` tasks whose payloads, all `length` bytes long, stand end to end in `bytes`.
    fn append(&mut self, id: TaskId, attempt: u32, length: usize, count: usize, bytes: &[u8]) -> bool {
        let growth = match &self.open {
            Some(run) if run.is_followed_by(id, attempt, length) => run.lengths.growth(length as u64, count),
            _ => 0,
        };
        let used = MAX_PREFIX + 2 * MAX_HEAD + self.heads.len() + self.list.len() + self.blob.len();
        let too_long = length > MAX_PAYLOAD || used + bytes.len() + growth > MAX_MESSAGE;
        if too_long || self.count + count > MAX_TASKS {
            return false;
        }
        match &mut self.open {
            Some(run) if run.is_followed_by(id, attempt, length) => {
                run.lengths.push(length as u64, count, &mut self.list);
            }
            _ => {
                self.close_run();
                let lengths = RunLengths::new(length as u64, count);
                self.open = Some(OpenRun { first: id.0, attempt, lengths });
            }
        }
        self.blob.extend_from_slice(bytes);
        self.count += count;
        true
    }

    fn close_run(&mut self) {
        let Some(OpenRun { first, attempt, lengths }) = self.open.take() else { return };
        let steps = self.steps.get_or_insert_with(Steps::new);
        varint::put(&mut self.heads, steps.to(first));
        steps.skip(lengths.count as u64 - 1);
        varint::put(&mut self.heads, lengths.count as u64);
        varint::put(&mut self.heads, u64::from(attempt));
        lengths.put(&self.list, &mut self.heads);
        self.list.clear();
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
        self.close_run();
        self.message.clear();
        let batch = Batch { batch: self.batch, heads: &self.heads, blob: &self.blob };
        codec::encode(&ToWorker::Batch(batch), &mut self.message);
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;

    use super::*;
    use crate::Payloads;
    use crate::{DecodeError, TaskHead};

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
    fn tiny_tasks_in_a_row_share_one_head() {
        let mut payloads = Payloads::new();
        (0..1000_u64).for_each(|number| payloads.push(&number.to_le_bytes()));
        let mut encoder = BatchEncoder::new();
        encoder.begin(0);
        assert!(encoder.push_run(TaskId(70), 1, payloads.part(0..600)));
        assert!(encoder.push_run(TaskId(670), 1, payloads.part(600..1000)));
        assert!(encoder.bytes().len() < 8 * 1000 + 20);
        let tasks = read(encoder.bytes()).1;
        assert_eq!(tasks.len(), 1000);
        for (task, number) in tasks.iter().zip(0..1000_u64) {
            assert_eq!((task.id.0, task.payload), (70 + number, number.to_le_bytes().as_slice()));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_runs_come_back(
            runs in vec((0..=255_u8, 0..=255_u8, vec(vec(0..=255_u8, 0..4), 0..50)), 0..50)
        ) {
            let mut encoder = BatchEncoder::new();
            encoder.begin(3);
            let (mut wanted, mut id) = (Vec::new(), 0_u64);
            for (gap, attempt, list) in &runs {
                id += u64::from(gap % 3);
                let mut payloads = Payloads::new();
                list.iter().for_each(|payload| payloads.push(payload));
                let attempt = u32::from(attempt % 2);
                proptest::prop_assert!(encoder.push_run(TaskId(id), attempt, payloads.strings()));
                for payload in list {
                    wanted.push(TaskHead { id: TaskId(id), attempt, payload });
                    id += 1;
                }
            }
            proptest::prop_assert_eq!(encoder.len(), wanted.len());
            proptest::prop_assert_eq!(read(encoder.bytes()).1, wanted);
        }
    }

    #[test]
    fn more_tasks_than_a_batch_may_have_are_refused() {
        for heads in
            [[0, 0, 1, 0].as_slice(), &[0, 0x80, 0x80, 4, 1, 0], &[0, 0xff, 0xff, 3, 1, 0, 0, 1, 1, 0]]
        {
            let tasks: Vec<_> = Batch { batch: 0, heads, blob: b"" }.tasks().collect();
            assert_eq!(tasks.last(), Some(&Err(DecodeError::Heads)), "{heads:?}");
            assert!(tasks.len() <= MAX_TASKS + 1);
        }
        let mut encoder = BatchEncoder::new();
        let mut nothing = Payloads::new();
        (0..MAX_TASKS).for_each(|_| nothing.push(b""));
        encoder.begin(0);
        assert!(encoder.push_run(TaskId(0), 1, nothing.strings()));
        assert!(!encoder.push(TaskId(MAX_TASKS as u64), 1, b""));
        assert_eq!(read(encoder.bytes()).1.len(), MAX_TASKS);
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
        for (heads, blob) in [
            ([0, 1, 1, 8].as_slice(), b"abc".as_slice()),
            (&[0, 1, 1, 4], b"abc"),
            (&[0, 2, 1, 1, 2, 2], b"abc"),
            (&[0, 2, 1, 4], b"abc"),
            (&[], b"a"),
        ] {
            let tasks: Vec<_> = Batch { batch: 0, heads, blob }.tasks().collect();
            assert_eq!(tasks.last(), Some(&Err(DecodeError::Lengths)), "{heads:?}");
        }
    }

    #[test]
    fn nothing_follows_a_broken_head() {
        let batch = Batch { batch: 0, heads: &[0, 1, 0x80], blob: b"abc" };
        assert_eq!(batch.tasks().collect::<Vec<_>>(), [Err(DecodeError::Heads)]);
    }
}
