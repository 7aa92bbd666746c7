//! What is common to all: counting, timing, checking, and the line of JSON.

use std::time::{Duration, Instant};

/// Numbers that come back doubled: this many, within these seconds, with this sum.
pub fn rate(count: u64, took: Duration, sum: u64) -> Result<String, String> {
    let wanted = count.wrapping_mul(count.wrapping_sub(1));
    if sum != wanted {
        return Err(format!("the answers add up to {sum}, not {wanted}"));
    }
    let seconds = took.as_secs_f64();
    Ok(format!(r#"{{"tasks":{count},"seconds":{seconds},"per_second":{}}}"#, count as f64 / seconds))
}

/// Payloads of `bytes` bytes that gave `sum` in all.
pub fn throughput(count: u64, bytes: u64, took: Duration, sum: u64, wanted: u64) -> Result<String, String> {
    if sum != wanted {
        return Err(format!("the answers add up to {sum}, not {wanted}"));
    }
    let seconds = took.as_secs_f64();
    let rate = (count * bytes) as f64 / 1e9 / seconds;
    Ok(format!(r#"{{"tasks":{count},"bytes":{bytes},"seconds":{seconds},"gb_per_second":{rate}}}"#))
}

/// Asks one question after the other, each of which is doubled, and says how long the answers took.
pub fn trips(count: u64, mut ask: impl FnMut(u64) -> Result<u64, String>) -> Result<String, String> {
    // The first ones find a cold pool.
    for number in 0..20 {
        ask(number)?;
    }
    let mut took = Vec::new();
    for number in 0..count {
        let start = Instant::now();
        let answer = ask(number)?;
        took.push(start.elapsed());
        if answer != 2 * number {
            return Err(format!("{number} came back as {answer}"));
        }
    }
    took.sort_unstable();
    let at =
        |share: f64| took.get((count as f64 * share) as usize).map_or(0.0, |took| took.as_secs_f64() * 1e6);
    Ok(format!(r#"{{"tasks":{count},"p50_micros":{},"p99_micros":{}}}"#, at(0.5), at(0.99)))
}
