//! Makes the primes that a sieve crosses off with: the first by hand, more of them by the sieve itself.

use super::base::BasePrimes;
use super::sieve::Sieve;

/// Up to here a plain sieve of Eratosthenes makes the primes.
const PLAIN: u64 = 1 << 16;

impl BasePrimes {
    /// All primes from 7 to `limit`, which may be included.
    pub(super) fn up_to(limit: u32) -> Self {
        let limit = u64::from(limit);
        let mut primes = Self { half_gaps: Vec::new(), last: 5 };
        if limit <= PLAIN {
            plain_primes(limit).filter(|prime| *prime > 5).for_each(|prime| primes.push(prime));
            return primes;
        }
        let mut sieve = Sieve::new(Self::up_to(u32::from(u16::MAX)));
        let mut first = 0;
        while first <= limit {
            let last = limit.min(first + 30 * PLAIN - 1);
            sieve.each_prime(first, last, |prime| primes.push(prime));
            first = last + 1;
        }
        primes
    }
}

fn plain_primes(limit: u64) -> impl Iterator<Item = u64> {
    let mut composite = vec![false; limit as usize + 1];
    (2..=limit).filter(move |number| {
        let number = *number as usize;
        if composite[number] {
            return false;
        }
        (number * number..composite.len()).step_by(number).for_each(|multiple| composite[multiple] = true);
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_primes_are_complete_up_to_their_limit() {
        for (limit, count) in [(0, 0), (6, 0), (7, 1), (100, 22), (65_536, 6_539), (1_000_003, 78_496)] {
            assert_eq!(BasePrimes::up_to(limit).iter().count(), count, "up to {limit}");
        }
        assert_eq!(BasePrimes::up_to(1_000_003).iter().last(), Some(1_000_003));
    }
}
