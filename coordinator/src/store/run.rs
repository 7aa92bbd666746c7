//! What the store knows about a run beside its outcomes.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fingerprint::Fingerprint;
use super::lock::RunLock;
use super::{RunId, TaskSet};

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Someone is at work on it.
    Running,
    /// It was stopped, or its coordinator died: `resume` goes on with it.
    Interrupted,
    /// Every task has an outcome.
    Finished,
    /// It could not go on: `resume` goes on with it once the reason is gone.
    Failed,
}

impl RunState {
    /// The name that the store and listings use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Running, Self::Interrupted, Self::Finished, Self::Failed]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// What a new run is to be stored as.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// What the user called it; `None`: an id is made.
    pub id: Option<RunId>,
    /// The job's name.
    pub job: String,
    /// The job's kind.
    pub kind: String,
    /// Where the job file was, if it was a file.
    pub job_path: Option<PathBuf>,
    /// The values that `--set` gave, as they were written.
    pub overrides: Vec<String>,
    /// The options that the run was started with, as JSON, for `resume` to use again.
    pub options: String,
    /// What the kind's handler and presenter are made from.
    pub setup: Vec<u8>,
    /// The job's text and the files that it reads.
    pub fingerprint: Fingerprint,
    /// How many tasks there will be, where that is known.
    pub total: Option<u64>,
    /// The run that this one takes the place of.
    pub parent: Option<RunId>,
}

/// A run as `runs list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    // Its number in this store.
    pub(super) key: i64,
    /// What it is called.
    pub id: RunId,
    /// How it stands. A run whose coordinator died is [`RunState::Interrupted`].
    pub state: RunState,
    /// The process that is at work on it, where that is known.
    pub pid: Option<u32>,
    /// When it was first started.
    pub created: SystemTime,
    /// When something was last committed.
    pub updated: SystemTime,
    /// When it was last brought to an orderly end.
    pub finished: Option<SystemTime>,
    /// How long it has run, over all its sessions that came to an orderly end.
    pub wall: Duration,
    /// The job's name.
    pub job: String,
    /// The job's kind.
    pub kind: String,
    /// How many tasks there are in all, where that is known.
    pub total: Option<u64>,
    /// Tasks that were planned so far.
    pub planned: u64,
    /// Tasks that ended well.
    pub ok: u64,
    /// Tasks that failed for good.
    pub failed: u64,
    /// The run that this one takes the place of.
    pub parent: Option<RunId>,
    /// The run that has taken this one's place before it had finished: a `resume` that names no run passes it
    /// over.
    pub replaced_by: Option<RunId>,
}

/// The rest of what is known about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDetails {
    /// Where the job file was, if it was a file.
    pub job_path: Option<PathBuf>,
    /// The values that `--set` gave, as they were written.
    pub overrides: Vec<String>,
    /// The options that the run was started with, as JSON.
    pub options: String,
    /// What the kind's handler and presenter are made from.
    pub setup: Vec<u8>,
    /// The job's text and the files that it read.
    pub fingerprint: Fingerprint,
    /// The last session's summary as JSON, where it came to an orderly end.
    pub summary: Option<String>,
}

/// Something that happened to a run and is no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: SystemTime,
    /// What, in a word: `started`, `resumed`, `worker-died`.
    pub kind: String,
    /// The particulars, in a sentence.
    pub detail: String,
}

/// A run that this process may work on, and no other until this is dropped.
#[derive(Debug)]
pub struct ClaimedRun {
    /// How it stood when it was claimed.
    pub info: RunInfo,
    /// The tasks that need not be run: those whose outcomes are committed, less, for a retry, the failed.
    pub done: TaskSet,
    pub(super) retry: bool,
    // Proof, in the run's row, that no one else has taken it over.
    pub(super) token: i64,
    // Released when the claim is dropped.
    pub(super) lock: RunLock,
}

/// What a run is claimed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To run what has no outcome yet.
    Resume,
    /// To run what has failed again as well; a new outcome takes the old failure's place.
    Retry,
}

/// Milliseconds since 1970, as the tables have it; times outside of them are moved to their ends.
pub(super) fn to_millis(time: SystemTime) -> i64 {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// The time at so many milliseconds since 1970. A number that no clock shows becomes 1970.
pub(super) fn from_millis(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
