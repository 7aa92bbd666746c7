//! The parts of the page that are text and tables.

use std::fmt::Write as _;

use super::content::{Letter, Report};
use super::escape::text;
use crate::output::{count, counted, hint, rate, seconds};
use crate::summary::Summary;

// Writing to a String can't fail.

/// Name, state and when.
pub(super) fn head(report: &Report) -> String {
    let look = match (report.state.as_str(), report.failed) {
        ("finished", 0) => "good",
        ("finished", _) => "so-so",
        _ => "bad",
    };
    let state = match (report.state.as_str(), report.failed) {
        ("finished", 0) => "finished, all tasks ok".to_owned(),
        ("finished", failed) => format!("finished, {} failed", counted(failed, "task")),
        (state, _) => text(state),
    };
    let begun = report
        .begun
        .as_ref()
        .map(|begun| format!(" · <span class=\"once\">begun {}</span>", text(begun)))
        .unwrap_or_default();
    format!(
        "<header><h1>{}</h1><p class=\"faint\">run <code>{}</code> · kind {}{begun}</p><p class=\"state {look}\">\
         {state}</p></header>",
        text(&report.job),
        text(&report.run_id),
        text(&report.kind)
    )
}

/// The figures that matter, large.
pub(super) fn tiles(summary: &Summary) -> String {
    let tasks = &summary.tasks;
    let busy: f64 = summary.per_worker.iter().map(|worker| worker.busy_seconds).sum();
    let mut tiles = vec![
        (count(tasks.ok), "tasks ok", "good"),
        (count(tasks.failed), "failed", if tasks.failed > 0 { "bad" } else { "" }),
        (seconds(summary.wall_seconds), "in all", ""),
        (rate(summary.tasks_per_second), "tasks", ""),
        (count(summary.workers.into()), "workers", ""),
        (seconds(busy), "in tasks", ""),
    ];
    let rare = [
        (tasks.skipped, "done before", ""),
        (tasks.retried, "tried again", "so-so"),
        (summary.restarts, "restarts", "so-so"),
    ];
    tiles.extend(
        rare.into_iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, name, look)| (count(number), name, look)),
    );
    let tile = |(number, name, look): &(String, &str, &str)| {
        format!("<div class=\"tile\"><b class=\"{look}\">{number}</b><span>{name}</span></div>")
    };
    format!("<div class=\"tiles\">{}</div>", tiles.iter().map(tile).collect::<String>())
}

/// A part of the page with a heading; nothing where it is empty.
pub(super) fn section(title: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("<section><h2>{title}</h2>{body}</section>") }
}

/// The combined result.
pub(super) fn result(report: &Report) -> String {
    let value = report.summary.as_ref().and_then(|summary| summary.result.as_ref());
    let shown = report.result.clone().or_else(|| value.map(|value| format!("{value:#}")));
    // Its lines stay lines: each is escaped for itself.
    shown.map_or_else(String::new, |shown| {
        let lines: Vec<String> = shown.lines().map(text).collect();
        format!("<pre>{}</pre>", lines.join("\n"))
    })
}

/// What kept it from going faster.
pub(super) fn advice(summary: &Summary) -> String {
    hint(summary).map_or_else(String::new, |hint| format!("<p class=\"faint\">{hint}</p>"))
}

/// A line for each worker.
pub(super) fn worker_table(summary: &Summary) -> String {
    if summary.per_worker.is_empty() {
        return String::new();
    }
    let mut table = String::from(
        "<div class=\"scroll\"><table><tr><th>worker</th><th class=\"n\">tasks</th><th class=\"n\">busy</th>\
         <th class=\"n\">busy %</th><th class=\"n\">starts</th><th class=\"n\">pid</th></tr>",
    );
    for worker in &summary.per_worker {
        let wall = summary.wall_seconds;
        let share = if wall > 0.0 { 100.0 * worker.busy_seconds / wall } else { 0.0 };
        let _ = write!(
            table,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{share:.0} %</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            text(&worker.name),
            count(worker.tasks),
            seconds(worker.busy_seconds),
            worker.incarnations,
            worker.pid
        );
    }
    table + "</table></div>"
}

/// The failures by reason, each with its history.
pub(super) fn failures(report: &Report) -> String {
    let mut body = String::new();
    let mut reasons: Vec<_> = report.failures.iter().map(|letter| letter.failure.reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        let of_it: Vec<_> = report.failures.iter().filter(|letter| letter.failure.reason == reason).collect();
        let _ = write!(body, "<h3 class=\"bad\">{} · {}</h3>", reason.name(), count(of_it.len() as u64));
        // One of each reason is open to be read.
        let shown = std::iter::once(true).chain(std::iter::repeat(false));
        of_it.iter().zip(shown).for_each(|(letter, open)| push_letter(letter, open, &mut body));
    }
    let more = report.failed.saturating_sub(report.failures.len() as u64);
    if more > 0 {
        let run = text(&report.run_id);
        let _ = write!(
            body,
            "<p class=\"faint\">… and {} more: <code>coordinator runs export {run} --failed</code></p>",
            count(more)
        );
    }
    body
}

fn push_letter(letter: &Letter, open: bool, body: &mut String) {
    let open = if open { " open" } else { "" };
    let input =
        letter.input.as_ref().map(|input| format!(" <code>{}</code>", text(input))).unwrap_or_default();
    let failure = &letter.failure;
    let _ = write!(
        body,
        "<details{open}><summary>task {}{input}: {}</summary><ol>",
        count(letter.task),
        text(&failure.message)
    );
    for attempt in &failure.history {
        let _ = write!(
            body,
            "<li>on worker-{} (pid {}), after {}: {}: {}",
            attempt.worker,
            attempt.pid,
            seconds(attempt.micros as f64 / 1e6),
            attempt.reason.name(),
            text(&attempt.message)
        );
        if !attempt.last_lines.is_empty() {
            let lines: Vec<String> = attempt.last_lines.iter().map(|line| text(line)).collect();
            let _ = write!(body, "<pre>{}</pre>", lines.join("\n"));
        }
        body.push_str("</li>");
    }
    body.push_str("</ol></details>");
}
