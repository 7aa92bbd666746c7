//! One group of outcomes, one transaction: all of it is stored, or nothing.

use std::path::PathBuf;
use std::time::SystemTime;

use crossbeam_channel::Sender;
use protocol::TaskId;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::claim::insert_event;
use super::error::At;
use super::lock::RunLock;
use super::open::beside;
use super::own_lock::FileId;
use super::pack::BlockBuilder;
use super::run::{Event, to_millis};
use super::task_set::Inserter;
use super::{ClaimedRun, RunId, RunState, Seen, StoreError, TaskSet};
use crate::outcome::{Failure, Outcome, Reason, SharedBatch};
use crate::summary::Summary;

/// Ascending sequences of so many outcomes are worth a block each.
const LONG_SEQUENCE: usize = 256;

/// How a session with a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// It was stopped; `resume` goes on.
    Interrupted,
    /// Every task has an outcome.
    Finished,
    /// It could not go on; `resume` goes on once the reason is gone.
    Failed,
}

/// Stores the outcomes of one run.
#[derive(Debug)]
pub(super) struct Committer {
    path: PathBuf,
    connection: Connection,
    run: i64,
    id: RunId,
    token: i64,
    /// True where a task that failed may get another outcome.
    retry: bool,
    /// The tasks whose outcomes are committed, and those of the transaction at work.
    pub(super) done: TaskSet,
    pub(super) counts: Counts,
    builder: BlockBuilder,
    clock: fn() -> SystemTime,
    /// The store's file, and its log once that is known.
    file: Option<FileId>,
    log: Option<FileId>,
}

/// What the run's row says about its tasks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) planned: u64,
    pub(super) ok: u64,
    pub(super) failed: u64,
}

/// What is committed at once.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) batches: Vec<SharedBatch>,
    pub(super) outcomes: usize,
    pub(super) bytes: usize,
    /// How the files that tasks have written look.
    pub(super) seen: Vec<(TaskId, Seen)>,
    pub(super) events: Vec<Event>,
    pub(super) end: Option<(RunEnd, Option<Box<Summary>>)>,
    /// Who waits for its commit.
    pub(super) barriers: Vec<Sender<()>>,
}

impl Group {
    pub(super) fn add(&mut self, batch: SharedBatch, seen: Vec<(TaskId, Seen)>) {
        self.outcomes += batch.len();
        self.bytes += batch.total_bytes();
        self.batches.push(batch);
        self.seen.extend(seen);
    }

    /// True where it must not wait for more.
    pub(super) fn is_urgent(&self) -> bool {
        !self.barriers.is_empty() || self.end.is_some()
    }

    fn outcomes(&self) -> impl Iterator<Item = Outcome<'_>> {
        self.batches.iter().flat_map(|batch| batch.iter())
    }

    /// True where the outcomes make few, long ascending sequences, as they do under load: each becomes a
    /// block, and sorting would cost more time than it saves room.
    fn is_nearly_sorted(&self) -> bool {
        let mut last = None;
        let descents =
            self.outcomes().filter(|outcome| last.replace(outcome.task) >= Some(outcome.task)).count();
        descents * LONG_SEQUENCE <= self.outcomes
    }
}

impl Committer {
    /// For a run that was claimed; its lock is to be kept for as long as the committer.
    pub(super) fn new(
        path: PathBuf,
        connection: Connection,
        run: ClaimedRun,
        clock: fn() -> SystemTime,
    ) -> (Self, RunLock) {
        let ClaimedRun { info, done, retry, token, lock } = run;
        let counts = Counts { planned: info.planned, ok: info.ok, failed: info.failed };
        let (run, id, builder) = (info.key, info.id, BlockBuilder::default());
        let file = lock.file_id();
        (
            Self { path, connection, run, id, token, retry, done, counts, builder, clock, file, log: None },
            lock,
        )
    }

    /// Stores the group. After an error the committer is of no more use: it no longer knows what is stored.
    pub(super) fn commit(&mut self, group: &Group) -> Result<(), StoreError> {
        let now = (self.clock)();
        let Self { path, connection, run, retry, done, counts, builder, .. } = self;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).at(path)?;
        let mut tables = Tables {
            transaction: &transaction,
            run: *run,
            retry: *retry,
            counts,
            done: done.inserter(),
            builder,
        };
        if group.is_nearly_sorted() {
            group.outcomes().try_for_each(|outcome| tables.insert(&outcome)).at(path)?;
        } else {
            let mut outcomes: Vec<_> = group.outcomes().collect();
            // Stable: where a task is there twice, its first outcome stays first.
            outcomes.sort_by_key(|outcome| outcome.task);
            outcomes.iter().try_for_each(|outcome| tables.insert(outcome)).at(path)?;
        }
        tables.flush().at(path)?;
        drop(tables);
        insert_seen(&transaction, *run, &group.seen).at(path)?;
        for Event { at, kind, detail } in &group.events {
            insert_event(&transaction, *run, *at, kind, detail).at(path)?;
        }
        let still_ours = update_run(&transaction, *run, self.token, self.counts, now).at(path)?;
        if still_ours == 0 {
            return Err(StoreError::Lost { run: self.id.to_string() });
        }
        if let Some((end, summary)) = &group.end {
            end_run(&transaction, *run, *end, summary.as_deref(), now).at(path)?;
        }
        transaction.commit().at(path)?;
        self.is_there()
    }

    /// What is written to a file that has no name any more is lost with the process.
    fn is_there(&mut self) -> Result<(), StoreError> {
        let gone = |_| StoreError::Gone { path: self.path.clone() };
        let file = FileId::at(&self.path).map_err(gone)?;
        let log = FileId::at(&beside(&self.path, "-wal")).map_err(gone)?;
        let first = self.log.is_none();
        if file != self.file || !first && log != self.log {
            return Err(StoreError::Gone { path: self.path.clone() });
        }
        self.log = log;
        Ok(())
    }
}

