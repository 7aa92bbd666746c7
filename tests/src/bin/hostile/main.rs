//! A worker that keeps to the protocol except for one thing, to find out what that costs its coordinator.
//!
//! What it does is said by its environment: `HOSTILE_SIN` names the thing; each process takes the next turn in
//! the folder `HOSTILE_TURNS`, and those after the first `HOSTILE_LIMIT` are honest; `HOSTILE_CLOCK` is a folder
//! for the times at which things happened. Sins of the greeting come instead of it, all others in the middle of
//! a task. A process that outlives a mutant takes another turn.

mod frames;
mod mutants;
mod sins;

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use protocol::{Handler, Task, TaskError};

use crate::sins::{Act, Sin};

/// A task in this many is sinned in, of a process's first ones, so that a new process has got something done.
const SPREAD: u64 = 3;

fn main() -> ExitCode {
    match sin_of_this_process() {
        Ok(Some((sin, _))) if sin.is_greeting() => match sins::greet(sin) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        },
        Ok(sin) => serve(sin),
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("hostile: {why}");
    ExitCode::from(worker::EXIT_USAGE)
}

/// What this process is to do wrong, and which turn it has; `None`: it is honest.
fn sin_of_this_process() -> io::Result<Option<(Sin, u64)>> {
    let name = std::env::var("HOSTILE_SIN").map_err(io::Error::other)?;
    let sin = Sin::parse(&name).ok_or_else(|| io::Error::other(format!("`{name}` is no known sin")))?;
    let limit = tests::number("HOSTILE_LIMIT", u64::MAX);
    let folder = std::env::var("HOSTILE_TURNS").map_err(io::Error::other)?;
    let turn = take_turn(Path::new(&folder))?;
    Ok((turn < limit).then_some((sin, turn)))
}

/// The next number that no process has taken.
fn take_turn(folder: &Path) -> io::Result<u64> {
    let mut turn = 0;
    loop {
        match OpenOptions::new().write(true).create_new(true).open(folder.join(turn.to_string())) {
            Ok(_) => return Ok(turn),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => turn += 1,
            Err(error) => return Err(error),
        }
    }
}

fn serve(sin: Option<(Sin, u64)>) -> ExitCode {
    let names: Vec<_> = jobs::registry().iter().map(|kind| kind.name()).collect();
    let clock = std::env::var("HOSTILE_CLOCK").ok().map(PathBuf::from);
    worker::run(&names, |start| {
        let kind = jobs::find(start.kind).ok_or_else(|| TaskError::new("an unknown kind"))?;
        let honest = kind.handler(start.setup)?;
        Ok(Box::new(Hostile { honest, sin, honest_tasks: 0, clock }))
    })
}

/// Runs tasks as an honest worker does, and sins in the middle of one.
struct Hostile {
    honest: Box<dyn Handler>,
    sin: Option<(Sin, u64)>,
    /// Since its start, or its last sin.
    honest_tasks: u64,
    clock: Option<PathBuf>,
}

impl Handler for Hostile {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let begin = value.len();
        if let (Some((Sin::Starts, _)), Some(clock)) = (self.sin, &self.clock) {
            sins::note_start(task, clock).map_err(|error| TaskError::new(format!("no note: {error}")))?;
        }
        self.honest.run(task, value)?;
        self.honest_tasks += 1;
        let Some((sin, turn)) = self.sin else { return Ok(()) };
        if sin.comes_once() && self.honest_tasks != 2 + turn % SPREAD {
            return Ok(());
        }
        let value = value.get(begin..).unwrap_or_default();
        let act = Act { task, value, turn, clock: self.clock.as_deref() };
        let failed = |error: io::Error| TaskError::new(format!("the sin failed: {error}"));
        act.commit(sin).map_err(failed)?;
        if sin == Sin::Mutant {
            self.honest_tasks = 0;
            self.sin = sin_of_this_process().map_err(failed)?;
        }
        Ok(())
    }
}
