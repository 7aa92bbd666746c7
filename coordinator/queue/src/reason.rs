//! Why attempts fail.

use serde::{Deserialize, Serialize};

/// Why an attempt failed.
///
/// ```
/// use queue::Reason;
///
/// let fatal = Reason::ALL.into_iter().filter(|reason| !matches!(reason, Reason::Error | Reason::Panic));
/// assert_eq!(fatal.clone().count(), 6);
/// assert_eq!(Reason::Timeout.name(), "timeout");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The task said so.
    Error,
    /// The task panicked.
    Panic,
    /// The worker was killed by a signal.
    Signal,
    /// The worker exited in the middle of the task.
    Exit,
    /// The task ran past its time limit.
    Timeout,
    /// The task needed more memory than it may have.
    Memory,
    /// The worker broke the protocol.
    Protocol,
    /// The task was cancelled.
    Cancelled,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Error,
        Self::Panic,
        Self::Signal,
        Self::Exit,
        Self::Timeout,
        Self::Memory,
        Self::Protocol,
        Self::Cancelled,
    ];

    /// The name that results and job files use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Signal => "signal",
            Self::Exit => "exit",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Protocol => "protocol",
            Self::Cancelled => "cancelled",
        }
    }
}
