//! What all suites have in common.

use std::path::PathBuf;

use crate::jobs::Place;
use crate::peers::Peers;

/// The places and the sizes.
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
    pub(super) fn many(&self, count: f64) -> u64 {
        ((count * self.scale) as u64).max(100)
    }
}
