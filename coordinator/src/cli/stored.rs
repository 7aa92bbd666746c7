//! `--store` and `--run-id`: where a run is kept, and what it is called there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jobs::Plan;
use protocol::{Payloads, TaskId};

use super::exit::UsageError;
use super::line::CommandLine;
use crate::job::Job;
use crate::run::incremental::plan_all;
use crate::run::{Keep, unstored_id};
use crate::store::{
    Fingerprint, InputFile, NewRun, PayloadHash, Reader, RunId, Store, StoreError, default_path,
};

/// What `--store` says where nothing is to be kept.
const NONE: &str = "none";

/// Where a new run is kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Store")]
pub(super) struct KeepArgs {
    #[command(flatten)]
    pub(super) store: StoreArgs,

    /// Skip the tasks that an earlier run of this job has done, where input, steps and output files are as they
    /// were; an output of an earlier run is replaced
    #[arg(long)]
    pub(super) incremental: bool,

    /// Call the run this; by default an id is made
    #[arg(long, value_name = "ID", value_parser = str::parse::<RunId>)]
    pub(super) run_id: Option<RunId>,
}

/// Which store.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Store")]
pub(super) struct StoreArgs {
    /// The file that runs are stored in; none: a run that is stopped is lost
    /// [default: $XDG_STATE_HOME/coordinator/runs.db]
    #[arg(long, value_name = "PATH|none", global = true)]
    store: Option<PathBuf>,
}

impl StoreArgs {
    /// The store's path; `None` for none.
    ///
    /// # Errors
    /// There is no default place.
    fn path(&self) -> Result<Option<PathBuf>, StoreError> {
        match &self.store {
            None => default_path().map(Some),
            Some(path) if path == Path::new(NONE) => Ok(None),
            Some(path) => Ok(Some(path.clone())),
        }
    }

    /// Opens a store to which runs were written.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub(super) fn open_existing(&self) -> anyhow::Result<Store> {
        match self.path()? {
            Some(path) => Ok(Store::open_existing(&path)?),
            None => Err(UsageError("--store none: there are no runs in no store; name a file".into()).into()),
        }
    }

    /// Opens the store, makes it where it is not there; `None` for none.
    ///
    /// # Errors
    /// It can't be opened or written.
    pub(super) fn open(&self) -> anyhow::Result<Option<Store>> {
        Ok(self.path()?.map(|path| Store::open(&path)).transpose()?)
    }
}

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
