//! The arguments of `coordinator runs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::store::StoreArgs;
use crate::cli::exit;
use crate::job::units::{ValueError, parse_duration};
use crate::outcome::Outcome;
use crate::output::Existing;

pub(crate) const EXAMPLES: &str = "\
Examples:
  coordinator runs list                           the runs, newest first
  coordinator runs show 1hkz3q                    one of them: summary, failures with their history
  coordinator runs show 1hkz3q --html run.html    the same as a page, with charts
  coordinator runs export 1hkz3q --format csv --failed
  coordinator runs prune --older-than 30d         forget old runs";

pub(crate) const EXPORT_EXAMPLES: &str = "\
Examples:
  coordinator runs export 1hkz3q --format jsonl            all results, one JSON object a line
  coordinator runs export 1hkz3q --format csv --failed     the failures as a table
  coordinator runs export 1hkz3q --format sqlite -o run.db  as a database with plain tables";

pub(crate) const PRUNE_EXAMPLES: &str = "\
Examples:
  coordinator runs prune --older-than 30d         runs in which nothing has happened for so long
  coordinator runs prune --keep 20                all but the newest twenty
  coordinator runs prune --older-than 30d --keep 20   what is both: old, and not among the newest twenty
  coordinator runs prune --run 1hkz3q --dry-run   what would go";

/// The flags of `runs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    pub(crate) command: RunsCommand,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the runs, newest first
    #[command(after_help = help(EXAMPLES))]
    List(ListArgs),
    /// Tell about one run
    #[command(after_help = help(EXAMPLES))]
    Show(ShowRunArgs),
    /// Write a run's results again
    #[command(after_help = help(EXPORT_EXAMPLES))]
    Export(ExportArgs),
    /// Forget runs, and give their room back
    #[command(after_help = help(PRUNE_EXAMPLES))]
    Prune(PruneArgs),
}

fn help(examples: &str) -> String {
    format!("{examples}\n\n{}", exit::HELP)
}

/// The flags of `runs list`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    /// At most so many
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<u32>,

    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags of `runs show`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ShowRunArgs {
    /// The run's id, or how it begins; by default the newest run
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,

    /// At most so many failures
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) failures: u32,

    /// As one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// As one HTML page, into this file; an earlier one is replaced
    #[arg(long, value_name = "PATH", conflicts_with = "json")]
    pub(crate) html: Option<PathBuf>,
}

/// The flags of `runs export`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArgs {
    /// The run's id, or how it begins
    #[arg(value_name = "RUN")]
    pub(crate) run: String,

    /// How the results are written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ExportFormat::Jsonl)]
    pub(crate) format: ExportFormat,

    /// Write to this file and not to the standard output
    #[arg(short, long, value_name = "PATH", required_if_eq("format", "sqlite"))]
    pub(crate) output: Option<PathBuf>,

    /// Replace the file where it exists
    #[arg(long)]
    pub(crate) force: bool,

    /// Only tasks that ended well
    #[arg(long, conflicts_with = "failed")]
    pub(crate) ok: bool,

    /// Only tasks that failed
    #[arg(long)]
    pub(crate) failed: bool,

    /// Leave out what differs between runs (attempts, worker, micros)
    #[arg(long)]
    pub(crate) reproducible: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
    /// A SQLite file with one row a task
    Sqlite,
}

impl ExportArgs {
    pub(crate) fn wants(&self, outcome: &Outcome<'_>) -> bool {
        if outcome.result.is_ok() { !self.failed } else { !self.ok }
    }

    pub(crate) fn existing(&self) -> Existing {
        if self.force { Existing::Replace } else { Existing::Refuse }
    }
}

/// The flags of `runs prune`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PruneArgs {
    /// Those in which nothing has happened for so long, with its unit: 30d, 12h
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub(crate) older_than: Option<Duration>,

    /// All but so many of the newest; with --older-than, those that are old as well
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,

    /// Also those that can be resumed: interrupted ones stay otherwise, unless they are named
    #[arg(long)]
    pub(crate) interrupted: bool,

    /// This one, whatever the other flags say; may be repeated
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Vec<String>,

    /// Say what would go, and forget nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// As one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A time as elsewhere, but never a bare number: nobody who forgets runs means seconds by it.
fn age(text: &str) -> Result<Duration, ValueError> {
    if !text.trim().is_empty() && text.trim().chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(ValueError::new(format!(
            "a number without its unit; for example {0}d, or {0}h",
            text.trim()
        )));
    }
    parse_duration(text)
}
