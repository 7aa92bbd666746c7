//! A segmented sieve of Eratosthenes on the wheel of 30, for ranges anywhere below 2⁶⁴.
//!
//! A block of numbers is a bitmap. Multiples of the smallest primes come out of two patterns that repeat;
//! middling primes go over the block in pieces that stay in a cache; large ones, with few multiples each,
//! go over the whole block and keep no state, so that memory does not grow with them. A short relative of
//! K. Walisch's primesieve; no crate was found that sieves ranges far from 0.

use super::base::BasePrimes;
use super::wheel::{NEXT, RESIDUES, STEPS, class_of};

/// Primes of the first level go over pieces of a block that stay near the first-level cache, those of the
/// second over pieces that stay in the second-level cache: (bytes of a piece, largest prime).
const LEVELS: [(usize, u64); 2] = [(64 << 10, 64 << 10), (512 << 10, 512 << 10)];

/// The patterns' primes. All of them stand in the first byte of all.
const PATTERNS: [&[u64]; 2] = [&[7, 11, 13, 17], &[19, 23, 29]];

/// The first prime that is crossed off one multiple at a time.
const FIRST_CROSSED: u64 = 31;

/// Finds or counts primes in ranges; keeps its memory between them.
#[derive(Debug)]
pub(super) struct Sieve {
    base: BasePrimes,
    patterns: [Vec<u8>; 2],
    bitmap: Vec<u8>,
    levels: [Level; 2],
}

/// Primes that go over a block together.
#[derive(Debug)]
struct Level {
    /// Bytes of a piece.
    piece: usize,
    /// The largest prime of this level.
    largest: u64,
    /// The primes that are under way, by class: the code that crosses off is made for each class.
    crossers: [Vec<Crosser>; 8],
}

/// A prime that is under way in a block.
#[derive(Debug, Clone, Copy)]
struct Crosser {
    prime: u32,
    // The byte of its next multiple, from the beginning of the current piece.
    at: u32,
    // The class of that multiple's cofactor.
    step: u8,
}

impl Sieve {
    /// `base` holds at least all primes up to the square root of whatever will be asked for.
    pub(super) fn new(base: BasePrimes) -> Self {
        Self::with_levels(base, LEVELS)
    }

    fn with_levels(base: BasePrimes, levels: [(usize, u64); 2]) -> Self {
        let level = |(piece, largest)| Level { piece, largest, crossers: Default::default() };
        Self { base, patterns: PATTERNS.map(pattern), bitmap: Vec::new(), levels: levels.map(level) }
    }

    /// How many primes there are from `first` to `last`, both included. Needs `(last - first) / 30` bytes.
    pub(super) fn count(&mut self, first: u64, last: u64) -> u64 {
        let below_seven = [2, 3, 5].into_iter().filter(|prime| (first..=last).contains(prime)).count();
        self.sieve(first, last);
        below_seven as u64 + ones(&self.bitmap)
    }

    /// Calls `found` for each prime above 5 from `first` to `last`, both included, in order.
    pub(super) fn each_prime(&mut self, first: u64, last: u64, mut found: impl FnMut(u64)) {
        let low = self.sieve(first, last);
        for (index, byte) in self.bitmap.iter().enumerate() {
            let mut bits = *byte;
            while bits != 0 {
                found(low + 30 * index as u64 + RESIDUES[bits.trailing_zeros() as usize]);
                bits &= bits - 1;
            }
        }
    }

    /// Leaves a bit in the bitmap for each prime above 5 from `first` to `last`; returns what its first byte
    /// stands for.
    fn sieve(&mut self, first: u64, last: u64) -> u64 {
        let low = first - first % 30;
        // Invariant: everything below is relative to `low`, so that nothing overflows next to 2⁶⁴.
        let span = last - low;
        let bytes = (span / 30) as usize + 1;
        self.bitmap.clear();
        self.bitmap.resize(bytes, 0);
        self.fill_patterns(low);
        self.cross_off(low, span);
        clear_edges(&mut self.bitmap, first - low, span);
        low
    }

    fn fill_patterns(&mut self, low: u64) {
        let [first, second] = &self.patterns;
        overlay(&mut self.bitmap, first, low, |byte, keep| *byte = keep);
        overlay(&mut self.bitmap, second, low, |byte, keep| *byte &= keep);
        if let (0, Some(byte)) = (low, self.bitmap.first_mut()) {
            // 1 is no prime; 7 to 29 are, and the patterns have crossed them off.
            *byte = !1;
        }
    }

