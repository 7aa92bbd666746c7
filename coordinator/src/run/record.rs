//! Outcomes on their way into the store, from the writing thread.
//!
//! The store has a thread and a bounded queue of its own. Where the queue is full, the writing thread waits
//! here; the pool notices that its sink is full and leases nothing new, and never waits itself.

use std::sync::Arc;
use std::time::SystemTime;

use crossbeam_channel::{Receiver, bounded};

use jobs::Outputs;
use protocol::TaskId;

use crate::outcome::OutcomeBatch;
use crate::store::{
    ClaimedRun, Event, Hooks, Notes, Refused, RunEnd, Seen, Store, StoreError, TaskSet, Writer, WriterOptions,
};
use crate::summary::Summary;

/// The event after which every outcome is committed, and the run's files may take their places.
pub(super) const COMPLETING: &str = "completing";

/// Records one session of a run.
pub(super) struct Recorder {
    // Gone once it has ended with an error, which has been told.
    writer: Option<Writer>,
    // Something was committed, there is room again, or (closed) the writer has ended.
    moved: Receiver<()>,
    // Committed by earlier sessions.
    done: TaskSet,
    // Names the files that tasks write, for kinds whose tasks do.
    outputs: Option<Box<dyn Outputs>>,
    sent: u64,
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
        let (sender, moved) = bounded(1);
        let wake = sender.clone();
        let hooks = Hooks {
            // A signal that waits already will do.
            wake: Arc::new(move || {
                let _ = wake.try_send(());
            }),
            committed: Box::new(move |_| {
                let _ = sender.try_send(());
            }),
        };
        let writer = Writer::start(store, run, options, hooks)?;
        Ok(Self { writer: Some(writer), moved, done, outputs, sent: 0, clock })
    }

    /// Where events of the run are noted.
    pub(super) fn notes(&self) -> Option<Notes> {
        self.writer.as_ref().map(Writer::notes)
    }

    /// Hands over a batch, and waits while the store is behind. What an earlier session has stored is left out.
    ///
    /// # Errors
    /// The store can't be written any more.
    pub(super) fn push(&mut self, batch: &OutcomeBatch) -> Result<(), StoreError> {
        let batch = if self.done.is_empty() { batch.clone() } else { self.new_in(batch) };
        if batch.is_empty() {
            return Ok(());
        }
        if let (Some(writer), Some(outputs)) = (&self.writer, &self.outputs) {
            writer.saw(look(outputs.as_ref(), &batch));
        }
        self.send(batch)
    }

    fn new_in(&self, batch: &OutcomeBatch) -> OutcomeBatch {
        let mut new = OutcomeBatch::new();
        batch
            .iter()
            .filter(|outcome| !self.done.contains(outcome.task))
            .for_each(|outcome| new.push(outcome));
        new
    }

    fn send(&mut self, mut batch: OutcomeBatch) -> Result<(), StoreError> {
        while let Some(writer) = &self.writer {
            match writer.try_send(batch) {
                Ok(()) => {
                    self.sent += 1;
                    break;
                }
                Err(Refused::Full(refused)) => batch = refused,
                Err(Refused::Ended(_)) => return self.tell_end(),
            }
            // Closed, it has ended, and the next try says so.
            let _ = self.moved.recv();
        }
        Ok(())
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
        self.send(OutcomeBatch::new())?;
        while self.writer.as_ref().is_some_and(|writer| writer.committed() < self.sent) {
            if self.moved.recv().is_err() {
                return self.tell_end();
            }
        }
        Ok(())
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
fn look(outputs: &dyn Outputs, batch: &OutcomeBatch) -> Vec<(TaskId, Seen)> {
    let good = batch.iter().filter(|outcome| outcome.result.is_ok());
    let seen = good.filter_map(|outcome| {
        // A payload of another kind names no files, and what is not noted is done again.
        let files = outputs.files(outcome.payload).ok()?;
        Some((outcome.task, Seen::now(&files)?))
    });
    seen.collect()
}
