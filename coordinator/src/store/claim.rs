//! Making a run, or taking one over: who may work on it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use super::error::At;
use super::handle::Store;
use super::lock::{Process, RunLock};
use super::path::path_text;
use super::run::to_millis;
use super::{
    ClaimedRun, Fingerprint, InputFile, NewRun, Purpose, RunId, RunInfo, RunState, StoreError, TaskSet, open,
};

/// Ids of one millisecond differ in ten bits; this many draws that all meet another run mean a broken
/// source of randomness.
const DRAWS: u32 = 100;

impl Store {
    /// Stores a new run that starts `now`, and claims it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where the id that the user chose is taken; [`StoreError::Alive`] where someone
    /// is at work on the run that this one takes the place of; or the store can't be written, which is how a
    /// run learns of a full disk before its first task.
    pub fn create_run(&mut self, run: &NewRun, now: SystemTime) -> Result<ClaimedRun, StoreError> {
        let path = self.path.clone();
        let token = random(&path)?;
        // A run without an outcome is not worth waiting for the disk: it is there with its first one at the latest,
        // since nothing in the log is on the disk before what stands in front of it.
        open::without_waiting(&self.connection, &path)?;
        let claimed = self.insert_and_claim(path.clone(), token, run, now);
        open::waiting(&self.connection).at(&path)?;
        claimed
    }

    fn insert_and_claim(
        &mut self,
        path: PathBuf,
        token: i64,
        run: &NewRun,
        now: SystemTime,
    ) -> Result<ClaimedRun, StoreError> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        let id = insert_with_id(&transaction, &path, run, now)?;
        let key = transaction.last_insert_rowid();
        insert_details(&transaction, key, run).at(&path)?;
        insert_inputs(&transaction, key, &run.fingerprint).at(&path)?;
        // Locked before anyone can see it.
        let taken = RunLock::take(&path, key)?;
        let lock = taken.ok_or_else(|| StoreError::Alive { run: id.to_string(), pid: None })?;
        own(&transaction, key, token, now).at(&path)?;
        insert_event(&transaction, key, now, "started", "").at(&path)?;
        // Nor may anyone be at work on the run that this one takes the place of.
        let _replaced =
            run.parent.as_ref().map(|parent| replace(&transaction, &path, parent, &id, now)).transpose()?;
        transaction.commit().at(&path)?;
        let info = self.claimed(key, &id)?;
        Ok(ClaimedRun { info, done: TaskSet::new(), retry: false, token, lock })
    }

    /// Claims a run, to go on with it from `now` on.
    ///
    /// # Errors
    /// [`StoreError::Alive`] where someone is at work on it; [`StoreError::Finished`] where it is to be resumed
    /// and nothing is left to do; [`StoreError::NoSuchRun`] where it was pruned in the meantime; or the store
    /// can't be read or written.
    pub fn claim(
        &mut self,
        run: &RunInfo,
        purpose: Purpose,
        now: SystemTime,
    ) -> Result<ClaimedRun, StoreError> {
        let path = self.path.clone();
        let Some(lock) = RunLock::take(&path, run.key)? else {
            let pid = self.by_key(run.key, &run.id).ok().and_then(|run| run.pid);
            return Err(StoreError::Alive { run: run.id.to_string(), pid });
        };
        let token = random(&path)?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        let retry = purpose == Purpose::Retry;
        // Whoever had the run in the meantime may have brought it to its end.
        if !retry && has_finished(&transaction, run.key).at(&path)? {
            return Err(StoreError::Finished { run: run.id.to_string() });
        }
        if own(&transaction, run.key, token, now).at(&path)? == 0 {
            return Err(StoreError::NoSuchRun { name: run.id.to_string() });
        }
        insert_event(&transaction, run.key, now, if retry { "retried" } else { "resumed" }, "").at(&path)?;
        transaction.commit().at(&path)?;
        let mut done = self.done(run)?;
        if retry {
            self.each_failed_task(run, |task| {
                done.remove(task);
            })?;
        }
        let info = self.claimed(run.key, &run.id)?;
        Ok(ClaimedRun { info, done, retry, token, lock })
    }

    /// Fails where [`claim`](Self::claim) would because someone is at work on the run. Nothing is claimed: what may
    /// still refuse to go on comes first.
    ///
    /// # Errors
    /// [`StoreError::Alive`]; or the store can't be read.
    pub fn may_claim(&self, run: &RunInfo) -> Result<(), StoreError> {
        if RunLock::is_taken(&self.path, run.key)? {
            let pid = self.by_key(run.key, &run.id).ok().and_then(|run| run.pid);
            return Err(StoreError::Alive { run: run.id.to_string(), pid });
        }
        Ok(())
    }

    fn by_key(&self, key: i64, id: &RunId) -> Result<RunInfo, StoreError> {
        let found = self.query_runs("key = ?1 AND state != 'deleting'", [key])?;
        found.into_iter().next().ok_or_else(|| StoreError::NoSuchRun { name: id.to_string() })
    }
}

