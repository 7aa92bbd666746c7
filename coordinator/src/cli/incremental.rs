//! `coordinator run JOB --incremental`: what an earlier run of the job has done is skipped.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use jobs::ItemsFrom;

use super::args::RunArgs;
use super::exit::{Exit, UsageError};
use super::line::CommandLine;
use super::logging::Verbosity;
use super::request::RunRequest;
use super::{execute, stored};
use crate::job::{self, Job, JobSource, Kinds, RunSettings};
use crate::output::{count, for_screen};
use crate::run::Keep;
use crate::run::incremental::{Carry, Comparison, Earlier, Tally};
use crate::store::{InputFile, NewRun, PayloadHash, RunId, RunInfo, RunState, Store};

/// Runs a job, and skips what need not be done again.
///
/// # Errors
/// As for a run; or nothing of the job can be skipped for certain.
pub(super) fn run(args: &RunArgs, verbosity: Verbosity, kinds: Kinds) -> anyhow::Result<Exit> {
    let Some(store) = args.keep.store.open()? else {
        let message = "--incremental goes by what is stored of earlier runs: leave out --store none";
        return Err(UsageError(message.into()).into());
    };
    run_in(store, args, args.job.source(), &CommandLine::current()?, None, verbosity, kinds)
}

/// The same in this store; `parent` is a run whose place the new one takes.
///
/// # Errors
/// As for [`run`].
pub(super) fn run_in(
    store: Store,
    args: &RunArgs,
    mut source: JobSource,
    line: &CommandLine,
    parent: Option<RunId>,
    verbosity: Verbosity,
    kinds: Kinds,
) -> anyhow::Result<Exit> {
    let runs = store.runs_of(&stored::job_path(&source.path)?)?;
    // What earlier runs of this job have put there is the job's own, and this run's to replace.
    source.plan.force |= !runs.is_empty();
    let job = job::load(&source, kinds)?;
    if !job.kind.deterministic() {
        let message = format!(
            "--incremental: a task of the kind `{}` may give something else each time, so that none can be \
             skipped: leave out --incremental",
            job.kind.name()
        );
        return Err(UsageError(message).into());
    }
    let mut request = RunRequest::assemble(args, job, RunSettings::default(), verbosity)?;
    let earlier = of_same_work(&store, runs, &request.job, worker_program(args, line)?.as_ref())?;
    let (mut new, carry) = prepare(&store, earlier, args, &mut request.job, line, verbosity)?;
    new.parent = parent.or(new.parent);
    execute::execute_kept(request, Keep::Incremental(store, Box::new(new), Box::new(carry)))
}

/// The worker program that a command line names.
fn worker_program(args: &RunArgs, line: &CommandLine) -> anyhow::Result<Option<PathBuf>> {
    Ok(args.settings().worker_program.map(|path| line.directory().join(path)))
}

/// Those runs that did with each task what this one will do, newest first, as far as the newest that has
/// finished: what that one has not done, older ones won't have either.
fn of_same_work(
    store: &Store,
    runs: Vec<RunInfo>,
    job: &Job,
    worker: Option<&PathBuf>,
) -> anyhow::Result<Vec<RunInfo>> {
    let mut same = Vec::new();
    for run in runs {
        let (setup, options) = store.setup(&run)?;
        let is_same = run.kind == job.kind.name()
            && job.kind.same_work(&setup, &job.plan.setup)
            // A run of a program that knew other flags did other work.
            && CommandLine::from_json(&options).is_ok_and(|line| {
                let program = line.run_args().map_err(Into::into).and_then(|args| worker_program(&args, &line));
                line.is_of_this_version() && program.is_ok_and(|program| program.as_ref() == worker)
            });
        if is_same {
            let finished = run.state == RunState::Finished;
            same.push(run);
            if finished {
                break;
            }
        }
    }
    Ok(same)
}

