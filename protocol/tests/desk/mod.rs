//! A coordinator in miniature: one worker on a thread, spoken to by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is how it fails")]

use std::collections::{HashMap, VecDeque};
use std::thread::{self, JoinHandle};

use protocol::{
    BatchEncoder, CoordinatorEnd, Filled, FrameReader, FromWorker, Handler, Limits, OutcomeResult,
    ServeError, Served, Start, Task, TaskError, TaskId, ToWorker, Why, in_memory, serve,
};

/// A handler made of a function.
pub(crate) struct Run<F>(pub(crate) F);

impl<F: FnMut(&Task<'_>, &mut Vec<u8>) -> Result<(), TaskError>> Handler for Run<F> {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        (self.0)(task, value)
    }
}

/// How a task ended, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Value(Vec<u8>),
    Error(String),
    Memory(String),
    Panic(String),
}

/// What a worker said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Ready,
    Refused(String),
    Ended { task: u64, attempt: u32, end: End },
    Goodbye { tasks: u64, why: Why },
    Progress { task: u64, done: u64, total: u64 },
}

pub(crate) struct Desk {
    pub(crate) end: CoordinatorEnd,
    reader: FrameReader,
    chunks: HashMap<u64, Vec<u8>>,
    said: VecDeque<Said>,
    batches: u64,
    worker: JoinHandle<Result<Served, ServeError>>,
}

impl Desk {
    /// A worker on a thread whose handler is made by `make`; it has not been told to start.
    pub(crate) fn new<M>(make: M) -> Self
    where
        M: FnOnce(&Start<'_>) -> Result<Box<dyn Handler>, TaskError> + Send + 'static,
    {
        let (end, link) = in_memory().unwrap();
        // A test waits for what it asked for.
        end.stream.set_nonblocking(false).unwrap();
        let worker = thread::spawn(move || serve(link, make));
        let (reader, chunks, said) = Default::default();
        Self { end, reader, chunks, said, batches: 0, worker }
    }

    /// A worker that has been started and runs `run`.
    pub(crate) fn started<F>(run: F) -> Self
    where
        F: FnMut(&Task<'_>, &mut Vec<u8>) -> Result<(), TaskError> + Send + 'static,
    {
        let mut desk = Self::new(|_| Ok(Box::new(Run(run))));
        desk.start();
        assert_eq!(desk.hear(), Said::Ready);
        desk
    }

    pub(crate) fn start(&self) {
        let limits = Limits::default();
        let start =
            Start { kind: "test", setup: b"setup", worker: "worker-1", number: 1, incarnation: 1, limits };
        self.end.sender.send(&ToWorker::Start(start).encode().unwrap()).unwrap();
    }

    /// Opens a batch and sends it; returns its number.
    pub(crate) fn send(&mut self, tasks: &[(u64, &[u8])]) -> u64 {
        let batch = self.batches;
        self.batches += 1;
        let mut encoder = BatchEncoder::new();
        encoder.begin(batch);
        for &(id, payload) in tasks {
            assert!(encoder.push(TaskId(id), 1, payload));
        }
        self.end.cell.open(batch, tasks.len() as u16);
        self.end.sender.send(encoder.bytes()).unwrap();
        batch
    }

    pub(crate) fn pill(&self) {
        self.end.sender.send(&ToWorker::Pill.encode().unwrap()).unwrap();
    }

    /// The next thing that the worker says.
    pub(crate) fn hear(&mut self) -> Said {
        loop {
            if let Some(said) = self.said.pop_front() {
                return said;
            }
            assert!(matches!(self.reader.fill(&self.end.stream).unwrap(), Filled::Bytes(_)), "closed");
            while let Some(frame) = self.reader.next_frame().unwrap() {
                understand(FromWorker::decode(frame).unwrap(), &mut self.chunks, &mut self.said);
            }
        }
    }

    /// The ends of the next `count` tasks, with their ids.
    pub(crate) fn hear_ends(&mut self, count: usize) -> Vec<(u64, End)> {
        (0..count)
            .map(|_| match self.hear() {
                Said::Ended { task, end, .. } => (task, end),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// How serving ended.
    pub(crate) fn join(self) -> Result<Served, ServeError> {
        drop(self.end);
        self.worker.join().unwrap()
    }
}

fn understand(frame: FromWorker<'_>, chunks: &mut HashMap<u64, Vec<u8>>, said: &mut VecDeque<Said>) {
    match frame {
        FromWorker::Ready => said.push_back(Said::Ready),
        FromWorker::Refused { message } => said.push_back(Said::Refused(message.to_owned())),
        FromWorker::Goodbye { tasks, why, .. } => said.push_back(Said::Goodbye { tasks, why }),
        FromWorker::Progress { task, done, total, .. } => {
            said.push_back(Said::Progress { task: task.0, done, total });
        }
        FromWorker::Chunk { task, bytes, .. } => chunks.entry(task.0).or_default().extend_from_slice(bytes),
        FromWorker::Outcomes(outcomes) => {
            for outcome in outcomes.iter() {
                let outcome = outcome.unwrap();
                let end = match outcome.result {
                    OutcomeResult::Ok(value) => End::Value(value.to_vec()),
                    OutcomeResult::Chunked(length) => {
                        let value = chunks.remove(&outcome.task.0).unwrap_or_default();
                        assert_eq!(value.len() as u64, length);
                        End::Value(value)
                    }
                    OutcomeResult::Error(text) => End::Error(text.to_owned()),
                    OutcomeResult::Memory(text) => End::Memory(text.to_owned()),
                    OutcomeResult::Panic(text) => End::Panic(text.to_owned()),
                };
                said.push_back(Said::Ended { task: outcome.task.0, attempt: outcome.attempt, end });
            }
        }
    }
}
