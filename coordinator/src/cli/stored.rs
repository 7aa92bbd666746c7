//! `--store` and `--run-id`: where a run is kept, and what it is called there.

use std::path::{Path, PathBuf};

use clap::Args;
use jobs::Plan;

use super::exit::UsageError;
use super::line::CommandLine;
use crate::job::Job;
use crate::run::{Keep, unstored_id};
use crate::store::{Fingerprint, NewRun, RunId, Store, StoreError, default_path};

/// What `--store` says where nothing is to be kept.
const NONE: &str = "none";

/// Where a new run is kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Store")]
pub(super) struct KeepArgs {
    #[command(flatten)]
    pub(super) store: StoreArgs,

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
pub(super) fn keep_new(args: &KeepArgs, job: &Job, overrides: &[(String, String)]) -> anyhow::Result<Keep> {
    let Some(store) = args.store.open()? else {
        return Ok(Keep::Nowhere(args.run_id.clone().unwrap_or_else(unstored_id)));
    };
    let line = CommandLine::current()?;
    let new = new_run(args.run_id.clone(), job, overrides, &line)?;
    Ok(Keep::New(store, Box::new(new)))
}

/// What a run of `job` is stored as.
///
/// # Errors
/// An input can't be read.
pub(super) fn new_run(
    id: Option<RunId>,
    job: &Job,
    overrides: &[(String, String)],
    line: &CommandLine,
) -> anyhow::Result<NewRun> {
    Ok(NewRun {
        id,
        job: job.name.clone(),
        kind: job.kind.name().to_owned(),
        job_path: Some(std::path::absolute(&job.path)?),
        overrides: overrides.iter().map(|(key, value)| format!("{key}={value}")).collect(),
        options: line.to_json()?,
        setup: job.plan.setup.clone(),
        fingerprint: fingerprint(&job.text, &job.plan)?,
        total: job.plan.total,
        parent: None,
    })
}

/// A job's text and the files that it reads, as they are now.
///
/// # Errors
/// A file can't be read.
pub(super) fn fingerprint(text: &str, plan: &Plan) -> Result<Fingerprint, UsageError> {
    Fingerprint::take(text, &plan.inputs)
        .map_err(|(name, error)| UsageError(format!("{name}: can't be read: {error}")))
}
