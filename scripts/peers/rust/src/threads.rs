//! rayon: threads of the same process, so no isolation; what tasks cost where nothing is kept apart.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::measure;

pub fn run(case: &str, scale: f64) -> Result<String, String> {
    let threads = if case == "trips" { 1 } else { 2 };
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())?;
    let many = |count: f64| (count * scale).max(100.0) as u64;
    match case {
        "tiny" => one_by_one(&pool, many(3e6)),
        "tiny-split" => split(&pool, many(1e8)),
        "trips" => measure::trips(many(2e4), |number| Ok(pool.install(|| double(number)))),
        other => Err(format!("there is no case `{other}`")),
    }
}

fn double(number: u64) -> u64 {
    black_box(number).wrapping_mul(2)
}

/// A job for each number, with its own place for the answer.
fn one_by_one(pool: &ThreadPool, count: u64) -> Result<String, String> {
    let start = Instant::now();
    let answers: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
    pool.in_place_scope(|scope| {
        for (number, answer) in (0..count).zip(&answers) {
            scope.spawn(move |_| answer.store(double(number), Ordering::Relaxed));
        }
    });
    let sum = answers.iter().fold(0_u64, |sum, answer| sum.wrapping_add(answer.load(Ordering::Relaxed)));
    measure::rate(count, start.elapsed(), sum)
}

/// rayon cuts the range itself, as it is meant to be used.
fn split(pool: &ThreadPool, count: u64) -> Result<String, String> {
    let start = Instant::now();
    let answers: Vec<u64> = pool.install(|| (0..count).into_par_iter().map(double).collect());
    let sum = answers.iter().fold(0_u64, |sum, answer| sum.wrapping_add(*answer));
    measure::rate(count, start.elapsed(), sum)
}
