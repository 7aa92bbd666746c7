//! The tables, and how an older file becomes a current one.
//!
//! A file is ours where `PRAGMA application_id` is [`APPLICATION_ID`]; `PRAGMA user_version` is the number
//! of [`MIGRATIONS`] that it has been through. `docs/store.md` describes the tables for people: keep the two
//! in step.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;
use super::error::At;

/// "coor" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x636f_6f72;

/// Version n of the schema is what the first n of these make. Never change one that was released: add one.
pub(super) const MIGRATIONS: &[&str] = &[V1, V2];

/// Times are milliseconds since 1970 UTC, except where a name says otherwise.
///
/// `runs` is small and changes with every commit; what is large and never changes stands in `details`.
/// Good outcomes are packed into `blocks` (see `pack`); each block's first task is its own, so that the index
/// refuses a task that is stored twice at a block's start, whatever the writer believes.
const V1: &str = "
CREATE TABLE runs (
    key         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    state       TEXT NOT NULL CHECK (state IN ('running', 'interrupted', 'finished', 'failed', 'deleting')),
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    finished    INTEGER,
    wall_ms     INTEGER NOT NULL DEFAULT 0,
    job         TEXT NOT NULL,
    kind        TEXT NOT NULL,
    total       INTEGER,
    planned     INTEGER NOT NULL DEFAULT 0,
    ok          INTEGER NOT NULL DEFAULT 0,
    failed      INTEGER NOT NULL DEFAULT 0,
    parent      TEXT,
    owner_pid   INTEGER,
    owner_boot  TEXT,
    owner_start INTEGER,
    owner_token INTEGER
) STRICT;

CREATE TABLE details (
    run       INTEGER PRIMARY KEY,
    job_path  TEXT,
    job_text  TEXT NOT NULL,
    overrides TEXT NOT NULL,
    options   TEXT NOT NULL,
    setup     BLOB NOT NULL,
    summary   TEXT
) STRICT;

CREATE TABLE inputs (
    run         INTEGER NOT NULL,
    name        TEXT NOT NULL,
    size        INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    sha256      BLOB,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE blocks (
    key   INTEGER PRIMARY KEY,
    run   INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    count INTEGER NOT NULL,
    data  BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX blocks_in_input_order ON blocks (run, first);

CREATE TABLE failures (
    run      INTEGER NOT NULL,
    task     INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    worker   INTEGER NOT NULL,
    micros   INTEGER NOT NULL,
    slow     INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    message  TEXT NOT NULL,
    payload  BLOB NOT NULL,
    PRIMARY KEY (run, task)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    run        INTEGER NOT NULL,
    task       INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    worker     INTEGER NOT NULL,
    pid        INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    message    TEXT NOT NULL,
    signal     INTEGER,
    exit_code  INTEGER,
    last_lines TEXT NOT NULL,
    micros     INTEGER NOT NULL,
    PRIMARY KEY (run, task, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    key    INTEGER PRIMARY KEY,
    run    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_run ON events (run, key);
";

/// What incremental runs compare themselves with, and who took an unfinished run's place.
const V2: &str = "
ALTER TABLE runs ADD COLUMN replaced_by TEXT;
ALTER TABLE runs ADD COLUMN mixed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inputs ADD COLUMN changed_ns INTEGER;
ALTER TABLE inputs ADD COLUMN task INTEGER;
ALTER TABLE inputs ADD COLUMN payload BLOB;

CREATE TABLE outputs (
    run  INTEGER NOT NULL,
    task INTEGER NOT NULL,
    seen BLOB NOT NULL,
    PRIMARY KEY (run, task)
) STRICT, WITHOUT ROWID;
";

/// Whose file an open database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// Nobody's yet: it has no tables.
    Empty,
    /// Ours, at this schema version.
    Ours(i32),
    /// Another program's, with its application id.
    Foreign(i32),
}

/// Looks whose file it is; writes nothing.
pub(super) fn identify(connection: &Connection) -> rusqlite::Result<Identity> {
    let pragma = |name| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0));
    let application_id = pragma("application_id")?;
    if application_id == APPLICATION_ID {
        return Ok(Identity::Ours(pragma("user_version")?));
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let untouched = application_id == 0 && tables == 0 && pragma("user_version")? == 0;
    Ok(if untouched { Identity::Empty } else { Identity::Foreign(application_id) })
}

/// Brings the file up to the last of `migrations`, all or nothing. Two processes may do so at once.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let known = i32::try_from(migrations.len()).unwrap_or(i32::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).at(path)?;
    // Looked at again under the lock: another process may have been quicker.
    let version = match identify(&transaction).at(path)? {
        Identity::Empty => 0,
        Identity::Ours(version) => version,
        Identity::Foreign(application_id) => {
            return Err(StoreError::Foreign { path: path.to_owned(), application_id });
        }
    };
    if version > known {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known });
    }
    for migration in migrations.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(migration).at(path)?;
    }
    let stamp = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {known}");
    transaction.execute_batch(&stamp).at(path)?;
    transaction.commit().at(path)
}
