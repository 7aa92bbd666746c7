//! One worker process with its links.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use protocol::{
    BatchEncoder, Bootstrap, BootstrapError, CoordinatorEnd, Extent, Filled, FrameReader, Piece, Running,
    Start, TaskId, ToWorker,
};

use super::ledger::Ledger;
use super::lines::Lines;
use super::long::LongValue;
use crate::supervisor::{Process, Program, advice};
use queue::{BatchId, KillReason, Leases, Time, WorkerId};

/// How far the greeting has come.
enum Stage {
    /// The process has been started.
    Expected(Bootstrap),
    /// It has greeted.
    Greeted(CoordinatorEnd),
    /// Its greeting came to nothing.
    Failed,
}

/// A worker process with its links.
pub(super) struct Link {
    pub(super) process: Process,
    pub(super) worker: WorkerId,
    pub(super) incarnation: u32,
    stage: Stage,
    pub(super) reader: FrameReader,
    /// It said that it can't run this job.
    pub(super) refused: Option<String>,
    /// It said goodbye.
    pub(super) goodbye: bool,
    /// What it said that makes no sense.
    pub(super) broke: Option<String>,
    /// Why it was killed, if it was us.
    pub(super) killed: Option<KillReason>,
    /// When its link ended, or its end was last looked for.
    pub(super) ended_at: Option<Time>,
    /// How often its end was looked for.
    looks: u32,
    pub(super) lines: Lines,
    /// A long value on its way.
    pub(super) long: Option<LongValue>,
    /// It has asked for an outbox.
    pub(super) asked_for_outbox: bool,
    /// How long the last such value was.
    pub(super) long_value: usize,
    encoder: BatchEncoder,
    batches: Batches,
    /// Outcomes that it has reported.
    pub(super) reported: u64,
    /// Resident memory when it was first looked at, in bytes.
    first_memory: Option<u64>,
}

/// Batches with the numbers that a worker knows them by.
#[derive(Debug, Default)]
struct Batches {
    // With their lengths, oldest first.
    sent: VecDeque<(BatchId, u64, usize)>,
    next: u64,
}

/// How often the end of a process is looked for after its link has ended, before it is taken for one that lives on: for
/// ten seconds. On a busy machine an end takes long; but it may also be that only the first thread has ended, or that a
/// goodbye was a lie.
const MAX_LOOKS: u32 = 200;

/// At most this many batches are remembered: more than a worker can have in its hands.
const BATCHES: usize = 8;

impl Batches {
    /// The number of the next batch.
    fn next(&self) -> u64 {
        self.next
    }

    /// Remembers the next batch.
    fn note(&mut self, id: BatchId, length: usize) {
        if self.sent.len() == BATCHES {
            self.sent.pop_front();
        }
        self.sent.push_back((id, self.next, length));
        self.next += 1;
    }

    /// A batch's number and length.
    fn find(&self, id: BatchId) -> Option<(u64, usize)> {
        self.sent.iter().find(|(batch, ..)| *batch == id).map(|(_, number, length)| (*number, *length))
    }
}

impl Link {
    /// Starts a process and hands it its end of the links.
    pub(super) fn start(program: &Program, worker: WorkerId, incarnation: u32) -> io::Result<Self> {
        let mut bootstrap = Bootstrap::new()?;
        let stdin = bootstrap.child_stdin().ok_or_else(|| io::Error::other("the link has no other end"))?;
        let process = Process::spawn(program, &bootstrap.arguments(), stdin)?;
        Ok(Self {
            process,
            worker,
            incarnation,
            stage: Stage::Expected(bootstrap),
            reader: FrameReader::new(),
            refused: None,
            goodbye: false,
            broke: None,
            killed: None,
            ended_at: None,
            looks: 0,
            lines: Lines::default(),
            long: None,
            asked_for_outbox: false,
            long_value: 0,
            encoder: BatchEncoder::new(),
            batches: Batches::default(),
            reported: 0,
            first_memory: None,
        })
    }

