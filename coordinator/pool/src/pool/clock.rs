//! Pool time: monotonic, and standing still while the run is suspended, so that no limit runs out in a pause.

use queue::Time;

/// Pauses are few; beyond this many the oldest are forgotten one by one into the offset.
const REMEMBERED: usize = 64;

/// Turns monotonic nanoseconds into pool time.
#[derive(Debug, Default)]
pub(super) struct Clock {
    // Raw start and end of the latest pauses, ascending.
    pauses: Vec<(u64, u64)>,
    // The sum of those that were forgotten.
    offset: u64,
}

impl Clock {
    /// The pool time at a raw moment; moments before a pause keep their distance to each other.
    pub(super) fn at(&self, raw: u64) -> Time {
        let paused = |(start, end): &(u64, u64)| raw.min(*end).saturating_sub(*start);
        let paused: u64 = self.pauses.iter().map(paused).sum();
        Time(raw.saturating_sub(self.offset).saturating_sub(paused))
    }

    /// Notes that everything stood still between two raw moments.
    pub(super) fn pause(&mut self, start: u64, end: u64) {
        self.pauses.push((start, end.max(start)));
        if self.pauses.len() > REMEMBERED {
            let (start, end) = self.pauses.remove(0);
            self.offset = self.offset.saturating_add(end - start);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pause_takes_no_pool_time() {
        let mut clock = Clock::default();
        let begun = clock.at(100);
        clock.pause(150, 1150);
        assert_eq!(clock.at(1200).since(begun), Duration::from_nanos(100));
        assert_eq!(clock.at(100), begun);
        assert_eq!(clock.at(700).since(begun), Duration::from_nanos(50));
    }

    #[test]
    fn a_thousand_pauses_are_remembered_in_sum() {
        let mut clock = Clock::default();
        for pause in 0..1000 {
            clock.pause(pause * 100, pause * 100 + 50);
        }
        assert_eq!(clock.at(100_000), Time(50_000));
        assert!(clock.pauses.len() <= REMEMBERED);
    }
}
