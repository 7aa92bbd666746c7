//! A coordinator in miniature: one worker on a thread, spoken to by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is how it fails")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::{HashMap, VecDeque};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use protocol::{
    BatchEncoder, CoordinatorEnd, Extent, Filled, FrameReader, FromWorker, Handler, Limits, OutcomeResult,
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
    ErrorForGood(String),
    MemoryForGood(String),
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
    /// How many bytes of an outbox a worker gets that wants one.
    pub(crate) outbox: usize,
    /// Pieces are returned only once the worker says no more.
    pub(crate) hold_until_waiting: bool,
    /// How often an outbox was asked for, how many pieces and chunks came, and how many pieces were held at a time.
    pub(crate) asked: usize,
    pub(crate) pieces: usize,
    pub(crate) chunked: usize,
    pub(crate) most_held: usize,
    held: usize,
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
        Self {
            end,
            outbox: 1 << 20,
            hold_until_waiting: false,
            asked: 0,
            pieces: 0,
            chunked: 0,
            most_held: 0,
            held: 0,
            reader,
            chunks,
            said,
            batches: 0,
            worker,
        }
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
        self.start_with(Limits::default());
    }

    pub(crate) fn start_with(&self, limits: Limits) {
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

    /// Sends a task whose payload lies in an arena.
    pub(crate) fn send_large(&mut self, task: TaskId, payload: &Extent) {
        self.end.cell.open(self.batches, 1);
        self.end.send_large(self.batches, task, 1, payload).unwrap();
        self.batches += 1;
    }

    /// The next thing that the worker says.
    pub(crate) fn hear(&mut self) -> Said {
        loop {
            if let Some(said) = self.said.pop_front() {
                return said;
            }
            self.read();
            self.listen(|desk, frame| desk.answer(frame));
        }
    }

    /// Reads until a piece has come, and does nothing about it.
    pub(crate) fn hear_piece(&mut self) {
        let mut came = false;
        while !came {
            self.read();
            self.listen(|desk, frame| match frame {
                FromWorker::WantsOutbox => desk.end.give_outbox(desk.outbox).unwrap(),
                FromWorker::Piece(_) => came = true,
                other => panic!("{other:?}"),
            });
        }
    }

    /// Reads until an outbox is asked for, and does nothing about it.
    pub(crate) fn hear_wish(&mut self) {
        let mut came = false;
        while !came {
            self.read();
            self.listen(|_, frame| came |= frame == FromWorker::WantsOutbox);
        }
    }

    /// Waits for what comes.
    fn read(&mut self) {
        if self.held > 0 {
            // Whether the worker says any more without being told.
            self.end.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let filled = self.reader.fill(&self.end.stream).unwrap();
            self.end.stream.set_read_timeout(None).unwrap();
            match filled {
                Filled::Bytes(_) => return,
                Filled::WouldBlock => self.return_pieces(),
                Filled::Closed => panic!("closed"),
            }
        }
        assert!(matches!(self.reader.fill(&self.end.stream).unwrap(), Filled::Bytes(_)), "closed");
    }

    fn return_pieces(&mut self) {
        self.held = 0;
        self.end.return_pieces().unwrap();
    }

    fn listen(&mut self, mut to: impl FnMut(&mut Self, FromWorker<'_>)) {
        let mut reader = std::mem::take(&mut self.reader);
        while let Some(frame) = reader.next_frame().unwrap() {
            to(self, FromWorker::decode(frame).unwrap());
        }
        self.reader = reader;
    }

    fn answer(&mut self, frame: FromWorker<'_>) {
        match frame {
            FromWorker::WantsOutbox => {
                self.asked += 1;
                self.end.give_outbox(self.outbox).unwrap();
            }
            FromWorker::Piece(piece) => {
                self.pieces += 1;
                self.held += 1;
                self.most_held = self.most_held.max(self.held);
                let value = self.chunks.entry(piece.task.0).or_default();
                self.end.take_piece(&piece, value).unwrap();
                if !self.hold_until_waiting {
                    self.return_pieces();
                }
            }
            frame => {
                self.chunked += usize::from(matches!(frame, FromWorker::Chunk { .. }));
                understand(frame, &mut self.chunks, &mut self.said);
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

/// What does not need an answer.
fn understand(frame: FromWorker<'_>, chunks: &mut HashMap<u64, Vec<u8>>, said: &mut VecDeque<Said>) {
    match frame {
        FromWorker::WantsOutbox | FromWorker::Piece(_) => {}
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
                    OutcomeResult::ErrorForGood(text) => End::ErrorForGood(text.to_owned()),
                    OutcomeResult::MemoryForGood(text) => End::MemoryForGood(text.to_owned()),
                };
                said.push_back(Said::Ended { task: outcome.task.0, attempt: outcome.attempt, end });
            }
        }
    }
}
