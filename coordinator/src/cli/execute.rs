//! From a request to a finished run.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use nix::sys::signal::Signal;

use super::exit::{Exit, UsageError};
use super::line::{NOT_AGAIN, again_command};
use super::logging::Verbosity;
use super::request::{ReportSettings, RunRequest, same_place};
use super::stored::unless_default;
use super::text::timestamp;
use crate::observe::{Post, PostError};
use crate::output::{OutputError, count, counted, for_screen};
use crate::pool::{Control, End, LocalWorkers, Observers};
use crate::report::{self, Report};
use crate::run::{self, Keep, RunReport};
use crate::show::{Progress, ProgressSettings, Stderr};
use crate::signals::Signals;
use crate::store::RunState;
use crate::summary::Summary;
use crate::timeline::{TraceEnd, TraceFile};

/// Runs the job to its end without keeping it, writes results and summary, and says how the command ends.
///
/// It owns the process: it holds signals back and puts temporary files into a directory of its own.
///
/// # Errors
/// The run could not begin.
pub fn execute(request: RunRequest) -> anyhow::Result<Exit> {
    execute_kept(request, Keep::Nowhere(run::unstored_id()))
}

/// As [`execute`], for a run that is kept somewhere.
pub(super) fn execute_kept(request: RunRequest, keep: Keep) -> anyhow::Result<Exit> {
    refuse_the_store(&request, &keep)?;
    let signals = Signals::block()?;
    let post = request.observe.as_deref().map(|path| open_post(path, request.job.plan.total)).transpose()?;
    let mut summary = None;
    let exit = execute_observed(request, keep, &signals, post.as_ref(), &mut summary);
    if let Some(post) = post {
        let code = exit.as_ref().map_or_else(Exit::of, |exit| *exit);
        post.end(crate::run::ending(summary.as_ref(), Some(code as u8)));
    }
    exit
}

fn open_post(path: &Path, total: Option<u64>) -> anyhow::Result<Post> {
    Post::open(path, total).map_err(|error| match error {
        PostError::Listen(error) if error.is_taken() || error.is_bad_path() => {
            UsageError(format!("--observe {error}")).into()
        }
        error => anyhow::Error::new(error).context("--observe"),
    })
}

fn execute_observed(
    request: RunRequest,
    keep: Keep,
    signals: &Signals,
    post: Option<&Post>,
    summary: &mut Option<Summary>,
) -> anyhow::Result<Exit> {
    let _directory = protocol::private_directory()?;
    crate::supervisor::adopt_orphans();
    let (control, controlled) = Control::new()?;
    signals.forward(control.clone())?;
    let RunRequest { job, presenter, pool, order, results, report, progress, trace, html, verbosity, .. } =
        request;
    let on_screen = results.screen.is_some_and(|screen| screen.format.is_for_people());
    let stored = keep.store().map(unless_default);
    let reads_stdin = job.reads_stdin;
    let progress = Progress::start(ProgressSettings {
        mode: progress,
        quiet: verbosity == Verbosity::Quiet,
        colour: report.colour,
        job: job.name.clone(),
        total: job.plan.total,
        presenter,
    })?;
    let observers =
        Observers::new().with(progress.iter().map(Progress::observer)).with(post.map(Post::observer));
    let announce = post.map(|post| Box::new(post.announcer()) as run::Announce);
    let trace = trace.map(|path| TraceFile::start(&path, &job.name)).transpose()?;
    let (trace, tracer) = trace.unzip();
    let mut observers = observers.with(tracer);
    let begun = timestamp(run::now());
    let letters = if html.is_some() { report::FAILURES } else { 0 };
    let run = run::Run {
        name: job.name,
        kind: job.kind,
        plan: job.plan,
        options: pool,
        order,
        results,
        keep,
        letters,
        announce,
        engine: Box::new(LocalWorkers),
    };
    let done = run::run(run, &control, &controlled, &mut observers);
    // What comes now is the last word.
    drop((observers, progress));
    let traced = trace.map(TraceFile::finish).transpose();
    let done = done?;
    *summary = post.map(|_| done.summary.clone());
    let next = stored.map(|store| what_next(&done, reads_stdin, store.as_deref())).unwrap_or_default();
    if let Some(path) = html {
        report::write(&page(&done, begun), &path)?;
    }
    let exit = conclude(done, &report, on_screen, verbosity, signals.received(), &next)?;
    // A trace that is missing is told last, and does not hide how the run went.
    tell_trace(traced?, verbosity);
    Ok(exit)
}

/// What replaces a file must not replace the one that the run itself is kept in.
fn refuse_the_store(request: &RunRequest, keep: &Keep) -> Result<(), UsageError> {
    let Some(store) = keep.store() else { return Ok(()) };
    let results = request.results.file.as_ref().map(|file| file.path.as_path());
    let others = [&request.report.json, &request.trace, &request.html].map(Option::as_deref);
    for path in others.into_iter().chain([results]).flatten() {
        if same_place(path, store.path()) {
            return Err(UsageError(format!("{}: that is the store", path.display())));
        }
    }
    Ok(())
}

