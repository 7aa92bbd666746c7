//! `coordinator watch PATH`: what goes on in a run, as seen from another process.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use protocol::observe::{Ending, Observation, ObserveError, Observer, RunInfo, Snapshot, WorkerState};
use serde::Serialize;

use super::args::WatchArgs;
use super::exit::{Exit, UsageError};
use super::text::write_out;
use crate::output::{about, count, counted, json_for_screen, printable, rate, seconds};

/// A line says how the run stands at most so often, in seconds.
const PACE: f64 = 1.0;

/// Prints what happens in a run until it ends; the command then ends as the run did.
///
/// # Errors
/// There is no run to be observed, it goes without a word, or nothing can be printed.
pub(super) fn watch(args: &WatchArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let observer =
        Observer::connect_within(&args.path, args.wait).map_err(|error| told(error, &args.path))?;
    let mut lines = Lines { json: args.json, shown_at: None };
    let first = lines.run(observer.run())?;
    write_out(out, &first)?;
    let mut exit = Exit::Ok;
    for observation in observer {
        let observation = observation?;
        write_out(out, &lines.line(&observation)?)?;
        if let Observation::End(Ending { exit_code: Some(code), .. }) = observation {
            exit = Exit::of_code(code);
        }
    }
    Ok(exit)
}

/// A wrong path is the user's to mend.
fn told(error: ObserveError, path: &Path) -> anyhow::Error {
    if !error.is_absent() {
        return error.into();
    }
    let path = path.display();
    let advice =
        format!("begin one with `coordinator run JOB --observe {path}`, or wait for it with `--wait 1m`");
    UsageError(format!("{error}\n  {advice}")).into()
}

struct Lines {
    json: bool,
    /// When the run's standing was shown last, in the run's time.
    shown_at: Option<f64>,
}

/// The first line.
#[derive(Serialize)]
struct First<'a> {
    event: &'static str,
    #[serde(flatten)]
    run: &'a RunInfo,
}

impl Lines {
    fn run(&self, run: &RunInfo) -> serde_json::Result<String> {
        if self.json {
            return json(&First { event: "run", run });
        }
        let RunInfo { run_id, job, kind, workers, planned } = run;
        let mut line = format!("run {run_id}: {job} ({kind}), {}", counted((*workers).into(), "worker"));
        if let Some(planned) = planned {
            let _ = write!(line, ", {}", counted(*planned, "task"));
        }
        Ok(printable(&line) + "\n")
    }

    /// What is printed of an observation: lines with their ends, or nothing.
    fn line(&mut self, observation: &Observation) -> serde_json::Result<String> {
        if self.json {
            return json(observation);
        }
        let text = match observation {
            Observation::Snapshot(snapshot) => {
                let early = |at: f64| snapshot.elapsed_seconds < at + PACE;
                if self.shown_at.is_some_and(early) {
                    return Ok(String::new());
                }
                self.shown_at = Some(snapshot.elapsed_seconds);
                standing(snapshot)
            }
            Observation::End(end) => ending(end),
            event => happened(event),
        };
        // What workers say must neither break the line nor command the terminal.
        Ok(printable(&text) + "\n")
    }
}

fn json(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(json_for_screen(serde_json::to_string(value)? + "\n"))
}

/// `12.34 s: 45,000 of 100,000 tasks done, 2 failed, 3 running, 12,345/s, 5 s left`.
fn standing(snapshot: &Snapshot) -> String {
    let done = snapshot.skipped + snapshot.ok + snapshot.failed;
    let mut text = format!("{}: {}", seconds(snapshot.elapsed_seconds), count(done));
    if let Some(planned) = snapshot.planned {
        let _ = write!(text, " of {}", count(planned));
    }
    text.push_str(" tasks done");
    for (number, what) in
        [(snapshot.failed, "failed"), (snapshot.retried, "tried again"), (snapshot.running.into(), "running")]
    {
        if number > 0 {
            let _ = write!(text, ", {} {what}", count(number));
        }
    }
    if let Some(per_second) = snapshot.tasks_per_second {
        let _ = write!(text, ", {}", rate(per_second));
    }
    if let Some(left) = snapshot.remaining_seconds {
        let _ = write!(text, ", {} left", about(left));
    }
    let starting = |state: WorkerState| state == WorkerState::Starting;
    let starting = snapshot.workers.iter().filter(|worker| starting(worker.state)).count();
    if starting > 0 {
        let _ = write!(text, ", {} starting", counted(starting as u64, "worker"));
    }
    text
}

