//! How fast tasks are, and how many of them should go together.

use core::time::Duration;

/// The largest automatic batch.
const MAX_BATCH: f64 = 4096.0;

/// A running mean of the time of a task, in nanoseconds, once there is one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean(Option<f64>);

impl Mean {
    /// Mixes in the mean of a group of tasks: exponentially, so that it follows a change within a few reports and is
    /// not thrown by one.
    pub(super) fn learn(&mut self, busy: Duration, tasks: usize) {
        const WEIGHT: f64 = 0.3;
        let mean = busy.as_nanos() as f64 / tasks.max(1) as f64;
        self.0 = Some(self.0.map_or(mean, |old| old + WEIGHT * (mean - old)));
    }

    /// This mean, or the other one if there is none yet.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }

    /// In nanoseconds; 0 if there is none.
    pub(super) fn nanos(self) -> f64 {
        self.0.unwrap_or(0.0)
    }
}

/// How fast a worker is.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The size of its last batch.
    pub(super) last_batch: usize,
    pub(super) mean: Mean,
}

impl Pace {
    /// How many tasks the next batch should have: a few milliseconds of work, growing geometrically from 1,
    /// and shrinking near the end so that all workers finish together (guided self-scheduling,
    /// Polychronopoulos and Kuck 1987). `all`: the mean over all workers.
    pub(super) fn batch_size(&self, target: Duration, all: Mean, ready: usize, workers: u32) -> usize {
        let grown = (self.last_batch * 8) as f64;
        let timed = match self.mean.or(all).0 {
            Some(nanos) => target.as_nanos() as f64 / nanos.max(1.0),
            None => 1.0,
        };
        let shared = ready as f64 / (2.0 * f64::from(workers.max(1)));
        // The cast saturates, and the clamp has removed what it could not represent.
        timed.min(grown).min(shared).clamp(1.0, MAX_BATCH) as usize
    }
}