fn random(path: &Path) -> Result<i64, StoreError> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).map_err(|error| {
        StoreError::Io { path: path.to_owned(), detail: format!("no randomness: {error}") }
    })?;
    Ok(i64::from_ne_bytes(bytes))
}

fn insert_with_id(
    transaction: &Transaction<'_>,
    path: &Path,
    run: &NewRun,
    now: SystemTime,
) -> Result<RunId, StoreError> {
    for _ in 0..DRAWS {
        let id = match &run.id {
            Some(id) => id.clone(),
            None => RunId::generate(now, random(path)?.cast_unsigned()),
        };
        match insert_run(transaction, &id, run, now) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                if run.id.is_some() {
                    return Err(StoreError::Exists { id: id.to_string() });
                }
            }
            inserted => return inserted.at(path).map(|()| id),
        }
    }
    Err(StoreError::Io { path: path.to_owned(), detail: "no run id is free".to_owned() })
}

fn insert_run(
    transaction: &Transaction<'_>,
    id: &RunId,
    run: &NewRun,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO runs (id, state, created, updated, job, kind, total, parent) \
               VALUES (?1, 'running', ?2, ?2, ?3, ?4, ?5, ?6)";
    let parent = run.parent.as_ref().map(RunId::as_str);
    let values = params![id.as_str(), to_millis(now), run.job, run.kind, run.total, parent];
    transaction.execute(sql, values).map(drop)
}

fn insert_details(transaction: &Transaction<'_>, key: i64, run: &NewRun) -> rusqlite::Result<()> {
    let sql = "INSERT INTO details (run, job_path, job_text, overrides, options, setup) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let overrides = serde_json::Value::from(run.overrides.clone()).to_string();
    let path = run.job_path.as_deref().map(path_text);
    let values = params![key, path, run.fingerprint.job_text, overrides, run.options, run.setup];
    transaction.execute(sql, values).map(drop)
}

fn insert_inputs(transaction: &Transaction<'_>, key: i64, fingerprint: &Fingerprint) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO inputs (run, name, size, modified_ns, sha256, changed_ns, task, payload) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut statement = transaction.prepare(sql)?;
    for InputFile { name, size, modified_ns, changed_ns, sha256, reader } in &fingerprint.inputs {
        let task = reader.map(|reader| reader.task.0);
        let payload = reader.map(|reader| reader.payload.0);
        statement.execute(params![key, name, size, modified_ns, sha256, changed_ns, task, payload])?;
    }
    Ok(())
}

/// Notes that a run has taken the place of another, which had not finished. The lock, held until that is
/// committed, keeps anyone from going on with the other one meanwhile.
fn replace(
    transaction: &Transaction<'_>,
    path: &Path,
    replaced: &RunId,
    by: &RunId,
    now: SystemTime,
) -> Result<Option<RunLock>, StoreError> {
    let sql = "SELECT key FROM runs WHERE id = ?1 AND state NOT IN ('finished', 'deleting')";
    let key = transaction.query_row(sql, [replaced.as_str()], |row| row.get(0)).optional().at(path)?;
    let Some(key) = key else { return Ok(None) };
    let Some(lock) = RunLock::take(path, key)? else {
        return Err(StoreError::Alive { run: replaced.to_string(), pid: None });
    };
    let sql = "UPDATE runs SET replaced_by = ?2 WHERE key = ?1";
    transaction.execute(sql, params![key, by.as_str()]).at(path)?;
    insert_event(transaction, key, now, "replaced", &format!("by {by}")).at(path)?;
    Ok(Some(lock))
}

fn has_finished(transaction: &Transaction<'_>, key: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM runs WHERE key = ?1 AND state = 'finished'";
    transaction.query_row(sql, [key], |row| row.get(0)).map(|finished: i64| finished > 0)
}

/// Writes this process into the run's row; 0 where there is no such run.
fn own(transaction: &Transaction<'_>, key: i64, token: i64, now: SystemTime) -> rusqlite::Result<usize> {
    let sql = "UPDATE runs SET state = ?2, updated = ?3, owner_pid = ?4, owner_boot = ?5, owner_start = ?6, \
               owner_token = ?7, replaced_by = NULL WHERE key = ?1 AND state != 'deleting'";
    let this = Process::current();
    let state = RunState::Running.name();
    transaction.execute(sql, params![key, state, to_millis(now), this.pid, this.boot, this.start, token])
}

pub(super) fn insert_event(
    connection: &rusqlite::Connection,
    key: i64,
    at: SystemTime,
    kind: &str,
    detail: &str,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO events (run, at, kind, detail) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![key, to_millis(at), kind, detail]).map(drop)
}
