//! The end of a run: a summary for people, and the same for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use jobs::Presenter;
use jobs::words::shortened;

use super::columns::{INPUT_LENGTH, input_or_id, without_input};
use super::destination::Destination;
use super::escape::{defuse, json_for_screen, printable};
use super::held_back::{hint, time_line};
use super::human::{count, counted, rate, seconds};
use super::{Existing, OutputError};
use crate::outcome::{OutcomeBatch, Reason};
use crate::summary::{Summary, WorkerSummary};

/// How many failures of each reason are kept and shown.
const SHOWN: usize = 5;

/// Longer messages are cut in the summary; the results have them whole.
const MESSAGE_LENGTH: usize = 160;

/// Failed tasks, grouped by reason. Its size doesn't grow with their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureTally {
    groups: BTreeMap<Reason, Group>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Group {
    count: u64,
    // Those of the lowest ids, whatever the order in which they came.
    // Invariant: at most `SHOWN`, each a line without control characters.
    first: BTreeMap<u64, String>,
}

impl FailureTally {
    /// Counts the failures of a batch.
    pub fn add(&mut self, batch: &OutcomeBatch, presenter: &dyn Presenter) {
        for outcome in batch.iter() {
            let Err(failure) = outcome.result else { continue };
            let group = self.groups.entry(failure.reason).or_default();
            group.count += 1;
            let last = group.first.last_key_value().map(|(last, _)| *last);
            if group.first.len() < SHOWN || last > Some(outcome.task.0) {
                let mut line = String::new();
                let mut input = String::new();
                input_or_id(&outcome, presenter, &mut input);
                line.push_str(&shortened(&input, INPUT_LENGTH));
                line.push_str(": ");
                line.push_str(&shortened(without_input(&failure.message, &input), MESSAGE_LENGTH));
                defuse(&mut line, 0);
                group.first.insert(outcome.task.0, line);
                if group.first.len() > SHOWN {
                    group.first.pop_last();
                }
            }
        }
    }

    /// One of the failures, in a line.
    pub fn first(&self) -> Option<&str> {
        self.groups.values().find_map(|group| group.first.values().next()).map(String::as_str)
    }

    /// True where nothing failed.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

/// Displays as the summary that people read.
#[derive(Debug, Clone, Copy)]
pub struct SummaryText<'a> {
    /// What the run came to.
    pub summary: &'a Summary,
    /// What failed.
    pub failures: &'a FailureTally,
    /// The combined result in a line, for kinds that have one.
    pub result: Option<&'a str>,
    /// Use colours.
    pub colour: bool,
    /// How many columns the screen has, where it is one: the table leaves out what does not fit.
    pub width: Option<usize>,
}

impl fmt::Display for SummaryText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.headline(f)?;
        if let Some(result) = self.result {
            writeln!(f, "result: {}", printable(result))?;
        }
        self.reasons(f)?;
        self.workers(f)?;
        if let Some(line) = time_line(self.summary) {
            writeln!(f, "{line}")?;
        }
        match hint(self.summary) {
            Some(hint) => writeln!(f, "  {hint}"),
            None => Ok(()),
        }
    }
}

