//! One worker at work: its handler, its clock, and the outcomes on their way out.

use super::error::ServeError;
use super::meter::Meter;
use super::outgoing::Outgoing;
use super::panics;
use crate::handed::Handed;
use crate::message::{OutcomeEncoder, Status};
use crate::{
    Context, DecodeError, FrameWriter, FromWorker, Handler, MAX_FRAME, MAX_VALUE, Task, TaskError, TaskHead,
    Why, WorkerCell,
};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

/// A frame of outcomes leaves once it is this long.
const FLUSH_BYTES: usize = 128 << 10;
/// Outcomes leave, in the middle of a batch, once the last ones left this long ago.
const FLUSH_NANOS: u64 = 4_000_000;
/// A longer value leaves by itself, before its outcome.
const MAX_INLINE: usize = 64 << 10;
/// A buffer that has grown beyond this for one value is given back: fresh memory costs a page fault for every
/// 4 KiB of the next one.
const KEEP: usize = 20 << 20;

// Whatever one more task adds to a frame that is not yet full must fit.
const _: () = assert!(FLUSH_BYTES + MAX_INLINE + (4 << 10) < MAX_FRAME);

/// What to do after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Next,
    /// A task panicked: nothing more must be run in this process.
    Recycle,
}

pub(super) struct Session {
    worker: String,
    handler: Box<dyn Handler>,
    writer: FrameWriter,
    outgoing: Outgoing,
    cell: Arc<WorkerCell>,
    meter: Meter,
    outcomes: OutcomeEncoder,
    value: Vec<u8>,
    flushed_nanos: u64,
    tasks: u64,
    busy_nanos: u64,
}

impl Session {
    pub(super) fn new(
        worker: String,
        handler: Box<dyn Handler>,
        writer: FrameWriter,
        cell: Arc<WorkerCell>,
        outgoing: Outgoing,
    ) -> Self {
        Self {
            worker,
            handler,
            writer,
            outgoing,
            cell,
            meter: Meter::new(),
            outcomes: OutcomeEncoder::new(),
            value: Vec::new(),
            flushed_nanos: 0,
            tasks: 0,
            busy_nanos: 0,
        }
    }

    /// Waits for the arena, unless it has come.
    pub(super) fn arena(&mut self) -> io::Result<Handed> {
        self.outgoing.arena(&self.writer)
    }

    /// Runs what the worker can claim of a batch, and reports it.
    pub(super) fn run<'t>(
        &mut self,
        batch: u64,
        tasks: impl Iterator<Item = Result<TaskHead<'t>, DecodeError>>,
    ) -> Result<After, ServeError> {
        self.meter.skip();
        self.flushed_nanos = self.meter.began();
        let mut after = After::Next;
        for (position, task) in tasks.enumerate() {
            let task = task?;
            match self.cell.claim(batch) {
                Some(claimed) if claimed == position => {}
                Some(_) => return Err(ServeError::OutOfTurn("a batch that had been begun before")),
                // The coordinator took the rest back.
                None => break,
            }
            after = self.run_task(&task)?;
            if after == After::Recycle {
                break;
            }
        }
        self.settle();
        self.flush()?;
        Ok(after)
    }

    /// Runs one task and notes its outcome.
    #[inline]
    fn run_task(&mut self, task: &TaskHead<'_>) -> Result<After, ServeError> {
        let started = self.start_of_task()?;
        self.value.clear();
        let context = Context { worker: &self.worker, link: Some(self.writer.as_fd()) };
        let work = Task { id: task.id, attempt: task.attempt, payload: task.payload, context };
        self.cell.begin(task.id, task.attempt, started);
        let result = panics::catch(|| self.handler.run(&work, &mut self.value));
        self.cell.finish();
        self.tasks += 1;
        let after = if result.is_err() { After::Recycle } else { After::Next };
        match result {
            Ok(Ok(())) if self.value.len() <= MAX_INLINE => self.note_value(task),
            Ok(Ok(())) => self.note_long_value(task)?,
            Ok(Err(error)) => self.note_error(task, &error),
            Err(panic) => self.outcomes.push_failure(task.id, task.attempt, Status::Panic, &panic),
        }
        if self.meter.is_full(self.outcomes.waiting()) || self.outcomes.size() >= FLUSH_BYTES {
            self.settle();
            self.flush_if_due()?;
        }
        Ok(after)
    }

    /// The start of the task that is about to run, early by less than a tick of the kernel's clock.
    #[inline]
    fn start_of_task(&mut self) -> Result<u64, ServeError> {
        if self.outcomes.waiting() > 0 && self.meter.has_ticked() {
            self.settle();
            self.flush_if_due()?;
        }
        Ok(self.meter.began())
    }

    #[inline]
    fn note_value(&mut self, task: &TaskHead<'_>) {
        self.outcomes.blob.extend_from_slice(&self.value);
        self.outcomes.push(task.id, task.attempt, Status::Ok, self.value.len() as u64);
    }

    /// Sends a value that is too long for a frame of outcomes, piece by piece.
    #[cold]
    fn note_long_value(&mut self, task: &TaskHead<'_>) -> Result<(), ServeError> {
        let length = self.value.len() as u64;
        if length > MAX_VALUE {
            let error = format!(
                "a value of {length} bytes, where {MAX_VALUE} are allowed: let the task write a file instead"
            );
            self.note_error(task, &TaskError::new(error));
        } else {
            self.outcomes.push(task.id, task.attempt, Status::Chunked, length);
            // The time that sending takes is not the task's.
            self.settle();
            self.outgoing.send(&mut self.writer, task, &self.value)?;
            self.meter.skip();
        }
        if self.value.capacity() > KEEP {
            self.value = Vec::new();
        }
        Ok(())
    }

    fn note_error(&mut self, task: &TaskHead<'_>, error: &TaskError) {
        self.outcomes.push_failure(task.id, task.attempt, error.into(), &error.message);
    }

    /// Reads the clock, and gives the outcomes that wait for it their time.
    fn settle(&mut self) {
        let tasks = self.outcomes.waiting();
        if tasks > 0 {
            let took = self.meter.lap(tasks);
            self.busy_nanos = self.busy_nanos.saturating_add(took);
            self.outcomes.settle(took);
        }
    }

    /// Sends what has settled, if it is much or has waited long.
    fn flush_if_due(&mut self) -> Result<(), ServeError> {
        let waited = self.meter.began().saturating_sub(self.flushed_nanos);
        if waited >= FLUSH_NANOS || self.outcomes.size() >= FLUSH_BYTES {
            self.flush()?;
            self.meter.skip();
            self.flushed_nanos = self.meter.began();
        }
        Ok(())
    }

    /// Sends what has settled, if there is something.
    fn flush(&mut self) -> Result<(), ServeError> {
        if let Some(outcomes) = self.outcomes.outcomes() {
            self.writer.write(|out| FromWorker::Outcomes(outcomes).encode(out))?;
        }
        self.outcomes.clear();
        Ok(())
    }

    /// Says the last words. Everything has been reported: each batch ends with a flush.
    pub(super) fn say_goodbye(&mut self, why: Why) -> Result<(), ServeError> {
        let goodbye = FromWorker::Goodbye { tasks: self.tasks, busy_nanos: self.busy_nanos, why };
        Ok(self.writer.write(|out| goodbye.encode(out))?)
    }
}
