//! Finding, making and opening the store's file.

use std::env;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use protocol::monotonic_nanos;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Access, CWD, FileType, Mode};

use super::StoreError;
use super::error::At;
use super::handle::Store;
use super::schema::{self, Identity, MIGRATIONS};

/// How long to wait for another process's transaction; one takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often to look. SQLite's own busy handler waits up to 100 ms between looks, in which a process that
/// commits without pause gets the lock again and again.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The log is written back into the file at this many pages of 4 KiB, and cut back to that length: a MiB, so
/// that a store takes little more room than what is in it.
const CHECKPOINT_PAGES: u32 = 256;

/// Where runs are stored unless `--store` says otherwise: `$XDG_STATE_HOME/coordinator/runs.db`, or
/// `~/.local/state/coordinator/runs.db`. As the XDG base directory specification asks, a relative
/// `XDG_STATE_HOME` is ignored.
///
/// # Errors
/// [`StoreError::NoPlace`] where neither that variable nor `HOME` says where.
pub fn default_path() -> Result<PathBuf, StoreError> {
    default_path_from(env::var_os("XDG_STATE_HOME"), env::var_os("HOME")).ok_or(StoreError::NoPlace)
}

fn default_path_from(state: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |dir: OsString| Some(PathBuf::from(dir)).filter(|dir| dir.is_absolute());
    let state = state.and_then(absolute);
    let base = state.or_else(|| home.and_then(absolute).map(|home| home.join(".local/state")))?;
    Some(base.join("coordinator/runs.db"))
}

impl Store {
    /// Checks the whole file, which takes as long as reading it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the first thing that is wrong.
    pub fn check(&self) -> Result<(), StoreError> {
        match quick_check(&self.connection) {
            Ok(None) => Ok(()),
            Ok(Some(wrong)) => Err(self.corrupt(wrong)),
            Err(error) => Err(StoreError::sqlite(&self.path, error)),
        }
    }

    /// Opens the store at `path`, and makes it and its directories (for this user only) where they are not
    /// there yet.
    ///
    /// # Errors
    /// The file can't be made or written, is not ours, is damaged, or is of a later version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = absolute(path)?;
        create(&path)?;
        Self::open_at(&path)
    }

    /// Opens the store at `path` to look at what is in it.
    ///
    /// # Errors
    /// As for [`open`](Self::open), and [`StoreError::Missing`] where there is none.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        let path = absolute(path)?;
        if !path.exists() {
            return Err(StoreError::Missing { path });
        }
        Self::open_at(&path)
    }

    /// Opens the same store once more, for another thread.
    ///
    /// # Errors
    /// It can't be opened any more.
    pub fn again(&self) -> Result<Self, StoreError> {
        Ok(Self { path: self.path.clone(), connection: connect(&self.path)? })
    }

    /// By whatever name it is opened, from here on it goes by the one that all links lead to: what lies beside the file
    /// is the same then.
    fn open_at(path: &Path) -> Result<Self, StoreError> {
        let path = fs::canonicalize(path).map_err(|source| StoreError::file(path, source))?;
        writable(&path)?;
        has_one_name(&path)?;
        let connection = connect(&path).map_err(|error| explain(&path, error))?;
        Ok(Self { path, connection })
    }
}

/// The file beside the store whose name goes on so.
pub(super) fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

// Absolute, so that a later change of directory does not matter, and so that SQLite takes no name
// (`:memory:`) for something else than a file.
fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    std::path::absolute(path).map_err(|source| StoreError::Unwritable { path: path.to_owned(), source })
}

/// Makes an empty file, readable for this user only, where there is none.
fn create(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|source| StoreError::file(directory, source))?;
    }
    // Made without being opened where the file system can: closing any descriptor of a database drops the
    // locks that SQLite holds on it elsewhere in this process.
    if rustix::fs::mknodat(CWD, path, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0).is_ok() {
        return Ok(());
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(StoreError::file(path, source)),
        _ => Ok(()),
    }
}

/// SQLite's log lies beside one name of the file. By another name it would not be seen, and both would be lost. What lies
/// beside the store must be files of its own, too, and no links to somebody else's.
fn has_one_name(path: &Path) -> Result<(), StoreError> {
    let links = |path: &Path| match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(metadata.nlink()),
        Ok(_) => {
            Err(StoreError::Unwritable { path: path.to_owned(), source: io::Error::other("it is no file") })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(1),
        Err(source) => Err(StoreError::file(path, source)),
    };
    let beside = ["-wal", "-shm", "-locks"].map(|suffix| beside(path, suffix));
    for file in [path.to_owned()].into_iter().chain(beside) {
        if links(&file)? > 1 {
            return Err(StoreError::ManyNames { path: file });
        }
    }
    Ok(())
}

/// The file and, for the log beside it, its directory must be writable.
fn writable(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        let source = io::Error::from(io::ErrorKind::IsADirectory);
        return Err(StoreError::Unwritable { path: path.to_owned(), source });
    }
    let refused = |path: &Path, error: rustix::io::Errno| StoreError::Unwritable {
        path: path.to_owned(),
        source: error.into(),
    };
    rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK).map_err(|error| refused(path, error))?;
    match path.parent() {
        Some(directory) => rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| refused(directory, error)),
        None => Ok(()),
    }
}

