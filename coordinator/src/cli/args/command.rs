//! The whole command line: every subcommand with its arguments and its help.

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::{check, completions, kinds, man, resume, run, runs, scale, watch};
use crate::cli::exit;
use crate::cli::logging::GlobalArgs;

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
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

impl Cli {
    /// Reads a command line. A number below zero is a flag's value, and told to be too small where it is: it is no flag
    /// of its own.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
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
pub(crate) enum Command {
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
