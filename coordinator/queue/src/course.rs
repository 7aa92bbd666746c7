//! How far a run has come, and what it is heading for.

use super::Time;

/// What the run is heading for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// All tasks are to be done.
    Work,
    /// Nothing new starts; what runs may finish until the given time.
    Stop { until: Time },
    /// Everything is being killed.
    Abort,
}

/// How far a run has come.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) course: Course,
    /// More tasks may be put.
    pub(super) planning: bool,
    /// Outcomes can't leave: nothing new is leased.
    pub(super) congested: bool,
    /// All is done and everybody has gone. Invariant: then every worker is `Gone`.
    pub(super) joined: bool,
}

impl Run {
    pub(super) fn new() -> Self {
        Self { course: Course::Work, planning: true, congested: false, joined: false }
    }
}
