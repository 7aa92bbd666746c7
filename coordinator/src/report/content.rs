//! What a report tells.

use crate::outcome::Failure;
use crate::summary::Summary;

/// How many failures stand in a report, at most.
pub const FAILURES: usize = 200;

/// What a report tells.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The run's id.
    pub run_id: String,
    /// The job's name.
    pub job: String,
    /// The job's kind.
    pub kind: String,
    /// How the run stands: `finished`, `interrupted`, …
    pub state: String,
    /// When it was begun, for people; none where that is not known.
    pub begun: Option<String>,
    /// What it came to; none for a run whose coordinator died.
    pub summary: Option<Summary>,
    /// The combined result as people read it, for kinds that have one.
    pub result: Option<String>,
    /// The failures, at most [`FAILURES`].
    pub failures: Vec<Letter>,
    /// How many there are.
    pub failed: u64,
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its id.
    pub task: u64,
    /// What the user gave for it; none where that can't be told.
    pub input: Option<String>,
    /// Why it failed.
    pub failure: Failure,
}
