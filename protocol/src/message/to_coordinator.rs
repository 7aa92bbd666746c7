//! Worker to coordinator: every frame after the greeting.

use super::Outcomes;
use crate::{DecodeError, MAX_FRAME};
use crate::{TaskId, codec};

/// A frame from a worker, after its [`Hello`](super::Hello).
///
/// ```
/// use protocol::{FromWorker, TaskId};
///
/// let progress = FromWorker::Progress { task: TaskId(3), attempt: 1, done: 7, total: 100 };
/// let mut frame = Vec::new();
/// progress.encode(&mut frame);
/// assert_eq!(FromWorker::decode(&frame)?, progress);
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::BorrowDecode)]
pub enum FromWorker<'a> {
    /// The handler is made: the worker can do this job.
    Ready,
    /// The handler could not be made. The worker ends.
    Refused {
        /// Why, in a sentence for people.
        message: &'a str,
    },
    /// Tasks have ended.
    Outcomes(Outcomes<'a>),
    /// The next piece of a value that is too long for a frame. Pieces come in order, before the outcome.
    Chunk {
        /// Which task.
        task: TaskId,
        /// Which attempt.
        attempt: u32,
        /// The piece.
        bytes: &'a [u8],
    },
    /// The last frame: everything received is done and reported, and the worker ends.
    Goodbye {
        /// How many tasks this process did.
        tasks: u64,
        /// How long it was busy with them, in nanoseconds.
        busy_nanos: u64,
        /// Why it ends.
        why: Why,
    },
    /// How far a running task has come, in units of its own. For whoever watches; nothing depends on it.
    Progress {
        /// Which task.
        task: TaskId,
        /// Which attempt.
        attempt: u32,
        /// So much is done.
        done: u64,
        /// Of so much.
        total: u64,
    },
    /// The worker has a long value and no outbox, and waits for an answer. It asks once.
    WantsOutbox,
    /// The next piece of a long value lies in the outbox. Takes the place of a [`Chunk`](Self::Chunk).
    Piece(Piece),
}

/// A piece of a value, in its worker's outbox. It stays as it is until the worker is told that it is taken.
///
/// ```
/// use protocol::{FromWorker, Piece, TaskId};
///
/// let piece = FromWorker::Piece(Piece { task: TaskId(0), attempt: 1, offset: 8192, length: 1 << 20, more: 0 });
/// let mut frame = Vec::new();
/// piece.encode(&mut frame);
/// assert_eq!(FromWorker::decode(&frame)?, piece);
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Piece {
    /// Which task.
    pub task: TaskId,
    /// Which attempt.
    pub attempt: u32,
    /// Where the piece begins in the outbox, in bytes.
    pub offset: u64,
    /// How long it is, in bytes; at least one.
    pub length: u64,
    /// How many bytes of the value come after it.
    pub more: u64,
}

/// Why a worker ends in an orderly way.
///
/// ```
/// use protocol::{FromWorker, Why};
///
/// let goodbye = FromWorker::Goodbye { tasks: 5, busy_nanos: 1_000_000, why: Why::Pill };
/// if let FromWorker::Goodbye { why: Why::Recycle, .. } = goodbye {
///     println!("a fresh process is wanted");
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Why {
    /// It took the pill.
    Pill,
    /// A task panicked: the process may no longer be sound and wants a fresh one in its place. What it was
    /// sent and did not report has not been started.
    Recycle,
}

impl<'a> FromWorker<'a> {
    /// Decodes a frame. Its outcomes are checked as they are read.
    ///
    /// # Errors
    /// The bytes do not follow the protocol.
    pub fn decode(frame: &'a [u8]) -> Result<Self, DecodeError> {
        codec::decode::<_, MAX_FRAME>(frame)
    }

    /// Appends the encoded frame, without its length, to `out`. For workers of one's own making; a frame
    /// longer than [`MAX_FRAME`] will be refused.
    pub fn encode(&self, out: &mut Vec<u8>) {
        codec::encode(self, out);
    }
}
