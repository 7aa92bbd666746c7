//! Doing it: each function breaks its process in one way.

use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use nix::sys::socket::{Shutdown, shutdown};
use nix::time::{ClockId, clock_gettime};
use protocol::{Task, TaskError};

use super::behaviour::Behaviour;

/// How long a task with a closed link pretends to work, in seconds.
const AFTER_CLOSE: f64 = 1.0;

/// Behaves; returns only where the behaviour says that it succeeds or fails as a task.
pub(super) fn act(behaviour: &Behaviour, task: &Task<'_>) -> Result<(), TaskError> {
    match behaviour {
        Behaviour::Ok => Ok(()),
        Behaviour::Error => Err(TaskError::new("this task fails, as it was told to")),
        Behaviour::Panic => panics(),
        Behaviour::Abort => std::process::abort(),
        Behaviour::Segfault => segfault(),
        Behaviour::Exit(code) => std::process::exit(i32::from(*code)),
        Behaviour::Kill => signal(Signal::SIGKILL),
        Behaviour::Hang => hang(),
        Behaviour::Stop => signal(Signal::SIGSTOP),
        Behaviour::Busy(seconds) => busy(*seconds),
        Behaviour::Sleep(seconds) => {
            thread::sleep(Duration::from_secs_f64(*seconds));
            Ok(())
        }
        Behaviour::Memory(bytes) => touch(*bytes),
        Behaviour::Child => leave_a_child(),
        Behaviour::Garbage => garbage(link(task)?),
        Behaviour::Close => close(link(task)?),
        Behaviour::Stdout(bytes) => print(&mut std::io::stdout().lock(), *bytes),
        Behaviour::Stderr(bytes) => print(&mut std::io::stderr().lock(), *bytes),
        Behaviour::Overflow => {
            black_box(overflow(0));
            Ok(())
        }
        Behaviour::Flaky(times) if task.attempt <= *times => {
            Err(TaskError::new(format!("attempt {} of this task fails, as it was told to", task.attempt)))
        }
        Behaviour::Flaky(_) => Ok(()),
        Behaviour::Mark(path) => mark(path, task),
    }
}

fn failed(what: &str, error: impl std::fmt::Display) -> TaskError {
    TaskError::new(format!("{what}: {error}"))
}

#[expect(clippy::panic, reason = "it is what the task was asked for")]
fn panics() -> ! {
    panic!("this task panics, as it was told to")
}

fn signal(signal: Signal) -> Result<(), TaskError> {
    raise(signal).map_err(|error| failed("the signal can't be sent", error))
}

/// The signal is sent rather than earned, so that no memory is touched that must not be. The first one may
/// reach a handler for stack overflows, which finds no overflow and takes itself away; the next one kills.
fn segfault() -> Result<(), TaskError> {
    for _ in 0..10 {
        signal(Signal::SIGSEGV)?;
    }
    Err(TaskError::new("this process survived SIGSEGV"))
}

fn hang() -> ! {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

fn busy(seconds: f64) -> Result<(), TaskError> {
    let used = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
    let unreadable = |error| failed("the CPU time can't be read", error);
    let end = used().map_err(unreadable)? + Duration::from_secs_f64(seconds);
    while used().map_err(unreadable)? < end {
        (0..10_000_u32).for_each(|number| {
            black_box(number);
        });
    }
    Ok(())
}

fn touch(bytes: u64) -> Result<(), TaskError> {
    const PAGE: usize = 4096;
    let too_much = || TaskError::memory(format!("{bytes} bytes can't be had"));
    let length = usize::try_from(bytes).map_err(|_| too_much())?;
    let mut memory = Vec::new();
    memory.try_reserve_exact(length).map_err(|_| too_much())?;
    // Reserved memory costs nothing before it is written to.
    while memory.len() < length {
        memory.resize(length.min(memory.len() + PAGE), 1_u8);
    }
    black_box(&memory);
    Ok(())
}

/// In the worker's process group, so that a kill of the group reaches it.
#[expect(clippy::disallowed_methods, reason = "the supervisor must cope with processes that are not its own")]
fn leave_a_child() -> Result<(), TaskError> {
    let mut command = Command::new("sleep");
    command.arg("1000").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(drop).map_err(|error| failed("`sleep` can't be started", error))
}

fn link<'a>(task: &Task<'a>) -> Result<BorrowedFd<'a>, TaskError> {
    task.context.link.ok_or_else(|| TaskError::new("this task has no link to break"))
}

/// A frame's length that is far too large, then bytes that mean nothing.
fn garbage(link: BorrowedFd<'_>) -> Result<(), TaskError> {
    let nonsense = [0xFF; 64];
    nix::unistd::write(link, &nonsense)
        .map(drop)
        .map_err(|error| failed("the link can't be written to", error))
}

fn close(link: BorrowedFd<'_>) -> Result<(), TaskError> {
    shutdown(link.as_raw_fd(), Shutdown::Both).map_err(|error| failed("the link can't be closed", error))?;
    thread::sleep(Duration::from_secs_f64(AFTER_CLOSE));
    Ok(())
}

/// Writes whole lines, and the end of one for what is left.
fn print(output: &mut impl Write, bytes: u64) -> Result<(), TaskError> {
    const LINE: &[u8] = b"A worker that talks too much must not cost the coordinator its memory or time.\n";
    let written = |error| failed("the output can't be written", error);
    let length = LINE.len() as u64;
    for _ in 0..bytes / length {
        output.write_all(LINE).map_err(written)?;
    }
    // Shorter than a line.
    let rest = (bytes % length) as usize;
    output.write_all(&LINE[LINE.len() - rest..]).and_then(|()| output.flush()).map_err(written)
}

/// Calls itself, with a piece of stack each time, until there is none left.
fn overflow(depth: u64) -> u64 {
    let piece = black_box([depth; 128]);
    if depth == u64::MAX {
        return 0;
    }
    overflow(depth + 1) + piece[0]
}

fn mark(path: &Path, task: &Task<'_>) -> Result<(), TaskError> {
    // Appended in one piece, so that lines of several workers do not mix.
    let line = format!("{} {}\n", task.id, task.attempt);
    let open = OpenOptions::new().create(true).append(true).open(path);
    open.and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(|error| failed("the mark can't be left", error))
}
