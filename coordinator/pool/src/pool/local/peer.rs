//! The other end of a link: what has been sent to a worker, and what it has said of itself.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use protocol::{
    BatchEncoder, Bootstrap, BootstrapError, CoordinatorEnd, Extent, Filled, FrameReader, Piece, Running,
    Start, TaskId, ToWorker,
};

use super::batches::Batches;
use crate::pool::ledger::Ledger;
use crate::pool::lines::Lines;
use crate::pool::long::LongValues;
use crate::supervisor::{Process, advice};
use queue::{BatchId, KillReason, Leases, WorkerId};

/// How far the greeting has come.
enum Stage {
    /// The process has been started.
    Expected(Bootstrap),
    /// It has greeted.
    Greeted(CoordinatorEnd),
    /// Its greeting came to nothing.
    Failed,
}

/// A worker at the other end of its link.
pub(super) struct Peer {
    pub(super) worker: WorkerId,
    pub(super) incarnation: u32,
    pub(super) pid: u32,
    link: Sending,
    /// It said that it can't run this job.
    pub(super) refused: Option<String>,
    /// It said goodbye.
    pub(super) goodbye: bool,
    /// What it said that makes no sense; the first counts.
    pub(super) broke: Option<String>,
    /// Why it was killed, if it was us.
    pub(super) killed: Option<KillReason>,
    ended: Option<Ended>,
    pub(super) lines: Lines,
    pub(super) long: LongValues,
    /// Outcomes that it has reported.
    pub(super) reported: u64,
}

/// What is needed to send.
struct Sending {
    stage: Stage,
    encoder: BatchEncoder,
    batches: Batches,
    asked_for_outbox: bool,
}

/// A link that has ended.
#[derive(Debug, Clone, Copy)]
struct Ended {
    /// When it ended, or its worker's end was last looked for.
    at: u64,
    /// How often that was looked for.
    looks: u32,
}

/// How long a worker may live after its link has ended, if nothing tells that it is about to die.
const LINGER: Duration = Duration::from_millis(50);

/// How often the end of a process is looked for after its link has ended, before it is taken for one that lives on: for
/// ten seconds. On a busy machine an end takes long; but it may also be that only the first thread has ended, or that a
/// goodbye was a lie.
const MAX_LOOKS: u32 = 200;

impl Peer {
    pub(super) fn new(worker: WorkerId, incarnation: u32, pid: u32, bootstrap: Bootstrap) -> Self {
        Self {
            worker,
            incarnation,
            pid,
            link: Sending {
                stage: Stage::Expected(bootstrap),
                encoder: BatchEncoder::new(),
                batches: Batches::default(),
                asked_for_outbox: false,
            },
            refused: None,
            goodbye: false,
            broke: None,
            killed: None,
            ended: None,
            lines: Lines::default(),
            long: LongValues::default(),
            reported: 0,
        }
    }

