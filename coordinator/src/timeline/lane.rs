//! When a worker was at what. Pure.

use std::time::Duration;

use crate::pool::Done;
use crate::queue::Time;

/// A part of a worker's time, in nanoseconds of pool time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Follows one worker: its tasks come one after the other, and never overlap.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lane {
    /// Where the last task ended, or the worker was ready for its first.
    free_since: u64,
}

impl Lane {
    /// The worker takes tasks from now on.
    pub(super) fn begin(&mut self, at: Time) {
        self.free_since = at.0;
    }

    /// How long the worker has been free of tasks before this span.
    pub(super) fn wait_before(&self, span: Span) -> Span {
        Span { start: self.free_since.min(span.start), end: span.start }
    }

    /// Tasks that were reported at `at` and took `busy` together: they ended just before, and none began
    /// before the one before it had ended, whatever the worker says.
    pub(super) fn place(&self, at: Time, busy: Duration) -> Span {
        let busy = u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX);
        Span { start: at.0.saturating_sub(busy).max(self.free_since.min(at.0)), end: at.0 }
    }

    /// The worker is free from the end of this span on.
    pub(super) fn fill(&mut self, span: Span) {
        self.free_since = self.free_since.max(span.end);
    }
}

/// Spreads the tasks of a report over the time that it took.
#[derive(Debug)]
pub(super) struct Spread {
    span: Span,
    // What the tasks' times, in microseconds, come to; 0: each takes the same.
    whole: u64,
    each: f64,
    passed: f64,
}

impl Spread {
    pub(super) fn new(span: Span, tasks: Done<'_>) -> Self {
        let times = tasks.runs().iter().map(|run| run.micros.saturating_mul(run.run.len() as u64));
        let whole = times.fold(0_u64, u64::saturating_add);
        let length = span.end.saturating_sub(span.start) as f64;
        // Times of tiny tasks are whole microseconds, mostly 0: they say nothing.
        let tiny = whole < tasks.len() as u64;
        let each = length / if tiny { tasks.len().max(1) as f64 } else { whole as f64 };
        Self { span, whole: if tiny { 0 } else { whole }, each, passed: 0.0 }
    }

    /// The span of the next task, which took so long.
    pub(super) fn next(&mut self, took: Duration) -> Span {
        let part = if self.whole == 0 { 1.0 } else { took.as_micros() as f64 };
        let at = |passed: f64| (self.span.start + passed as u64).min(self.span.end);
        let start = at(self.passed);
        self.passed += part * self.each;
        Span { start, end: at(self.passed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_never_overlap_whatever_the_worker_says() {
        let mut lane = Lane::default();
        lane.begin(Time(1000));
        let first = lane.place(Time(5000), Duration::from_nanos(3000));
        assert_eq!(first, Span { start: 2000, end: 5000 });
        assert_eq!(lane.wait_before(first), Span { start: 1000, end: 2000 });
        lane.fill(first);
        // More time than has passed since.
        let liar = lane.place(Time(6000), Duration::from_secs(100));
        assert_eq!(liar, Span { start: 5000, end: 6000 });
        lane.fill(liar);
        assert_eq!(lane.wait_before(liar), Span { start: 5000, end: 5000 });
    }
}