    fn cross_off(&mut self, low: u64, span: u64) {
        let bitmap = self.bitmap.as_mut_slice();
        for level in &mut self.levels {
            level.crossers.iter_mut().for_each(Vec::clear);
        }
        let crossing = self.base.iter().skip_while(|prime| *prime < FIRST_CROSSED);
        for prime in crossing.take_while(|prime| prime * prime <= low + span) {
            let (at, step) = first_multiple(prime, low);
            if at >= bitmap.len() as u64 {
                continue;
            }
            let class = class_of(prime);
            match self.levels.iter_mut().find(|level| prime <= level.largest) {
                Some(level) => {
                    level.crossers[class].push(Crosser { prime: prime as u32, at: at as u32, step });
                }
                None => cross_off_sparsely(bitmap, prime as usize / 30, class, at as usize, step),
            }
        }
        for level in &mut self.levels {
            bitmap.chunks_mut(level.piece).for_each(|piece| level.cross_off(piece));
        }
    }
}

impl Level {
    fn cross_off(&mut self, piece: &mut [u8]) {
        let [c0, c1, c2, c3, c4, c5, c6, c7] = &mut self.crossers;
        c0.iter_mut().for_each(|crosser| crosser.cross_off::<0>(piece));
        c1.iter_mut().for_each(|crosser| crosser.cross_off::<1>(piece));
        c2.iter_mut().for_each(|crosser| crosser.cross_off::<2>(piece));
        c3.iter_mut().for_each(|crosser| crosser.cross_off::<3>(piece));
        c4.iter_mut().for_each(|crosser| crosser.cross_off::<4>(piece));
        c5.iter_mut().for_each(|crosser| crosser.cross_off::<5>(piece));
        c6.iter_mut().for_each(|crosser| crosser.cross_off::<6>(piece));
        c7.iter_mut().for_each(|crosser| crosser.cross_off::<7>(piece));
    }
}

impl Crosser {
    /// Crosses off the multiples that fall into `piece` and moves on to the piece after it.
    fn cross_off<const CLASS: usize>(&mut self, piece: &mut [u8]) {
        let steps = &STEPS[CLASS];
        let (tens, mut at, mut step) = (self.prime as usize / 30, self.at as usize, usize::from(self.step));
        let mut offsets = [0; 8];
        for k in 1..8 {
            offsets[k] = offsets[k - 1] + steps[k - 1].gap * tens + steps[k - 1].carry;
        }
        while at < piece.len() {
            if step == 0 {
                while let Some(cycle) = piece.get_mut(at..=at + offsets[7]) {
                    for k in 0..8 {
                        cycle[offsets[k]] &= steps[k].keep;
                    }
                    at += self.prime as usize;
                }
                if at >= piece.len() {
                    break;
                }
            }
            piece[at] &= steps[step].keep;
            at += steps[step].gap * tens + steps[step].carry;
            step = (step + 1) % 8;
        }
        self.at = (at - piece.len()) as u32;
        self.step = step as u8;
    }
}

/// For primes with few multiples in the block: no code by class, as no branch could be foretold.
fn cross_off_sparsely(bitmap: &mut [u8], tens: usize, class: usize, mut at: usize, step: u8) {
    let steps = &STEPS[class % 8];
    let mut step = usize::from(step);
    while let Some(byte) = bitmap.get_mut(at) {
        let here = steps[step % 8];
        *byte &= here.keep;
        at += here.gap * tens + here.carry;
        step += 1;
    }
}

/// The first multiple of `prime` from `low` on that is not below its square and whose cofactor is coprime
/// to 30: its byte relative to `low`, and the cofactor's class.
fn first_multiple(prime: u64, low: u64) -> (u64, u8) {
    let square = prime * prime;
    let (cofactor, distance) = if square >= low {
        (prime, square - low)
    } else {
        let (quotient, rest) = divide(low, prime);
        if rest == 0 { (quotient, 0) } else { (quotient + 1, prime - rest) }
    };
    let (further, step) = NEXT[(cofactor % 30) as usize];
    ((distance + prime * u64::from(further)) / 30, step)
}

/// Quotient and remainder, by floating point where that is exact to within one: some processors take 40
/// cycles or more to divide 64 bits.
fn divide(number: u64, by: u64) -> (u64, u64) {
    if by < 1 << 16 {
        return (number / by, number % by);
    }
    // Below 2⁴⁸ and off by less than one.
    let quotient = (number as f64 / by as f64) as u64;
    match number.wrapping_sub(quotient * by) as i64 {
        rest if rest < 0 => (quotient - 1, rest.wrapping_add(by as i64) as u64),
        rest if rest >= by as i64 => (quotient + 1, rest as u64 - by),
        rest => (quotient, rest as u64),
    }
}

/// A bit for each number that none of `primes` divides, over one period in bytes.
fn pattern(primes: &[u64]) -> Vec<u8> {
    let period: u64 = primes.iter().product();
    let survives = |number: u64| primes.iter().all(|prime| !number.is_multiple_of(*prime));
    let byte =
        |index: u64| (0..8).filter(|k| survives(30 * index + RESIDUES[*k])).fold(0, |byte, k| byte | 1 << k);
    (0..period).map(byte).collect()
}

