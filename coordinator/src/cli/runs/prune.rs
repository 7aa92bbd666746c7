//! `coordinator runs prune`: forgets runs.

use std::fmt::Write as _;
use std::io::Write;

use serde_json::{Value, json};

use crate::cli::args::PruneArgs;
use crate::cli::exit::Exit;
use crate::cli::text::write_out;
use crate::output::counted;
use crate::run::now;
use crate::store::{Prune, RunInfo, Store};

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
