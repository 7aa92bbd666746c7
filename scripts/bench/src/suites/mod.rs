//! What is compared, with whom, and what each run is asked for.

mod command;
mod jobs;
mod kernels;
mod library;
mod store;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::comparison::Comparison;
use crate::jobs::Place;
use crate::peers::Peers;

/// What all suites have in common.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The project's root.
    pub(crate) root: PathBuf,
    pub(crate) place: Place,
    pub(crate) peers: Peers,
    /// Multiplies the numbers of tasks.
    pub(crate) scale: f64,
    /// The size of each array that jobs read, in megabytes.
    pub(crate) megabytes: u64,
    /// How many runs the store has when it is listed.
    pub(crate) runs: u64,
}

impl Bench {
    /// So many tasks, scaled, but never too few to be timed.
    fn many(&self, count: f64) -> u64 {
        ((count * self.scale) as u64).max(100)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// The pool and the command against other ways to run tasks
    Pool,
    /// The kinds against the best tools for the same work (its data takes 4 GB)
    Jobs,
    /// What keeping a run costs
    Store,
    /// The kernels of `images` against OpenCV's
    Kernels,
}

impl Suite {
    /// Its comparisons.
    pub(crate) fn comparisons(self, bench: &Bench) -> Vec<Comparison<'_>> {
        match self {
            Self::Pool => {
                library::comparisons(bench).into_iter().chain(command::comparisons(bench)).collect()
            }
            Self::Jobs => jobs::comparisons(bench),
            Self::Store => store::comparisons(bench),
            Self::Kernels => kernels::comparisons(bench),
        }
    }
}
