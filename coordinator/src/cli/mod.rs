//! The command line: clap's types in, typed settings on, and one place that prints errors.
//!
//! A program with kinds of its own gets the whole command by calling [`main_with`]:
//!
//! ```no_run
//! use coordinator::cli::{kinds_with, main_with};
//! use jobs::TextKind;
//!
//! static LENGTH: TextKind = TextKind::new("length", "counts the characters of a text", |text| {
//!     Ok(text.chars().count().into())
//! });
//!
//! fn main() -> std::process::ExitCode {
//!     main_with(kinds_with(&[&LENGTH]))
//! }
//! ```

mod check;
mod completions;
mod execute;
mod exit;
mod flags;
mod incremental;
mod kinds;
mod line;
mod logging;
mod man;
mod request;
mod resume;
mod run;
mod runs;
mod scale;
mod shown;
mod stored;
#[cfg(test)]
mod tests;
mod watch;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use jobs::Kind;
use jobs::spec::SpecErrors;

#[doc(hidden)]
pub use execute::execute;
#[doc(hidden)]
pub use exit::{Exit, UsageError};
#[doc(hidden)]
pub use logging::Verbosity;
#[doc(hidden)]
pub use request::{ReportSettings, RunRequest};

use crate::job::Kinds;
use crate::output::{OutputError, for_screen};
use crate::store::StoreError;
use crate::supervisor::advice;

const EXAMPLES: &str = "\
Examples:
  coordinator run jobs/primes.toml      run a job on all usable CPUs
  coordinator resume                    go on with a run that was stopped
  coordinator check jobs/primes.toml    what would it do?
  coordinator kinds                     what kinds of work are there?
  coordinator kinds primes --example    a job file to begin with";

/// Runs many tasks on every core in separate processes, so that nothing a task does can hurt the run
#[derive(Debug, Parser)]
#[command(name = "coordinator", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", exit::HELP))]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    global: logging::GlobalArgs,
}

impl Cli {
    /// Reads a command line. A number below zero is a flag's value, and told to be too small where it is: it is no flag
    /// of its own.
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = with_negative_numbers(Self::command()).try_get_matches_from(arguments)?;
        Self::from_arg_matches(&matches)
    }
}

fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let takes = |arg: &clap::Arg| !arg.is_positional() && arg.get_action().takes_values();
    command
        .mut_args(|arg| if takes(&arg) { arg.allow_negative_numbers(true) } else { arg })
        .mut_subcommands(with_negative_numbers)
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a job
    #[command(after_help = format!("{}\n\n{}", run::EXAMPLES, exit::HELP))]
    Run(Box<run::RunArgs>),
    /// Go on with a run that was stopped or whose coordinator died
    #[command(after_help = format!("{}\n\n{}", resume::RESUME_EXAMPLES, exit::HELP))]
    Resume(Box<resume::ResumeArgs>),
    /// Run the failed tasks of a run again
    #[command(after_help = format!("{}\n\n{}", resume::RETRY_EXAMPLES, exit::HELP))]
    Retry(Box<resume::RetryArgs>),
    /// Look into the store: list, show, export and forget runs
    #[command(after_help = format!("{}\n\n{}", runs::EXAMPLES, exit::HELP))]
    Runs(Box<runs::RunsArgs>),
    /// See how a run goes, from another process
    #[command(after_help = watch::EXAMPLES)]
    Watch(watch::WatchArgs),
    /// Say what a job would do, or everything that is wrong with it
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArgs),
    /// List the kinds of work, or tell about one
    #[command(after_help = kinds::EXAMPLES)]
    Kinds(kinds::KindsArgs),
    /// Run a job on several numbers of workers, and say how it scales
    #[command(after_help = format!("{}\n\n{}", scale::EXAMPLES, exit::HELP))]
    Scale(Box<scale::ScaleArgs>),
    /// Print a script that lets a shell complete this command
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write all of them to a folder
    #[command(after_help = man::EXAMPLES)]
    Man(man::ManArgs),
}

