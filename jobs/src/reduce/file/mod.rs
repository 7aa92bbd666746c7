//! Files of numbers: what they are when the job is planned, and reading slices of them in workers.

mod map;
pub(super) mod npy;
mod pinned;
mod watch;

pub(super) use map::Mapped;
pub(super) use pinned::{Opened, Pinned};