struct Tables<'a> {
    transaction: &'a Transaction<'a>,
    run: i64,
    retry: bool,
    counts: &'a mut Counts,
    done: Inserter<'a>,
    builder: &'a mut BlockBuilder,
}

impl Tables<'_> {
    fn insert(&mut self, outcome: &Outcome<'_>) -> rusqlite::Result<()> {
        // A cancelled task has not ended: a resumed run does it.
        let cancelled = outcome.result.is_err_and(|failure| failure.reason == Reason::Cancelled);
        if cancelled || !self.done.insert(outcome.task) {
            return Ok(());
        }
        if self.retry {
            self.remove_failure(outcome.task)?;
        }
        match outcome.result {
            Ok(value) => {
                if self.builder.is_full_for(outcome.task) {
                    self.flush()?;
                }
                self.builder.push(outcome, value);
                self.counts.ok += 1;
            }
            Err(failure) => {
                self.insert_failure(outcome, failure)?;
                self.counts.failed += 1;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> rusqlite::Result<()> {
        let Some(block) = self.builder.finish() else { return Ok(()) };
        let sql = "INSERT INTO blocks (run, first, last, count, data) VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![self.run, block.first.0, block.last.0, block.count, block.data];
        self.transaction.prepare_cached(sql)?.execute(values).map(drop)
    }

    /// Makes room for a new outcome; the old attempts stay as part of the task's history.
    fn remove_failure(&mut self, task: TaskId) -> rusqlite::Result<()> {
        let sql = "DELETE FROM failures WHERE run = ?1 AND task = ?2";
        let removed = self.transaction.prepare_cached(sql)?.execute(params![self.run, task.0])?;
        self.counts.failed = self.counts.failed.saturating_sub(removed as u64);
        Ok(())
    }

    fn insert_failure(&self, outcome: &Outcome<'_>, failure: &Failure) -> rusqlite::Result<()> {
        let sql = "INSERT INTO failures (run, task, attempts, worker, micros, slow, reason, message, payload) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        self.transaction.prepare_cached(sql)?.execute(params![
            self.run,
            outcome.task.0,
            outcome.attempts,
            outcome.worker,
            storable(outcome.micros),
            outcome.slow,
            failure.reason.name(),
            failure.message,
            outcome.payload,
        ])?;
        let mut number = if self.retry { self.attempts_before(outcome.task)? } else { 0 };
        let sql = "INSERT INTO attempts (run, task, number, attempt, worker, pid, reason, message, signal, \
                   exit_code, last_lines, micros) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        let mut statement = self.transaction.prepare_cached(sql)?;
        for attempt in &failure.history {
            number += 1;
            statement.execute(params![
                self.run,
                outcome.task.0,
                number,
                attempt.attempt,
                attempt.worker,
                attempt.pid,
                attempt.reason.name(),
                attempt.message,
                attempt.signal,
                attempt.exit_code,
                serde_json::Value::from(attempt.last_lines.clone()).to_string(),
                storable(attempt.micros),
            ])?;
        }
        Ok(())
    }

    fn attempts_before(&self, task: TaskId) -> rusqlite::Result<i64> {
        let sql = "SELECT coalesce(max(number), 0) FROM attempts WHERE run = ?1 AND task = ?2";
        self.transaction.prepare_cached(sql)?.query_row(params![self.run, task.0], |row| row.get(0))
    }
}

fn insert_seen(transaction: &Transaction<'_>, run: i64, seen: &[(TaskId, Seen)]) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO outputs (run, task, seen) VALUES (?1, ?2, ?3)";
    let mut statement = transaction.prepare_cached(sql)?;
    seen.iter().try_for_each(|(task, seen)| statement.execute(params![run, task.0, seen.0]).map(drop))
}

// SQLite's integers end at 2^63 - 1. That many microseconds are 292,000 years.
fn storable(micros: u64) -> u64 {
    micros.min(i64::MAX.cast_unsigned())
}

/// Returns 0 where the run is no longer this process's.
fn update_run(
    transaction: &Transaction<'_>,
    run: i64,
    token: i64,
    counts: Counts,
    now: SystemTime,
) -> rusqlite::Result<usize> {
    let sql = "UPDATE runs SET planned = ?3, ok = ?4, failed = ?5, updated = ?6 \
               WHERE key = ?1 AND owner_token = ?2";
    let values = params![run, token, counts.planned, counts.ok, counts.failed, to_millis(now)];
    transaction.prepare_cached(sql)?.execute(values)
}

fn end_run(
    transaction: &Transaction<'_>,
    run: i64,
    end: RunEnd,
    summary: Option<&Summary>,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let state = match end {
        RunEnd::Interrupted => RunState::Interrupted,
        RunEnd::Finished => RunState::Finished,
        RunEnd::Failed => RunState::Failed,
    };
    // A float-to-integer cast stops at the ends; no run lasts that long.
    let wall_ms = summary.map_or(0, |summary| (summary.wall_seconds * 1000.0) as i64);
    let sql = "UPDATE runs SET state = ?2, finished = ?3, wall_ms = wall_ms + max(?4, 0), owner_pid = NULL, \
               owner_boot = NULL, owner_start = NULL, owner_token = NULL WHERE key = ?1";
    transaction.execute(sql, params![run, state.name(), to_millis(now), wall_ms])?;
    if let Some(summary) = summary {
        let text = serde_json::to_string(summary)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        transaction.execute("UPDATE details SET summary = ?2 WHERE run = ?1", params![run, text])?;
    }
    insert_event(transaction, run, now, state.name(), "")
}
