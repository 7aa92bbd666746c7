//! `coordinator runs list`.

use std::fmt::Write as _;
use std::io::Write;

use clap::Args;

use super::{timestamp, to_json};
use crate::cli::exit::Exit;
use crate::cli::write_out;
use crate::output::{count, json_for_screen, printable, seconds};
use crate::store::{RunInfo, Store};

/// The flags of `runs list`.
#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// At most so many
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<u32>,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Lists the runs, newest first.
pub(super) fn list(args: &ListArgs, store: &Store, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let runs = store.runs(args.limit)?;
    let text = if args.json {
        runs.iter().map(|run| json_for_screen(format!("{}\n", to_json(run)))).collect()
    } else {
        table(&runs)
    };
    write_out(out, &text)?;
    Ok(Exit::Ok)
}

/// A line a run: words on the left, numbers on the right of their columns.
pub(super) fn table(runs: &[RunInfo]) -> String {
    let header = ["run", "job", "state", "started", "tasks", "failed", "took"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(header).chain(runs.iter().map(row)).collect();
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let [id, job, state, started, tasks, failed, took] = widths;
    let mut text = String::new();
    for [a, b, c, d, e, f, g] in &rows {
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "{a:id$}  {b:job$}  {c:state$}  {d:started$}  {e:>tasks$}  {f:>failed$}  {g:>took$}"
        );
    }
    text
}

fn row(run: &RunInfo) -> [String; 7] {
    let ended = count(run.ok + run.failed);
    let tasks = match run.total {
        Some(total) if total != run.ok + run.failed => format!("{ended} of {}", count(total)),
        _ => ended,
    };
    [
        run.id.to_string(),
        printable(&run.job),
        match &run.replaced_by {
            Some(by) => format!("{}, replaced by {by}", run.state.name()),
            None => run.state.name().to_owned(),
        },
        timestamp(run.created),
        tasks,
        count(run.failed),
        seconds(run.wall.as_secs_f64()),
    ]
}