    /// Where its frames come from; the same descriptor before and after the greeting.
    pub(super) fn frames(&self) -> Option<BorrowedFd<'_>> {
        match &self.link.stage {
            Stage::Expected(bootstrap) => Some(bootstrap.stream()),
            Stage::Greeted(end) => Some(end.stream.as_fd()),
            Stage::Failed => None,
        }
    }

    /// Reads what has come, without waiting.
    pub(super) fn fill(&self, reader: &mut FrameReader) -> io::Result<Filled> {
        match &self.link.stage {
            Stage::Expected(bootstrap) => reader.fill(bootstrap.stream()),
            Stage::Greeted(end) => reader.fill(&end.stream),
            Stage::Failed => Ok(Filled::Closed),
        }
    }

    /// What its status cell says that it is running.
    pub(super) fn running(&self) -> Option<Running> {
        match &self.link.stage {
            Stage::Expected(_) | Stage::Failed => None,
            Stage::Greeted(end) => end.cell.running(),
        }
    }

    /// How many tasks it has finished and not reported, as its status cell says.
    pub(super) fn unreported(&self) -> usize {
        let Stage::Greeted(end) = &self.link.stage else { return 0 };
        usize::try_from(end.cell.finished().saturating_sub(self.reported)).unwrap_or(usize::MAX)
    }

    /// Notes that it makes no sense.
    pub(super) fn set_broke(&mut self, why: String) {
        self.broke.get_or_insert(why);
    }

    /// Its link has ended, and its death will follow. False if that is known.
    pub(super) fn end_link(&mut self, now: u64) -> bool {
        let first = self.ended.is_none();
        self.ended.get_or_insert(Ended { at: now, looks: 0 });
        first
    }

    /// Until when it may live on after the end of its link.
    pub(super) fn lingers_until(&self) -> Option<u64> {
        self.ended.map(|ended| ended.at.saturating_add(LINGER.as_nanos() as u64))
    }

    /// Everything stood still until `now`.
    pub(super) fn paused(&mut self, now: u64) {
        if let Some(ended) = &mut self.ended {
            ended.at = now;
        }
    }

    /// True, once, if its link has ended for too long, and it is not seen to die: if its process is being ended, or it
    /// has said goodbye, its death is waited for a little longer.
    pub(super) fn has_outlived_its_link(&mut self, process: &Process, now: u64) -> bool {
        if self.lingers_until().is_none_or(|until| now < until) {
            return false;
        }
        let Some(ended) = &mut self.ended else { return false };
        ended.looks += 1;
        if ended.looks < MAX_LOOKS && (self.goodbye || process.is_ending()) {
            ended.at = now;
            return false;
        }
        self.ended = None;
        self.set_broke("closed its link and lives on".to_owned());
        true
    }

    pub(super) fn greeted(&self) -> bool {
        matches!(self.link.stage, Stage::Greeted(_))
    }

    /// It has greeted: takes its tasks' link and tells it what it is to do.
    pub(super) fn accept(&mut self, start: &Start<'_>) -> Result<(), String> {
        let message = ToWorker::Start(start.clone()).encode().map_err(|error| error.to_string())?;
        let Stage::Expected(bootstrap) = std::mem::replace(&mut self.link.stage, Stage::Failed) else {
            return Err("it greeted twice".into());
        };
        let end = bootstrap.accept().map_err(|error| match &error {
            BootstrapError::Io(cause) => {
                advice(cause).map_or(error.to_string(), |what| format!("{error}: {what}"))
            }
            _ => error.to_string(),
        })?;
        // If the worker is already dead, its death tells more than this error.
        let _ = end.sender.send(&message);
        self.link.stage = Stage::Greeted(end);
        Ok(())
    }

    /// Sends tasks in one message.
    pub(super) fn send_batch(&mut self, id: BatchId, tasks: &[Leases], ledger: &Ledger) -> io::Result<()> {
        let Sending { stage: Stage::Greeted(end), encoder, batches, .. } = &mut self.link else {
            return Ok(());
        };
        let number = batches.next();
        encoder.begin(number);
        for Leases { run, attempt } in tasks {
            for (task, payloads) in ledger.payloads(run.first, run.len()) {
                if !encoder.push_run(task, *attempt, payloads) {
                    return Err(io::Error::other("a batch is larger than a message"));
                }
            }
        }
        let length = encoder.len();
        batches.note(id, length);
        // Opened before it is sent, or the worker would find nothing to claim.
        end.cell.open(number, u16::try_from(length).unwrap_or(u16::MAX));
        end.sender.send(encoder.bytes())
    }

    /// Sends one task whose payload lies in the arena.
    pub(super) fn send_large(
        &mut self,
        id: BatchId,
        task: TaskId,
        attempt: u32,
        payload: &Extent,
    ) -> io::Result<()> {
        let Sending { stage: Stage::Greeted(end), batches, .. } = &mut self.link else { return Ok(()) };
        let number = batches.next();
        batches.note(id, 1);
        end.cell.open(number, 1);
        end.send_large(number, task, attempt, payload)
    }

    pub(super) fn send_pill(&self) -> io::Result<()> {
        let Stage::Greeted(end) = &self.link.stage else { return Ok(()) };
        let message = ToWorker::Pill.encode().map_err(io::Error::other)?;
        end.sender.send(&message)
    }

    /// Takes back what it has not started of a batch, except that at least `keep` tasks of it stay; returns
    /// how many stay with it.
    pub(super) fn recall(&mut self, id: BatchId, keep: usize) -> Option<usize> {
        let Sending { stage: Stage::Greeted(end), batches, .. } = &mut self.link else { return None };
        let (number, length) = batches.find(id)?;
        let unclaimed = keep.saturating_sub(end.cell.claimed(number));
        let taken = end.cell.recall_tail(number, u16::try_from(unclaimed).unwrap_or(u16::MAX));
        Some(if taken.is_empty() { length } else { taken.start })
    }

    /// Answers it when it wants an outbox.
    ///
    /// # Errors
    /// It has asked before.
    pub(super) fn give_outbox(&mut self, bytes: usize) -> Result<(), String> {
        if std::mem::replace(&mut self.link.asked_for_outbox, true) {
            return Err("it asked for an outbox twice".into());
        }
        if let Stage::Greeted(end) = &mut self.link.stage {
            // If the worker is already dead, its death tells more than this error.
            let _ = end.give_outbox(bytes);
        }
        Ok(())
    }

    pub(super) fn outbox_bytes(&self) -> usize {
        if let Stage::Greeted(end) = &self.link.stage { end.outbox_bytes() } else { 0 }
    }

    /// A part of a long value lies in its outbox.
    pub(super) fn keep_piece(
        &mut self,
        piece: &Piece,
        room: impl FnOnce(usize) -> Vec<u8>,
    ) -> Result<(), String> {
        let Piece { task, attempt, length, more, .. } = *piece;
        let whole = length.saturating_add(more);
        let known = Some(usize::try_from(whole).unwrap_or(usize::MAX));
        let value = self.long.extend((task, attempt), whole, known, room)?;
        let Stage::Greeted(end) = &mut self.link.stage else { return Ok(()) };
        end.take_piece(piece, value).map_err(|error| format!("it spoke of {error}"))
    }

    /// Lets it know of all pieces that have been taken from its outbox.
    pub(super) fn return_pieces(&mut self) {
        let Stage::Greeted(end) = &mut self.link.stage else { return };
        if let Err(error) = end.return_pieces()
            && error.kind() == io::ErrorKind::WouldBlock
        {
            self.set_broke("it does not read what is sent to it".into());
        }
    }

    /// Lets it know that a task which it runs is cancelled.
    pub(super) fn warn(&self, task: TaskId) {
        if let Stage::Greeted(end) = &self.link.stage {
            end.cell.warn(task);
        }
    }
}
