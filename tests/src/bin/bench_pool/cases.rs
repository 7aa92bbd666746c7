//! What is timed.

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::time::Duration;

use coordinator::pool::{
    ARENA_BYTES, BatchSize, Control, Controlled, Engine as _, Limits, LocalWorkers, PoolOptions, Seams, Sink,
    Source,
};
use protocol::{Arena, monotonic_nanos};
use serde_json::{Value, json};

use super::ends::{Answers, Asks, Large, Made, Sum, Trips};
use super::handlers::{Work, nanos, spin_overhead};

const MIB: usize = 1 << 20;

/// Runs one case; `scale` multiplies the number of its tasks.
pub(crate) fn run(name: &str, workers: u32, scale: f64) -> Result<Value, String> {
    let many = |count: f64| (count * scale).max(1.0) as u64;
    let micros = Duration::from_micros;
    let shape = |count: f64, length: &dyn Fn(u64, u64) -> Duration| shaped(workers, many(count), length);
    let mut line = match name {
        "tiny" => tiny(workers, many(2e7)),
        "trips" => trips(many(2e4)),
        "start" => tiny(workers, u64::from(workers)),
        "hold" => hold(workers, Duration::from_secs(1)),
        "mib-copied" => large(workers, many(200.0), MIB, true, Work::Look),
        "mib-in-place" => large(workers, many(200.0), MIB, false, Work::Look),
        "mib-fragile" => large(workers, many(20.0), MIB, true, Work::Fragile),
        "16mib-copied" => large(workers, many(1000.0), 16 * MIB, true, Work::Look),
        "16mib-echo" => large(workers, many(200.0), 16 * MIB, true, Work::Echo),
        "256mib" => large(workers, many(4.0), 256 * MIB, true, Work::Look),
        "1ms" => shape(1e3, &|_, _| micros(1000)),
        "1us" => shape(1e6, &|_, _| micros(1)),
        "100ns" => shape(1e7, &|_, _| Duration::from_nanos(100)),
        "pareto" => shape(2e4, &|task, _| pareto(task)),
        "giant-in-the-middle" => shape(1e4, &|task, all| micros(if task == all / 2 { 200_000 } else { 50 })),
        "rising" => shape(1e4, &|task, all| micros(task * 200 / all)),
        "falling" => shape(1e4, &|task, all| micros((all - task) * 200 / all)),
        other => Err(format!("there is no case `{other}`")),
    }?;
    if let Some(line) = line.as_object_mut() {
        line.insert("case".into(), name.into());
        line.insert("workers".into(), workers.into());
    }
    Ok(line)
}

/// Numbers that come back doubled.
fn tiny(workers: u32, count: u64) -> Result<Value, String> {
    let mut source = Made { make: u64::to_le_bytes, next: 0, count };
    let (seconds, sum) = timed(workers, Work::Double, &mut source, count)?;
    let wanted = count.wrapping_mul(count.wrapping_sub(1));
    if sum.sum != wanted {
        return Err(format!("the answers add up to {}, not {wanted}", sum.sum));
    }
    Ok(json!({"tasks": count, "seconds": seconds, "per_second": count as f64 / seconds}))
}

/// A task a worker that waits, so that somebody can look at the processes meanwhile.
fn hold(workers: u32, length: Duration) -> Result<Value, String> {
    let count = u64::from(workers);
    let mut source = Made { make: |_| nanos(length), next: 0, count };
    let (seconds, _) = timed(workers, Work::Wait, &mut source, count)?;
    Ok(json!({"tasks": count, "seconds": seconds}))
}

/// Tasks of known lengths: how much of the workers' time they fill.
fn shaped(workers: u32, count: u64, length: &dyn Fn(u64, u64) -> Duration) -> Result<Value, String> {
    let lengths = || (0..count).map(|task| length(task, count));
    let all: Duration = lengths().sum();
    let longest = lengths().max().unwrap_or_default();
    let overhead = spin_overhead(workers);
    let own = overhead * 1e-9;
    let ideal =
        (longest.as_secs_f64() + own).max((all.as_secs_f64() + own * count as f64) / f64::from(workers));
    let mut source = Made { make: |task| nanos(length(task, count)), next: 0, count };
    let (seconds, _) = timed(workers, Work::Spin, &mut source, count)?;
    Ok(
        json!({"tasks": count, "seconds": seconds, "ideal_seconds": ideal, "of_ideal": ideal / seconds, "clock_nanos": overhead}),
    )
}

