//! Outcomes on their way into the store, from the writing thread.
//!
//! The store has a thread and a bounded queue of its own. Where the queue is full, the writing thread waits
//! here; the pool notices that its sink is full and leases nothing new, and never waits itself.

use std::time::SystemTime;

use jobs::Outputs;
use protocol::TaskId;

use crate::outcome::SharedBatch;
use crate::store::{
    ClaimedRun, Ended, Event, Notes, RunEnd, Seen, Store, StoreError, TaskSet, Writer, WriterOptions,
};
use crate::summary::Summary;

/// The event after which every outcome is committed, and the run's files may take their places.
pub(super) const COMPLETING: &str = "completing";

/// Records one session of a run.
pub(super) struct Recorder {
    // Gone once it has ended with an error, which has been told.
    writer: Option<Writer>,
    // Committed by earlier sessions.
    done: TaskSet,
    // Names the files that tasks write, for kinds whose tasks do.
    outputs: Option<Box<dyn Outputs>>,
    clock: fn() -> SystemTime,
}

impl Recorder {
    /// Starts the store's writer.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn start(
        store: Store,
        run: ClaimedRun,
        outputs: Option<Box<dyn Outputs>>,
    ) -> Result<Self, StoreError> {
        let options = WriterOptions::default();
        let clock = options.clock;
        let done = run.done.clone();
        let writer = Writer::start(store, run, options)?;
        Ok(Self { writer: Some(writer), done, outputs, clock })
    }

    /// Where events of the run are noted.
    pub(super) fn notes(&self) -> Option<Notes> {
        self.writer.as_ref().map(Writer::notes)
    }

    /// Hands over a batch, and waits while the store is behind. What an earlier session has stored is stored already.
    ///
    /// # Errors
    /// The store can't be written any more.
    pub(super) fn push(&mut self, batch: &SharedBatch) -> Result<(), StoreError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let is_new = |task| !self.done.contains(task);
        if !self.done.is_empty() && !batch.iter().any(|outcome| is_new(outcome.task)) {
            return Ok(());
        }
        let seen = self.outputs.as_deref().map(|outputs| look(outputs, batch, is_new)).unwrap_or_default();
        writer.send(batch.clone(), seen).or_else(|Ended| self.tell_end())
    }

    /// Waits until every outcome of the run is committed and it is noted that its files are about to take
    /// their places: from then on, what is there under their names may be the run's own.
    ///
    /// # Errors
    /// The store can't be written any more.
    pub(super) fn complete(&mut self) -> Result<(), StoreError> {
        if let Some(writer) = &self.writer {
            writer.note(Event { at: (self.clock)(), kind: COMPLETING.to_owned(), detail: String::new() });
        }
        match self.writer.as_ref().map(Writer::barrier) {
            Some(Err(Ended)) => self.tell_end(),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Stores how the session ended, and lets go of the run.
    ///
    /// # Errors
    /// The store can't be written; the run is resumable all the same.
    pub(super) fn finish(mut self, end: RunEnd, summary: &Summary) -> Result<(), StoreError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.set_planned(summary.tasks.planned);
        writer.finish(end, Some(summary))
    }

    /// Why the writer has ended.
    fn tell_end(&mut self) -> Result<(), StoreError> {
        self.writer.take().map_or(Ok(()), |writer| writer.finish(RunEnd::Failed, None))
    }
}

/// How the files look that tasks have just written.
fn look(outputs: &dyn Outputs, batch: &SharedBatch, is_new: impl Fn(TaskId) -> bool) -> Vec<(TaskId, Seen)> {
    let good = batch.iter().filter(|outcome| outcome.result.is_ok() && is_new(outcome.task));
    let seen = good.filter_map(|outcome| {
        // A payload of another kind names no files, and what is not noted is done again.
        let files = outputs.files(outcome.payload).ok()?;
        Some((outcome.task, Seen::now(&files)?))
    });
    seen.collect()
}
