//! Where tasks come from.

use protocol::{Extent, Payloads};

use crate::outcome::OutcomeBatch;

/// How much shared memory the long inputs that are on their way may take, in bytes; the longest may have it all.
pub const ARENA_BYTES: usize = 512 << 20;

/// A supply of tasks for a pool. Never blocks the pool's thread.
pub trait Source {
    /// Appends at most `max` tasks to `into`, and not much more than 256 KiB of them: what a pool holds is
    /// bounded in bytes too. A source that has nothing now must call the pool's [`Waker`](super::Waker) when it has.
    fn take(&mut self, max: usize, into: &mut Incoming) -> Supply;
}

/// Tasks on their way into a pool.
#[derive(Debug, Default)]
pub struct Incoming {
    /// One payload a task, in input order; an empty one for a task whose payload is in `large`.
    pub payloads: Payloads,
    /// Payloads that are too long for a message, with the places of their tasks in `payloads`, in order. All are
    /// of one arena.
    pub large: Vec<(usize, Extent)>,
    /// The outcomes of those tasks that are done already, in input order and without their payloads: such a
    /// task is not run, and its outcome takes its place among the others'.
    pub done: OutcomeBatch,
}

impl Incoming {
    /// Forgets the tasks and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.payloads.clear();
        self.large.clear();
        self.done.clear();
    }
}

/// What a source has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supply {
    /// Something was appended; ask again.
    Some,
    /// Nothing now.
    Pending,
    /// Nothing any more.
    End,
    /// An input turned out to be bad.
    Failed(InputError),
}

/// An input turned out to be bad while tasks were made from it: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InputError(pub String);
