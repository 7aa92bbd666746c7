//! What is compared, with whom, and what each run is asked for.

mod bench;
mod command;
mod jobs;
mod kernels;
mod library;
mod store;

use clap::ValueEnum;

pub(crate) use self::bench::Bench;
use crate::comparison::Comparison;

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
