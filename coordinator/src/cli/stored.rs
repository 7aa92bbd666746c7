//! `--store` and `--run-id`: where a run is kept, and what it is called there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jobs::Plan;
use protocol::{Payloads, TaskId};

use super::args::KeepArgs;
use super::exit::UsageError;
use super::line::CommandLine;
use crate::job::Job;
use crate::run::incremental::plan_all;
use crate::run::{Keep, unstored_id};
use crate::store::{Fingerprint, InputFile, NewRun, PayloadHash, Reader, RunId, Store, default_path};

/// The store's path where `--store` has to name it.
pub(super) fn unless_default(store: &Store) -> Option<PathBuf> {
    let path = store.path();
    let is_default = default_path().is_ok_and(|default| default == path);
    (!is_default).then(|| path.to_owned())
}

/// Where a new run of `job` is kept.
///
/// # Errors
/// The store can't be opened, or an input can't be read.
pub(super) fn keep_new(
    args: &KeepArgs,
    job: &mut Job,
    overrides: &[(String, String)],
) -> anyhow::Result<Keep> {
    let Some(store) = args.store.open()? else {
        return Ok(Keep::Nowhere(args.run_id.clone().unwrap_or_else(unstored_id)));
    };
    let line = CommandLine::current()?;
    let (new, _) = new_run(args.run_id.clone(), job, overrides, &line, &HashMap::new())?;
    Ok(Keep::New(store, Box::new(new)))
}

/// What a run of `job` is stored as. Where each task reads a file of its own, all of them are planned, and are
/// returned as well; a file that was not touched since it was `known` is not read again.
///
/// # Errors
/// An input can't be read.
pub(super) fn new_run(
    id: Option<RunId>,
    job: &mut Job,
    overrides: &[(String, String)],
    line: &CommandLine,
    known: &HashMap<PayloadHash, InputFile>,
) -> anyhow::Result<(NewRun, Option<Arc<Payloads>>)> {
    let payloads = job.kind.reads_one_input_each().then(|| plan_all(&mut job.plan)).transpose()?;
    let fingerprint = match &payloads {
        None => fingerprint(&job.text, &job.plan)?,
        Some(payloads) => Fingerprint::of(&job.text, read_by(&job.plan, payloads, known)?),
    };
    let new = NewRun {
        id,
        job: job.name.clone(),
        kind: job.kind.name().to_owned(),
        job_path: Some(job_path(&job.path)?),
        overrides: overrides.iter().map(|(key, value)| format!("{key}={value}")).collect(),
        options: line.to_json()?,
        setup: job.plan.setup.clone(),
        fingerprint,
        total: job.plan.total,
        parent: None,
    };
    Ok((new, payloads))
}

/// A job file's one name, from wherever it is started: a link to it is another job, in another folder.
///
/// # Errors
/// The current directory is gone.
pub(super) fn job_path(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    Ok(folder.zip(path.file_name()).map(|(folder, name)| folder.join(name)).unwrap_or(path))
}

/// The files of a plan, each with the task that reads it.
fn read_by(
    plan: &Plan,
    payloads: &Payloads,
    known: &HashMap<PayloadHash, InputFile>,
) -> Result<Vec<InputFile>, UsageError> {
    let file = |(task, (path, payload)): (u64, (&PathBuf, &[u8]))| {
        let payload = PayloadHash::of(payload);
        let file = InputFile::take_known(path, known.get(&payload))
            .map_err(|error| unreadable(&path.display(), &error))?;
        Ok(InputFile { reader: Some(Reader { task: TaskId(task), payload }), ..file })
    };
    (0..).zip(plan.inputs.iter().zip(payloads.iter())).map(file).collect()
}

fn unreadable(name: &dyn std::fmt::Display, error: &std::io::Error) -> UsageError {
    UsageError(format!("{name}: can't be read: {error}"))
}

/// A job's text and the files that it reads, as they are now.
///
/// # Errors
/// A file can't be read.
pub(super) fn fingerprint(text: &str, plan: &Plan) -> Result<Fingerprint, UsageError> {
    Fingerprint::take(text, &plan.inputs).map_err(|(name, error)| unreadable(&name, &error))
}
