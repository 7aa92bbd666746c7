//! What is wrong with bytes, or with a message on its way to bytes.

use crate::limits::MAX_MESSAGE;

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
