//! The arguments that say in which store a run is kept.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::exit::UsageError;
use crate::store::{RunId, Store, StoreError, default_path};

/// What `--store` says where nothing is to be kept.
const NONE: &str = "none";

/// Where a new run is kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct KeepArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// Skip the tasks that an earlier run of this job has done, where input, steps and output files are as they
    /// were; an output of an earlier run is replaced
    #[arg(long)]
    pub(crate) incremental: bool,

    /// Call the run this; by default an id is made
    #[arg(long, value_name = "ID", value_parser = str::parse::<RunId>)]
    pub(crate) run_id: Option<RunId>,
}

/// Which store.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreArgs {
    /// The file that runs are stored in; none: a run that is stopped is lost
    /// [default: $XDG_STATE_HOME/coordinator/runs.db]
    #[arg(long, value_name = "PATH|none", global = true)]
    pub(crate) store: Option<PathBuf>,
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
    pub(crate) fn open_existing(&self) -> anyhow::Result<Store> {
        match self.path()? {
            Some(path) => Ok(Store::open_existing(&path)?),
            None => Err(UsageError("--store none: there are no runs in no store; name a file".into()).into()),
        }
    }

    /// Opens the store, makes it where it is not there; `None` for none.
    ///
    /// # Errors
    /// It can't be opened or written.
    pub(crate) fn open(&self) -> anyhow::Result<Option<Store>> {
        Ok(self.path()?.map(|path| Store::open(&path)).transpose()?)
    }
}
