//! What the workers of these tests can do.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use unhurt::{Context, TaskError, TaskType, Worker};

pub(crate) fn worker() -> Worker {
    unhurt::worker()
        .function(double)
        .function(half)
        .function(behave)
        .function(echo)
        .function(abort_at)
        .function(whoami)
        .task_type::<Shop>()
        .task_type::<Sick>()
}

pub(crate) fn double(n: u64) -> u64 {
    2 * n
}

/// Fails where it can't.
pub(crate) fn half(n: u64) -> Result<u64, TaskError> {
    if n.is_multiple_of(2) { Ok(n / 2) } else { Err(TaskError::new(format!("{n} is odd"))) }
}

pub(crate) fn echo(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

pub(crate) fn whoami(_: u32) -> u32 {
    std::process::id()
}

/// Aborts at every task that this number divides.
pub(crate) fn abort_at((n, every): (u64, u64)) -> u64 {
    if n.is_multiple_of(every) {
        std::process::abort();
    }
    n
}

/// How a task ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Behaviour {
    Ok,
    Panic,
    Abort,
    Exit(i32),
    /// Writes a file once it runs, and goes on for ever.
    Hang(String),
    /// The same, but it ends with an error once it is cancelled.
    HangPolitely(String),
    Say(String),
    Progress(u64),
    /// Whether there is a time limit.
    Limit,
    /// Aborts in its first attempts.
    AbortUntil(u32),
}

pub(crate) fn behave(behaviour: Behaviour, context: &Context<'_>) -> Result<u64, TaskError> {
    match behaviour {
        Behaviour::Ok => {}
        Behaviour::Panic => panic!("as told"),
        Behaviour::Abort => std::process::abort(),
        Behaviour::Exit(code) => std::process::exit(code),
        Behaviour::Hang(file) => {
            std::fs::write(file, std::process::id().to_string()).unwrap();
            loop {
                std::thread::park();
            }
        }
        Behaviour::HangPolitely(file) => {
            std::fs::write(file, std::process::id().to_string()).unwrap();
            while !context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            return Err(TaskError::new("tidied up"));
        }
        Behaviour::Say(text) => context.log(text),
        Behaviour::Progress(total) => (0..=total).for_each(|done| context.progress(done, total)),
        Behaviour::Limit => return Ok(u64::from(context.time_left().is_some())),
        Behaviour::AbortUntil(attempt) if context.attempt() < attempt => std::process::abort(),
        Behaviour::AbortUntil(_) => return Ok(u64::from(context.attempt())),
    }
    Ok(context.id().0)
}

/// A state: goods with prices, and how many were asked for.
pub(crate) struct Shop {
    prices: Vec<(String, u32)>,
    asked: u64,
}

impl TaskType for Shop {
    type Config = Vec<(String, u32)>;
    type Input = String;
    type Output = (Option<u32>, u64);

    fn start(prices: Self::Config) -> Result<Self, TaskError> {
        Ok(Self { prices, asked: 0 })
    }

    fn run(&mut self, name: String, _: &Context<'_>) -> Result<Self::Output, TaskError> {
        self.asked += 1;
        let price = self.prices.iter().find(|(other, _)| *other == name).map(|(_, price)| *price);
        Ok((price, self.asked))
    }
}

/// A state that can't be made.
pub(crate) struct Sick;

impl TaskType for Sick {
    type Config = ();
    type Input = ();
    type Output = ();

    const NAME: &'static str = "sick";

    fn start((): ()) -> Result<Self, TaskError> {
        Err(TaskError::new("there is no medicine"))
    }

    fn run(&mut self, (): (), _: &Context<'_>) -> Result<(), TaskError> {
        Ok(())
    }
}
