//! What a request would do, as text: for `check` and `run --dry-run`.

use std::fmt::Write as _;
use std::io::Write;

use jobs::words::shortened;
use jobs::{Presenter, Tasks};
use protocol::Payloads;

use super::exit::Exit;
use super::request::RunRequest;
use super::text::write_out;
use crate::job::units::{format_duration, format_size};
use crate::job::{Workers, values};
use crate::output::{Format, INPUT_LENGTH, ResultSettings, printable};
use crate::pool::{BatchSize, PoolOptions};

/// How many tasks are shown.
const SHOWN: usize = 5;
/// How much of the first one's command, in characters.
const ACTION_LENGTH: usize = 1_000;

/// Says what a request would do.
///
/// # Errors
/// The first tasks can't be made.
pub(super) fn describe(request: RunRequest, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let RunRequest { mut job, presenter, pool, order, results, .. } = request;
    let mut text = String::new();
    line(&mut text, "job", &format!("{} ({})", job.name, job.path.display()));
    line(&mut text, "kind", &format!("{}: {}", job.kind.name(), job.kind.about()));
    describe_tasks(&mut *job.plan.tasks, job.plan.total, &*presenter, &mut text)?;
    let workers = match job.run.workers {
        None | Some(Workers::Auto) => format!("{} (one for each usable CPU)", pool.workers),
        Some(Workers::Fixed(count)) => count.to_string(),
    };
    line(&mut text, "workers", &workers);
    line(&mut text, "order", values::order_name(order));
    describe_pool(&pool, &mut text);
    describe_results(&results, &mut text);
    write_out(out, &text)?;
    Ok(Exit::Ok)
}

fn describe_tasks(
    tasks: &mut dyn Tasks,
    total: Option<u64>,
    presenter: &dyn Presenter,
    text: &mut String,
) -> anyhow::Result<()> {
    let mut first = Payloads::new();
    let more = tasks.next(SHOWN, &mut first)?;
    let count = match total {
        Some(total) => total.to_string(),
        None if more => "lazy: counted as they are made".into(),
        None => "none".into(),
    };
    line(text, "tasks", &count);
    for (id, payload) in first.iter().take(SHOWN).enumerate() {
        let mut input = String::new();
        presenter.input(payload, &mut input)?;
        line(text, "", &format!("{id}: {}", printable(&shortened(&input, INPUT_LENGTH))));
    }
    let mut action = String::new();
    if let Some(payload) = first.iter().next() {
        presenter.action(0, payload, &mut action)?;
    }
    if more && total.is_none_or(|total| total > first.len() as u64) {
        line(text, "", "…");
    }
    if !action.is_empty() {
        line(text, "does", &printable(&shortened(&action, ACTION_LENGTH)));
    }
    Ok(())
}

fn describe_pool(pool: &PoolOptions, text: &mut String) {
    let batch = match pool.batch {
        BatchSize::Auto => "auto".to_owned(),
        BatchSize::Fixed(count) => count.to_string(),
    };
    line(text, "batch", &batch);
    let reasons: Vec<_> = pool.retry_on.iter().map(|reason| reason.name()).collect();
    let retries = match (pool.retries, reasons.is_empty()) {
        (0, _) | (_, true) => "none".to_owned(),
        (most, false) => format!("{most}, after {}", reasons.join(", ")),
    };
    line(text, "retries", &retries);
    let limits = [
        ("timeout", pool.timeout.map(format_duration)),
        ("soft timeout", pool.soft_timeout.map(format_duration)),
        ("memory", pool.limits.memory.map(format_size)),
        ("cpu seconds", pool.limits.cpu_seconds.map(|count| count.to_string())),
        ("open files", pool.limits.open_files.map(|count| count.to_string())),
        ("file size", pool.limits.file_size.map(format_size)),
        ("tasks a worker", pool.max_tasks_per_worker.map(|count| count.to_string())),
        ("memory growth", pool.max_memory_growth.map(format_size)),
        ("failures", pool.max_failures.map(|count| format!("at most {count}"))),
    ];
    let mut unlimited = true;
    for (name, limit) in limits {
        if let Some(limit) = limit {
            line(text, name, &limit);
            unlimited = false;
        }
    }
    if unlimited {
        line(text, "limits", "none");
    }
    line(text, "grace", &format_duration(pool.grace));
    if let Some(program) = &pool.worker_program {
        line(text, "worker", &program.display().to_string());
    }
}

fn describe_results(results: &ResultSettings, text: &mut String) {
    let file = results.file.as_ref().map(|file| (file.path.display().to_string(), file.format));
    let screen = results.screen.map(|screen| ("the standard output".to_owned(), screen.format));
    for (place, format) in file.into_iter().chain(screen) {
        let note = if results.reproducible && format != Format::Text { ", reproducible" } else { "" };
        line(text, "results", &format!("{place} ({format}{note})"));
    }
}

/// A name and what it stands for.
fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "{name:<15} {}", printable(value));
}
