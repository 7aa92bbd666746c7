//! What can go wrong with the store: where, what, and what to do about it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rusqlite::ErrorCode;

/// An extended result code of SQLite: the shared-memory index beside the store could not be extended, which
/// is how a full disk shows where the write-ahead log is mapped.
const IOERR_SHMSIZE: i32 = 10 | (19 << 8);

/// Why the store can't do what was asked. Every sentence names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no default place.
    #[error(
        "there is no place for the store: neither XDG_STATE_HOME nor HOME is set; \
         name one with --store PATH, or keep nothing with --store none"
    )]
    NoPlace,
    /// The store was to be read, and there is none.
    #[error("{}: there is no store here; no run has been stored yet, or --store names another file", .path.display())]
    Missing {
        /// The store.
        path: PathBuf,
    },
    /// The store's directory or file can't be made or may not be written.
    #[error(
        "{}: {source}; the store must be able to write there: \
         choose another place with --store PATH, or keep nothing with --store none",
        .path.display()
    )]
    Unwritable {
        /// The directory or file in the way.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// This process may not open any more files.
    #[error("{}: the store can't be opened: {source}", .path.display())]
    TooManyFiles {
        /// The store, or a file beside it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not a SQLite file at all.
    #[error("{}: not a database; it was left as it is: name another file with --store PATH", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A SQLite file of some other program.
    #[error(
        "{}: a database of another program (application id {application_id}); it was left as it is: \
         name another file with --store PATH",
        .path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What the file says it belongs to; 0 where it says nothing.
        application_id: i32,
    },
    /// A later version of this program wrote it.
    #[error(
        "{}: written by a later version (schema {found}, this one knows up to {known}); \
         use that version, or another file with --store PATH",
        .path.display()
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// The schema version in the file.
        found: i32,
        /// The latest that this program knows.
        known: i32,
    },
    /// The file is damaged.
    #[error(
        "{}: the store is damaged ({detail}); move it away, save what can be saved with \
         `sqlite3 FILE .recover`, and start a new one",
        .path.display()
    )]
    Corrupt {
        /// The store.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// No room for another page.
    #[error("{}: the disk is full; what was committed is safe: free some space and resume the run", .path.display())]
    Full {
        /// The store.
        path: PathBuf,
    },
    /// Another process would not let go of the store in time.
    #[error("{}: another process has kept the store locked for too long; try again when it is done", .path.display())]
    Busy {
        /// The store.
        path: PathBuf,
    },
    /// The disk or the file system failed.
    #[error("{}: the store can't be read or written ({detail}); check the disk, then resume the run", .path.display())]
    Io {
        /// The store.
        path: PathBuf,
        /// What SQLite or the system said.
        detail: String,
    },
    /// The file system knows no locks, as some network file systems don't.
    #[error(
        "{}: this file system gives no locks ({source}), so that two could work on one run: put the store on a \
         local one with --store PATH",
        .path.display()
    )]
    NoLocks {
        /// The file to be locked.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else that SQLite refused.
    #[error("{}: {source}", .path.display())]
    Sqlite {
        /// The store.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file has several names.
    #[error(
        "{}: has another name (a hard link), and a database with two loses what is in its log: remove the other name, or \
         name another file with --store PATH",
        .path.display()
    )]
    ManyNames {
        /// The store, or a file beside it.
        path: PathBuf,
    },
    /// The file went while a run wrote it.
    #[error(
        "{}: the store or its log has gone, or another file has taken its place, while the run wrote it: what was stored \
         went with it. Put the files back and resume the run, or begin it anew",
        .path.display()
    )]
    Gone {
        /// The store.
        path: PathBuf,
    },
    /// Outcomes that were stored are not there any more.
    #[error(
        "{}: run {run} has {counted} outcomes by its row, and {found} are there: the store is damaged, and what is missing \
         can't be had again from it",
        .path.display()
    )]
    Lacking {
        /// The store.
        path: PathBuf,
        /// The run.
        run: String,
        /// How many outcomes were committed.
        counted: u64,
        /// How many there are.
        found: u64,
    },
    /// Someone is at work on the run.
    #[error("run {run} is being worked on by {}; wait for it, or stop it first", holder(.pid))]
    Alive {
        /// The run.
        run: String,
        /// Who has it, where that is known.
        pid: Option<u32>,
    },
    /// The run was to be resumed, and has been brought to its end.
    #[error("run {run} has finished: there is nothing left to do")]
    Finished {
        /// The run.
        run: String,
    },
    /// Another process took the run over: what was not yet committed is its business now.
    #[error("run {run} was taken over by another process; nothing more is stored by this one")]
    Lost {
        /// The run.
        run: String,
    },
    /// No run by that name.
    #[error("no run is called {name:?} or begins so; `runs list` shows them all")]
    NoSuchRun {
        /// What was asked for.
        name: String,
    },
    /// Several runs by that name.
    #[error("{name:?} could be any of {}; write more of it", .candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Some of the runs that begin so, newest first.
        candidates: Vec<String>,
    },
    /// The id is taken.
    #[error("there already is a run {id}; choose another --run-id, or `resume {id}`")]
    Exists {
        /// The id.
        id: String,
    },
    /// Not a run id.
    #[error(
        "{id:?} can't be a run id: 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-', the first a letter or digit"
    )]
    BadRunId {
        /// What was given.
        id: String,
    },
}

