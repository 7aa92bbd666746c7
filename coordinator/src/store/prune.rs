//! Forgetting old runs, and giving their room back to the file system.

use std::time::SystemTime;

use rusqlite::{TransactionBehavior, params};

use super::error::At;
use super::handle::Store;
use super::lock::RunLock;
use super::run::to_millis;
use super::{RunId, RunInfo, RunState, StoreError};

/// Rows that are deleted in one transaction, so that a run at work on the same store need not wait for long.
const ROWS_AT_ONCE: u32 = 1000;
/// Pages that are given back in one transaction.
const PAGES_AT_ONCE: u32 = 1000;

/// The tables of which a run may have many rows, and what tells those rows of a run apart.
const TABLES: [(&str, &str); 6] = [
    ("blocks", "key"),
    ("failures", "task"),
    ("attempts", "task, number"),
    ("inputs", "name"),
    ("outputs", "task"),
    ("events", "key"),
];

/// Which runs to forget: those that are named, and those that no rule protects, where there is a rule. A run that someone
/// is at work on is never pruned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prune {
    /// A rule: those in which something has happened since stay.
    pub older_than: Option<SystemTime>,
    /// A rule: so many of the newest stay.
    pub keep: Option<usize>,
    /// Runs that can be resumed go as the others do; otherwise they stay unless they are named.
    pub interrupted: bool,
    /// These, whatever the rules say.
    pub runs: Vec<RunId>,
}

/// What was pruned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Runs that are gone.
    pub removed: Vec<RunInfo>,
    /// Runs that were to go, but someone is at work on them.
    pub alive: Vec<RunInfo>,
}

impl Prune {
    fn has_rule(&self) -> bool {
        self.older_than.is_some() || self.keep.is_some()
    }

    /// True where a rule protects this run, which is the newest but `place - 1`. Any rule will do.
    fn spares(&self, run: &RunInfo, place: usize) -> bool {
        let recent = self.older_than.is_some_and(|limit| run.updated >= limit);
        let among_newest = self.keep.is_some_and(|keep| place <= keep);
        let resumable = !self.interrupted && matches!(run.state, RunState::Interrupted | RunState::Failed);
        recent || among_newest || resumable
    }
}

impl Store {
    /// The runs that [`prune`](Self::prune) would remove, newest first.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn prunable(&self, prune: &Prune) -> Result<Vec<RunInfo>, StoreError> {
        let mut runs = self.runs(None)?;
        let mut place = 0;
        runs.retain(|run| {
            place += 1;
            prune.runs.contains(&run.id) || prune.has_rule() && !prune.spares(run, place)
        });
        Ok(runs)
    }

    /// Removes runs with all that belongs to them, and shrinks the file. Can be stopped at any time: a run
    /// is out of sight at once, and the next call goes on with the rest.
    ///
    /// # Errors
    /// The store can't be read or written.
    pub fn prune(&mut self, prune: &Prune) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        for run in self.prunable(prune)? {
            let lock =
                if run.state == RunState::Running { None } else { RunLock::take(&self.path, run.key)? };
            match lock {
                Some(_lock) => {
                    let sql = "UPDATE runs SET state = 'deleting', updated = ?2 WHERE key = ?1";
                    self.connection.execute(sql, params![run.key, to_millis(run.updated)]).at(&self.path)?;
                    pruned.removed.push(run);
                }
                None => pruned.alive.push(run),
            }
        }
        self.sweep()?;
        self.shrink()?;
        Ok(pruned)
    }

    /// Removes what belongs to runs that are out of sight, and at last the runs.
    fn sweep(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT key FROM runs WHERE state = 'deleting'";
        let mut statement = self.connection.prepare(sql).at(&self.path)?;
        let keys = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect);
        let keys: Vec<i64> = keys.at(&self.path)?;
        drop(statement);
        for key in keys {
            for (table, row) in TABLES {
                let sql = format!(
                    "DELETE FROM {table} WHERE run = ?1 AND ({row}) IN \
                     (SELECT {row} FROM {table} WHERE run = ?1 LIMIT ?2)"
                );
                while self.connection.execute(&sql, params![key, ROWS_AT_ONCE]).at(&self.path)? > 0 {}
            }
            let last =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&self.path)?;
            last.execute("DELETE FROM details WHERE run = ?1", [key]).at(&self.path)?;
            last.execute("DELETE FROM runs WHERE key = ?1", [key]).at(&self.path)?;
            last.commit().at(&self.path)?;
        }
        Ok(())
    }

    fn shrink(&self) -> Result<(), StoreError> {
        loop {
            let free = self.free_pages().at(&self.path)?;
            if free == 0 {
                break;
            }
            let sql = format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})");
            let mut statement = self.connection.prepare(&sql).at(&self.path)?;
            let mut rows = statement.query([]).at(&self.path)?;
            // Each step frees one page.
            while rows.next().at(&self.path)?.is_some() {}
            drop(rows);
            // A file that was made elsewhere may not be able to shrink.
            if self.free_pages().at(&self.path)? >= free {
                break;
            }
        }
        // The file itself shrinks when the log is written back. A reader may stand in the way; then it
        // shrinks later.
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).at(&self.path)
    }

    fn free_pages(&self) -> rusqlite::Result<i64> {
        self.connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))
    }
}