impl SummaryText<'_> {
    fn style(&self, colour: AnsiColor) -> Style {
        if self.colour { colour.on_default() } else { Style::new() }
    }

    /// `primes: 1,000,000 tasks in 1.23 s (813,008/s): 999,998 ok, 2 failed, 4 retries, 2 restarts`.
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { job, tasks, restarts, wall_seconds, tasks_per_second, .. } = self.summary;
        let (green, red, yellow) =
            (self.style(AnsiColor::Green), self.style(AnsiColor::Red), self.style(AnsiColor::Yellow));
        if self.summary.interrupted {
            write!(f, "{yellow}interrupted{yellow:#} ")?;
        }
        let ended = tasks.ok + tasks.failed;
        write!(f, "{}: {} in {}", printable(job), counted(ended, "task"), seconds(*wall_seconds))?;
        write!(f, " ({}): {green}{} ok{green:#}", rate(*tasks_per_second), count(tasks.ok))?;
        if tasks.failed > 0 {
            write!(f, ", {red}{} failed{red:#}", count(tasks.failed))?;
        }
        if tasks.skipped > 0 {
            write!(f, ", {} already done", count(tasks.skipped))?;
        }
        if tasks.retried > 0 {
            write!(f, ", {} tried again", count(tasks.retried))?;
        }
        if *restarts > 0 {
            write!(f, ", {}", counted(*restarts, "worker restart"))?;
        }
        writeln!(f)
    }

    /// The failures by reason, the first few of each.
    fn reasons(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let red = self.style(AnsiColor::Red);
        for (reason, group) in &self.failures.groups {
            writeln!(f, "{red}failed ({}){red:#}: {}", reason.name(), counted(group.count, "task"))?;
            for line in group.first.values() {
                writeln!(f, "  {line}")?;
            }
            let more = group.count.saturating_sub(group.first.len() as u64);
            if more > 0 {
                writeln!(f, "  … and {} more", count(more))?;
            }
        }
        Ok(())
    }

    /// A line a worker: right-aligned numbers under their names.
    fn workers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.summary.per_worker.is_empty() {
            return Ok(());
        }
        let header = ["worker", "pid", "starts", "tasks", "busy", "busy %"].map(str::to_owned);
        let rows = self.summary.per_worker.iter().map(|worker| row(worker, self.summary.wall_seconds));
        let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
        let mut widths = [0; 6];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let shown = columns(widths, self.width.unwrap_or(usize::MAX));
        for row in &rows {
            for (index, ((cell, width), _)) in
                row.iter().zip(widths).zip(shown).enumerate().filter(|(_, (_, shown))| *shown)
            {
                // Words on the left, numbers on the right of their columns.
                if index == 0 { write!(f, "  {cell:width$}")? } else { write!(f, "  {cell:>width$}")? }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Which columns are shown on a screen of this width: what matters least goes first.
fn columns(widths: [usize; 6], most: usize) -> [bool; 6] {
    const LEAST: [usize; 3] = [1, 2, 4];
    let mut shown = [true; 6];
    for column in LEAST {
        let whole: usize =
            widths.iter().zip(shown).filter(|(_, shown)| *shown).map(|(width, _)| width + 2).sum();
        if whole <= most {
            break;
        }
        shown[column] = false;
    }
    shown
}

fn row(worker: &WorkerSummary, wall_seconds: f64) -> [String; 6] {
    let share = if wall_seconds > 0.0 { 100.0 * worker.busy_seconds / wall_seconds } else { 0.0 };
    [
        worker.name.clone(),
        worker.pid.to_string(),
        count(worker.incarnations.into()),
        count(worker.tasks),
        seconds(worker.busy_seconds),
        format!("{share:.0} %"),
    ]
}

/// Writes the summary as JSON, whole or not at all; an earlier file is replaced.
///
/// # Errors
/// The file can't be written.
pub fn write_summary_json(summary: &Summary, path: &Path) -> Result<(), OutputError> {
    let summary = Summary { timeline: None, ..summary.clone() };
    let json = serde_json::to_string_pretty(&summary).map_err(|error| OutputError::io(path, error.into()))?;
    let json = json_for_screen(json + "\n");
    let mut file = Destination::open(path, Existing::Replace)?;
    file.write(json.as_bytes())?;
    file.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Failure, Outcome};
    use crate::summary::{TaskCounts, TimeSummary};
    use crate::testing::EchoPresenter;

    fn summary() -> Summary {
        let worker = |number: u32, tasks| WorkerSummary {
            name: format!("worker-{number}"),
            pid: 4_120 + number,
            incarnations: 1,
            tasks,
            busy_seconds: 1.1,
        };
        Summary {
            run_id: "r1".into(),
            job: "primes".into(),
            kind: "primes".into(),
            workers: 2,
            tasks: TaskCounts { planned: 1_000_000, ok: 999_994, failed: 6, retried: 12, skipped: 0 },
            restarts: 1,
            wall_seconds: 1.23,
            cpu_seconds: 2.3,
            tasks_per_second: 813_008.1,
            result: None,
            per_worker: vec![worker(1, 500_000), worker(2, 499_999)],
            interrupted: false,
            time: TimeSummary { starting: 0.1, tasks: 1.0, ending: 0.1, ..TimeSummary::default() },
            timeline: None,
        }
    }

    fn failures() -> FailureTally {
        let failure = Failure::new(Reason::Signal, "killed by SIGSEGV\nin the middle".into(), Vec::new());
        let mut batch = OutcomeBatch::new();
        for task in 0..6 {
            batch.push(Outcome {
                task: protocol::TaskId(task),
                payload: b"cat.jpg",
                attempts: 3,
                worker: 1,
                micros: 5,
                slow: false,
                result: Err(&failure),
            });
        }
        let mut tally = FailureTally::default();
        tally.add(&batch, &EchoPresenter);
        tally
    }

    #[test]
    fn the_failures_shown_are_the_first_of_the_input_whatever_came_first() {
        let failure = Failure::new(Reason::Exit, "x".into(), Vec::new());
        let mut tally = FailureTally::default();
        for task in [30_u8, 4, 9, 1, 20, 7, 2, 8] {
            let mut batch = OutcomeBatch::new();
            batch.push(Outcome {
                task: protocol::TaskId(task.into()),
                payload: &[b'a' + task % 26],
                attempts: 1,
                worker: 1,
                micros: 5,
                slow: false,
                result: Err(&failure),
            });
            tally.add(&batch, &EchoPresenter);
        }
        let lines: Vec<_> = tally.groups[&Reason::Exit].first.values().map(String::as_str).collect();
        assert_eq!(lines, ["b: x", "c: x", "e: x", "h: x", "i: x"]);
    }

    #[test]
    fn the_summary_reads_well() {
        let (summary, failures) = (summary(), failures());
        let text = SummaryText {
            summary: &summary,
            failures: &failures,
            result: Some("42"),
            colour: false,
            width: None,
        };
        let expected = "\
primes: 1,000,000 tasks in 1.23 s (813,008/s): 999,994 ok, 6 failed, 12 tried again, 1 worker restart
result: 42
failed (signal): 6 tasks
  cat.jpg: killed by SIGSEGV\\nin the middle
  cat.jpg: killed by SIGSEGV\\nin the middle
  cat.jpg: killed by SIGSEGV\\nin the middle
  cat.jpg: killed by SIGSEGV\\nin the middle
  cat.jpg: killed by SIGSEGV\\nin the middle
  … and 1 more
  worker     pid  starts    tasks    busy  busy %
  worker-1  4121       1  500,000  1.10 s    89 %
  worker-2  4122       1  499,999  1.10 s    89 %
time: 83 % tasks, 8 % starting workers, 8 % last tasks
";
        assert_eq!(text.to_string(), expected);
    }

    #[test]
    fn the_table_fits_a_narrow_screen() {
        let (summary, failures) = (summary(), FailureTally::default());
        let table = |width| {
            let text = SummaryText {
                summary: &summary,
                failures: &failures,
                result: None,
                colour: false,
                width: Some(width),
            };
            text.to_string().lines().skip(1).take(2).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(table(80)[1], "  worker-1  4121       1  500,000  1.10 s    89 %");
        assert_eq!(table(40), ["  worker      tasks    busy  busy %", "  worker-1  500,000  1.10 s    89 %"]);
        assert_eq!(table(30)[1], "  worker-1  500,000    89 %");
    }

    #[test]
    fn colour_is_only_there_when_asked_for() {
        let (summary, failures) = (summary(), FailureTally::default());
        let text = |colour| {
            SummaryText { summary: &summary, failures: &failures, result: None, colour, width: None }
                .to_string()
        };
        assert!(!text(false).contains('\u{1b}'));
        assert!(text(true).contains('\u{1b}'));
    }

    #[test]
    fn the_json_has_its_keys_in_order_and_replaces_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        std::fs::write(&path, "old").unwrap();
        write_summary_json(&summary(), &path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "run_id",
                "job",
                "kind",
                "workers",
                "tasks",
                "restarts",
                "wall_seconds",
                "cpu_seconds",
                "tasks_per_second",
                "result",
                "per_worker",
                "interrupted",
                "time"
            ]
        );
    }
}
