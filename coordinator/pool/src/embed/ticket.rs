//! One submitted task, between the pool's thread and its handle.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::error::Error;

/// The task has not been given to the queue yet, and has no id.
pub(super) const NEW: u64 = u64::MAX;
/// It was cancelled before it had one.
pub(super) const CANCELLED: u64 = u64::MAX - 1;

/// What the pool's thread completes and a [`Handle`](super::Handle) waits for.
#[derive(Debug)]
pub(super) struct Ticket {
    // NEW until the pool's thread gives it an id or its handle cancels it, whoever is first.
    pub(super) id: AtomicU64,
    /// How long its input is, in bytes.
    pub(super) bytes: usize,
    state: Mutex<State>,
    pub(super) done: Condvar,
}

#[derive(Debug)]
pub(super) enum State {
    Pending(Option<Waker>),
    Done(Result<Vec<u8>, Error>),
}

impl Ticket {
    pub(super) fn new(bytes: usize) -> Self {
        Self { id: AtomicU64::new(NEW), bytes, state: Mutex::new(State::Pending(None)), done: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives it its id; false where it was cancelled before.
    pub(super) fn assign(&self, id: u64) -> bool {
        self.id.compare_exchange(NEW, id, AcqRel, Acquire).is_ok()
    }

    /// Its first outcome stays.
    pub(super) fn complete(&self, result: Result<Vec<u8>, Error>) {
        let mut state = self.lock();
        if let State::Pending(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Done(result);
            drop(state);
            self.done.notify_all();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
