//! What is said on the wire. `docs/protocol.md` has it in prose; the golden tests have it byte for byte.
//!
//! Decoding borrows from the message and allocates nothing for a task or an outcome. Whatever a peer may
//! have got wrong is a [`DecodeError`]; no bytes make it panic.

mod batch;
mod batch_encoder;
#[cfg(test)]
mod golden;
mod hello;
mod outcome_encoder;
mod outcomes;
mod runs;
mod to_coordinator;
mod to_worker;

pub use batch::{Batch, BatchTasks, TaskHead};
pub use batch_encoder::BatchEncoder;
pub(crate) use hello::check_version;
pub use hello::{Hello, VersionMismatch};
pub(crate) use outcome_encoder::{OutcomeEncoder, Status};
pub use outcomes::{
    OutcomeResult, OutcomeRun, OutcomeRuns, Outcomes, OutcomesIter, RunResult, Values, WireOutcome,
};
pub use runs::MAX_TASKS;
pub use to_coordinator::{FromWorker, Piece, Why};
pub use to_worker::{Large, Limits, Start, ToWorker};
