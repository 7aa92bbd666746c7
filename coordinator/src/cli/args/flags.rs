//! The flags that say which job; how to run it is said by the knobs (`job/knobs.rs`).

use std::path::PathBuf;

use clap::Args;
use jobs::{ItemsFrom, PlanOptions};

use crate::job::JobSource;

/// Which job.
#[derive(Debug, Clone, Args)]
pub(crate) struct JobArgs {
    /// The job file (TOML)
    #[arg(value_name = "JOB")]
    pub(crate) job: PathBuf,

    /// Set a key of the job file to a TOML value, for example input.numbers='[7]'; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) set: Vec<(String, String)>,

    /// Take the items from this file, one a line, and not from the job file; -: from the standard input
    #[arg(long, value_name = "PATH|-", value_parser = items_from)]
    pub(crate) input: Option<ItemsFrom>,

    /// Replace outputs that exist already
    #[arg(long)]
    pub(crate) force: bool,
}

impl JobArgs {
    /// Where the job comes from.
    pub(crate) fn source(&self) -> JobSource {
        JobSource {
            path: self.job.clone(),
            overrides: self.set.clone(),
            plan: PlanOptions { force: self.force, items: self.input.clone() },
        }
    }
}

fn items_from(text: &str) -> Result<ItemsFrom, String> {
    match text {
        "" => Err("it should be a file, or - for the standard input".into()),
        "-" => Ok(ItemsFrom::Stdin),
        path => Ok(ItemsFrom::File(path.into())),
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("it should be KEY=VALUE, for example run.workers=4".into()),
    }
}
