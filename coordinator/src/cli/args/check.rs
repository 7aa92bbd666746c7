//! The arguments of `coordinator check`.

use clap::Args;

use super::flags::JobArgs;

pub(crate) const EXAMPLES: &str = "\
Examples:
  coordinator check jobs/primes.toml
  coordinator check jobs/primes.toml --set run.workers=4
  coordinator run jobs/primes.toml -w 4 --timeout 5s --dry-run    the same with all the flags of run
  coordinator check --schema > job.schema.json     a JSON Schema, for editors that complete job files

Exit codes:
    0  the job can be run
    2  the job file or the command line is wrong: every error is told";

/// The flags of `check`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) job: Option<JobArgs>,

    /// Print a JSON Schema of job files, for editors
    #[arg(long, exclusive = true)]
    pub(crate) schema: bool,
}
