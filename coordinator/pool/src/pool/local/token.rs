//! What an event of the kernel is about.

use queue::WorkerId;

/// What an epoll event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Wake,
    Frames(WorkerId),
    Death(WorkerId),
    Output(WorkerId),
}

impl Token {
    pub(super) fn pack(self) -> u64 {
        match self {
            Self::Wake => 0,
            Self::Frames(worker) => u64::from(worker.0) << 2 | 1,
            Self::Death(worker) => u64::from(worker.0) << 2 | 2,
            Self::Output(worker) => u64::from(worker.0) << 2 | 3,
        }
    }

    pub(super) fn unpack(bits: u64) -> Self {
        let worker = WorkerId((bits >> 2) as u32);
        match bits & 3 {
            1 => Self::Frames(worker),
            2 => Self::Death(worker),
            3 => Self::Output(worker),
            _ => Self::Wake,
        }
    }
}
