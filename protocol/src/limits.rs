//! What both sides know beforehand: the version, and the longest of everything.

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