/// What the new run is stored as, and what it takes over.
fn prepare(
    store: &Store,
    runs: Vec<RunInfo>,
    args: &RunArgs,
    job: &mut Job,
    line: &CommandLine,
    verbosity: Verbosity,
) -> anyhow::Result<(NewRun, Carry)> {
    let overrides = args.job.source().overrides;
    let mut earlier = Vec::new();
    for info in runs {
        let details = store.details(&info)?;
        earlier.push((info, details));
    }
    // The newest is the last to be put in.
    let known: HashMap<PayloadHash, InputFile> = earlier
        .iter()
        .rev()
        .flat_map(|(_, details)| &details.fingerprint.inputs)
        .filter_map(|input| Some((input.reader?.payload, input.clone())))
        .collect();
    let (mut new, payloads) = stored::new_run(args.keep.run_id.clone(), job, &overrides, line, &known)?;
    let inputs = new.fingerprint.inputs.clone();
    let tasks = match payloads {
        Some(payloads) => Comparison::Each { inputs, payloads },
        None => {
            let here = line.directory();
            let is = items(args, line);
            earlier.retain(|(_, was)| {
                let Ok(line) = CommandLine::from_json(&was.options) else { return false };
                was.overrides == new.overrides
                    && is.is_some()
                    && line.run_args().is_ok_and(|args| items(&args, &line) == is)
                    && was.fingerprint.is_same_in(&line.directory(), &new.fingerprint, &here)
            });
            Comparison::Places { total: new.total }
        }
    };
    let unfinished = earlier.first().filter(|(info, _)| info.state != RunState::Finished);
    new.parent = unfinished.map(|(info, _)| info.id.clone());
    let earlier =
        earlier.into_iter().map(|(info, details)| Earlier { info, inputs: details.fingerprint.inputs });
    let tell = Box::new(move |tally: &Tally| {
        if verbosity > Verbosity::Quiet {
            // Nobody listens on a closed standard error, and that is no reason to fail.
            let _ = std::io::stderr().write_all(for_screen(&told(tally), false).as_bytes());
        }
    });
    let outputs = job.kind.outputs(&job.plan.setup)?;
    Ok((new, Carry { earlier: earlier.collect(), tasks, outputs, tell }))
}

/// Which file the items come from, if not from the job file; `None` where they can't be compared, since they
/// come from the standard input.
fn items(args: &RunArgs, line: &CommandLine) -> Option<Option<PathBuf>> {
    match args.job.source().plan.items {
        None => Some(None),
        Some(ItemsFrom::File(path)) => Some(Some(line.directory().join(path))),
        Some(ItemsFrom::Stdin) => None,
    }
}

/// `skipped 98 of 100: unchanged since run 1hkz3q; to run: 1 new, 1 changed`.
fn told(tally: &Tally) -> String {
    let mut text = format!("skipped {}", count(tally.skipped));
    // Writing to a String can't fail.
    if let Some(total) = tally.total {
        let _ = write!(text, " of {}", count(total));
    }
    let names: Vec<_> = tally.from.iter().map(RunId::as_str).collect();
    match names.as_slice() {
        [] => text.push_str(": no earlier run of this job has done the same"),
        [one] => {
            let _ = write!(text, " unchanged since run {one}");
        }
        several => {
            let _ = write!(text, " unchanged since runs {}", several.join(", "));
        }
    }
    let reasons = [
        (tally.new, "new"),
        (tally.changed, "changed"),
        (tally.undone, "not done or failed"),
        (tally.spoilt, "with an output that has gone or was written to"),
    ];
    let reasons: Vec<_> = reasons
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, reason)| format!("{} {reason}", count(*number)))
        .collect();
    if !reasons.is_empty() {
        let _ = write!(text, "; to run: {}", reasons.join(", "));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_and_what_is_run_is_told_with_the_reasons() {
        let mut tally = Tally { skipped: 998, total: Some(1000), ..Tally::default() };
        tally.from = vec!["b".parse().unwrap()];
        (tally.new, tally.spoilt) = (1, 1);
        assert_eq!(
            told(&tally),
            "skipped 998 of 1,000 unchanged since run b; to run: 1 new, 1 with an output that has gone or was \
             written to\n"
        );
        tally.from.push("a".parse().unwrap());
        (tally.new, tally.spoilt) = (0, 0);
        assert_eq!(told(&tally), "skipped 998 of 1,000 unchanged since runs b, a\n");
        assert_eq!(told(&Tally::default()), "skipped 0: no earlier run of this job has done the same\n");
    }
}
