//! The textbook pool: a list of numbers, a few workers, who found which prime.
//!
//! `cargo run --example primes`

use unhurt::{Context, Error, Pool};

/// Whether it is prime, and who found out.
fn is_prime(n: u64, context: &Context<'_>) -> (bool, String) {
    let prime = n > 1 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    (prime, context.worker().to_owned())
}

fn main() -> Result<(), Error> {
    unhurt::worker().function(is_prime).serve();

    let numbers = [2, 36, 101, 193, 323, 513, 1327, 100_000, 9_999_999, 433_785_907];
    let pool = Pool::builder().workers(4).function(is_prime)?;
    for (number, result) in numbers.iter().zip(pool.map(numbers)) {
        let (prime, worker) = result?;
        println!("{number} is {}prime ({worker})", if prime { "" } else { "not " });
    }

    // No more tasks: every worker takes its pill and goes.
    pool.close();
    pool.join()
}
