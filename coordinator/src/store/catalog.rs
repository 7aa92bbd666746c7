//! The runs in the store: what there is, and what is known about each.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use protocol::TaskId;
use rusqlite::{OptionalExtension, Params, Row, params};

use super::error::At;
use super::handle::Store;
use super::lock::{Process, RunLock};
use super::path::{path_text, text_path};
use super::run::from_millis;
use super::{
    Event, Fingerprint, InputFile, PayloadHash, Reader, RunDetails, RunId, RunInfo, RunState, StoreError,
};

const RUN_COLUMNS: &str = "key, id, state, created, updated, finished, wall_ms, job, kind, total, planned, \
                           ok, failed, parent, owner_pid, owner_boot, owner_start, replaced_by";

/// How many runs an ambiguous name is explained with.
const CANDIDATES: u32 = 5;

impl Store {
    /// The runs, newest first, at most `limit` of them.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn runs(&self, limit: Option<u32>) -> Result<Vec<RunInfo>, StoreError> {
        // Below zero, SQLite knows no limit.
        let limit = limit.map_or(-1, i64::from);
        self.query_runs("state != 'deleting' ORDER BY key DESC LIMIT ?1", [limit])
    }

    /// The newest run that has not finished, that nobody is at work on and that no other run has taken the
    /// place of: what `resume` goes on with.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn newest_unfinished(&self) -> Result<Option<RunInfo>, StoreError> {
        let unfinished = self.query_runs(
            "state IN ('running', 'interrupted', 'failed') AND replaced_by IS NULL \
             ORDER BY key DESC",
            [],
        )?;
        Ok(unfinished.into_iter().find(|run| run.state != RunState::Running))
    }

    /// The runs of the job file at `job_path` that an incremental run may take outcomes from, newest first:
    /// those that nobody is at work on, and whose outcomes all come from the inputs that are noted.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn runs_of(&self, job_path: &Path) -> Result<Vec<RunInfo>, StoreError> {
        let mut found = self.query_runs(
            "state != 'deleting' AND mixed = 0 AND key IN (SELECT run FROM details WHERE job_path = ?1) \
             ORDER BY key DESC",
            [path_text(job_path)],
        )?;
        found.retain(|run| run.state != RunState::Running);
        Ok(found)
    }

    /// The run that is called `name`, or else the only one whose id begins so.
    ///
    /// # Errors
    /// There is none ([`StoreError::NoSuchRun`]), there are several ([`StoreError::Ambiguous`]), or the
    /// store can't be read.
    pub fn find(&self, name: &str) -> Result<RunInfo, StoreError> {
        let exact = self.query_runs("id = ?1 AND state != 'deleting'", [name])?;
        if let Some(run) = exact.into_iter().next() {
            return Ok(run);
        }
        let no_such = || StoreError::NoSuchRun { name: name.to_owned() };
        if RunId::from_str(name).is_err() {
            return Err(no_such());
        }
        // Ids are plain ASCII, so every id that begins with the name sorts between it and it with a DEL.
        let mut found = self.query_runs(
            "id > ?1 AND id < ?1 || char(127) AND state != 'deleting' ORDER BY key DESC LIMIT ?2",
            params![name, CANDIDATES],
        )?;
        match (found.pop(), found.is_empty()) {
            (None, _) => Err(no_such()),
            (Some(run), true) => Ok(run),
            (Some(last), false) => {
                let candidates = found.iter().chain([&last]).map(|run| run.id.to_string()).collect();
                Err(StoreError::Ambiguous { name: name.to_owned(), candidates })
            }
        }
    }

    /// The rest of what is known about a run.
    ///
    /// # Errors
    /// The store can't be read, or what it says makes no sense.
    pub fn details(&self, run: &RunInfo) -> Result<RunDetails, StoreError> {
        let sql = "SELECT job_path, job_text, overrides, options, setup, summary FROM details WHERE run = ?1";
        let found = self.connection.query_row(sql, [run.key], |row| {
            let job_path: Option<String> = row.get(0)?;
            let overrides: String = row.get(2)?;
            let details = RunDetails {
                job_path: job_path.map(|text| text_path(&text).into()),
                overrides: Vec::new(),
                options: row.get(3)?,
                setup: row.get(4)?,
                fingerprint: Fingerprint { job_text: row.get(1)?, inputs: Vec::new() },
                summary: row.get(5)?,
            };
            Ok((details, overrides))
        });
        let Some((mut details, overrides)) = found.optional().at(&self.path)? else {
            return Err(StoreError::NoSuchRun { name: run.id.to_string() });
        };
        details.overrides = serde_json::from_str(&overrides)
            .map_err(|error| self.corrupt(format!("the overrides of run {}: {error}", run.id)))?;
        details.fingerprint.inputs = self.inputs(run)?;
        Ok(details)
    }

    fn inputs(&self, run: &RunInfo) -> Result<Vec<InputFile>, StoreError> {
        let sql = "SELECT name, size, modified_ns, sha256, changed_ns, task, payload FROM inputs \
                   WHERE run = ?1 ORDER BY name";
        let mut statement = self.connection.prepare(sql).at(&self.path)?;
        let rows = statement.query_map([run.key], |row| {
            Ok(InputFile {
                name: row.get(0)?,
                size: row.get(1)?,
                modified_ns: row.get(2)?,
                sha256: row.get::<_, Option<[u8; 32]>>(3)?,
                changed_ns: row.get(4)?,
                reader: row
                    .get::<_, Option<u64>>(5)?
                    .zip(row.get(6)?)
                    .map(|(task, payload)| Reader { task: TaskId(task), payload: PayloadHash(payload) }),
            })
        });
        rows.and_then(Iterator::collect).at(&self.path)
    }

    /// The kind's own bytes of a run, and the options that it was started with.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn setup(&self, run: &RunInfo) -> Result<(Vec<u8>, String), StoreError> {
        let sql = "SELECT setup, options FROM details WHERE run = ?1";
        let found = self.connection.query_row(sql, [run.key], |row| Ok((row.get(0)?, row.get(1)?)));
        found.optional().at(&self.path)?.ok_or_else(|| StoreError::NoSuchRun { name: run.id.to_string() })
    }

    /// What happened to a run, first to last.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn events(&self, run: &RunInfo) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT at, kind, detail FROM events WHERE run = ?1 ORDER BY key";
        let mut statement = self.connection.prepare(sql).at(&self.path)?;
        let rows = statement.query_map([run.key], |row| {
            Ok(Event { at: from_millis(row.get(0)?), kind: row.get(1)?, detail: row.get(2)? })
        });
        rows.and_then(Iterator::collect).at(&self.path)
    }

    /// The runs for which `condition` holds, each with its true state.
    pub(super) fn query_runs(
        &self,
        condition: &str,
        params: impl Params,
    ) -> Result<Vec<RunInfo>, StoreError> {
        self.rows(condition, params)?.into_iter().map(|row| self.judge(row)).collect()
    }

    /// A run that this process has just claimed, so that nobody needs to look who is at work on it.
    pub(super) fn claimed(&self, key: i64, id: &RunId) -> Result<RunInfo, StoreError> {
        let found = self.rows("key = ?1 AND state != 'deleting'", [key])?.pop();
        let (run, owner) = found.ok_or_else(|| StoreError::NoSuchRun { name: id.to_string() })?;
        Ok(RunInfo { pid: owner.map(|owner| owner.pid), ..run })
    }

    /// As the runs' rows have them.
    fn rows(
        &self,
        condition: &str,
        params: impl Params,
    ) -> Result<Vec<(RunInfo, Option<Process>)>, StoreError> {
        let sql = format!("SELECT {RUN_COLUMNS} FROM runs WHERE {condition}");
        let mut statement = self.connection.prepare(&sql).at(&self.path)?;
        let rows = statement.query_map(params, read_run);
        rows.and_then(Iterator::collect).at(&self.path)
    }

    /// A run that is running according to its row may have lost its coordinator: the lock knows.
    fn judge(&self, (mut run, owner): (RunInfo, Option<Process>)) -> Result<RunInfo, StoreError> {
        if run.state == RunState::Running {
            run.pid = owner.filter(Process::is_alive).map(|owner| owner.pid);
            let taken = match run.pid {
                Some(_) => RunLock::is_taken(&self.path, run.key)?,
                None => RunLock::stays_taken(&self.path, run.key)?,
            };
            if !taken {
                (run.state, run.pid) = (RunState::Interrupted, None);
            }
        }
        Ok(run)
    }

    pub(super) fn corrupt(&self, detail: String) -> StoreError {
        StoreError::Corrupt { path: self.path.clone(), detail }
    }
}

