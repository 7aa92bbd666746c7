//! A run of the store, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::text::timestamp;
use crate::output::{count, printable, seconds};
use crate::store::RunInfo;

/// A run for programs.
pub(super) fn to_json(run: &RunInfo) -> Value {
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
