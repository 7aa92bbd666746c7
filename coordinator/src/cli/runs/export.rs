//! `coordinator runs export RUN`: a run's results once more, from the store.
//!
//! The store has outcomes, and the plan has what they belong to: the job is planned again, from its stored
//! text, and both are gone through side by side.

use std::path::{Path, PathBuf};

use jobs::{Presenter, Tasks};
use protocol::{Payloads, TaskId};

use crate::cli::args::{ExportArgs, ExportFormat};
use crate::cli::exit::{Exit, UsageError};
use crate::cli::line::CommandLine;
use crate::cli::logging::Verbosity;
use crate::cli::stored::fingerprint;
use crate::job::{self, Kinds};
use crate::outcome::{Outcome, OutcomeBatch};
use crate::output::{FileSettings, Format, ResultSettings, Results, ScreenSettings, check_target};
use crate::store::{RunInfo, Shown, Store};

/// How many outcomes are written at once.
const BATCH: usize = 1024;

/// Writes a run's results again.
pub(super) fn export(
    args: &ExportArgs,
    store: &Store,
    verbosity: Verbosity,
    kinds: Kinds,
) -> anyhow::Result<Exit> {
    let run = store.find(&args.run)?;
    // Before the directory is changed for the job's relative paths.
    let output = args.output.as_deref().map(std::path::absolute).transpose()?;
    let (presenter, replay) = replay(store, &run, kinds)?;
    match (args.format, output) {
        (ExportFormat::Sqlite, Some(path)) => to_sqlite(args, store, &run, &path, &*presenter, replay)?,
        (format, output) => {
            to_lines(args, store, &run, settings(args, format, output, verbosity), presenter, replay)?
        }
    }
    // A run that was pruned meanwhile may have lost outcomes before they were read.
    store.find(run.id.as_str())?;
    Ok(Exit::Ok)
}

fn settings(
    args: &ExportArgs,
    format: ExportFormat,
    output: Option<PathBuf>,
    verbosity: Verbosity,
) -> ResultSettings {
    let format = if format == ExportFormat::Csv { Format::Csv } else { Format::Jsonl };
    let worker = verbosity >= Verbosity::Verbose;
    ResultSettings {
        screen: output.is_none().then_some(ScreenSettings { format, worker, colour: false }),
        file: output.map(|path| FileSettings { path, format, existing: args.existing() }),
        reproducible: args.reproducible,
    }
}

fn to_lines(
    args: &ExportArgs,
    store: &Store,
    run: &RunInfo,
    settings: ResultSettings,
    presenter: Box<dyn Presenter>,
    mut replay: Replay,
) -> anyhow::Result<()> {
    settings.check()?;
    let mut results = Results::open(&settings, presenter)?;
    let mut outcomes = store.outcomes(run);
    let mut batch = OutcomeBatch::new();
    while let Some(outcome) = outcomes.next()? {
        if !args.wants(&outcome) {
            continue;
        }
        let payload = replay.payload(outcome.task)?;
        batch.push(Outcome { payload, ..outcome });
        if batch.len() >= BATCH {
            results.write(&batch)?;
            batch.clear();
        }
    }
    results.write(&batch)?;
    // A part must not pass for the whole.
    if let Err(lacking) = outcomes.check_all_there() {
        let kept = results.keep()?;
        return Err(match kept.first() {
            Some(path) => anyhow::anyhow!("{lacking}; what is left is in {}", path.display()),
            None => lacking.into(),
        });
    }
    Ok(results.finish()?)
}

fn to_sqlite(
    args: &ExportArgs,
    store: &Store,
    run: &RunInfo,
    path: &Path,
    presenter: &dyn Presenter,
    mut replay: Replay,
) -> anyhow::Result<()> {
    check_target(path, args.existing())?;
    store.export_sqlite(run, path, |outcome| {
        if !args.wants(outcome) {
            return Ok(None);
        }
        let payload = replay.payload(outcome.task).map_err(|error| error.to_string())?;
        let (mut input, mut value) = (String::new(), String::new());
        presenter.input(payload, &mut input).map_err(|bad| bad.0)?;
        if let Ok(bytes) = outcome.result {
            presenter.value(payload, bytes, &mut value).map_err(|bad| bad.0)?;
        }
        Ok(Some(Shown { input: Some(input), value: outcome.result.is_ok().then_some(value) }))
    })?;
    Ok(())
}

/// Plans the job of a run again, from its stored text.
fn replay(store: &Store, run: &RunInfo, kinds: Kinds) -> anyhow::Result<(Box<dyn Presenter>, Replay)> {
    let details = store.details(run)?;
    let line = CommandLine::from_json(&details.options)?;
    line.enter()?;
    let mut source = line.run_args()?.job.source();
    source.plan.force = true;
    let job = job::load_text(&source, details.fingerprint.job_text.clone(), kinds)?;
    let is = fingerprint(&details.fingerprint.job_text, &job.plan)?;
    if let Some(change) = details.fingerprint.changes(&is).first() {
        let message = format!("run {}: its inputs are needed to show its results, and {change}", run.id);
        return Err(UsageError(message).into());
    }
    let replay = Replay { tasks: job.plan.tasks, chunk: Payloads::new(), first: 0 };
    Ok((job.kind.presenter(&details.setup)?, replay))
}

/// A plan that is gone through once more, for its payloads.
struct Replay {
    tasks: Box<dyn Tasks>,
    chunk: Payloads,
    // The id of the chunk's first task.
    first: u64,
}

impl Replay {
    /// The payload of `task`; tasks are asked for in ascending order.
    fn payload(&mut self, task: TaskId) -> anyhow::Result<&[u8]> {
        loop {
            let index = usize::try_from(task.0.saturating_sub(self.first)).unwrap_or(usize::MAX);
            if index < self.chunk.len() {
                return Ok(self.chunk.get(index).unwrap_or_default());
            }
            self.first += self.chunk.len() as u64;
            self.chunk.clear();
            if !self.tasks.next(BATCH, &mut self.chunk)? && self.chunk.is_empty() {
                let message = format!("the job no longer has a task {}", task.0);
                return Err(UsageError(message).into());
            }
        }
    }
}