fn read_run(row: &Row<'_>) -> rusqlite::Result<(RunInfo, Option<Process>)> {
    let run = RunInfo {
        key: row.get(0)?,
        id: parsed(row, 1, |text| RunId::from_str(text).ok())?,
        state: parsed(row, 2, RunState::from_name)?,
        pid: None,
        created: from_millis(row.get(3)?),
        updated: from_millis(row.get(4)?),
        finished: row.get::<_, Option<i64>>(5)?.map(from_millis),
        wall: Duration::from_millis(row.get(6)?),
        job: row.get(7)?,
        kind: row.get(8)?,
        total: row.get(9)?,
        planned: row.get(10)?,
        ok: row.get(11)?,
        failed: row.get(12)?,
        parent: row.get::<_, Option<String>>(13)?.and_then(|text| RunId::from_str(&text).ok()),
        replaced_by: row.get::<_, Option<String>>(17)?.and_then(|text| RunId::from_str(&text).ok()),
    };
    let pid: Option<u32> = row.get(14)?;
    let boot: Option<String> = row.get(15)?;
    let start: Option<u64> = row.get(16)?;
    let owner = match (pid, boot, start) {
        (Some(pid), Some(boot), Some(start)) => Some(Process { pid, boot, start }),
        _ => None,
    };
    Ok((run, owner))
}

/// Reads a column whose text must be one of ours.
pub(super) fn parsed<T>(
    row: &Row<'_>,
    index: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(index)?;
    parse(&text).ok_or_else(|| {
        let name = row.as_ref().column_name(index).unwrap_or("?").to_owned();
        let why = format!("{text:?} makes no sense as {name}");
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, why.into())
    })
}
