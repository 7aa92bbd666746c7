//! The arguments of `coordinator watch`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::job::units::parse_duration;

pub(crate) const EXAMPLES: &str = "\
Examples:
  coordinator run jobs/pi.toml --observe run.sock    a run that can be observed
  coordinator watch run.sock                         from another terminal: what goes on, line by line
  coordinator watch run.sock --json                  the same for programs, a JSON object a line
  coordinator watch run.sock --wait 1m               where the run begins only within a minute

Exit codes:
    0  the run has ended, and all tasks are ok; otherwise the run's own:
    1  some tasks failed for good
    2  the run's input was wrong; or no run is to be observed there
    3  the run could not go on; or its coordinator was killed, or speaks another version
  130  the run was stopped by SIGINT (Ctrl-C); 143 by SIGTERM or SIGHUP";

/// The flags of `watch`.
#[derive(Debug, Clone, Args)]
pub(crate) struct WatchArgs {
    /// The run's socket: what was given to its --observe
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,

    /// Print a JSON object a line: everything that is told, counts up to five times a second
    #[arg(long)]
    pub(crate) json: bool,

    /// How long to wait for the run to begin
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    pub(crate) wait: Duration,
}
