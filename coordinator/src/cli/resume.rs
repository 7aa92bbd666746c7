//! `coordinator resume [RUN]` and `coordinator retry RUN`: the same run goes on, from what is stored of it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use super::args::{AgainArgs, Changed, ResumeArgs, RetryArgs, RunArgs};
use super::exit::{Exit, UsageError};
use super::line::CommandLine;
use super::logging::Verbosity;
use super::request::RunRequest;
use super::{execute, incremental, stored};
use crate::job::{self, Job, Kinds};
use crate::run::incremental::plan_all;
use crate::run::{Again, Keep, was_completing};
use crate::store::{Change, InputFile, PayloadHash, Purpose, RunDetails, RunInfo, RunState, Store};

/// Goes on with a run that has not finished.
///
/// # Errors
/// There is none, it has changed, someone is at work on it, or it can't be run to its end.
pub(super) fn resume(args: &ResumeArgs, verbosity: Verbosity, kinds: Kinds) -> anyhow::Result<Exit> {
    let store = args.again.store.open_existing()?;
    let info = match &args.run {
        Some(name) => store.find(name)?,
        None => store.newest_unfinished()?.ok_or_else(|| {
            UsageError("every run has finished or is being worked on; `runs list` shows them".into())
        })?,
    };
    if info.state == RunState::Finished {
        let hint = match info.failed {
            0 => String::new(),
            failed => format!("; `retry {}` runs its {failed} failed tasks again", info.id),
        };
        return Err(UsageError(format!("run {} has finished{hint}", info.id)).into());
    }
    go_on(&args.again, store, &info, Purpose::Resume, verbosity, kinds)
}

/// Runs the failed tasks of a run again.
///
/// # Errors
/// As for [`resume`]; or nothing has failed.
pub(super) fn retry(args: &RetryArgs, verbosity: Verbosity, kinds: Kinds) -> anyhow::Result<Exit> {
    let store = args.again.store.open_existing()?;
    let info = match &args.run {
        Some(name) => store.find(name)?,
        None => newest_failed(&store)?,
    };
    if info.failed == 0 {
        return Err(UsageError(format!("nothing of run {} has failed", info.id)).into());
    }
    go_on(&args.again, store, &info, Purpose::Retry, verbosity, kinds)
}

/// The newest run with failed tasks that nobody is at work on and that no other run has taken the place of.
fn newest_failed(store: &Store) -> anyhow::Result<RunInfo> {
    let has_failed =
        |run: &RunInfo| run.failed > 0 && run.replaced_by.is_none() && run.state != RunState::Running;
    let found = store.runs(None)?.into_iter().find(has_failed);
    Ok(found.ok_or_else(|| {
        UsageError("no run that nobody is at work on has failed tasks; `runs list` shows all".into())
    })?)
}

fn go_on(
    args: &AgainArgs,
    store: Store,
    info: &RunInfo,
    purpose: Purpose,
    verbosity: Verbosity,
    kinds: Kinds,
) -> anyhow::Result<Exit> {
    let details = store.details(info)?;
    let line = CommandLine::from_json(&details.options)?;
    let mut over = args.run_flags.0.clone();
    // Typed here, used there.
    over.worker_program = over.worker_program.map(std::path::absolute).transpose()?;
    let show = args.show.clone().absolute()?;
    let other_program = over.worker_program.is_some() || !line.is_of_this_version();
    line.enter()?;
    let mut began = line.run_args()?;
    // What is shown is this session's affair.
    began.show = show;
    let mut source = began.job.source();
    // What there is of the run's outputs is its own.
    source.plan.force = true;
    let mut job = job::load_text(&source, details.fingerprint.job_text.clone(), kinds)?;
    let is = stored::fingerprint(&job_text_now(&source.path, &details, args.changed)?, &job.plan)?;
    let changes = details.fingerprint.changes(&is);
    match args.changed {
        Some(Changed::Rerun) if !changes.is_empty() => {
            return rerun(began, store, info, &line, verbosity, kinds);
        }
        None if !changes.is_empty() => return Err(refusal(info, &changes).into()),
        _ => {}
    }
    let files_changed = changes.iter().any(|change| !matches!(change, Change::Job { .. }));
    if !job.kind.same_work(&details.setup, &job.plan.setup)
        || files_changed && !has_same_tasks(&details, &mut job)?
    {
        let message = format!(
            "run {}: what is stored of it does not fit the inputs as they are now; begin anew with \
             --changed rerun, or with `run`",
            info.id
        );
        return Err(UsageError(message).into());
    }
    began.job.force |= purpose == Purpose::Retry || was_completing(&store, info)?;
    let request = RunRequest::assemble(&began, job, over, verbosity)?;
    store.may_claim(info)?;
    let mixed = !changes.is_empty() || other_program;
    execute::execute_kept(request, Keep::Again(store, Box::new(Again { run: info.clone(), purpose, mixed })))
}

/// True where every task that the run noted is still the same task, though files have changed. That can be said
/// only of kinds whose tasks are the files: what is in a file may make other tasks.
fn has_same_tasks(details: &RunDetails, job: &mut Job) -> anyhow::Result<bool> {
    if !job.kind.reads_one_input_each() {
        return Ok(false);
    }
    let payloads = plan_all(&mut job.plan)?;
    let is_same = |input: &InputFile| {
        input.reader.is_some_and(|reader| {
            let payload = usize::try_from(reader.task.0).ok().and_then(|index| payloads.get(index));
            payload.is_some_and(|payload| PayloadHash::of(payload) == reader.payload)
        })
    };
    Ok(details.fingerprint.inputs.iter().all(is_same))
}

/// The job file as it is now. What is no file (a pipe, say) can't be read a second time, and one that has gone
/// is not needed by who keeps to what is stored of it.
fn job_text_now(path: &Path, details: &RunDetails, changed: Option<Changed>) -> anyhow::Result<String> {
    let gone = !path.exists() && changed == Some(Changed::Keep);
    if gone || path.exists() && !path.is_file() {
        return Ok(details.fingerprint.job_text.clone());
    }
    Ok(job::read(path)?)
}

fn refusal(info: &RunInfo, changes: &[Change]) -> UsageError {
    const SHOWN: usize = 10;
    let mut text = format!("run {} can't go on as it began:", info.id);
    for change in changes.iter().take(SHOWN) {
        // Writing to a String can't fail.
        let _ = write!(text, "\n  {change}");
    }
    if changes.len() > SHOWN {
        let _ = write!(text, "\n  … and {} more", changes.len() - SHOWN);
    }
    text.push_str(
        "\n--changed rerun begins anew with what is there now; --changed keep keeps what is done and does the \
         rest by the job file as it was",
    );
    UsageError(text)
}

/// A new run of the job as it is now takes the old one's place.
fn rerun(
    mut began: RunArgs,
    store: Store,
    info: &RunInfo,
    line: &CommandLine,
    verbosity: Verbosity,
    kinds: Kinds,
) -> anyhow::Result<Exit> {
    began.job.force |= was_completing(&store, info)?;
    if began.keep.incremental {
        let source = began.job.source();
        return incremental::run_in(store, &began, source, line, Some(info.id.clone()), verbosity, kinds);
    }
    let mut request = RunRequest::prepare(&began, verbosity, kinds)?;
    let overrides = began.job.source().overrides;
    let (mut new, _) = stored::new_run(None, &mut request.job, &overrides, line, &HashMap::new())?;
    new.parent = Some(info.id.clone());
    execute::execute_kept(request, Keep::New(store, Box::new(new)))
}
