//! Dead letters: tasks that failed for good, with what they were and how each attempt ended.

use protocol::TaskId;
use rusqlite::{Row, params};

use super::catalog::parsed;
use super::error::At;
use super::handle::Store;
use super::{RunInfo, StoreError};
use crate::outcome::{AttemptRecord, Failure, Outcome, Reason};

/// A task that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Which task.
    pub task: TaskId,
    /// What the plan said, so that it can be run again without planning.
    pub payload: Vec<u8>,
    /// How many attempts were charged to it.
    pub attempts: u32,
    /// The number of the worker that made the last attempt, from 1 (0: none).
    pub worker: u32,
    /// How long the last attempt took, in microseconds.
    pub micros: u64,
    /// True where an attempt passed the soft timeout.
    pub slow: bool,
    /// Why it failed, and how each attempt ended, those of earlier retries included.
    pub failure: Failure,
}

impl DeadLetter {
    /// The outcome that it was.
    pub fn outcome(&self) -> Outcome<'_> {
        Outcome {
            task: self.task,
            payload: &self.payload,
            attempts: self.attempts,
            worker: self.worker,
            micros: self.micros,
            slow: self.slow,
            result: Err(&self.failure),
        }
    }
}

impl Store {
    /// The run's dead letters by task id: the first `limit` whose id is `from` or above.
    ///
    /// # Errors
    /// The store can't be read, or what it says makes no sense.
    pub fn dead_letters(
        &self,
        run: &RunInfo,
        from: TaskId,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let sql = "SELECT task, payload, attempts, worker, micros, slow, reason, message FROM failures \
                   WHERE run = ?1 AND task >= ?2 ORDER BY task LIMIT ?3";
        // An id that no row can have is above them all.
        let Ok(from) = i64::try_from(from.0) else { return Ok(Vec::new()) };
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let rows = statement.query_map(params![run.key, from, limit], read_dead_letter);
        let mut letters: Vec<_> = rows.and_then(Iterator::collect).at(&self.path)?;
        for letter in &mut letters {
            letter.failure.history = self.history(run, letter.task)?;
        }
        Ok(letters)
    }

    fn history(&self, run: &RunInfo, task: TaskId) -> Result<Vec<AttemptRecord>, StoreError> {
        let sql = "SELECT attempt, worker, pid, reason, message, signal, exit_code, last_lines, micros \
                   FROM attempts WHERE run = ?1 AND task = ?2 ORDER BY number";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let rows = statement.query_map(params![run.key, task.0], |row| {
            let reason = parsed(row, 3, reason)?;
            let mut record = AttemptRecord::new(row.get(0)?, row.get(1)?, reason, row.get(4)?);
            record.pid = row.get(2)?;
            record.signal = row.get(5)?;
            record.exit_code = row.get(6)?;
            record.last_lines = parsed(row, 7, |text| serde_json::from_str(text).ok())?;
            record.micros = row.get(8)?;
            Ok(record)
        });
        rows.and_then(Iterator::collect).at(&self.path)
    }

    /// Hands the ids of the run's dead letters to `each`, in ascending order.
    pub(super) fn each_failed_task(
        &self,
        run: &RunInfo,
        mut each: impl FnMut(TaskId),
    ) -> Result<(), StoreError> {
        let sql = "SELECT task FROM failures WHERE run = ?1 ORDER BY task";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let mut rows = statement.query([run.key]).at(&self.path)?;
        while let Some(row) = rows.next().at(&self.path)? {
            each(TaskId(row.get(0).at(&self.path)?));
        }
        Ok(())
    }
}

fn read_dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let failure = Failure::new(parsed(row, 6, reason)?, row.get(7)?, Vec::new());
    Ok(DeadLetter {
        task: TaskId(row.get(0)?),
        payload: row.get(1)?,
        attempts: row.get(2)?,
        worker: row.get(3)?,
        micros: row.get(4)?,
        slow: row.get(5)?,
        failure,
    })
}

fn reason(name: &str) -> Option<Reason> {
    Reason::ALL.into_iter().find(|reason| reason.name() == name)
}
