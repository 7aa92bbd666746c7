//! What a coordinator and its workers say to each other, and the worker side of it.
//!
//! This crate is small on purpose: it knows no job, no command line and no async runtime, so that any
//! program can become a worker by giving [`Handler`] an implementation.

#![deny(missing_docs)]

mod bootstrap;
mod cell;
mod clock;
mod codec;
mod directory;
mod frame;
mod hand_over;
mod handler;
mod ids;
mod lent;
mod link;
mod message;
mod payloads;
mod serve;
mod shm;
mod varint;
mod welcome;

pub use bootstrap::{Bootstrap, BootstrapError, WORKER_FLAG};
pub use cell::{Running, StatusCell, WorkerCell};
pub use clock::monotonic_nanos;
pub use codec::{CodecError, decode_value, encode_value};
pub use directory::{PrivateDirectory, private_directory, sweep_stale_directories};
pub use frame::{Filled, FrameError, FrameReader, FrameWriter};
pub use handler::{Context, Handler, Task, TaskError, TaskErrorKind};
pub use ids::TaskId;
pub use link::{ConnectError, CoordinatorEnd, TaskSender, WorkerLink, in_memory};
pub use message::{
    Batch, BatchEncoder, BatchTasks, DecodeError, FromWorker, Hello, Large, Limits, MAX_FRAME, MAX_MESSAGE,
    MAX_PAYLOAD, MAX_SETUP, MAX_TEXT, MAX_VALUE, OutcomeResult, Outcomes, OutcomesIter, PROTOCOL_VERSION,
    Start, TaskHead, ToWorker, TooLong, VersionMismatch, Why, WireOutcome,
};
pub use payloads::Payloads;
pub use serve::{ServeError, Served, serve};
pub use shm::{Arena, Extent};
