//! What messages cost: `cargo bench -p unhurt-protocol --bench wire`. The codec alone, and whole links within one process,
//! where a worker's loop runs on a thread.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first error")]

use std::thread::JoinHandle;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use protocol::{
    BatchEncoder, CoordinatorEnd, Filled, FrameReader, FromWorker, Handler, Limits, ServeError, Served,
    Start, Task, TaskError, TaskId, ToWorker, decode_value, encode_value, in_memory, serve,
};

fn main() {
    divan::main();
}

/// Tasks in a batch.
const SIZES: [usize; 4] = [1, 64, 512, 4096];

fn batch(encoder: &mut BatchEncoder, number: u64, size: usize) -> &[u8] {
    encoder.begin(number);
    for task in 0..size as u64 {
        assert!(encoder.push(TaskId(task), 1, &task.to_le_bytes()));
    }
    encoder.bytes()
}

#[divan::bench(args = SIZES)]
fn encode_a_batch(bencher: Bencher<'_, '_>, size: usize) {
    let mut encoder = BatchEncoder::new();
    bencher.counter(ItemsCount::new(size)).bench_local(|| batch(&mut encoder, 0, black_box(size)).len());
}

#[divan::bench(args = SIZES)]
fn decode_a_batch(bencher: Bencher<'_, '_>, size: usize) {
    let mut encoder = BatchEncoder::new();
    let bytes = batch(&mut encoder, 0, size);
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        let ToWorker::Batch(batch) = ToWorker::decode(black_box(bytes)).unwrap() else { return 0 };
        batch.tasks().map(|task| task.unwrap().payload.len()).sum::<usize>()
    });
}

#[divan::bench(args = SIZES)]
fn decode_outcomes(bencher: Bencher<'_, '_>, size: usize) {
    let mut worker = Worker::start();
    let frame = worker.first_frame(size);
    let count = ended(&frame);
    bencher.counter(ItemsCount::new(count)).bench_local(|| ended(black_box(&frame)));
}

#[divan::bench]
fn a_value_there_and_back(bencher: Bencher<'_, '_>) {
    let mut bytes = Vec::new();
    bencher.bench_local(|| {
        bytes.clear();
        encode_value(&black_box((7_u64, "seven")), &mut bytes).unwrap();
        decode_value::<(u64, String)>(&bytes).unwrap()
    });
}

/// A batch there and its outcomes back; nothing else is under way.
#[divan::bench(args = SIZES)]
fn a_round_trip(bencher: Bencher<'_, '_>, size: usize) {
    let mut worker = Worker::start();
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        worker.send(size);
        worker.hear(size);
    });
}

/// Two batches under way at a time, as in a busy pool.
#[divan::bench(args = SIZES)]
fn a_busy_link(bencher: Bencher<'_, '_>, size: usize) {
    let mut worker = Worker::start();
    worker.send(size);
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        worker.send(size);
        worker.hear(size);
    });
    worker.hear(size);
}

struct Double;

impl Handler for Double {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let number = task.payload.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        value.extend_from_slice(&(2 * number).to_le_bytes());
        Ok(())
    }
}

/// A worker on a thread, and the coordinator's end of its link.
struct Worker {
    end: CoordinatorEnd,
    reader: FrameReader,
    encoder: BatchEncoder,
    batches: u64,
    thread: Option<JoinHandle<Result<Served, ServeError>>>,
}

impl Worker {
    fn start() -> Self {
        let (end, link) = in_memory().unwrap();
        // The pool waits for many links; one alone may block.
        end.stream.set_nonblocking(false).unwrap();
        let thread = std::thread::spawn(|| serve(link, |_| Ok(Box::new(Double))));
        let limits = Limits::default();
        let start =
            Start { kind: "bench", setup: &[], worker: "worker-1", number: 1, incarnation: 1, limits };
        end.sender.send(&ToWorker::Start(start).encode().unwrap()).unwrap();
        let (reader, encoder) = (FrameReader::new(), BatchEncoder::new());
        let mut worker = Self { end, reader, encoder, batches: 0, thread: Some(thread) };
        assert_eq!(FromWorker::decode(&worker.frame()), Ok(FromWorker::Ready));
        worker
    }

    fn send(&mut self, size: usize) {
        self.end.cell.open(self.batches, u16::try_from(size).unwrap());
        self.end.sender.send(batch(&mut self.encoder, self.batches, size)).unwrap();
        self.batches += 1;
    }

    /// Reads until that many tasks have ended.
    fn hear(&mut self, mut size: usize) {
        while size > 0 {
            size -= ended(&self.frame());
        }
    }

    /// The next frame, whatever it is.
    fn frame(&mut self) -> Vec<u8> {
        loop {
            if let Some(frame) = self.reader.next_frame().unwrap() {
                return frame.to_vec();
            }
            assert!(matches!(self.reader.fill(&self.end.stream).unwrap(), Filled::Bytes(_)));
        }
    }

    /// Sends a batch; the first frame of outcomes, with all of them unless the batch takes longer than a frame waits.
    fn first_frame(&mut self, size: usize) -> Vec<u8> {
        self.send(size);
        let frame = self.frame();
        self.hear(size - ended(&frame));
        frame
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end.sender.send(&ToWorker::Pill.encode().unwrap()).unwrap();
        assert_eq!(self.thread.take().unwrap().join().unwrap().unwrap(), Served::Pill);
    }
}

/// How many outcomes a frame has; every one is looked at.
fn ended(frame: &[u8]) -> usize {
    let FromWorker::Outcomes(outcomes) = FromWorker::decode(frame).unwrap() else { return 0 };
    outcomes.iter().map(Result::unwrap).count()
}
