//! `coordinator runs prune`: forgets runs.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::write_out;
use crate::job::units::{ValueError, parse_duration};
use crate::output::counted;
use crate::run::now;
use crate::store::{Prune, RunInfo, Store};

pub(super) const EXAMPLES: &str = "\
Examples:
  coordinator runs prune --older-than 30d         runs in which nothing has happened for so long
  coordinator runs prune --keep 20                all but the newest twenty
  coordinator runs prune --run 1hkz3q --dry-run   what would go";

/// The flags of `runs prune`.
#[derive(Debug, Clone, Args)]
pub(super) struct PruneArgs {
    /// Those in which nothing has happened for so long: 30d, 12h
    #[arg(long, value_name = "TIME", value_parser = age, required_unless_present_any = ["keep", "run"])]
    older_than: Option<Duration>,

    /// All but so many of the newest
    #[arg(long, value_name = "N")]
    keep: Option<usize>,

    /// This one; may be repeated
    #[arg(long, value_name = "RUN")]
    run: Vec<String>,

    /// Say what would go, and forget nothing
    #[arg(long)]
    dry_run: bool,

    /// As one JSON object
    #[arg(long)]
    json: bool,
}

/// A time as elsewhere, or a number of days.
fn age(text: &str) -> Result<Duration, ValueError> {
    let days = text.strip_suffix('d').and_then(|days| days.trim().parse::<u32>().ok());
    days.map_or_else(|| parse_duration(text), |days| Ok(Duration::from_secs(u64::from(days) * 86_400)))
}

/// Forgets runs; one that is being worked on is left alone.
pub(super) fn prune(args: &PruneArgs, mut store: Store, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let named = args.run.iter().map(|name| Ok(store.find(name)?.id));
    let which = Prune {
        older_than: args.older_than.and_then(|age| now().checked_sub(age)),
        keep: args.keep,
        runs: named.collect::<anyhow::Result<_>>()?,
    };
    let (removed, alive) = if args.dry_run {
        (store.prunable(&which)?, Vec::new())
    } else {
        let pruned = store.prune(&which)?;
        (pruned.removed, pruned.alive)
    };
    let text = if args.json {
        format!("{}\n", json!({ "removed": ids(&removed), "alive": ids(&alive) }))
    } else {
        told(args.dry_run, &removed, &alive)
    };
    write_out(out, &text)?;
    Ok(Exit::Ok)
}

fn ids(runs: &[RunInfo]) -> Vec<Value> {
    runs.iter().map(|run| run.id.as_str().into()).collect()
}

fn told(dry_run: bool, removed: &[RunInfo], alive: &[RunInfo]) -> String {
    let (verb, mut text) = (if dry_run { "would forget" } else { "forgot" }, String::new());
    // Writing to a String can't fail.
    for run in removed {
        let _ = writeln!(text, "{verb} {} ({}, {})", run.id, run.job, counted(run.ok + run.failed, "task"));
    }
    for run in alive {
        let _ = writeln!(text, "left {}: it is being worked on", run.id);
    }
    if text.is_empty() {
        text.push_str("nothing to forget\n");
    }
    text
}
