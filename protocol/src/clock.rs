//! The clock that the coordinator and its workers share.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// `CLOCK_MONOTONIC`, in nanoseconds: the same clock in every process of this machine.
///
/// ```
/// let began = protocol::monotonic_nanos();
/// assert!(protocol::monotonic_nanos() >= began);
/// ```
pub fn monotonic_nanos() -> u64 {
    nanos(clock_gettime(ClockId::Monotonic))
}

/// The same clock as of the kernel's last tick: a fifth of the price, and up to a tick (4 ms at 250 Hz) early.
pub(crate) fn coarse_nanos() -> u64 {
    nanos(clock_gettime(ClockId::MonotonicCoarse))
}

/// Neither field of a monotonic time is ever negative.
fn nanos(time: Timespec) -> u64 {
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}
