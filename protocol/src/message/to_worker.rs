//! Coordinator to worker.

use super::Batch;
use crate::codec;
use crate::{DecodeError, MAX_MESSAGE, TooLong};

/// A message to a worker.
///
/// ```
/// use protocol::ToWorker;
///
/// let message = ToWorker::Pill.encode()?; // for `TaskSender::send`
/// assert_eq!(ToWorker::decode(&message)?, ToWorker::Pill);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::BorrowDecode)]
pub enum ToWorker<'a> {
    /// The first message: what the worker is to be.
    Start(Start<'a>),
    /// Tasks. Made by a [`BatchEncoder`](super::BatchEncoder).
    Batch(Batch<'a>),
    /// The poison pill: no more tasks will come.
    Pill,
    /// One task with a payload that is too long for a message.
    Large(Large),
}

/// What a worker is to be.
///
/// ```
/// use protocol::{Limits, Start, ToWorker};
///
/// let (kind, worker, limits) = ("upper", "worker-1", Limits::default());
/// let start = ToWorker::Start(Start { kind, setup: &[], worker, number: 1, incarnation: 1, limits });
/// assert_eq!(ToWorker::decode(&start.encode()?)?, start);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::BorrowDecode)]
pub struct Start<'a> {
    /// The kind of the job.
    pub kind: &'a str,
    /// The job's own bytes for every worker; at most [`MAX_SETUP`](crate::MAX_SETUP).
    pub setup: &'a [u8],
    /// The worker's name, for example `worker-1`.
    pub worker: &'a str,
    /// The worker's number, from 1.
    pub number: u32,
    /// How many processes this worker has been, this one included: from 1.
    pub incarnation: u32,
    /// What the process may use.
    pub limits: Limits,
}

/// What a worker process may use; the kernel sees to it. `None`: as much as the coordinator may.
///
/// ```
/// let limits = protocol::Limits { memory: Some(1 << 30), ..Default::default() };
/// assert_eq!(limits.open_files, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, bincode::Encode, bincode::Decode)]
pub struct Limits {
    /// Address space, in bytes.
    pub memory: Option<u64>,
    /// Processor time, in seconds.
    pub cpu_seconds: Option<u64>,
    /// Open files.
    pub open_files: Option<u64>,
    /// The size of a file it writes, in bytes.
    pub file_size: Option<u64>,
}

/// A task whose payload lies in the arena that the coordinator has shared; a batch of its own.
///
/// ```
/// use protocol::{Large, ToWorker};
///
/// let large = Large { batch: 0, task: 7, attempt: 1, offset: 8192, length: 1 << 20 };
/// let message = ToWorker::Large(large).encode()?; // what `CoordinatorEnd::send_large` sends
/// assert_eq!(ToWorker::decode(&message)?, ToWorker::Large(large));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Large {
    /// The batch's number, counted like the others'.
    pub batch: u64,
    /// Which task.
    pub task: u64,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// Where the payload begins in the arena, in bytes; a multiple of 4096.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

impl<'a> ToWorker<'a> {
    /// Encodes the message.
    ///
    /// # Errors
    /// It is longer than [`MAX_MESSAGE`].
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let mut bytes = Vec::new();
        codec::encode(self, &mut bytes);
        if bytes.len() > MAX_MESSAGE {
            return Err(TooLong { length: bytes.len() });
        }
        Ok(bytes)
    }

    /// Decodes a message that fills `bytes` exactly. A batch's tasks are checked as they are read.
    ///
    /// # Errors
    /// The bytes do not follow the protocol.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        codec::decode::<_, MAX_MESSAGE>(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_SETUP;

    #[test]
    fn the_longest_setup_fits_and_a_longer_message_is_refused() {
        let setup = vec![7; MAX_MESSAGE];
        let limits = Limits { memory: Some(u64::MAX), ..Limits::default() };
        let start = |setup| {
            ToWorker::Start(Start {
                kind: "primes",
                setup,
                worker: "worker-4294967295",
                number: u32::MAX,
                incarnation: u32::MAX,
                limits,
            })
        };
        let fits = start(&setup[..MAX_SETUP]);
        assert_eq!(ToWorker::decode(&fits.encode().unwrap()), Ok(fits));
        let length = start(&setup).encode().unwrap_err().length;
        assert!(length > MAX_MESSAGE);
    }

    #[test]
    fn bytes_after_the_end_are_refused() {
        let mut bytes = ToWorker::Pill.encode().unwrap();
        bytes.push(0);
        assert_eq!(ToWorker::decode(&bytes), Err(DecodeError::Trailing { extra: 1 }));
    }
}
