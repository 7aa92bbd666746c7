//! One submitted task, as the one who waits for it sees it.

use std::marker::PhantomData;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, PoisonError};
#[cfg(feature = "async")]
use std::task::Waker;
use std::time::Duration;

use protocol::{TaskId, decode_value};
use serde::de::DeserializeOwned;

use super::error::Error;
use super::inbox::Shared;
use super::ticket::{CANCELLED, NEW, State, Ticket};
use crate::pool::Request;

/// A task that was submitted. Its result can be waited for, looked at and cancelled, from several threads at once.
///
/// Dropping a handle lets the task go on.
///
/// ```standalone_crate
/// use std::time::Duration;
///
/// use unhurt::Pool;
///
/// fn wait(millis: u64) -> u64 {
///     std::thread::sleep(Duration::from_millis(millis));
///     millis
/// }
///
/// fn main() -> Result<(), unhurt::Error> {
///     unhurt::worker().function(wait).serve();
///     let pool = Pool::builder().workers(2).function(wait)?;
///     let (short, long) = (pool.submit(1_u64)?, pool.submit(3_600_000_u64)?);
///     assert_eq!(short.wait()?, 1);
///     assert!(short.is_done() && short.try_get().is_some_and(|result| result.is_ok()));
///
///     assert!(long.wait_timeout(Duration::from_millis(10)).is_none());
///     println!("task {:?} takes too long", long.id());
///     long.cancel();
///     assert!(long.wait().is_err_and(|error| error.is_cancelled()));
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Handle<O> {
    ticket: Arc<Ticket>,
    shared: Arc<Shared>,
    output: PhantomData<fn() -> O>,
}

impl<O: DeserializeOwned + 'static> Handle<O> {
    pub(super) fn new(ticket: Arc<Ticket>, shared: Arc<Shared>) -> Self {
        Self { ticket, shared, output: PhantomData }
    }

    /// Waits for the result. It can be asked for again.
    ///
    /// # Errors
    /// The task failed for good or was cancelled, or the pool ended before the task.
    pub fn wait(&self) -> Result<O, Error> {
        let mut state = self.ticket.lock();
        loop {
            match &*state {
                State::Done(result) => return decode(result),
                State::Pending(_) => {
                    state = self.ticket.done.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Waits for the result, but not for longer than this; `None`: the task has not ended.
    pub fn wait_timeout(&self, limit: Duration) -> Option<Result<O, Error>> {
        let state = self.ticket.lock();
        let pending = |state: &mut State| matches!(state, State::Pending(_));
        let waited = self.ticket.done.wait_timeout_while(state, limit, pending);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        result_of(&state)
    }

    /// The result, where the task has ended.
    pub fn try_get(&self) -> Option<Result<O, Error>> {
        result_of(&self.ticket.lock())
    }

    /// True where the task has ended.
    pub fn is_done(&self) -> bool {
        matches!(*self.ticket.lock(), State::Done(_))
    }

    /// The task's number, as events and workers name it; `None`: it still waits to be numbered.
    pub fn id(&self) -> Option<TaskId> {
        match self.ticket.id.load(Acquire) {
            NEW | CANCELLED => None,
            id => Some(TaskId(id)),
        }
    }

    /// Asks for the task to be cancelled, and does not wait for it. A task that has not begun never will; the
    /// worker of one that runs is killed, and replaced, and no other task is harmed. The result is then an error
    /// that [`is_cancelled`](Error::is_cancelled); a task that ends before the request reaches it keeps its own.
    pub fn cancel(&self) {
        match self.ticket.id.compare_exchange(NEW, CANCELLED, AcqRel, Acquire) {
            // The pool's thread skips it when it comes to it.
            Ok(_) => self.ticket.complete(Err(Error::cancelled())),
            Err(CANCELLED) => {}
            Err(id) if !self.is_done() => self.shared.control.request(Request::Cancel(TaskId(id))),
            Err(_) => {}
        }
    }

    /// The result, or a promise to wake.
    #[cfg(feature = "async")]
    pub(super) fn poll_result(&self, waker: &Waker) -> std::task::Poll<Result<O, Error>> {
        let mut state = self.ticket.lock();
        if let State::Pending(known) = &mut *state
            && known.as_ref().is_none_or(|known| !known.will_wake(waker))
        {
            *known = Some(waker.clone());
        }
        result_of(&state).map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    }
}

fn result_of<O: DeserializeOwned + 'static>(state: &State) -> Option<Result<O, Error>> {
    match state {
        State::Pending(_) => None,
        State::Done(result) => Some(decode(result)),
    }
}

fn decode<O: DeserializeOwned + 'static>(result: &Result<Vec<u8>, Error>) -> Result<O, Error> {
    match result {
        Ok(bytes) => decode_value(bytes).map_err(|error| Error::codec(&error)),
        Err(error) => Err(error.clone()),
    }
}
