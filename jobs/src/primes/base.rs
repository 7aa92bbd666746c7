//! The primes that a sieve crosses off with: all up to a limit, a byte each.

/// All primes from 7 up to a limit, in order.
///
/// Each is kept as half the gap to the one before, in a byte (the largest gap below 2³² is 336): 203 MB for
/// all primes below 2³² instead of 813 MB.
#[derive(Debug, Clone, Default)]
pub(super) struct BasePrimes {
    pub(super) half_gaps: Vec<u8>,
    pub(super) last: u64,
}

impl BasePrimes {
    /// The primes in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.half_gaps.iter().scan(5, |prime, half| {
            *prime += 2 * u64::from(*half);
            Some(*prime)
        })
    }

    pub(super) fn push(&mut self, prime: u64) {
        debug_assert!(prime - self.last < 512, "the gap fits a byte");
        self.half_gaps.push(((prime - self.last) / 2) as u8);
        self.last = prime;
    }
}