fn happened(event: &Observation) -> String {
    match event {
        Observation::Started { worker, pid, incarnation: 1 } => format!("{worker} started (process {pid})"),
        Observation::Started { worker, pid, incarnation } => {
            format!("{worker} started again (process {pid}, its number {incarnation})")
        }
        Observation::Died { worker, pid, orderly: true, .. } => format!("{worker} ended (process {pid})"),
        Observation::Died { worker, pid, how, .. } => format!("{worker} died (process {pid}): {how}"),
        Observation::Failed { task, reason, message, attempts } => {
            format!(
                "task {task} failed after {} ({reason}): {message}",
                counted((*attempts).into(), "attempt")
            )
        }
        Observation::Slow { worker, task } => {
            format!("task {task} on {worker} runs past the soft time limit")
        }
        Observation::Interrupted { at_once: false } => {
            "interrupted: nothing new starts, running tasks may finish".into()
        }
        Observation::Interrupted { at_once: true } => "interrupted again: everything is killed".into(),
        Observation::Lost { events } => {
            format!("{} lost: they came faster than they were read", counted(*events, "event"))
        }
        _ => "something that this version does not know".into(),
    }
}

fn ending(end: &Ending) -> String {
    let mut text = if end.interrupted { "interrupted".to_owned() } else { "ended".to_owned() };
    let _ = write!(text, " after {}: {} ok", seconds(end.wall_seconds), count(end.ok));
    for (number, what) in
        [(end.failed, "failed"), (end.skipped, "already done"), (end.retried, "tried again")]
    {
        if number > 0 {
            let _ = write!(text, ", {} {what}", count(number));
        }
    }
    if end.restarts > 0 {
        let _ = write!(text, ", {}", counted(end.restarts, "worker restart"));
    }
    if let Some(code) = end.exit_code {
        let _ = write!(text, "; exit code {code}");
    }
    text
}

#[cfg(test)]
mod tests {
    use protocol::TaskId;
    use protocol::observe::WorkerView;

    use super::*;

    fn snapshot(elapsed_seconds: f64) -> Observation {
        let state = WorkerState::Running { task: TaskId(3), attempt: 1, seconds: 0.5 };
        Observation::Snapshot(Snapshot {
            elapsed_seconds,
            planned: Some(100_000),
            skipped: 5_000,
            ok: 40_000,
            failed: 2,
            retried: 4,
            restarts: 1,
            running: 1,
            tasks_per_second: Some(12_345.0),
            remaining_seconds: Some(4.5),
            workers: vec![
                WorkerView { name: "worker-1".into(), pid: 4711, incarnation: 2, state },
                WorkerView { name: "worker-2".into(), pid: 0, incarnation: 1, state: WorkerState::Starting },
            ],
        })
    }

    #[test]
    fn what_happens_reads_well() {
        let mut lines = Lines { json: false, shown_at: None };
        let run = RunInfo {
            run_id: "1hkz3q".into(),
            job: "night".into(),
            kind: "primes".into(),
            workers: 2,
            planned: Some(100_000),
        };
        let failed = Observation::Failed {
            task: TaskId(7),
            reason: "signal".into(),
            message: "killed by SIGSEGV\u{1b}[2J\n".into(),
            attempts: 3,
        };
        let how = "was killed by SIGSEGV".to_owned();
        let worker = || "worker-1".to_owned();
        let mut text = lines.run(&run).unwrap();
        for observation in [
            snapshot(1.0),
            Observation::Started { worker: worker(), pid: 4711, incarnation: 2 },
            Observation::Died { worker: worker(), pid: 4711, orderly: false, how },
            failed,
            snapshot(1.2),
            Observation::Slow { worker: worker(), task: TaskId(8) },
            Observation::Interrupted { at_once: false },
            Observation::Lost { events: 1 },
            Observation::End(Ending { exit_code: Some(1), ok: 5, failed: 2, ..Ending::default() }),
        ] {
            text += &lines.line(&observation).unwrap();
        }
        let expected = "\
run 1hkz3q: night (primes), 2 workers, 100,000 tasks
1.00 s: 45,002 of 100,000 tasks done, 2 failed, 4 tried again, 1 running, 12,345/s, 5 s left, 1 worker starting
worker-1 started again (process 4711, its number 2)
worker-1 died (process 4711): was killed by SIGSEGV
task 7 failed after 3 attempts (signal): killed by SIGSEGV\\u{1b}[2J\\n
task 8 on worker-1 runs past the soft time limit
interrupted: nothing new starts, running tasks may finish
1 event lost: they came faster than they were read
ended after 0 µs: 5 ok, 2 failed; exit code 1
";
        assert_eq!(text, expected);
    }

    #[test]
    fn as_json_everything_is_an_object_a_line_that_begins_with_its_name() {
        let mut lines = Lines { json: true, shown_at: None };
        let slow = Observation::Slow { worker: "worker-1".into(), task: TaskId(7) };
        assert_eq!(lines.line(&slow).unwrap(), "{\"event\":\"slow\",\"worker\":\"worker-1\",\"task\":7}\n");
        let line = lines.line(&snapshot(1.0)).unwrap();
        assert!(
            line.starts_with("{\"event\":\"snapshot\",\"elapsed_seconds\":1.0,\"planned\":100000,"),
            "{line}"
        );
        let running = r#"{"name":"worker-1","pid":4711,"incarnation":2,"state":"running","task":3,"attempt":1,"seconds":0.5}"#;
        assert!(line.contains(running), "{line}");
        assert!(line.contains(r#""incarnation":1,"state":"starting"}"#), "{line}");
    }
}