/// Lays a pattern over a bitmap whose first byte stands for `low`, over and over.
fn overlay(bitmap: &mut [u8], pattern: &[u8], low: u64, put: impl Fn(&mut u8, u8)) {
    let mut at = (low / 30 % pattern.len() as u64) as usize;
    let mut rest = bitmap;
    while !rest.is_empty() {
        let (here, later) = rest.split_at_mut(rest.len().min(pattern.len() - at));
        here.iter_mut().zip(&pattern[at..]).for_each(|(byte, keep)| put(byte, *keep));
        (rest, at) = (later, 0);
    }
}

/// Clears the bits before `from` and beyond `to`, both relative to the bitmap's beginning.
fn clear_edges(bitmap: &mut [u8], from: u64, to: u64) {
    let keep = |holds: &dyn Fn(u64) -> bool| {
        (0..8).filter(|k| holds(RESIDUES[*k])).fold(0_u8, |byte, k| byte | 1 << k)
    };
    if let Some(byte) = bitmap.first_mut() {
        *byte &= keep(&|residue| residue >= from);
    }
    if let Some(byte) = bitmap.last_mut() {
        *byte &= keep(&|residue| residue <= to % 30);
    }
}

fn ones(bitmap: &[u8]) -> u64 {
    let (words, rest) = bitmap.as_chunks::<8>();
    let in_words: u64 = words.iter().map(|word| u64::from(u64::from_le_bytes(*word).count_ones())).sum();
    in_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sieve_up_to(last: u64) -> Sieve {
        Sieve::new(BasePrimes::up_to(last.isqrt() as u32))
    }

    #[test]
    fn counts_agree_with_the_published_ones() {
        for (power, count) in [(1, 4), (2, 25), (3, 168), (4, 1_229), (5, 9_592), (6, 78_498), (7, 664_579)] {
            let last = 10_u64.pow(power);
            assert_eq!(sieve_up_to(last).count(0, last), count, "up to 10^{power}");
        }
    }

    #[test]
    fn every_short_range_agrees_with_trial_division() {
        let mut sieve = sieve_up_to(11_000);
        let is_prime = |n: u64| n > 1 && (2..=n.isqrt()).all(|divisor| !n.is_multiple_of(divisor));
        for low in [0, 1, 2, 5, 6, 7, 25, 29, 30, 31, 899, 900, 961, 9_990] {
            for last in low..low + 130 {
                let expected = (low..=last).filter(|n| is_prime(*n)).count() as u64;
                assert_eq!(sieve.count(low, last), expected, "from {low} to {last}");
            }
        }
    }

    #[test]
    fn every_level_crosses_off_across_its_pieces() {
        let far = 1_u64 << 40;
        for levels in [[(64, 100), (333, 1_000)], [(1, 40), (2, 60)], [(1 << 20, 31), (1 << 20, 1 << 32)]] {
            let mut sieve = Sieve::with_levels(BasePrimes::up_to(1 << 21), levels);
            for (first, last) in
                [(0, 60_000), (961, 50_000), (far - 1, far + 30_001), (far + 7, far + 10_000)]
            {
                let expected = (first..=last).filter(|n| machine_prime::is_prime(*n)).count() as u64;
                assert_eq!(sieve.count(first, last), expected, "{levels:?}: from {first} to {last}");
            }
        }
    }

    #[test]
    fn the_highest_numbers_can_be_sieved() {
        // Not all base primes, so that only their multiples can be compared.
        let mut sieve = Sieve::new(BasePrimes::up_to(300_000));
        let low = u64::MAX - 2_000_000;
        let mut found = Vec::new();
        sieve.each_prime(low, u64::MAX, |number| found.push(number));
        let small: Vec<u64> = [2, 3, 5].into_iter().chain(BasePrimes::up_to(300_000).iter()).collect();
        let mut survives = vec![true; 2_000_001];
        for prime in small {
            let first = (prime - low % prime) % prime;
            (first as usize..survives.len()).step_by(prime as usize).for_each(|at| survives[at] = false);
        }
        let expected: Vec<u64> =
            (low..=u64::MAX).zip(survives).filter(|pair| pair.1).map(|pair| pair.0).collect();
        assert!(found == expected, "{} and {} survivors", found.len(), expected.len());
    }

    #[test]
    fn the_quick_division_is_exact() {
        for by in [65_537, 1_000_003, 4_294_967_291] {
            for number in
                [0, 1, by - 1, by, by * by - 1, by * by, u64::MAX, u64::MAX / by * by, u64::MAX / by * by - 1]
            {
                assert_eq!(divide(number, by), (number / by, number % by), "{number} / {by}");
            }
        }
    }
}
