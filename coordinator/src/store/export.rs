//! A run as a SQLite file of its own, with plain tables: one row for each outcome, values as JSON.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::error::At;
use super::handle::Store;
use super::{Outcomes, RunInfo, StoreError};
use crate::outcome::{AttemptRecord, Outcome};

const TABLES: &str = "
CREATE TABLE run (
    id TEXT NOT NULL, job TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    created TEXT NOT NULL, ok INTEGER NOT NULL, failed INTEGER NOT NULL, summary TEXT
) STRICT;
CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY, input TEXT, ok INTEGER NOT NULL, value TEXT, reason TEXT, message TEXT,
    attempts INTEGER NOT NULL, worker TEXT, micros INTEGER NOT NULL, slow INTEGER NOT NULL
) STRICT;
CREATE TABLE attempts (
    id INTEGER NOT NULL, number INTEGER NOT NULL, attempt INTEGER NOT NULL, worker TEXT, pid INTEGER NOT NULL,
    reason TEXT NOT NULL, message TEXT NOT NULL, signal INTEGER, exit_code INTEGER, last_lines TEXT NOT NULL,
    micros INTEGER NOT NULL, PRIMARY KEY (id, number)
) STRICT, WITHOUT ROWID;
";

/// How an outcome is shown in an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// What the user gave for the task, where it is known.
    pub input: Option<String>,
    /// The value as JSON, where there is one.
    pub value: Option<String>,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store, or the new file as a database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The new file as a file.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An outcome could not be shown.
    #[error("task {task} can't be exported: {message}")]
    Value {
        /// The task's id.
        task: u64,
        /// Why, in the words of its kind.
        message: String,
    },
}

impl Store {
    /// Writes a run to a new SQLite file at `target`; a file that is there is replaced. `show` turns each
    /// outcome, in input order, into what is written; where it returns `None` the outcome is left out.
    ///
    /// The file appears whole or not at all: it is written to `TARGET.partial`, synced and renamed.
    ///
    /// # Errors
    /// The store can't be read, the file can't be written, or an outcome can't be shown.
    pub fn export_sqlite(
        &self,
        run: &RunInfo,
        target: &Path,
        show: impl FnMut(&Outcome<'_>) -> Result<Option<Shown>, String>,
    ) -> Result<(), ExportError> {
        let mut name = OsString::from(target);
        name.push(".partial");
        let partial = PathBuf::from(name);
        remove(&partial)?;
        let written = self.write_export(run, &partial, show).and_then(|()| put(&partial, target));
        if written.is_err() {
            // The first error is the one to tell.
            let _ = remove(&partial);
        }
        written
    }

    fn write_export(
        &self,
        run: &RunInfo,
        partial: &Path,
        show: impl FnMut(&Outcome<'_>) -> Result<Option<Shown>, String>,
    ) -> Result<(), ExportError> {
        let mut connection = Connection::open(partial).at(partial)?;
        // A file that is of no use until it is whole needs no journal.
        connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").at(partial)?;
        let transaction = connection.transaction().at(partial)?;
        transaction.execute_batch(TABLES).at(partial)?;
        self.write_run(run, &transaction, partial)?;
        write_outcomes(self.outcomes(run), &transaction, partial, show)?;
        transaction.commit().at(partial)?;
        connection.close().map_err(|(_, error)| error).at(partial)?;
        Ok(())
    }

    fn write_run(&self, run: &RunInfo, connection: &Connection, partial: &Path) -> Result<(), StoreError> {
        let sql = "INSERT INTO run VALUES (?1, ?2, ?3, ?4, datetime(?5, 'unixepoch'), ?6, ?7, ?8)";
        let created = super::run::to_millis(run.created) / 1000;
        let summary = self.details(run)?.summary;
        let state = run.state.name();
        let values = params![run.id.as_str(), run.job, run.kind, state, created, run.ok, run.failed, summary];
        connection.execute(sql, values).map(drop).at(partial)
    }
}

fn write_outcomes(
    mut outcomes: Outcomes<'_>,
    connection: &Connection,
    partial: &Path,
    mut show: impl FnMut(&Outcome<'_>) -> Result<Option<Shown>, String>,
) -> Result<(), ExportError> {
    let sql = "INSERT INTO outcomes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let mut insert = connection.prepare(sql).at(partial)?;
    while let Some(outcome) = outcomes.next()? {
        let shown = show(&outcome).map_err(|message| ExportError::Value { task: outcome.task.0, message })?;
        let Some(shown) = shown else { continue };
        let failure = outcome.result.err();
        let values = params![
            outcome.task.0,
            shown.input,
            failure.is_none(),
            shown.value,
            failure.map(|failure| failure.reason.name()),
            failure.map(|failure| &failure.message),
            outcome.attempts,
            worker(outcome.worker),
            i64::try_from(outcome.micros).unwrap_or(i64::MAX),
            outcome.slow,
        ];
        insert.execute(values).at(partial)?;
        for (number, attempt) in failure.iter().flat_map(|failure| &failure.history).enumerate() {
            write_attempt(connection, outcome.task.0, number + 1, attempt).at(partial)?;
        }
    }
    Ok(outcomes.check_all_there()?)
}

fn write_attempt(
    connection: &Connection,
    task: u64,
    number: usize,
    attempt: &AttemptRecord,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    connection.prepare_cached(sql)?.execute(params![
        task,
        number,
        attempt.attempt,
        worker(attempt.worker),
        attempt.pid,
        attempt.reason.name(),
        attempt.message,
        attempt.signal,
        attempt.exit_code,
        serde_json::Value::from(attempt.last_lines.clone()).to_string(),
        i64::try_from(attempt.micros).unwrap_or(i64::MAX),
    ])?;
    Ok(())
}

/// A worker's name, as everywhere in results.
fn worker(number: u32) -> Option<String> {
    (number > 0).then(|| format!("worker-{number}"))
}

fn remove(path: &Path) -> Result<(), ExportError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(ExportError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Puts the finished file in its place, and both on the disk.
fn put(partial: &Path, target: &Path) -> Result<(), ExportError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| ExportError::File { path, source }
    };
    File::open(partial).and_then(|file| file.sync_all()).map_err(at(partial))?;
    fs::rename(partial, target).map_err(at(target))?;
    let directory = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(at(directory))
}
