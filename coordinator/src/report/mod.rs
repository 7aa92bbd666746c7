//! A run as one HTML page: no scripts, no network, readable on a phone, light and dark.
//!
//! Everything that came from a job, a task or a worker is hostile until it is escaped; `escape::text` is the
//! one door, and a policy in the page itself forbids scripts and anything from elsewhere.

mod charts;
mod escape;
mod page;
mod sections;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use self::page::html;
use crate::outcome::Failure;
use crate::output::{Destination, Existing, OutputError};
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

/// Writes a report to a file, whole or not at all; an earlier one is replaced.
///
/// # Errors
/// The file can't be written.
pub fn write(report: &Report, path: &Path) -> Result<(), OutputError> {
    let mut file = Destination::open(path, Existing::Replace)?;
    file.write(html(report).as_bytes())?;
    file.finish()
}
