//! What earlier sessions of a run have done, read from the store while the run is planned anew.
//!
//! A thread of its own reads ahead, a few batches and no more, so that memory does not grow with the run.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use jobs::PlanError;
use protocol::TaskId;

use super::planner::Earlier;
use crate::outcome::{Outcome, OutcomeBatch};
use crate::store::{RunId, RunInfo, Store, StoreError, TaskSet};

/// How many outcomes, and bytes of values, are read at once.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 256 * 1024;
/// How many such batches may wait.
const BATCHES: usize = 2;

/// Why what earlier sessions have done could not be read, for who asks after the run has ended: the plan can't
/// go on then, but it is the store that is to blame.
#[derive(Debug, Clone, Default)]
pub(super) struct RestoreTrouble(Arc<Mutex<Option<StoreError>>>);

impl RestoreTrouble {
    /// The error, once.
    pub(super) fn take(&self) -> Option<StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, error: StoreError) -> PlanError {
        let told = PlanError(error.to_string());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        told
    }
}

/// The outcomes that a run already has.
pub(super) struct Restore {
    done: TaskSet,
    batches: Receiver<Result<OutcomeBatch, StoreError>>,
    current: OutcomeBatch,
    next: usize,
    trouble: RestoreTrouble,
    // For its errors.
    path: PathBuf,
    run: RunId,
}

impl Restore {
    /// Starts reading the outcomes of `run`; those of tasks that are not in `done` are passed over.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn spawn(
        store: Store,
        run: RunInfo,
        done: TaskSet,
        trouble: RestoreTrouble,
    ) -> std::io::Result<Self> {
        let (sender, batches) = bounded(BATCHES);
        let (path, id) = (store.path().to_owned(), run.id.clone());
        thread::Builder::new().name("restore".into()).spawn(move || {
            if let Err(error) = read(&store, &run, &sender) {
                let _ = sender.send(Err(error));
            }
        })?;
        Ok(Self { done, batches, current: OutcomeBatch::new(), next: 0, trouble, path, run: id })
    }

    /// The place in the current batch of the first outcome of `task` or a later one.
    fn seek(&mut self, task: TaskId) -> Result<(), PlanError> {
        loop {
            match self.current.get(self.next) {
                Some(outcome) if outcome.task < task => self.next += 1,
                Some(_) => return Ok(()),
                None => match self.batches.recv() {
                    Ok(Ok(batch)) => (self.current, self.next) = (batch, 0),
                    Ok(Err(error)) => return Err(self.trouble.note(error)),
                    Err(_) => return Ok(()),
                },
            }
        }
    }
}

impl Earlier for Restore {
    fn outcome(&mut self, task: TaskId) -> Result<Option<Outcome<'_>>, PlanError> {
        if !self.done.contains(task) {
            return Ok(None);
        }
        self.seek(task)?;
        let found = self.current.get(self.next).filter(|outcome| outcome.task == task);
        // A store that has lost an outcome since the run was claimed must not pass for one that never had it.
        if found.is_none() {
            let detail = format!("the outcome of task {} of run {} has gone", task.0, self.run);
            return Err(self.trouble.note(StoreError::Corrupt { path: self.path.clone(), detail }));
        }
        Ok(found)
    }
}

/// Reads until the end, or until nobody listens.
fn read(
    store: &Store,
    run: &RunInfo,
    batches: &Sender<Result<OutcomeBatch, StoreError>>,
) -> Result<(), StoreError> {
    let mut outcomes = store.outcomes(run);
    let mut batch = OutcomeBatch::new();
    while let Some(outcome) = outcomes.next()? {
        batch.push(outcome);
        if (batch.len() >= BATCH || batch.total_bytes() >= BATCH_BYTES)
            && batches.send(Ok(std::mem::take(&mut batch))).is_err()
        {
            return Ok(());
        }
    }
    let _ = batches.send(Ok(batch));
    Ok(())
}
