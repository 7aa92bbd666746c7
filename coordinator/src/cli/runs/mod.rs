//! `coordinator runs`: what is stored.

mod export;
mod list;
mod prune;
mod show;

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::Exit;
use super::stored::StoreArgs;
use super::{Verbosity, exit};
use crate::job::Kinds;
use crate::store::RunInfo;

pub(super) const EXAMPLES: &str = "\
Examples:
  coordinator runs list                           the runs, newest first
  coordinator runs show 1hkz3q                    one of them: summary, failures with their history
  coordinator runs show 1hkz3q --html run.html    the same as a page, with charts
  coordinator runs export 1hkz3q --format csv --failed
  coordinator runs prune --older-than 30d         forget old runs";

/// The flags of `runs`.
#[derive(Debug, Clone, Args)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Clone, Subcommand)]
enum RunsCommand {
    /// List the runs, newest first
    #[command(after_help = help(EXAMPLES))]
    List(list::ListArgs),
    /// Tell about one run
    #[command(after_help = help(EXAMPLES))]
    Show(show::ShowArgs),
    /// Write a run's results again
    #[command(after_help = help(export::EXAMPLES))]
    Export(export::ExportArgs),
    /// Forget runs, and give their room back
    #[command(after_help = help(prune::EXAMPLES))]
    Prune(prune::PruneArgs),
}

fn help(examples: &str) -> String {
    format!("{examples}\n\n{}", exit::HELP)
}

/// Looks into the store.
///
/// # Errors
/// The store can't be read, or there is no such run.
pub(super) fn runs(
    args: &RunsArgs,
    verbosity: Verbosity,
    kinds: Kinds,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let store = args.store.open_existing()?;
    match &args.command {
        RunsCommand::List(list) => list::list(list, &store, out),
        RunsCommand::Show(show) => show::show(show, &store, kinds, out),
        RunsCommand::Export(export) => export::export(export, &store, verbosity, kinds),
        RunsCommand::Prune(prune) => prune::prune(prune, store, out),
    }
}

/// A run for programs.
fn to_json(run: &RunInfo) -> Value {
    json!({
        "run_id": run.id.as_str(),
        "job": run.job,
        "kind": run.kind,
        "state": run.state.name(),
        "pid": run.pid,
        "created": timestamp(run.created),
        "updated": timestamp(run.updated),
        "finished": run.finished.map(timestamp),
        "wall_seconds": run.wall.as_secs_f64(),
        "tasks": { "total": run.total, "planned": run.planned, "ok": run.ok, "failed": run.failed },
        "parent": run.parent.as_ref().map(|parent| parent.as_str()),
        "replaced_by": run.replaced_by.as_ref().map(|by| by.as_str()),
    })
}

/// `2026-11-21T09:30:00Z` (RFC 3339). Days to dates as in <https://howardhinnant.github.io/date_algorithms.html>,
/// `civil_from_days`.
pub(super) fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_told_as_in_rfc_3339() {
        let at = |seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(at(4_102_444_799), "2099-12-31T23:59:59Z");
    }
}