fn holder(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl StoreError {
    /// True where the user asked for something that is not there or can't be, and not the system refuses.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoPlace
                | Self::Missing { .. }
                | Self::NotADatabase { .. }
                | Self::Foreign { .. }
                | Self::ManyNames { .. }
                | Self::Alive { .. }
                | Self::Finished { .. }
                | Self::NoSuchRun { .. }
                | Self::Ambiguous { .. }
                | Self::Exists { .. }
                | Self::BadRunId { .. }
        )
    }

    /// A file at `path`, the store's or beside it, that can't be made or opened.
    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if is_scarcity(&source) {
            Self::TooManyFiles { path, source }
        } else {
            Self::Unwritable { path, source }
        }
    }

    /// A lock on the file at `path` that could not be asked for.
    pub(super) fn lock(path: &Path, error: Errno) -> Self {
        let (path, source) = (path.to_owned(), io::Error::from(error));
        match error {
            Errno::ENOLCK | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EINVAL => {
                Self::NoLocks { path, source }
            }
            _ => Self::Io { path, detail: source.to_string() },
        }
    }

    /// Sorts what SQLite said about the store at `path`.
    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let Some(&error) = source.sqlite_error() else {
            return match source {
                // A row that is not as this module writes it.
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::QueryReturnedNoRows
                | rusqlite::Error::Utf8Error(..) => Self::Corrupt { path, detail: source.to_string() },
                source => Self::Sqlite { path, source },
            };
        };
        match error.code {
            ErrorCode::DiskFull => Self::Full { path },
            ErrorCode::SystemIoFailure if error.extended_code == IOERR_SHMSIZE => Self::Full { path },
            ErrorCode::NotADatabase => Self::NotADatabase { path },
            ErrorCode::DatabaseCorrupt => Self::Corrupt { path, detail: source.to_string() },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy { path },
            ErrorCode::CannotOpen => match no_more_files() {
                Some(source) => Self::TooManyFiles { path, source },
                None => Self::Unwritable { path, source: io::Error::other(source) },
            },
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
                Self::Unwritable { path, source: io::Error::other(source) }
            }
            ErrorCode::SystemIoFailure => Self::Io { path, detail: source.to_string() },
            _ => Self::Sqlite { path, source },
        }
    }
}

/// SQLite says no more than that it could not open a file, be it the database, its log or its index. Whether
/// there are any more files to be had, only trying shows.
fn no_more_files() -> Option<io::Error> {
    const NEEDED: usize = 8;
    let tries = (0..NEEDED).map(|_| File::open("/dev/null"));
    let opened: Result<Vec<_>, _> = tries.collect();
    opened.err().filter(is_scarcity)
}

fn is_scarcity(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE))
}

/// Says which store an error of SQLite's came from.
pub(super) trait At<T> {
    fn at(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for Result<T, rusqlite::Error> {
    fn at(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::sqlite(path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_locks_is_told_from_one_that_fails() {
        let path = Path::new("/net/runs.db-locks");
        for error in [Errno::ENOLCK, Errno::EOPNOTSUPP] {
            let told = StoreError::lock(path, error).to_string();
            assert!(told.contains("gives no locks") && told.contains("--store PATH"), "{told}");
        }
        assert!(matches!(StoreError::lock(path, Errno::EIO), StoreError::Io { .. }));
    }
}
