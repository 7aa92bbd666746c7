//! The worker process: [`protocol::serve`] around the kinds, in a process that is set up to be disposable.
//!
//! A program becomes able to be its own worker by calling [`main_if_worker`] first thing in its `main`,
//! before it starts a thread: the coordinator runs it again with [`protocol::WORKER_FLAG`] and the path of
//! a socket as its arguments.
//!
//! ```
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     if let Some(exit) = worker::main_if_worker() {
//!         return exit;
//!     }
//!     println!("this is the program itself: it may start a coordinator");
//!     ExitCode::SUCCESS
//! }
//! ```
//!
//! What the process sets up, and why:
//! - it dies with the coordinator, however that dies (`PR_SET_PDEATHSIG`, `SIGKILL`);
//! - it leaves no core dump, and the kernel that runs out of memory prefers it to the coordinator;
//! - it bears the worker's name in `ps` and `top`;
//! - it keeps to the job's limits (`setrlimit`). An allocation that the memory limit refuses aborts the
//!   process with Rust's `memory allocation of N bytes failed` on standard error. Stable Rust has no hook
//!   for this, so the supervisor looks for that line among the last ones a dead worker wrote, and calls the
//!   attempt's end `memory`.
//!
//! Signals are as usual, whatever the coordinator was started with (none held back, none but `SIGPIPE` ignored), and so they
//! are for programs that a task starts. A terminal's signals don't reach workers, which live in process groups of their own.

mod process;
mod signals;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

#[cfg(feature = "kinds")]
use jobs::Kind;
pub use signals::expect_children;

use protocol::{Handler, Start, TaskError, WORKER_FLAG, WorkerLink, serve};

/// The exit code after anything orderly: the pill, a panicked task, a refused job, a coordinator that is gone.
///
/// ```
/// assert_eq!([worker::EXIT_OK, worker::EXIT_USAGE, worker::EXIT_LINK], [0, 2, 3]);
/// ```
pub const EXIT_OK: u8 = 0;
/// The exit code for arguments that are not a worker's.
///
/// ```
/// // Nobody gave this process a worker's arguments.
/// assert_eq!(worker::run_to_code(&[], |_| Err(protocol::TaskError::new("never asked"))), worker::EXIT_USAGE);
/// ```
pub const EXIT_USAGE: u8 = 2;
/// The exit code where the coordinator could not be reached, or broke the protocol. A line on standard
/// error says what happened.
///
/// ```
/// fn is_worth_another_try(code: u8) -> bool {
///     code == worker::EXIT_LINK
/// }
/// assert!(!is_worth_another_try(worker::EXIT_USAGE));
/// ```
pub const EXIT_LINK: u8 = 3;

/// True where these are a worker's arguments, the program's name first.
///
/// ```
/// let arguments = |words: &[&str]| -> Vec<_> { words.iter().map(std::ffi::OsString::from).collect() };
/// assert!(worker::is_worker_invocation(arguments(&["program", protocol::WORKER_FLAG, "/tmp/private/socket"])));
/// assert!(!worker::is_worker_invocation(arguments(&["program", "run", "job.toml"])));
/// ```
pub fn is_worker_invocation(arguments: impl IntoIterator<Item = OsString>) -> bool {
    arguments.into_iter().nth(1).is_some_and(|first| first == WORKER_FLAG)
}

/// Serves [`jobs`]' kinds if this process was started as a worker, and returns its exit code; `None`: it was
/// not. Call it first thing in `main`, before any thread is started.
///
/// ```
/// // Nobody started this process as a worker.
/// assert!(worker::main_if_worker().is_none());
/// ```
#[cfg(feature = "kinds")]
pub fn main_if_worker() -> Option<ExitCode> {
    is_worker_invocation(env::args_os()).then(|| serve_kinds(jobs::registry()))
}

/// Serves these kinds, in a process that was started as a worker, and returns its exit code.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     worker::serve_kinds(jobs::registry())
/// }
/// ```
#[cfg(feature = "kinds")]
pub fn serve_kinds(kinds: &[&'static dyn Kind]) -> ExitCode {
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    run(&names, |start| match kinds.iter().find(|kind| kind.name() == start.kind) {
        Some(kind) => kind.handler(start.setup),
        None => Err(TaskError::new(format!("this worker program knows no kind `{}`", start.kind))),
    })
}

/// Serves what `make` makes, in a process that was started as a worker, and returns its exit code. `kinds`
/// are the names that the worker announces. For programs with kinds of their own.
///
/// ```no_run
/// use protocol::{Handler, Task, TaskError};
///
/// struct Upper;
///
/// impl Handler for Upper {
///     fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
///         value.extend(task.payload.to_ascii_uppercase());
///         Ok(())
///     }
/// }
///
/// fn main() -> std::process::ExitCode {
///     worker::run(&["upper"], |_start| Ok(Box::new(Upper)))
/// }
/// ```
pub fn run(kinds: &[&str], make: impl FnOnce(&Start<'_>) -> Result<Box<dyn Handler>, TaskError>) -> ExitCode {
    ExitCode::from(run_to_code(kinds, make))
}

/// As [`run`], for those who end the process themselves.
///
/// ```no_run
/// use protocol::{Handler, Task, TaskError};
///
/// struct Upper;
///
/// impl Handler for Upper {
///     fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
///         value.extend(task.payload.to_ascii_uppercase());
///         Ok(())
///     }
/// }
///
/// fn main() {
///     let code = worker::run_to_code(&["upper"], |_start| Ok(Box::new(Upper)));
///     std::process::exit(i32::from(code));
/// }
/// ```
pub fn run_to_code(
    kinds: &[&str],
    make: impl FnOnce(&Start<'_>) -> Result<Box<dyn Handler>, TaskError>,
) -> u8 {
    match try_run(kinds, make) {
        Ok(()) => EXIT_OK,
        Err(Failure { code, sentence }) => {
            eprintln!("worker: {sentence}");
            code
        }
    }
}

/// Why a worker process ends in a disorderly way.
struct Failure {
    code: u8,
    sentence: String,
}

impl Failure {
    fn link(reason: impl ToString) -> Self {
        Self { code: EXIT_LINK, sentence: reason.to_string() }
    }
}

fn try_run(
    kinds: &[&str],
    make: impl FnOnce(&Start<'_>) -> Result<Box<dyn Handler>, TaskError>,
) -> Result<(), Failure> {
    let socket = socket_path(env::args_os())?;
    process::die_with_parent().map_err(Failure::link)?;
    signals::reset();
    process::be_disposable();
    let link = WorkerLink::connect(&socket, kinds).map_err(Failure::link)?;
    let make = |start: &Start<'_>| {
        process::set_name(start.worker);
        process::limit(&start.limits)?;
        make(start)
    };
    serve(link, make).map_err(Failure::link)?;
    Ok(())
}

/// The one argument after the flag.
fn socket_path(arguments: impl IntoIterator<Item = OsString>) -> Result<String, Failure> {
    let rest: Vec<_> = arguments.into_iter().skip(1).collect();
    match rest.as_slice() {
        [flag, path] if flag == WORKER_FLAG && !path.is_empty() => path.to_str().map(str::to_owned),
        _ => None,
    }
    .ok_or_else(|| Failure {
        code: EXIT_USAGE,
        sentence: format!("expected `{WORKER_FLAG} SOCKET` from a coordinator: it is not for use by hand"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn only_the_first_argument_makes_a_worker() {
        assert!(is_worker_invocation(arguments(&["coordinator", "__worker", "/tmp/x"])));
        assert!(!is_worker_invocation(arguments(&["coordinator", "run", "__worker"])));
        assert!(!is_worker_invocation(arguments(&["__worker"])));
        assert!(!is_worker_invocation(arguments(&[])));
    }

    #[test]
    fn a_worker_takes_one_socket_and_nothing_else() {
        let code = |words: &[&str]| socket_path(arguments(words)).map_err(|failure| failure.code);
        assert_eq!(code(&["worker", "__worker", "/tmp/x/socket"]).as_deref(), Ok("/tmp/x/socket"));
        for wrong in
            [&["worker", "__worker"][..], &["worker", "__worker", ""], &["worker", "__worker", "a", "b"]]
        {
            assert_eq!(code(wrong), Err(EXIT_USAGE), "{wrong:?}");
        }
    }
}
