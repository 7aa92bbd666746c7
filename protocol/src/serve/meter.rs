//! How long tasks take, for less than reading a clock costs.
//!
//! A fine clock takes as long as ten tiny tasks. So tiny tasks are timed together, in strides that share
//! their mean; a stride of slow tasks is one task long. Within a stride the coarse clock, which is nearly
//! free, watches for a tick: a task that starts after one is never given a start from before it.

use crate::clock::{coarse_nanos, monotonic_nanos};

const MAX_STRIDE: usize = 64;
/// A stride that took less may grow.
const SHORT_NANOS: u64 = 10_000;
/// After a stride that took this long, tasks are timed one by one.
const LONG_NANOS: u64 = 100_000;

/// Decides when to read the clock.
#[derive(Debug)]
pub(super) struct Meter {
    began: u64,
    stride: usize,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { began: monotonic_nanos(), stride: 1 }
    }

    /// What passed since the last reading was not a task's.
    pub(super) fn skip(&mut self) {
        self.began = monotonic_nanos();
    }

    /// The last reading: the start of the stride.
    #[inline]
    pub(super) fn began(&self) -> u64 {
        self.began
    }

    /// True where the kernel's clock has ticked since the stride began.
    #[inline]
    pub(super) fn has_ticked(&self) -> bool {
        coarse_nanos() > self.began
    }

    /// True where a stride of `tasks` is over.
    #[inline]
    pub(super) fn is_full(&self, tasks: usize) -> bool {
        tasks >= self.stride
    }

    /// Ends a stride of `tasks`, returns how long it took, in nanoseconds, and begins the next.
    pub(super) fn lap(&mut self, tasks: usize) -> u64 {
        let now = monotonic_nanos();
        let took = now.saturating_sub(self.began);
        self.began = now;
        self.stride = next_stride(self.stride, tasks, took);
        took
    }
}

fn next_stride(stride: usize, tasks: usize, took: u64) -> usize {
    match took {
        LONG_NANOS.. => 1,
        SHORT_NANOS.. => (stride / 2).max(1),
        _ if tasks >= stride => (stride * 2).min(MAX_STRIDE),
        // Cut short by a batch's end or a tick: it says nothing about a full one.
        _ => stride,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_grow_while_tasks_are_tiny() {
        let strides: Vec<_> =
            std::iter::successors(Some(1), |&stride| Some(next_stride(stride, stride, 640)))
                .take(9)
                .collect();
        assert_eq!(strides, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
    }

    #[test]
    fn a_slow_task_makes_the_next_ones_be_timed_alone() {
        assert_eq!(next_stride(64, 64, LONG_NANOS), 1);
        assert_eq!(next_stride(1, 1, LONG_NANOS), 1);
        assert_eq!(next_stride(64, 64, SHORT_NANOS), 32);
    }

    #[test]
    fn a_stride_cut_short_does_not_grow() {
        assert_eq!(next_stride(16, 3, 100), 16);
    }
}