/// Opens one more connection to the store at `path`; brings the schema up to date.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let patient_until =
        monotonic_nanos().saturating_add(u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX));
    loop {
        match connect_now(path) {
            // Several that make one store at the same time are told so at once by SQLite, without its waiting:
            // two who both want to go from reading to the log would wait for each other for ever.
            Err(StoreError::Busy { .. }) if monotonic_nanos() < patient_until => thread::sleep(LOOK_EVERY),
            connected => return connected,
        }
    }
}

fn connect_now(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).at(path)?;
    let looks = PATIENCE.as_millis() / LOOK_EVERY.as_millis();
    let wait = move |looked: i32| {
        thread::sleep(LOOK_EVERY);
        u128::try_from(looked).is_ok_and(|looked| looked < looks)
    };
    connection.busy_handler(Some(wait)).at(path)?;
    let found = schema::identify(&connection).at(path)?;
    match found {
        Identity::Foreign(application_id) => {
            return Err(StoreError::Foreign { path: path.to_owned(), application_id });
        }
        // Only before the first table is made.
        Identity::Empty => connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").at(path)?,
        Identity::Ours(_) => {}
    }
    connection.pragma_update(None, "journal_mode", "WAL").at(path)?;
    let settings = format!(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = {}",
        CHECKPOINT_PAGES * 4096
    );
    connection.execute_batch(&settings).at(path)?;
    waiting(&connection).at(path)?;
    let current = i32::try_from(MIGRATIONS.len()).is_ok_and(|known| {
        schema::identify(&connection).is_ok_and(|identity| identity == Identity::Ours(known))
    });
    if current {
        return Ok(connection);
    }
    if found == Identity::Empty {
        // Tables without a run are not worth waiting for the disk: they can be made again.
        without_waiting(&connection, path)?;
    }
    let migrated = schema::migrate(&mut connection, path, MIGRATIONS);
    waiting(&connection).at(path)?;
    migrated.map(|()| connection)
}

/// From now on, commits wait until they have reached the disk.
pub(super) fn waiting(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute_batch(&format!("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"))
}

/// From now on, commits don't wait for the disk: each is there with the next one that does.
pub(super) fn without_waiting(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    // A log that begins again over an old one must have its new header on the disk first, or a power cut could
    // mix the two; `NORMAL` waits then, and at no other time. In an empty file, there is nothing to be mixed with.
    let begun = fs::metadata(beside(path, "-wal")).map_or(true, |log| log.len() > 0);
    let level = if begun { "NORMAL" } else { "OFF" };
    // The log must be on the disk before it is written back into the file; `OFF` would not see to that.
    connection.execute_batch(&format!("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = {level}")).at(path)
}

/// Where the file is damaged, says what `PRAGMA quick_check` says: it knows more than the first error did.
fn explain(path: &Path, error: StoreError) -> StoreError {
    let StoreError::Corrupt { path: at, detail } = error else { return error };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let checked = Connection::open_with_flags(path, flags).and_then(|connection| quick_check(&connection));
    StoreError::Corrupt { path: at, detail: checked.ok().flatten().unwrap_or(detail) }
}

/// The first thing that `PRAGMA quick_check` finds wrong.
pub(super) fn quick_check(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then(|| found.replace('\n', "; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(state: Option<&str>, home: Option<&str>) -> Option<PathBuf> {
        default_path_from(state.map(OsString::from), home.map(OsString::from))
    }

    #[test]
    fn only_a_log_with_nothing_in_it_may_be_begun_without_waiting_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("runs.db");
        let link = directory.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        let log = beside(&path, "-wal");
        let level = |path| {
            without_waiting(&connection, path).unwrap();
            connection.query_row("PRAGMA synchronous", [], |row| row.get::<_, u8>(0)).unwrap()
        };
        assert_eq!(connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)), Ok(0));
        assert_eq!(fs::metadata(&log).unwrap().len(), 0);
        const OFF: u8 = 0;
        const NORMAL: u8 = 1;
        assert_eq!(level(&path), OFF);
        assert_eq!(level(&link), NORMAL, "SQLite's log lies beside the file that a link names");
        connection.execute_batch("CREATE TABLE t (a)").unwrap();
        assert!(fs::metadata(&log).unwrap().len() > 0);
        assert_eq!(level(&path), NORMAL);
    }

    #[test]
    fn the_store_lies_under_the_state_directory_or_else_under_home() {
        let home = Some("/users/ada");
        assert_eq!(from(Some("/state"), home), Some("/state/coordinator/runs.db".into()));
        assert_eq!(from(None, home), Some("/users/ada/.local/state/coordinator/runs.db".into()));
        assert_eq!(from(Some(""), home), Some("/users/ada/.local/state/coordinator/runs.db".into()));
        assert_eq!(from(Some("relative"), None), None);
        assert_eq!(from(None, None), None);
    }
}
