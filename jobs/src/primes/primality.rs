//! Is it prime? And if not, what divides it?

use std::sync::LazyLock;

use crypto_bigint::{BoxedUint, Limb, NonZero, Odd, Resize};
use crypto_primes::hazmat::{AStarBase, LucasCheck, MillerRabin, lucas_test};
use protocol::TaskError;

use super::base::BasePrimes;
use super::factor;
use super::number::Number;

/// Beyond 2⁶⁴ only factors below this are looked for.
pub(super) const FACTOR_LIMIT: u64 = 1_000_000;

/// Beyond 2⁶⁴ a number is divided by the primes below this before it is put to costlier tests.
const TRIAL_LIMIT: u64 = 2_000;

/// The bases of the Miller-Rabin rounds after the Baillie-PSW test, whose own base is 2.
const EXTRA_BASES: [u64; 4] = [3, 5, 7, 11];

/// What a test has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is a prime: certainly below 2⁶⁴, very probably above.
    Prime,
    /// It is certainly none. The factor, where one was asked for and found, is the smallest above 1.
    NotPrime(Option<u64>),
}

/// Tests a number, and looks for its smallest factor where `want_factor` says so.
///
/// - Below 2, negative numbers included, nothing is prime, and nothing has a smallest factor.
/// - Below 2⁶⁴ the answer is certain: one or two strong Fermat tests whose bases are known to leave no
///   composite in this range (crate `machine-prime`), and the factor is always found.
/// - From 2⁶⁴ on, trial division, then the Baillie-PSW test (a strong Fermat test to base 2 and a strong
///   Lucas test with the A* parameters) and four Miller-Rabin rounds to the bases 3, 5, 7 and 11 (crate
///   `crypto-primes`). No chance is involved. "Not prime" is certain; no composite is known that is called
///   prime, though such are believed to exist. A factor is found where it is below [`FACTOR_LIMIT`].
pub(super) fn test(number: Number<'_>, want_factor: bool) -> Result<Verdict, TaskError> {
    match number {
        Number::Negative(_) | Number::Small(0 | 1) => Ok(Verdict::NotPrime(None)),
        Number::Small(small) if machine_prime::is_prime(small) => Ok(Verdict::Prime),
        Number::Small(small) => Ok(Verdict::NotPrime(want_factor.then(|| factor::smallest(small)))),
        Number::Big(digits) => test_big(digits, want_factor),
    }
}

fn test_big(digits: &str, want_factor: bool) -> Result<Verdict, TaskError> {
    let number = BoxedUint::from_str_radix_vartime(digits, 10)
        .map_err(|error| TaskError::new(format!("the number can't be read: {error}")))?;
    let divides = |prime: &u64| remainder(&number, *prime) == Some(0);
    let small = BASE.iter().take_while(|prime| *prime < TRIAL_LIMIT);
    if let Some(factor) = [2, 3, 5].into_iter().chain(small).find(divides) {
        return Ok(Verdict::NotPrime(want_factor.then_some(factor)));
    }
    if is_probable_prime(&number) {
        return Ok(Verdict::Prime);
    }
    let more = || BASE.iter().skip_while(|prime| *prime < TRIAL_LIMIT).find(divides);
    Ok(Verdict::NotPrime(want_factor.then(more).flatten()))
}

/// The primes from 7 to [`FACTOR_LIMIT`].
static BASE: LazyLock<BasePrimes> = LazyLock::new(|| BasePrimes::up_to(FACTOR_LIMIT as u32));

fn remainder(number: &BoxedUint, by: u64) -> Option<u64> {
    let by: Option<NonZero<Limb>> = NonZero::new(Limb::from(by)).into();
    by.map(|by| u64::from(number.rem_limb(by)))
}

/// For odd numbers beyond all of [`EXTRA_BASES`].
fn is_probable_prime(number: &BoxedUint) -> bool {
    let odd: Option<Odd<BoxedUint>> = Odd::new(number.clone()).into();
    let Some(odd) = odd else { return false };
    let fermat = MillerRabin::new(odd.clone());
    let base = |base: u64| BoxedUint::from(base).resize(number.bits_precision());
    fermat.test_base_two().is_probably_prime()
        && lucas_test(odd, AStarBase, LucasCheck::Strong).is_probably_prime()
        && EXTRA_BASES.into_iter().all(|extra| fermat.test(&base(extra)).is_probably_prime())
}
