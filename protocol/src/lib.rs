//! What a coordinator and its workers say to each other, and the worker side of it.
//!
//! This crate is small on purpose: it knows no job, no command line and no async runtime, so that any
//! program can become a worker by giving [`Handler`] an implementation.

//! ```
//! use protocol::{Handler, Task, TaskError};
//!
//! struct Upper;
//!
//! impl Handler for Upper {
//!     fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
//!         value.extend(task.payload.to_ascii_uppercase());
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A coordinator and its worker in one process, for a test; a real worker has `WorkerLink::connect`.
//! let (mut coordinator, link) = protocol::in_memory()?;
//! let worker = std::thread::spawn(move || protocol::serve(link, |_| Ok(Box::new(Upper))));
//!
//! let start = protocol::Start {
//!     kind: "upper",
//!     setup: &[],
//!     worker: "worker-1",
//!     number: 1,
//!     incarnation: 1,
//!     limits: protocol::Limits::default(),
//! };
//! coordinator.sender.send(&protocol::ToWorker::Start(start).encode()?)?;
//! let mut batch = protocol::BatchEncoder::new();
//! batch.begin(0);
//! batch.push(protocol::TaskId(0), 1, b"hello");
//! coordinator.cell.open(0, 1);
//! coordinator.sender.send(batch.bytes())?;
//! coordinator.sender.send(&protocol::ToWorker::Pill.encode()?)?;
//! assert_eq!(worker.join().expect("no panic")?, protocol::Served::Pill);
//!
//! let mut frames = protocol::FrameReader::new();
//! let mut values = Vec::new();
//! while let protocol::Filled::Bytes(_) = frames.fill(&coordinator.stream)? {
//!     while let Some(frame) = frames.next_frame()? {
//!         if let protocol::FromWorker::Outcomes(outcomes) = protocol::FromWorker::decode(frame)? {
//!             for outcome in outcomes.iter() {
//!                 values.push(format!("{:?}", outcome?.result));
//!             }
//!         }
//!     }
//! }
//! assert_eq!(values, [format!("Ok({:?})", b"HELLO")]);
//! # Ok(())
//! # }
//! ```
//!
//! What goes over the wire is written down, byte for byte, in docs/protocol.md of the workspace.

#![deny(missing_docs)]
// `shm` alone may, and says why.
#![deny(unsafe_code)]

mod bootstrap;
mod cell;
mod clock;
mod codec;
mod directory;
mod door;
mod error;
mod frame;
mod hand_over;
mod handed;
mod handler;
mod lent;
mod limits;
mod link;
mod message;
pub mod observe;
mod outbox;
mod packet;
mod payloads;
mod serve;
mod shm;
mod strings;
mod task_error;
mod varint;
mod welcome;

pub use bootstrap::{Bootstrap, BootstrapError, WORKER_FLAG};
pub use cell::{Running, StatusCell, WorkerCell};
pub use clock::monotonic_nanos;
pub use codec::{CodecError, decode_value, encode_value};
pub use directory::{PrivateDirectory, private_directory};
pub use error::{DecodeError, TooLong};
pub use frame::{Filled, FrameError, FrameReader, FrameWriter};
pub use handler::{Context, Handler, Task};
pub use ids::{TaskId, TaskRun};
pub use limits::{
    MAX_FRAME, MAX_MESSAGE, MAX_PAYLOAD, MAX_PIECES, MAX_SETUP, MAX_TEXT, MAX_VALUE, PROTOCOL_VERSION,
};
pub use link::{ConnectError, CoordinatorEnd, TaskSender, WorkerLink, in_memory};
pub use message::{
    Batch, BatchEncoder, BatchTasks, FromWorker, Hello, Large, Limits, MAX_TASKS, OutcomeResult, OutcomeRun,
    OutcomeRuns, Outcomes, OutcomesIter, Piece, RunResult, Start, TaskHead, ToWorker, Values,
    VersionMismatch, Why, WireOutcome,
};
pub use outbox::PieceError;
pub use payloads::Payloads;
pub use serve::{ServeError, Served, serve};
pub use shm::{Arena, Extent};
pub use strings::{Lengths, Span, StringStore, Strings};
pub use task_error::{TaskError, TaskErrorKind};
