//! What can be typed: clap's types and their help, one file a subcommand. What is done with them stands in the files
//! above this folder, which nothing in here uses.

mod check;
mod command;
mod completions;
mod flags;
mod kinds;
mod man;
mod resume;
mod run;
mod runs;
mod scale;
mod shown;
mod store;
mod watch;

pub(super) use check::CheckArgs;
pub(super) use command::{Cli, Command};
pub(super) use completions::CompletionsArgs;
pub(super) use kinds::KindsArgs;
pub(super) use man::ManArgs;
pub(super) use resume::{AgainArgs, Changed, ResumeArgs, RetryArgs};
pub(super) use run::{OutputArgs, RunArgs};
pub(super) use runs::{ExportArgs, ExportFormat, ListArgs, PruneArgs, RunsArgs, RunsCommand, ShowRunArgs};
pub(super) use scale::ScaleArgs;
pub(super) use shown::ShowArgs;
pub(super) use store::KeepArgs;
pub(super) use watch::WatchArgs;