/// What the run's report tells.
fn page(done: &RunReport, begun: String) -> Report {
    let state = match done.end {
        End::Done if done.trouble.is_none() => RunState::Finished,
        End::Stopped => RunState::Interrupted,
        _ => RunState::Failed,
    };
    Report {
        run_id: done.run_id.to_string(),
        job: done.summary.job.clone(),
        kind: done.summary.kind.clone(),
        state: state.name().to_owned(),
        begun: Some(begun),
        summary: Some(done.summary.clone()),
        result: done.result.clone(),
        failures: done.letters.clone(),
        failed: done.summary.tasks.failed,
    }
}

fn tell_trace(traced: Option<TraceEnd>, verbosity: Verbosity) {
    let Some(TraceEnd { tasks, recorded, lost }) = traced else { return };
    if verbosity > Verbosity::Quiet && recorded < tasks {
        let (tasks, recorded) = (count(tasks), count(recorded));
        tell(&format!(
            "the trace has {recorded} of {tasks} tasks: the first ones, and fewer and fewer later\n"
        ));
    }
    if verbosity > Verbosity::Quiet && lost > 0 {
        tell(&format!("the trace lacks {} events that came too fast to be written\n", count(lost)));
    }
}

/// The commands that may come next for a run that is stored, to be pasted as they are.
fn what_next(done: &RunReport, reads_stdin: bool, store: Option<&Path>) -> String {
    let command = |what| again_command(what, &done.run_id, store);
    if matches!(done.end, End::BadInput(_)) {
        return "mend the input and run the job again: a run does not go on with another input\n".into();
    }
    if done.is_resumable() && reads_stdin {
        return format!("it can't go on: {NOT_AGAIN}\n");
    }
    if done.is_resumable() {
        return format!("go on with: {}\n", command("resume"));
    }
    if done.summary.tasks.failed == 0 || reads_stdin {
        return String::new();
    }
    format!(
        "every failure with its history: {}\ntry the failed tasks again: {}\n",
        command("runs show"),
        command("retry")
    )
}

/// Tells how the run ended.
fn conclude(
    done: RunReport,
    report: &ReportSettings,
    on_screen: bool,
    verbosity: Verbosity,
    signal: Option<Signal>,
    next: &str,
) -> anyhow::Result<Exit> {
    if verbosity >= Verbosity::Verbose {
        tell(&done.explanation.iter().fold(String::new(), |text, line| text + line + "\n"));
    }
    // Text on the screen ends with the result anyway.
    let result = done.result.as_deref().filter(|_| !on_screen);
    let exit = report.write(&done.summary, &done.failures, result)?;
    if let Some(trouble) = done.trouble {
        if Exit::of(&trouble) != Exit::Ok {
            tell(next);
        }
        return Err(trouble);
    }
    let mut text = String::new();
    if verbosity == Verbosity::Quiet {
        text.push_str(&why_no_result(&done));
    }
    let exit = match &done.end {
        End::Done => exit,
        End::Stopped => {
            let _ = writeln!(text, "interrupted: {}", left_over(&done));
            if signal == Some(Signal::SIGINT) || signal.is_none() {
                Exit::Interrupted
            } else {
                Exit::Terminated
            }
        }
        End::TooManyFailures => {
            let _ = writeln!(text, "stopped after too many failures: {}", left_over(&done));
            Exit::TasksFailed
        }
        End::NoWorkers { starts, last } => {
            let tries = if *starts == 1 { "1 start".to_owned() } else { format!("{starts} starts") };
            let _ = writeln!(
                text,
                "error: the run can't go on: no worker stays alive ({tries}); the last: {last}"
            );
            Exit::CannotGoOn
        }
        End::BadInput(why) => {
            let _ = writeln!(text, "error: {why}");
            Exit::Usage
        }
        End::SinkClosed => return Err(OutputError::Closed.into()),
        // An end that a later pool may have.
        end => {
            let _ = writeln!(text, "error: the run can't go on: {end:?}");
            Exit::CannotGoOn
        }
    };
    for path in &done.partial {
        let _ = writeln!(text, "the results so far are in {}", path.display());
    }
    // What went wrong with the run is told even where nothing else is; failed tasks stand in the results.
    if verbosity > Verbosity::Quiet || done.end != End::Done {
        text.push_str(next);
    }
    tell(&text);
    Ok(exit)
}

/// A result that was to be and isn't is told even where nothing else is.
fn why_no_result(done: &RunReport) -> String {
    if !done.lacks_result || done.end != End::Done {
        return String::new();
    }
    let failed = counted(done.summary.tasks.failed, "task");
    let first = done.failures.first().map(|line| format!("; the first: {line}")).unwrap_or_default();
    format!("error: {}: there is no result, as {failed} failed{first}\n", done.summary.job)
}

fn left_over(done: &RunReport) -> String {
    match (done.unfinished, done.total) {
        (1, Some(_)) => "1 task has no outcome".into(),
        (unfinished, Some(_)) => format!("{} tasks have no outcome", count(unfinished)),
        (1, None) => "1 task of those that were planned has no outcome".into(),
        (unfinished, None) => {
            format!("{} tasks of those that were planned have no outcome", count(unfinished))
        }
    }
}

/// Nobody listens on a closed standard error, and that is no reason to fail.
fn tell(text: &str) {
    let _ = Stderr.write_all(for_screen(text, false).as_bytes());
}
