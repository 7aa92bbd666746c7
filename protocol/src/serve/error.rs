//! Why a worker can't go on.

use std::io;

use crate::DecodeError;

/// Why a worker can't go on.
///
/// ```
/// let (coordinator, worker) = protocol::in_memory()?;
/// coordinator.sender.send(protocol::BatchEncoder::new().bytes())?; // tasks, and nobody said of what kind
/// let error = protocol::serve(worker, |_| Err(protocol::TaskError::new("it knows nothing")));
/// assert!(matches!(error, Err(protocol::ServeError::OutOfTurn(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The coordinator sent something that is not of the protocol.
    #[error("the coordinator sent {0}")]
    Decode(#[from] DecodeError),
    /// The coordinator sent something out of turn.
    #[error("the coordinator sent {0}")]
    OutOfTurn(&'static str),
    /// The link failed.
    #[error("the link to the coordinator failed: {0}")]
    Link(#[from] io::Error),
}
