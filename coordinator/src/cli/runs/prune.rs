//! `coordinator runs prune`: forgets runs.

use std::fmt::Write as _;
use std::io::Write;

use serde_json::{Value, json};

use crate::cli::args::PruneArgs;
use crate::cli::exit::{Exit, UsageError};
use crate::cli::text::write_out;
use crate::output::counted;
use crate::run::now;
use crate::store::{Prune, Pruned, RunInfo, RunState, Store};

/// Forgets runs, and says which before it does; one that is being worked on is left alone.
pub(super) fn prune(args: &PruneArgs, mut store: Store, out: &mut dyn Write) -> anyhow::Result<Exit> {
    if args.older_than.is_none() && args.keep.is_none() && args.run.is_empty() {
        let message = "say which runs to forget: --older-than TIME, --keep N or --run RUN (with --dry-run it only says \
                       what would go)";
        return Err(UsageError(message.into()).into());
    }
    let named = args.run.iter().map(|name| Ok(store.find(name)?.id));
    let which = Prune {
        older_than: args.older_than.and_then(|age| now().checked_sub(age)),
        keep: args.keep,
        interrupted: args.interrupted,
        runs: named.collect::<anyhow::Result<_>>()?,
    };
    let going = store.prunable(&which)?;
    if !args.json {
        write_out(out, &announced(args.dry_run, &going))?;
    }
    let pruned = if args.dry_run { Pruned::default() } else { store.prune(&which)? };
    let text = match args.json {
        true => {
            let removed = if args.dry_run { &going } else { &pruned.removed };
            format!("{}\n", json!({ "removed": ids(removed), "alive": ids(&pruned.alive) }))
        }
        false => told(&pruned),
    };
    write_out(out, &text)?;
    Ok(Exit::Ok)
}

fn ids(runs: &[RunInfo]) -> Vec<Value> {
    runs.iter().map(|run| run.id.as_str().into()).collect()
}

/// What is about to go.
fn announced(dry_run: bool, going: &[RunInfo]) -> String {
    let (verb, mut text) = (if dry_run { "would forget" } else { "forgetting" }, String::new());
    // Writing to a String can't fail.
    for run in going.iter().filter(|run| run.state != RunState::Running) {
        let (tasks, state) = (counted(run.ok + run.failed, "task"), run.state.name());
        let _ = writeln!(text, "{verb} {} ({}, {tasks}, {state})", run.id, run.job);
    }
    if going.is_empty() {
        text.push_str("nothing to forget\n");
    }
    text
}

/// What has stayed all the same.
fn told(pruned: &Pruned) -> String {
    pruned.alive.iter().fold(String::new(), |mut text, run| {
        let _ = writeln!(text, "left {}: it is being worked on", run.id);
        text
    })
}
