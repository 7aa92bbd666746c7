//! What the workers of the benchmarks do.

use std::time::Duration;

use protocol::{Handler, Task, TaskError, monotonic_nanos};

/// The work of a run, as its setup says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// A number comes back doubled.
    Double,
    /// Computes for as many nanoseconds as the payload says.
    Spin,
    /// Looks at one byte in each page of the payload, and answers with their sum.
    Look,
    /// Gives the payload back.
    Echo,
    /// Dies of the first attempt, and looks at the payload in the next.
    Fragile,
    /// Sleeps for as many nanoseconds as the payload says.
    Wait,
}

impl Work {
    pub(crate) fn setup(self) -> Vec<u8> {
        vec![self as u8]
    }
}

pub(crate) fn make(setup: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
    match setup {
        [0] => Ok(Box::new(Double)),
        [1] => Ok(Box::new(Spin)),
        [2] => Ok(Box::new(Look)),
        [3] => Ok(Box::new(Echo)),
        [4] => Ok(Box::new(Fragile)),
        [5] => Ok(Box::new(Wait)),
        _ => Err(TaskError::new("this is not a benchmark's setup")),
    }
}

fn number(payload: &[u8]) -> Result<u64, TaskError> {
    payload.try_into().map(u64::from_le_bytes).map_err(|_| TaskError::new("the payload is not a number"))
}

struct Double;

impl Handler for Double {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        value.extend_from_slice(&number(task.payload)?.wrapping_mul(2).to_le_bytes());
        Ok(())
    }
}

struct Spin;

impl Handler for Spin {
    fn run(&mut self, task: &Task<'_>, _: &mut Vec<u8>) -> Result<(), TaskError> {
        spin(number(task.payload)?);
        Ok(())
    }
}

/// Computes until the clock says that so many nanoseconds have passed.
fn spin(nanos: u64) {
    let until = monotonic_nanos().saturating_add(nanos);
    while monotonic_nanos() < until {
        std::hint::spin_loop();
    }
}

/// By how many nanoseconds a task that spins takes longer than it is asked to, since reading the clock takes time too:
/// what plain loops over such tasks take, in as many threads at once, without any pool.
pub(crate) fn spin_overhead(threads: u32) -> f64 {
    let loops: Vec<_> = (0..threads).map(|_| std::thread::spawn(overhead_of_a_loop)).collect();
    let each = loops.into_iter().filter_map(|thread| thread.join().ok());
    each.sum::<f64>() / f64::from(threads)
}

fn overhead_of_a_loop() -> f64 {
    const SPINS: u64 = 20_000;
    const EACH: u64 = 1_000;
    let pass = || {
        let began = monotonic_nanos();
        (0..SPINS).for_each(|_| spin(EACH));
        let took = monotonic_nanos().saturating_sub(began);
        took.saturating_sub(SPINS * EACH) as f64 / SPINS as f64
    };
    // The least of some: what else the machine does is not the clock's doing.
    (0..3).map(|_| pass()).fold(f64::INFINITY, f64::min)
}

struct Wait;

impl Handler for Wait {
    fn run(&mut self, task: &Task<'_>, _: &mut Vec<u8>) -> Result<(), TaskError> {
        std::thread::sleep(Duration::from_nanos(number(task.payload)?));
        Ok(())
    }
}

struct Look;

impl Handler for Look {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let sum: u64 = task.payload.iter().step_by(4096).map(|byte| u64::from(*byte)).sum();
        value.extend_from_slice(&sum.to_le_bytes());
        Ok(())
    }
}

struct Echo;

impl Handler for Echo {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        value.extend_from_slice(task.payload);
        Ok(())
    }
}

struct Fragile;

impl Handler for Fragile {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        if task.attempt == 1 {
            std::process::abort();
        }
        Look.run(task, value)
    }
}

/// A length of time as a payload for [`Work::Spin`] and [`Work::Wait`].
pub(crate) fn nanos(length: Duration) -> [u8; 8] {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX).to_le_bytes()
}