/// Lengths with a heavy tail (shape 1.5, least 20 µs, most 50 ms), the same in every run.
fn pareto(task: u64) -> Duration {
    // SplitMix64's finaliser (Steele, Lea, Flood 2014), so that neighbours have nothing in common.
    let mut bits = task.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let uniform = ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
    Duration::from_secs_f64((20e-6 / (1.0 - uniform).powf(1.0 / 1.5)).min(0.05))
}

/// Long payloads in, looked at or echoed.
fn large(workers: u32, count: u64, bytes: usize, copied: bool, work: Work) -> Result<Value, String> {
    let arena = Arena::new(ARENA_BYTES.max(bytes)).map_err(|error| error.to_string())?;
    let copy_from = copied.then(|| vec![1; bytes]);
    let mut source = Large { arena, bytes, copy_from, left: count, touched: 0 };
    let (seconds, sum) = timed(workers, work, &mut source, count)?;
    let wanted = count * if work == Work::Echo { bytes as u64 } else { 8 };
    // One byte of ones is looked at in each page.
    let looked = if work == Work::Echo { sum.sum } else { count * bytes.div_ceil(4096) as u64 };
    if sum.bytes != wanted || sum.sum != looked {
        return Err(format!("{} bytes came back, not {wanted}", sum.bytes));
    }
    let gigabytes = count as f64 * bytes as f64 / 1e9;
    let touched = source.touched;
    Ok(
        json!({"tasks": count, "bytes": bytes, "seconds": seconds, "gb_per_second": gigabytes / seconds, "touched": touched}),
    )
}

/// One task at a time, each after the other's answer.
fn trips(count: u64) -> Result<Value, String> {
    let (control, controlled) = Control::new().map_err(|error| error.to_string())?;
    let trips = RefCell::new(Trips { left: count, open: false, asked: 0, took: Vec::new() });
    let mut answers = Answers { trips: &trips, waker: control.waker() };
    pool(1, Work::Double, &controlled, &mut Asks(&trips), &mut answers)?;
    let mut took = trips.into_inner().took;
    // The first one waits for the worker's start.
    took.remove(0);
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).map(|nanos| *nanos as f64 / 1e3);
    Ok(json!({"tasks": count, "p50_micros": at(0.5), "p99_micros": at(0.99)}))
}

fn timed(workers: u32, work: Work, source: &mut dyn Source, count: u64) -> Result<(f64, Sum), String> {
    let mut sum = Sum::default();
    let (_control, controlled) = Control::new().map_err(|error| error.to_string())?;
    let seconds = pool(workers, work, &controlled, source, &mut sum)?;
    if (sum.ok, sum.failed) != (count, 0) {
        return Err(format!("{} tasks of {count} are ok and {} failed", sum.ok, sum.failed));
    }
    Ok((seconds, sum))
}

/// `BENCH_MEMORY`: the workers' limit, in bytes; the arena is then mapped a payload at a time.
fn memory_limit() -> Option<u64> {
    std::env::var("BENCH_MEMORY").ok()?.parse().ok()
}

/// `BENCH_BATCH`: this many tasks to a message, always; absent: as the pool sees fit.
fn batch_size() -> Result<BatchSize, String> {
    let Ok(text) = std::env::var("BENCH_BATCH") else { return Ok(BatchSize::Auto) };
    text.parse().map(BatchSize::Fixed).map_err(|error| format!("BENCH_BATCH={text}: {error}"))
}

/// Runs a pool from its start to its end; returns the seconds that took.
fn pool(
    workers: u32,
    work: Work,
    controlled: &Controlled,
    source: &mut dyn Source,
    sink: &mut dyn Sink,
) -> Result<f64, String> {
    let options = PoolOptions {
        workers: NonZeroU32::new(workers).ok_or("no workers")?,
        batch: batch_size()?,
        retries: std::env::var("BENCH_RETRIES").ok().and_then(|text| text.parse().ok()).unwrap_or(2),
        payloads_in_outcomes: false,
        limits: Limits { memory: memory_limit(), ..Limits::default() },
        ..PoolOptions::default()
    };
    let work = coordinator::pool::Work { kind: "bench".into(), setup: work.setup() };
    let start = monotonic_nanos();
    LocalWorkers
        .run(&options, &work, controlled, Seams { source, sink, observer: &mut () })
        .map_err(|error| error.to_string())?;
    Ok(monotonic_nanos().saturating_sub(start) as f64 / 1e9)
}
