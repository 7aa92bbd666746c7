//! What is said on the wire. `docs/protocol.md` has it in prose; the golden tests have it byte for byte.
//!
//! Decoding borrows from the message and allocates nothing for a task or an outcome. Whatever a peer may
//! have got wrong is a [`DecodeError`]; no bytes make it panic.

mod batch;
#[cfg(test)]
mod golden;
mod hello;
mod outcome_encoder;
mod outcomes;
mod runs;
mod to_coordinator;
mod to_worker;

pub use batch::{Batch, BatchEncoder, BatchTasks, TaskHead};
pub(crate) use hello::check_version;
pub use hello::{Hello, VersionMismatch};
pub(crate) use outcome_encoder::{OutcomeEncoder, Status};
pub use outcomes::{
    OutcomeResult, OutcomeRun, OutcomeRuns, Outcomes, OutcomesIter, RunResult, Values, WireOutcome,
};
pub use runs::MAX_TASKS;
pub use to_coordinator::{FromWorker, Piece, Why};
pub use to_worker::{Large, Limits, Start, ToWorker};

/// The version of everything that follows the greeting. A worker of another version is refused.
///
/// ```
/// let hello = protocol::Hello { version: protocol::PROTOCOL_VERSION + 1, build: "9.9.9", kinds: vec![] };
/// assert!(hello.check().is_err());
/// ```
pub const PROTOCOL_VERSION: u32 = 4;

/// The longest message to a worker, in bytes: sending one never blocks within a worker's credit.
///
/// ```
/// use protocol::{DecodeError, MAX_MESSAGE, ToWorker};
///
/// let error = ToWorker::decode(&[0; MAX_MESSAGE + 1]).expect_err("too long");
/// assert_eq!(error, DecodeError::TooLong { length: MAX_MESSAGE + 1, limit: MAX_MESSAGE });
/// ```
pub const MAX_MESSAGE: usize = 64 << 10;

/// The longest payload of a task that travels in a message, in bytes: one always fits into a message of its own.
/// Longer ones lie in an [`Arena`](crate::Arena).
///
/// ```
/// let mut encoder = protocol::BatchEncoder::new();
/// encoder.begin(0);
/// assert!(encoder.push(protocol::TaskId(0), 1, &[0; protocol::MAX_PAYLOAD]));
/// ```
pub const MAX_PAYLOAD: usize = 48 << 10;

/// The longest setup of a job, in bytes: with its names it always fits into the start message.
///
/// ```
/// let setup = [0; 1000];
/// assert!(setup.len() <= protocol::MAX_SETUP, "put it into a file");
/// ```
pub const MAX_SETUP: usize = 48 << 10;

/// The longest frame from a worker, in bytes, without its length.
///
/// ```
/// use std::os::unix::net::UnixStream;
///
/// let (_ours, theirs) = UnixStream::pair()?;
/// let mut writer = protocol::FrameWriter::new(theirs.into());
/// assert!(writer.write(|frame| frame.extend([0; protocol::MAX_FRAME + 1])).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub const MAX_FRAME: usize = 256 << 10;

/// The longest value of a task, in bytes.
///
/// ```
/// let length = 100_u64 << 20;
/// assert!(length > protocol::MAX_VALUE, "such a value goes through a file");
/// ```
pub const MAX_VALUE: u64 = 64 << 20;

/// How many pieces may lie in a worker's outbox that it has not been told are taken.
///
/// ```
/// use protocol::{MAX_PIECES, Piece, PieceError, TaskId};
///
/// let (mut coordinator, _worker) = protocol::in_memory()?;
/// coordinator.give_outbox(1 << 20)?;
/// let piece = |offset| Piece { task: TaskId(0), attempt: 1, offset, length: 1, more: 100 };
/// for offset in 0..MAX_PIECES as u64 {
///     coordinator.take_piece(&piece(offset), &mut Vec::new())?;
/// }
/// let one_more = coordinator.take_piece(&piece(4096), &mut Vec::new());
/// assert_eq!(one_more, Err(PieceError::TooMany));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const MAX_PIECES: usize = 32;

/// The longest sentence in an outcome, in bytes. A worker cuts what is longer.
///
/// ```
/// let sentence = "x".repeat(10_000);
/// assert!(sentence.len() > protocol::MAX_TEXT, "it would be cut");
/// ```
pub const MAX_TEXT: usize = 8 << 10;

/// Bytes that do not follow the protocol.
///
/// ```
/// use protocol::{DecodeError, FromWorker, ToWorker};
///
/// assert_eq!(ToWorker::decode(&[0xff]), Err(DecodeError::Format));
/// let mut frame = Vec::new();
/// FromWorker::Ready.encode(&mut frame);
/// frame.push(7);
/// assert_eq!(FromWorker::decode(&frame), Err(DecodeError::Trailing { extra: 1 }));
/// ```
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
///
/// ```
/// use protocol::{Limits, MAX_MESSAGE, Start, ToWorker};
///
/// let setup = vec![0; 2 * MAX_MESSAGE];
/// let (kind, worker, limits) = ("upper", "worker-1", Limits::default());
/// let start = ToWorker::Start(Start { kind, setup: &setup, worker, number: 1, incarnation: 1, limits });
/// assert!(start.encode().is_err_and(|error| error.length > MAX_MESSAGE));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of {length} bytes, where {MAX_MESSAGE} are allowed")]
pub struct TooLong {
    /// Its length, in bytes.
    pub length: usize,
}
