//! The arguments of `coordinator scale`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;

use super::flags::JobArgs;
use crate::job::units::ValueError;
use crate::scale::parse_counts;

pub(crate) const EXAMPLES: &str = "\
Examples:
  coordinator scale jobs/pi.toml                       on one worker up to one for each usable CPU
  coordinator scale jobs/pi.toml --workers 1..4 --repeat 5
  coordinator scale jobs/pi.toml --workers 1,2,4,8 --svg speedup.svg --csv times.csv
  coordinator scale jobs/pi.toml --json                for programs";

/// The flags of `scale`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScaleArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,

    /// On how many workers: a range, both ends included, or a list
    #[arg(short, long, value_name = "A..B|N,…", value_parser = worker_counts, default_value = "1..auto")]
    pub(crate) workers: Counts,

    /// How often on each
    #[arg(long, value_name = "K", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) repeat: u32,

    /// Draw the speedup curve beside the ideal line and the law to this file; an earlier one is replaced
    #[arg(long, value_name = "PATH")]
    pub(crate) svg: Option<PathBuf>,

    /// Write every time to this file as CSV; an earlier one is replaced
    #[arg(long, value_name = "PATH")]
    pub(crate) csv: Option<PathBuf>,

    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Numbers of workers, ascending.
#[derive(Debug, Clone)]
pub(crate) struct Counts(pub(crate) Vec<NonZeroU32>);

fn worker_counts(text: &str) -> Result<Counts, ValueError> {
    parse_counts(text).map(Counts)
}