/// The whole command for a program that knows these kinds, from the process's arguments to its exit code. Call it
/// first thing in `main`: the command runs the program again as its workers.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     coordinator::cli::main_with(jobs::registry()) // the `coordinator` command itself
/// }
/// ```
pub fn main_with(kinds: &'static [&'static dyn Kind]) -> ExitCode {
    if worker::is_worker_invocation(std::env::args_os()) {
        return worker::serve_kinds(kinds);
    }
    if let Some(exit) = crate::supervisor::main_if_guard() {
        return exit;
    }
    match Cli::read(std::env::args_os()) {
        Ok(cli) => run_to_exit(cli, kinds).into(),
        Err(error) => {
            print_usage(&error);
            if error.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() }
        }
    }
}

/// Help goes to the standard output, and what is wrong with the command line to the standard error, with what was typed
/// in it. Help that nobody reads is no failure.
fn print_usage(error: &clap::Error) {
    if !error.use_stderr() {
        let _ = error.print();
        return;
    }
    let colour = logging::stderr_has_colour();
    let text = error.render();
    let text = if colour { text.ansi().to_string() } else { text.to_string() };
    let _ = io::stderr().write_all(for_screen(&text, colour).as_bytes());
}

/// These kinds, and behind them those that every `coordinator` knows.
///
/// ```
/// use jobs::{Kind, TextKind};
///
/// static LENGTH: TextKind = TextKind::new("length", "counts the characters of a text", |text| {
///     Ok(text.chars().count().into())
/// });
/// let kinds = coordinator::cli::kinds_with(&[&LENGTH]);
/// assert_eq!(kinds.len(), jobs::registry().len() + 1);
/// ```
pub fn kinds_with(kinds: &[&'static dyn Kind]) -> &'static [&'static dyn Kind] {
    // Once a process, for as long as it lives.
    Vec::leak([kinds, jobs::registry()].concat())
}

fn run_to_exit(cli: Cli, kinds: Kinds) -> Exit {
    let applied = cli.global.apply().map_err(anyhow::Error::from);
    match applied.and_then(|()| dispatch(cli, kinds, &mut io::stdout())) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = Exit::of(&error);
            if exit != Exit::Ok {
                // Nobody listens on a closed standard error; the exit code still tells.
                let _ = io::stderr().write_all(error_text(&error, logging::stderr_has_colour()).as_bytes());
            }
            exit
        }
    }
}

fn dispatch(cli: Cli, kinds: Kinds, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let verbosity = cli.global.verbosity();
    match cli.command {
        Command::Run(args) => run::run(&args, verbosity, kinds, out),
        Command::Resume(args) => resume::resume(&args, verbosity, kinds),
        Command::Retry(args) => resume::retry(&args, verbosity, kinds),
        Command::Runs(args) => runs::runs(&args, verbosity, kinds, out),
        Command::Watch(args) => watch::watch(&args, out),
        Command::Check(args) => check::check(args, verbosity, kinds, out),
        Command::Kinds(args) => kinds::kinds(&args, kinds, out),
        Command::Scale(args) => scale::scale(&args, verbosity, kinds, out),
        Command::Completions(args) => completions::completions(&args, out),
        Command::Man(args) => man::man(&args, out),
    }
}

/// `error: …` for each thing that is wrong.
fn error_text(error: &anyhow::Error, colour: bool) -> String {
    let red = if colour { AnsiColor::Red.on_default().bold() } else { Style::new() };
    let messages = match error.downcast_ref::<SpecErrors>() {
        Some(errors) => errors.0.iter().map(ToString::to_string).collect(),
        None => {
            // The store's sentences hold their causes.
            let text = if error.is::<StoreError>() { error.to_string() } else { format!("{error:#}") };
            let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
            let advice = causes.find_map(advice).map(|advice| format!(": {advice}")).unwrap_or_default();
            vec![text + &advice]
        }
    };
    messages.iter().map(|message| format!("{red}error{red:#}: {}\n", for_screen(message, false))).collect()
}

/// Writes a command's answer; a reader that has gone is an orderly end.
fn write_out(out: &mut dyn Write, text: &str) -> Result<(), OutputError> {
    out.write_all(for_screen(text, logging::stdout_has_colour()).as_bytes())
        .and_then(|()| out.flush())
        .map_err(OutputError::screen)
}
