//! procspawn: a pool of processes, a closure a task.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use procspawn::{JoinHandle, Pool};
use serde_bytes::ByteBuf;

use crate::measure;

const WORKERS: usize = 2;
/// Tasks in flight: each has channels of its own, and thus descriptors.
const WINDOW: usize = 64;
const MIB: usize = 1 << 20;

pub fn run(case: &str, scale: f64) -> Result<String, String> {
    let many = |count: f64| (count * scale).max(1.0) as u64;
    match case {
        "tiny" => tiny(many(2e4)),
        "trips" => trips(many(4e3).max(100)),
        "start" => start(),
        "hold" => hold(Duration::from_secs(1)),
        "mib-copied" => large(many(200.0), MIB, look, MIB as u64 / 4096),
        "16mib-echo" => large(many(20.0), 16 * MIB, |payload| payload, 16 * MIB as u64),
        other => Err(format!("there is no case `{other}`")),
    }
}

/// A task's result, or part of it, as a number.
trait Answer {
    fn number(&self) -> u64;
}

impl Answer for u64 {
    fn number(&self) -> u64 {
        *self
    }
}

impl Answer for ByteBuf {
    fn number(&self) -> u64 {
        self.len() as u64
    }
}

fn pool(workers: usize) -> Result<Pool, String> {
    let pool = Pool::new(workers).map_err(|error| error.to_string())?;
    // Its workers start on their own; whoever has answered is there.
    let greetings: Vec<_> = (0..workers).map(|_| pool.spawn(1_u64, double)).collect();
    greetings.into_iter().try_for_each(|greeting| join(greeting).map(drop))?;
    Ok(pool)
}

fn join<A: Answer + serde::Serialize + serde::de::DeserializeOwned>(
    handle: JoinHandle<A>,
) -> Result<u64, String> {
    handle.join().map(|answer| answer.number()).map_err(|error| error.to_string())
}

fn double(number: u64) -> u64 {
    number.wrapping_mul(2)
}

/// One byte of each page, as `bench_pool` looks at them.
fn look(payload: ByteBuf) -> u64 {
    payload.iter().step_by(4096).map(|byte| u64::from(*byte)).sum()
}

/// The answers' sum, with a window of tasks in flight.
fn sum<T, A>(
    pool: &Pool,
    count: u64,
    make: impl Fn(u64) -> T,
    work: fn(T) -> A,
    window: usize,
) -> Result<u64, String>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
    A: Answer + serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
{
    let mut flying = VecDeque::new();
    let mut sum = 0_u64;
    for number in 0..count {
        if flying.len() == window {
            sum = sum.wrapping_add(flying.pop_front().map_or(Ok(0), join)?);
        }
        flying.push_back(pool.spawn(make(number), work));
    }
    for handle in flying {
        sum = sum.wrapping_add(join(handle)?);
    }
    Ok(sum)
}

fn tiny(count: u64) -> Result<String, String> {
    let pool = pool(WORKERS)?;
    let start = Instant::now();
    let sum = sum(&pool, count, |number| number, double, WINDOW)?;
    measure::rate(count, start.elapsed(), sum)
}

fn trips(count: u64) -> Result<String, String> {
    // A second worker would only take turns with the first.
    let pool = pool(1)?;
    measure::trips(count, |number| join(pool.spawn(number, double)))
}

/// Two workers, two tasks, and the end.
fn start() -> Result<String, String> {
    let start = Instant::now();
    let pool = pool(WORKERS)?;
    pool.shutdown();
    let seconds = start.elapsed().as_secs_f64();
    Ok(format!(r#"{{"tasks":{WORKERS},"seconds":{seconds}}}"#))
}

/// Two tasks that wait, so that somebody can look at the processes meanwhile.
fn hold(length: Duration) -> Result<String, String> {
    let pool = Pool::new(WORKERS).map_err(|error| error.to_string())?;
    let wait = |millis: u64| {
        std::thread::sleep(Duration::from_millis(millis));
        millis
    };
    let millis = length.as_millis() as u64;
    let waited = sum(&pool, WORKERS as u64, |_| millis, wait, WORKERS)?;
    pool.shutdown();
    Ok(format!(r#"{{"tasks":{WORKERS},"waited_millis":{waited}}}"#))
}

fn large<A>(count: u64, bytes: usize, work: fn(ByteBuf) -> A, each: u64) -> Result<String, String>
where
    A: Answer + serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
{
    let pool = pool(WORKERS)?;
    let payload = vec![1_u8; bytes];
    let start = Instant::now();
    // No more at once: `spawn` of a long payload waits for a worker, and a worker for whoever joins its last task.
    let sum = sum(&pool, count, |_| ByteBuf::from(payload.clone()), work, WORKERS)?;
    measure::throughput(count, bytes as u64, start.elapsed(), sum, count * each)
}
