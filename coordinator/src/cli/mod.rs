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

mod args;
mod check;
mod completions;
mod describe;
mod execute;
mod exit;
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
mod stored;
#[cfg(test)]
mod tests;
mod text;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
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

use self::args::{Cli, Command};
use crate::job::Kinds;
use crate::output::for_screen;
use crate::store::StoreError;
use crate::supervisor::advice;

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
    // What then comes of it is told where it comes.
    let _ = crate::signals::tell_of_long_files();
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

/// In a directory that has been deleted nothing is found, which is told where something was not.
fn where_we_are(messages: &[String], gone: bool) -> &'static str {
    let missed = |message: &String| {
        !message.contains("current directory")
            && ["No such file", "no such file", "does not exist"].iter().any(|part| message.contains(part))
    };
    match gone && messages.iter().any(missed) {
        true => "  the current directory has been deleted: go to one that is there (cd)\n",
        false => "",
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
    let lost = where_we_are(&messages, std::env::current_dir().is_err());
    messages
        .iter()
        .map(|message| format!("{red}error{red:#}: {}\n", for_screen(message, false)))
        .collect::<String>()
        + lost
}
