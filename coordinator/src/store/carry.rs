//! Outcomes of an earlier run that a new one takes over, because running their tasks again would give the same.

use std::collections::HashMap;
use std::time::SystemTime;

use protocol::TaskId;
use rusqlite::params;

use super::commit::{Committer, Group};
use super::error::At;
use super::handle::Store;
use super::open::connect;
use super::{ClaimedRun, RunInfo, Seen, StoreError};
use crate::outcome::{Outcome, OutcomeBatch};

/// How many outcomes, and bytes of values, are committed at once.
const GROUP: usize = 10_000;
const GROUP_BYTES: usize = 1 << 20;

/// An outcome that is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// The task that it is of in the new run.
    pub task: TaskId,
    /// How the files look that it has left.
    pub seen: Option<Seen>,
}

impl Store {
    /// Takes outcomes of `from` over into `run`, which nobody is at work on yet. `pick` is shown every outcome,
    /// good and bad, and says what becomes of it. A task of `run` that is done stays as it is.
    ///
    /// # Errors
    /// The store can't be read or written.
    pub fn carry(
        &self,
        run: ClaimedRun,
        from: &RunInfo,
        clock: fn() -> SystemTime,
        mut pick: impl FnMut(&Outcome<'_>) -> Option<Carried>,
    ) -> Result<ClaimedRun, StoreError> {
        let (info, retry, token) = (run.info.clone(), run.retry, run.token);
        let connection = connect(&self.path)?;
        let (mut committer, lock) = Committer::new(self.path.clone(), connection, run, clock);
        let mut outcomes = self.outcomes(from);
        let (mut batch, mut seen) = (OutcomeBatch::new(), Vec::new());
        loop {
            let outcome = outcomes.next()?;
            let ended = outcome.is_none();
            if let Some(outcome) = outcome
                && let Some(carried) = pick(&outcome)
            {
                batch.push(Outcome { task: carried.task, ..outcome });
                seen.extend(carried.seen.map(|seen| (carried.task, seen)));
            }
            let full = batch.len() >= GROUP || batch.total_bytes() >= GROUP_BYTES;
            if full || ended && !batch.is_empty() {
                let mut group = Group::default();
                group.add(std::mem::take(&mut batch).into(), std::mem::take(&mut seen));
                committer.commit(&group)?;
            }
            if ended {
                break;
            }
        }
        let info = RunInfo { ok: committer.counts.ok, failed: committer.counts.failed, ..info };
        Ok(ClaimedRun { info, done: committer.done, retry, token, lock })
    }

    /// How the files looked that the tasks of a run have left.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn seen(&self, run: &RunInfo) -> Result<HashMap<TaskId, Seen>, StoreError> {
        let sql = "SELECT task, seen FROM outputs WHERE run = ?1";
        let mut statement = self.connection.prepare(sql).at(&self.path)?;
        let rows = statement
            .query_map(params![run.key], |row| Ok((TaskId(row.get(0)?), Seen(row.get::<_, [u8; 16]>(1)?))));
        rows.and_then(Iterator::collect).at(&self.path)
    }

    /// Notes that a run goes on though its inputs have changed: from now on nobody can tell which of its
    /// outcomes come from which.
    ///
    /// # Errors
    /// The store can't be written.
    pub fn note_mixed(&self, run: &ClaimedRun) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET mixed = 1 WHERE key = ?1 AND owner_token = ?2";
        self.connection.execute(sql, params![run.info.key, run.token]).map(drop).at(&self.path)
    }
}
