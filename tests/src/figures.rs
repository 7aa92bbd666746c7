//! Measured times, to be printed: what a test asserts are deadlines, not speeds.

use std::fmt;

/// Measured times of one sort, in nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct Figures(Vec<u64>);

impl Figures {
    /// Adds a measured time.
    pub fn push(&mut self, nanos: u64) {
        self.0.push(nanos);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that this share of them does not exceed (nearest rank), in milliseconds.
    pub fn millis_at(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).map_or(0.0, |nanos| *nanos as f64 / 1e6)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| self.millis_at(share));
        write!(f, "{} times: p50 {p50:.2} ms, p99 {p99:.2} ms, most {most:.2} ms", self.count())
    }
}
