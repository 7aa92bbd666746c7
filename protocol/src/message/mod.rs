//! What is said on the wire. `docs/protocol.md` has it in prose; the golden tests have it byte for byte.
//!
//! Decoding borrows from the message and allocates nothing for a task or an outcome. Whatever a peer may
//! have got wrong is a [`DecodeError`]; no bytes make it panic.

mod batch;
#[cfg(test)]
mod golden;
mod hello;
mod outcomes;
mod runs;
mod to_coordinator;
mod to_worker;

pub use batch::{Batch, BatchEncoder, BatchTasks, TaskHead};
pub(crate) use hello::check_version;
pub use hello::{Hello, VersionMismatch};
pub(crate) use outcomes::{OutcomeEncoder, Status};
pub use outcomes::{
    OutcomeResult, OutcomeRun, OutcomeRuns, Outcomes, OutcomesIter, RunResult, Values, WireOutcome,
};
pub use runs::MAX_TASKS;
pub use to_coordinator::{FromWorker, Piece, Why};
pub use to_worker::{Large, Limits, Start, ToWorker};

/// The version of everything that follows the greeting. A worker of another version is refused.
pub const PROTOCOL_VERSION: u32 = 3;

/// The longest message to a worker, in bytes: sending one never blocks within a worker's credit.
pub const MAX_MESSAGE: usize = 64 << 10;

/// The longest payload of a task that travels in a message, in bytes: one always fits into a message of its own.
/// Longer ones lie in an [`Arena`](crate::Arena).
pub const MAX_PAYLOAD: usize = 48 << 10;

/// The longest setup of a job, in bytes: with its names it always fits into the start message.
pub const MAX_SETUP: usize = 48 << 10;

/// The longest frame from a worker, in bytes, without its length.
pub const MAX_FRAME: usize = 256 << 10;

/// The longest value of a task, in bytes.
pub const MAX_VALUE: u64 = 64 << 20;

/// How many pieces may lie in a worker's outbox that it has not been told are taken.
pub const MAX_PIECES: usize = 32;

/// The longest sentence in an outcome, in bytes. A worker cuts what is longer.
pub const MAX_TEXT: usize = 8 << 10;

/// Bytes that do not follow the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message is longer than its direction allows.
    #[error("a message of {length} bytes, where {limit} are allowed")]
    TooLong {
        /// Its length, in bytes.
        length: usize,
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// The message is not one that the protocol knows, or ends too early.
    #[error("a message that is not of the protocol")]
    Format,
    /// The message goes on after its end.
    #[error("a message with {extra} bytes after its end")]
    Trailing {
        /// How many bytes follow.
        extra: usize,
    },
    /// The list of tasks or outcomes is cut short, or holds a number that is too big.
    #[error("a list of tasks or outcomes with a broken head")]
    Heads,
    /// Payloads or values are longer or shorter than the heads say.
    #[error("payloads or values whose lengths do not add up")]
    Lengths,
    /// An outcome is neither ok nor one of the failures.
    #[error("an outcome with the unknown status {0}")]
    Status(u8),
    /// A sentence is not UTF-8.
    #[error("a sentence that is not UTF-8")]
    Text,
    /// A greeting does not begin as greetings do.
    #[error("a greeting that is not a worker's")]
    Greeting,
}

/// A message that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of {length} bytes, where {MAX_MESSAGE} are allowed")]
pub struct TooLong {
    /// Its length, in bytes.
    pub length: usize,
}
