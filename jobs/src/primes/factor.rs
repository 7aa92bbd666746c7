//! The smallest factor of a composite below 2⁶⁴.

/// The smallest factor above 1 of a composite number.
///
/// Trial division by small primes, then Pollard's rho in R. P. Brent's form ("An improved Monte Carlo
/// factorization algorithm", BIT 20, 1980) on Montgomery residues, down to the prime factors. Nothing is
/// drawn at random. At most some 2¹⁶ rounds, well under a millisecond on average.
pub(super) fn smallest(composite: u64) -> u64 {
    const TRIAL: u64 = 256;
    let small = [2, 3].into_iter().chain((5..TRIAL).step_by(6).flat_map(|n| [n, n + 2]));
    small
        .into_iter()
        .find(|divisor| composite.is_multiple_of(*divisor))
        .unwrap_or_else(|| smallest_prime_of(composite))
}

/// The smallest prime factor of an odd number above 1.
fn smallest_prime_of(number: u64) -> u64 {
    if machine_prime::is_prime(number) {
        return number;
    }
    let divisor = divisor_of(number);
    smallest_prime_of(divisor).min(smallest_prime_of(number / divisor))
}

/// A divisor of an odd composite that is neither 1 nor the number itself.
fn divisor_of(number: u64) -> u64 {
    let root = number.isqrt();
    if root * root == number {
        return root;
    }
    // A walk fails where it meets itself for all factors at once; the next constant gives another walk.
    let residues = Residues::new(number);
    (1..number).find_map(|constant| rho(&residues, constant)).unwrap_or(number)
}

/// Brent's walk x → x² + c: products of differences are gathered, so that one greatest common divisor
/// serves many steps.
fn rho(residues: &Residues, constant: u64) -> Option<u64> {
    const GATHER: u64 = 128;
    let number = residues.modulus;
    let next = |x: u64| residues.add(residues.multiply(x, x), constant);
    let (mut hare, mut length, mut product) = (2, 1, 1);
    loop {
        let tortoise = hare;
        (0..length).for_each(|_| hare = next(hare));
        let mut done = 0;
        while done < length {
            let (start, steps) = (hare, GATHER.min(length - done));
            for _ in 0..steps {
                hare = next(hare);
                product = residues.multiply(product, tortoise.abs_diff(hare));
            }
            match gcd(product, number) {
                1 => done += steps,
                divisor if divisor < number => return Some(divisor),
                _ => return retrace(number, tortoise, start, steps, next),
            }
        }
        length *= 2;
    }
}

/// All factors came up among the same gathered steps: takes them one by one.
fn retrace(number: u64, tortoise: u64, mut hare: u64, steps: u64, next: impl Fn(u64) -> u64) -> Option<u64> {
    (0..steps)
        .map(|_| {
            hare = next(hare);
            gcd(tortoise.abs_diff(hare), number)
        })
        .find(|divisor| *divisor > 1)
        .filter(|divisor| *divisor < number)
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Multiplication modulo an odd number in P. L. Montgomery's form ("Modular multiplication without trial
/// division", Math. Comp. 44, 1985). A product comes out divided by 2⁶⁴, which changes no divisor.
struct Residues {
    modulus: u64,
    // −1 / modulus, modulo 2⁶⁴.
    inverse: u64,
}

impl Residues {
    fn new(modulus: u64) -> Self {
        // Newton's iteration doubles the right bits: 3, 6, 12, 24, 48, 96.
        let newton =
            |inverse: u64, _| inverse.wrapping_mul(2_u64.wrapping_sub(modulus.wrapping_mul(inverse)));
        Self { modulus, inverse: (0..5).fold(modulus, newton).wrapping_neg() }
    }

    /// `a b / 2⁶⁴` modulo the modulus, for `a` and `b` below it.
    fn multiply(&self, a: u64, b: u64) -> u64 {
        let product = u128::from(a) * u128::from(b);
        let (low, high) = (product as u64, (product >> 64) as u64);
        let fill = u128::from(low.wrapping_mul(self.inverse)) * u128::from(self.modulus);
        // The low halves add up to 0 or to 2⁶⁴.
        let (sum, over) = high.overflowing_add((fill >> 64) as u64 + u64::from(low != 0));
        if over || sum >= self.modulus { sum.wrapping_sub(self.modulus) } else { sum }
    }

    /// `a + b` modulo the modulus, for `a` and `b` below it.
    fn add(&self, a: u64, b: u64) -> u64 {
        let (sum, over) = a.overflowing_add(b);
        if over || sum >= self.modulus { sum.wrapping_sub(self.modulus) } else { sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smallest_factors_agree_with_trial_division() {
        for number in (4..200_000_u64).chain(4_294_000_000..4_294_000_500) {
            if !machine_prime::is_prime(number) {
                let expected = (2..).find(|divisor| number.is_multiple_of(*divisor));
                assert_eq!(Some(smallest(number)), expected, "{number}");
            }
        }
    }

    #[test]
    fn products_of_two_large_primes_come_apart() {
        let primes: Vec<u64> = [4_294_967_291, 4_294_967_279, 2_147_483_647, 1_000_003, 65_537, 257].into();
        for p in &primes {
            for q in &primes {
                assert_eq!(smallest(p * q), *p.min(q), "{p} × {q}");
            }
        }
        assert_eq!(smallest(257_u64.pow(7)), 257);
        assert_eq!(smallest(2_642_245_u64.pow(2)), 5);
        assert_eq!(smallest(1_299_709 * 1_299_721 * 1_299_743), 1_299_709);
        assert_eq!(smallest(u64::MAX), 3);
    }
}
