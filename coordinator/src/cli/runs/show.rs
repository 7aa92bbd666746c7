//! `coordinator runs show RUN`: one run, with its failures and their history.

use std::fmt::Write as _;
use std::io::Write;

use protocol::TaskId;
use serde_json::{Value, json};

use super::told::{table, to_json};
use crate::cli::args::ShowRunArgs;
use crate::cli::exit::{Exit, UsageError};
use crate::cli::text::{timestamp, write_out};
use crate::job::Kinds;
use crate::output::{counted, json_for_screen, printable};
use crate::report::{self, Letter, Report};
use crate::store::{DeadLetter, RunInfo, Store};

/// People are shown so many of the latest events; programs all.
const EVENTS: usize = 50;

/// Tells about one run.
pub(super) fn show(
    args: &ShowRunArgs,
    store: &Store,
    kinds: Kinds,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let run = match &args.run {
        Some(name) => store.find(name)?,
        None => {
            let newest = store.runs(Some(1))?.into_iter().next();
            newest.ok_or_else(|| UsageError("the store holds no run".into()))?
        }
    };
    if let Some(path) = &args.html {
        report::write(&page(store, &run, kinds)?, path)?;
        return Ok(Exit::Ok);
    }
    let letters = store.dead_letters(&run, TaskId(0), args.failures)?;
    let summary = store.details(&run)?.summary.and_then(|text| serde_json::from_str(&text).ok());
    let text = if args.json {
        json_for_screen(format!("{}\n", whole(store, &run, &letters, summary)?))
    } else {
        let mut text = table(std::slice::from_ref(&run));
        push_workers(summary.as_ref(), &mut text);
        push_events(store, &run, &mut text)?;
        push_failures(&run, &letters, &mut text);
        text
    };
    write_out(out, &text)?;
    Ok(Exit::Ok)
}

/// What is stored of a run, as a report.
fn page(store: &Store, run: &RunInfo, kinds: Kinds) -> anyhow::Result<Report> {
    let details = store.details(run)?;
    // A kind that this program does not know, or a summary of another version, is no reason to show nothing.
    let kind = kinds.iter().find(|kind| kind.name() == run.kind);
    let presenter = kind.and_then(|kind| kind.presenter(&details.setup).ok());
    let input = |payload: &[u8]| {
        let mut text = String::new();
        presenter.as_ref()?.input(payload, &mut text).ok().map(|()| text)
    };
    let letters = store.dead_letters(run, TaskId(0), u32::try_from(report::FAILURES).unwrap_or(u32::MAX))?;
    let letter = |letter: DeadLetter| Letter {
        task: letter.task.0,
        input: input(&letter.payload),
        failure: letter.failure,
    };
    Ok(Report {
        run_id: run.id.to_string(),
        job: run.job.clone(),
        kind: run.kind.clone(),
        state: run.state.name().to_owned(),
        begun: Some(timestamp(run.created)),
        summary: details.summary.and_then(|text| serde_json::from_str(&text).ok()),
        result: None,
        failures: letters.into_iter().map(letter).collect(),
        failed: run.failed,
    })
}

fn whole(
    store: &Store,
    run: &RunInfo,
    letters: &[DeadLetter],
    summary: Option<Value>,
) -> anyhow::Result<Value> {
    let events = store
        .events(run)?
        .into_iter()
        .map(|event| json!({ "at": timestamp(event.at), "kind": event.kind, "detail": event.detail }));
    let failures = letters.iter().map(|letter| json!({ "id": letter.task.0, "failure": letter.failure }));
    let mut whole = to_json(run);
    if let Some(object) = whole.as_object_mut() {
        object.insert("events".into(), events.collect());
        object.insert("failures".into(), failures.collect());
        object.insert("summary".into(), summary.unwrap_or(Value::Null));
    }
    Ok(whole)
}

// Writing to a String can't fail.

fn push_workers(summary: Option<&Value>, text: &mut String) {
    let workers = summary.and_then(|summary| summary.get("per_worker")).and_then(Value::as_array);
    for worker in workers.into_iter().flatten() {
        let name = worker.get("name").and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| worker.get(key).and_then(Value::as_u64).unwrap_or_default();
        let busy = worker.get("busy_seconds").and_then(Value::as_f64).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {}: {}, busy for {busy:.2} s, {}",
            printable(name),
            counted(number("tasks"), "task"),
            counted(number("incarnations"), "start"),
        );
    }
}

fn push_events(store: &Store, run: &RunInfo, text: &mut String) -> anyhow::Result<()> {
    let events = store.events(run)?;
    let more = events.len().saturating_sub(EVENTS);
    if more > 0 {
        let _ = writeln!(text, "  … {} before these", counted(more as u64, "event"));
    }
    for event in events.iter().skip(more) {
        let line = format!("{} {}", event.kind, event.detail);
        let _ = writeln!(text, "  {} {}", timestamp(event.at), printable(line.trim_end()));
    }
    Ok(())
}

fn push_failures(run: &RunInfo, letters: &[DeadLetter], text: &mut String) {
    for letter in letters {
        let failure = &letter.failure;
        let _ = writeln!(
            text,
            "task {} failed ({}): {}",
            letter.task.0,
            failure.reason.name(),
            printable(&failure.message)
        );
        for attempt in &failure.history {
            let _ = writeln!(
                text,
                "  attempt {} on worker-{} (pid {}), {} µs: {}: {}",
                attempt.attempt,
                attempt.worker,
                attempt.pid,
                attempt.micros,
                attempt.reason.name(),
                printable(&attempt.message)
            );
            for line in &attempt.last_lines {
                let _ = writeln!(text, "    | {}", printable(line));
            }
        }
    }
    let more = run.failed.saturating_sub(letters.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "… and {} more", counted(more, "failure"));
    }
}
