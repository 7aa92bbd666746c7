//! The arguments of `coordinator kinds`.

use clap::Args;

pub(crate) const EXAMPLES: &str = "\
Examples:
  coordinator kinds                              all kinds, a line each
  coordinator kinds primes                       the keys of one kind
  coordinator kinds primes --example > my.toml   a job file that runs

Exit codes:
    0  there is such a kind
    2  there is none";

/// The flags of `kinds`.
#[derive(Debug, Clone, Args)]
pub(crate) struct KindsArgs {
    /// Tell about this kind
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// List the kinds for tests and rehearsals, too
    #[arg(long)]
    pub(crate) all: bool,

    /// Print a job file of this kind that runs as it is
    #[arg(long, requires = "name")]
    pub(crate) example: bool,
}
