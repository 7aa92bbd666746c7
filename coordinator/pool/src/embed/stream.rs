//! The way from the pool's thread to a map: outcomes in batches, numbered by the map's own count.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Error;
use crate::outcome::OutcomeBatch;

/// How many empty batches are kept to be used again.
const SPARE: usize = 8;

/// Shared by a map and the pool's thread. What it holds is bounded by how far the map runs ahead.
#[derive(Debug, Default)]
pub(super) struct Stream {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<OutcomeBatch>,
    spare: Vec<OutcomeBatch>,
    // The ids of the tasks that the queue has, as first and count.
    ranges: VecDeque<(u64, u64)>,
    // Nobody wants the outcomes any more.
    abandoned: bool,
    // The pool has ended, and nothing more will come.
    ended: Option<Error>,
}

impl Stream {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue takes tasks of it; false where nobody wants them any more.
    pub(super) fn begin(&self, first: u64, count: u64) -> bool {
        let mut state = self.lock();
        if !state.abandoned {
            state.ranges.push_back((first, count));
        }
        !state.abandoned
    }

    /// All tasks from this one on have ended.
    pub(super) fn end_range(&self, first: u64) {
        self.lock().ranges.retain(|(other, _)| *other != first);
    }

    /// Hands over outcomes, and returns an empty batch.
    pub(super) fn push(&self, mut batch: OutcomeBatch) -> OutcomeBatch {
        let mut state = self.lock();
        if state.abandoned {
            batch.clear();
            return batch;
        }
        state.batches.push_back(batch);
        let spare = state.spare.pop().unwrap_or_default();
        drop(state);
        self.ready.notify_one();
        spare
    }

    /// Nothing more will come.
    pub(super) fn end(&self, error: Error) {
        self.lock().ended.get_or_insert(error);
        self.ready.notify_one();
    }

    /// The next outcomes, where there are some; `Err`: the pool has ended.
    pub(super) fn try_next(&self) -> Result<Option<OutcomeBatch>, Error> {
        Self::next_of(&mut self.lock())
    }

    /// Waits for outcomes.
    pub(super) fn next(&self) -> Result<OutcomeBatch, Error> {
        let mut state = self.lock();
        loop {
            if let Some(batch) = Self::next_of(&mut state)? {
                return Ok(batch);
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn next_of(state: &mut State) -> Result<Option<OutcomeBatch>, Error> {
        match (state.batches.pop_front(), &state.ended) {
            (None, Some(error)) => Err(error.clone()),
            (batch, _) => Ok(batch),
        }
    }

    /// Gives a batch back whose outcomes have been read.
    pub(super) fn give_back(&self, mut batch: OutcomeBatch) {
        batch.clear();
        let mut state = self.lock();
        if state.spare.len() < SPARE {
            state.spare.push(batch);
        }
    }

    /// Nobody wants the rest: returns the ids of the tasks that the queue still has, as first and count.
    pub(super) fn abandon(&self) -> Vec<(u64, u64)> {
        let mut state = self.lock();
        state.abandoned = true;
        state.batches.clear();
        state.ranges.drain(..).collect()
    }
}
