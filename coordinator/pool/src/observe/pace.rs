//! How fast a run goes, and how much longer it takes. Pure: counts and the time go in, numbers come out.
//!
//! Work is measured in tasks, and a task that is running counts for the part that it has done, as far as the
//! mean cost of the tasks before it tells: a run of few long tasks does not go in jumps. What has happened
//! lately counts more, so that a change of pace shows.

use std::time::Duration;

/// Half of what is remembered is of the last so many seconds…
const HALF_LIFE: f64 = 30.0;
/// … or of so many tasks' time, where tasks are long.
const HALF_LIFE_TASKS: f64 = 10.0;

/// Counts at a moment; of this session only.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample<'a> {
    /// How long the run has gone on, pauses left out, in seconds.
    pub at: f64,
    /// Tasks that have ended.
    pub ended: u64,
    /// Time that workers have spent in attempts that have ended, in seconds.
    pub busy: f64,
    /// How long each running task has been at it, in seconds.
    pub running: &'a [f64],
}

/// How fast a run goes.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    last: Last,
    // Sums over the past, in which older parts count less.
    seconds: f64,
    units: f64,
    ended: f64,
    busy: f64,
    /// What the running task that is the furthest from its end still needs, in seconds.
    longest: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Last {
    at: f64,
    ended: u64,
    busy: f64,
    units: f64,
}

impl Pace {
    /// Takes in how things stand; samples come in the order of their times.
    pub fn observe(&mut self, sample: &Sample<'_>) {
        let passed = sample.at - self.last.at;
        if passed.is_nan() || passed <= 0.0 {
            return;
        }
        let half_life = HALF_LIFE.max(HALF_LIFE_TASKS * self.cost().unwrap_or(0.0));
        let keep = 0.5_f64.powf(passed / half_life);
        self.seconds = self.seconds * keep + passed;
        self.ended = self.ended * keep + sample.ended.saturating_sub(self.last.ended) as f64;
        self.busy = self.busy * keep + (sample.busy - self.last.busy).max(0.0);
        let units = sample.ended as f64 + self.partial(sample.running);
        self.units = self.units * keep + units - self.last.units;
        let left = |elapsed: &f64| (self.cost().unwrap_or(0.0) - elapsed).max(0.0);
        self.longest = sample.running.iter().map(left).fold(0.0, f64::max);
        self.last = Last { at: sample.at, ended: sample.ended, busy: sample.busy, units };
    }

    /// The mean cost of a task in seconds of a worker's time; none before the first has ended.
    fn cost(&self) -> Option<f64> {
        (self.ended > 0.0).then(|| self.busy / self.ended).filter(|cost| cost.is_finite())
    }

    /// What running tasks have done, in tasks.
    fn partial(&self, running: &[f64]) -> f64 {
        let Some(cost) = self.cost().filter(|cost| *cost > 0.0) else { return 0.0 };
        running.iter().map(|elapsed| (elapsed / cost).clamp(0.0, 1.0)).sum()
    }

    /// Tasks a second; none before the first has ended.
    pub fn rate(&self) -> Option<f64> {
        let rate = self.units / self.seconds;
        (self.last.ended > 0 && rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// How much longer it takes until `total` tasks of this session have ended; none while nothing is known.
    pub fn remaining(&self, total: u64) -> Option<Duration> {
        let left = (total as f64 - self.last.units).max(0.0);
        // The last tasks can't be spread over more workers than there are tasks.
        let seconds = (left / self.rate()?).max(self.longest);
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs `tasks` uniform tasks of `cost` seconds, `overhead` apart, on `workers`; returns what was foretold
    /// at `moment` (a part of the whole time), and what was true then.
    fn foretold(tasks: u64, cost: f64, overhead: f64, workers: u64, moment: f64) -> (f64, f64) {
        let round = cost + overhead;
        let whole = (tasks as f64 / workers as f64).ceil() * round;
        let mut pace = Pace::default();
        let frame = (whole / 1000.0).max(0.1);
        let mut at = 0.0;
        while at < whole * moment {
            at += frame;
            let rounds = (at / round).floor();
            let ended = ((rounds as u64) * workers).min(tasks);
            let elapsed = (at - rounds * round).min(cost);
            let running = vec![elapsed; usize::try_from((tasks - ended).min(workers)).unwrap()];
            pace.observe(&Sample { at, ended, busy: ended as f64 * cost, running: &running });
        }
        (pace.remaining(tasks).unwrap().as_secs_f64(), whole - at)
    }

    #[test]
    fn at_half_way_the_estimate_is_within_a_fifth_for_uniform_tasks() {
        for (tasks, cost, overhead, workers) in [
            (100, 1.0, 0.0, 2),
            (8, 10.0, 0.0, 2),
            (40, 300.0, 0.0, 4),
            (10_000_000, 1e-6, 1e-6, 2),
            (100_000, 0.0, 0.001, 1),
            (5_000, 0.5, 0.01, 16),
        ] {
            let (estimate, truth) = foretold(tasks, cost, overhead, workers, 0.5);
            let off = (estimate - truth).abs() / truth;
            assert!(off < 0.2, "{tasks} x {cost} s on {workers}: {estimate:.2} s, and it was {truth:.2} s");
        }
    }

    #[test]
    fn the_last_task_is_not_shared_by_all_workers() {
        let mut pace = Pace::default();
        pace.observe(&Sample { at: 10.0, ended: 2, busy: 20.0, running: &[] });
        pace.observe(&Sample { at: 11.0, ended: 2, busy: 20.0, running: &[1.0] });
        assert_eq!(pace.remaining(3).unwrap().as_secs_f64(), 9.0);
    }

    #[test]
    fn a_change_of_pace_shows() {
        let mut pace = Pace::default();
        for second in 1..=600_u64 {
            let ended = if second <= 300 { second * 100 } else { 30_000 + (second - 300) * 10 };
            pace.observe(&Sample { at: second as f64, ended, busy: second as f64, running: &[] });
        }
        let rate = pace.rate().unwrap();
        assert!((9.0..12.0).contains(&rate), "{rate}");
    }

    #[test]
    fn nothing_is_foretold_before_a_task_has_ended() {
        let mut pace = Pace::default();
        pace.observe(&Sample { at: 5.0, ended: 0, busy: 0.0, running: &[5.0, 5.0] });
        assert_eq!((pace.rate(), pace.remaining(10)), (None, None));
    }

    proptest! {
        #[test]
        fn whatever_happens_the_estimate_is_a_time(
            steps in proptest::collection::vec((any::<f64>(), any::<u64>(), any::<f64>(), any::<f64>()), 1..50),
            total in any::<u64>(),
        ) {
            let mut pace = Pace::default();
            for (at, ended, busy, elapsed) in steps {
                pace.observe(&Sample { at, ended, busy, running: &[elapsed] });
                prop_assert!(pace.rate().is_none_or(|rate| rate.is_finite() && rate >= 0.0));
                // A Duration is neither negative nor NaN: that it is made without a panic is what counts.
                pace.remaining(total);
            }
        }
    }
}