    /// Where its frames come from; the same descriptor before and after the greeting.
    pub(super) fn frames(&self) -> Option<BorrowedFd<'_>> {
        match &self.stage {
            Stage::Expected(bootstrap) => Some(bootstrap.stream()),
            Stage::Greeted(end) => Some(end.stream.as_fd()),
            Stage::Failed => None,
        }
    }

    /// Reads what has come, without waiting.
    pub(super) fn fill(&mut self) -> io::Result<Filled> {
        match &self.stage {
            Stage::Expected(bootstrap) => self.reader.fill(bootstrap.stream()),
            Stage::Greeted(end) => self.reader.fill(&end.stream),
            Stage::Failed => Ok(Filled::Closed),
        }
    }

    /// What its status cell says that it is running.
    pub(super) fn running(&self) -> Option<Running> {
        match &self.stage {
            Stage::Expected(_) | Stage::Failed => None,
            Stage::Greeted(end) => end.cell.running(),
        }
    }

    /// How many tasks it has finished and not reported, as its status cell says.
    pub(super) fn unreported(&self) -> usize {
        let Stage::Greeted(end) = &self.stage else { return 0 };
        usize::try_from(end.cell.finished().saturating_sub(self.reported)).unwrap_or(usize::MAX)
    }

    /// Notes that it makes no sense; the first reason counts.
    pub(super) fn set_broke(&mut self, why: String) {
        self.broke.get_or_insert(why);
    }

    /// True where its process is being ended, or it has said goodbye, and that has not gone on for too long: a death
    /// that is waited for.
    pub(super) fn is_ending(&mut self) -> bool {
        self.looks += 1;
        self.looks < MAX_LOOKS && (self.goodbye || self.process.is_ending())
    }

    pub(super) fn greeted(&self) -> bool {
        matches!(self.stage, Stage::Greeted(_))
    }

    /// It has greeted: takes its tasks' link and tells it what it is to do.
    pub(super) fn accept(&mut self, start: &Start<'_>) -> Result<(), String> {
        let message = ToWorker::Start(start.clone()).encode().map_err(|error| error.to_string())?;
        let Stage::Expected(bootstrap) = std::mem::replace(&mut self.stage, Stage::Failed) else {
            return Err("it greeted twice".into());
        };
        let end = bootstrap.accept().map_err(|error| match &error {
            BootstrapError::Io(cause) => {
                advice(cause).map_or(error.to_string(), |what| format!("{error}: {what}"))
            }
            _ => error.to_string(),
        })?;
        // Where the worker is already dead, its death tells more than this error.
        let _ = end.sender.send(&message);
        self.stage = Stage::Greeted(end);
        Ok(())
    }

    /// Sends tasks in one message.
    pub(super) fn send_batch(&mut self, id: BatchId, tasks: &[Leases], ledger: &Ledger) -> io::Result<()> {
        let Stage::Greeted(end) = &mut self.stage else { return Ok(()) };
        let number = self.batches.next();
        self.encoder.begin(number);
        for Leases { first, count, attempt } in tasks {
            for (task, payloads) in ledger.payloads(*first, *count as usize) {
                if !self.encoder.push_run(task, *attempt, payloads) {
                    return Err(io::Error::other("a batch is larger than a message"));
                }
            }
        }
        let length = self.encoder.len();
        self.batches.note(id, length);
        // Opened before it is sent, or the worker would find nothing to claim.
        end.cell.open(number, u16::try_from(length).unwrap_or(u16::MAX));
        end.sender.send(self.encoder.bytes())
    }

    /// Sends one task whose payload lies in the arena.
    pub(super) fn send_large(
        &mut self,
        id: BatchId,
        task: TaskId,
        attempt: u32,
        payload: &Extent,
    ) -> io::Result<()> {
        let Stage::Greeted(end) = &mut self.stage else { return Ok(()) };
        let number = self.batches.next();
        self.batches.note(id, 1);
        end.cell.open(number, 1);
        end.send_large(number, task, attempt, payload)
    }

    pub(super) fn send_pill(&mut self) -> io::Result<()> {
        let Stage::Greeted(end) = &self.stage else { return Ok(()) };
        let message = ToWorker::Pill.encode().map_err(io::Error::other)?;
        end.sender.send(&message)
    }

    /// Takes back what it has not started of a batch, except that at least `keep` tasks of it stay; returns
    /// how many stay with it.
    pub(super) fn recall(&mut self, id: BatchId, keep: usize) -> Option<usize> {
        let Stage::Greeted(end) = &mut self.stage else { return None };
        let (number, length) = self.batches.find(id)?;
        let unclaimed = keep.saturating_sub(end.cell.claimed(number));
        let taken = end.cell.recall_tail(number, u16::try_from(unclaimed).unwrap_or(u16::MAX));
        Some(if taken.is_empty() { length } else { taken.start })
    }

    /// Answers it when it wants an outbox.
    pub(super) fn give_outbox(&mut self, bytes: usize) {
        if let Stage::Greeted(end) = &mut self.stage {
            // Where the worker is already dead, its death tells more than this error.
            let _ = end.give_outbox(bytes);
        }
    }

    pub(super) fn outbox_bytes(&self) -> usize {
        if let Stage::Greeted(end) = &self.stage { end.outbox_bytes() } else { 0 }
    }

    /// Appends a copy of what lies in its outbox.
    pub(super) fn take_piece(&mut self, piece: &Piece, value: &mut Vec<u8>) -> Result<(), String> {
        let Stage::Greeted(end) = &mut self.stage else { return Ok(()) };
        end.take_piece(piece, value).map_err(|error| format!("it spoke of {error}"))
    }

    /// Lets it know of all pieces that have been taken from its outbox.
    pub(super) fn return_pieces(&mut self) {
        let Stage::Greeted(end) = &mut self.stage else { return };
        if let Err(error) = end.return_pieces()
            && error.kind() == io::ErrorKind::WouldBlock
        {
            self.set_broke("it does not read what is sent to it".into());
        }
    }

    /// Lets it know that a task which it runs is cancelled.
    pub(super) fn warn(&self, task: TaskId) {
        if let Stage::Greeted(end) = &self.stage {
            end.cell.warn(task);
        }
    }

    /// By how many bytes its resident memory has grown since the first look.
    pub(super) fn memory_growth(&mut self) -> u64 {
        let Some(now) = resident_bytes(self.process.id()) else { return 0 };
        let first = *self.first_memory.get_or_insert(now);
        now.saturating_sub(first)
    }
}

/// Resident memory, as the kernel tells: the second field of `statm`, in pages.
fn resident_bytes(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(rustix::param::page_size() as u64))
}
