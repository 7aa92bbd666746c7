//! The arguments of `coordinator resume` and `coordinator retry`.

use clap::{Args, ValueEnum};

use super::shown::ShowArgs;
use super::store::StoreArgs;
use crate::job::RunFlags;

pub(crate) const RESUME_EXAMPLES: &str = "\
Examples:
  coordinator resume                      go on with the newest run that has not finished
  coordinator resume 1hkz3q               go on with this one (any unambiguous beginning of its id)
  coordinator resume 1hkz3q -w 8          the same on eight workers
  coordinator resume --changed rerun      the job has changed: begin anew, as it is now";

pub(crate) const RETRY_EXAMPLES: &str = "\
Examples:
  coordinator retry                       run the failed tasks of the newest run that has some
  coordinator retry 1hkz3q                run its failed tasks again
  coordinator retry 1hkz3q --timeout 5m --memory 4GiB --retries 5";

/// The flags of `resume`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ResumeArgs {
    /// The run's id, or how it begins; by default the newest run that has not finished
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,

    #[command(flatten)]
    pub(crate) again: AgainArgs,
}

/// The flags of `retry`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RetryArgs {
    /// The run's id, or how it begins; by default the newest run with failed tasks
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,

    #[command(flatten)]
    pub(crate) again: AgainArgs,
}

/// How a run goes on; what no flag says is as it was.
#[derive(Debug, Clone, Args)]
pub(crate) struct AgainArgs {
    /// What to do where the job file or an input has changed since the run began
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) changed: Option<Changed>,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) run_flags: RunFlags,

    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Changed {
    /// Begin anew, as a new run of the job as it is now
    Rerun,
    /// Keep what is done, and do the rest by the job file as it was, with the inputs as they are
    Keep,
}
