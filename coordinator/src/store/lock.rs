//! Who is at work on a run: a lock that its owner's death releases, and a note of who the owner is.
//!
//! The lock is one byte, at the run's key, of the store's own file (`own_lock`: the same by whatever name the store is
//! opened) and of a file beside it, which is where earlier versions look: open-file-description locks
//! (`F_OFD_SETLK`, fcntl(2)), so the kernel drops them with the last descriptor, however the process ends, and
//! two claims within one process exclude each other, too. The note in the run's row only serves to say who
//! it is; it decides nothing.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::StoreError;
use super::open::beside;
use super::own_lock::{FileId, OwnLock};

/// How long a lock is given to follow its owner into death: a child that the owner was making has a copy of the
/// descriptor from fork to exec, which on a busy machine may take a while.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// Holds a run until it is dropped.
#[derive(Debug)]
pub(super) struct RunLock {
    _file: File,
    own: OwnLock,
}

impl RunLock {
    /// Takes the run with this key; `None` where someone has it.
    pub(super) fn take(store: &Path, key: i64) -> Result<Option<Self>, StoreError> {
        let path = beside(store, "-locks");
        // Never truncated, never removed: others may have it open. Close-on-exec, so that no worker keeps a
        // dead coordinator's lock.
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW);
        let file = options.open(&path);
        let file = file.map_err(|source| StoreError::file(&path, source))?;
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&byte(key))) {
            Ok(_) => Ok(OwnLock::take(store, key)?.map(|own| Self { _file: file, own })),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(error) => Err(StoreError::lock(&path, error)),
        }
    }

    /// The store's file that the lock is on.
    pub(super) fn file_id(&self) -> Option<FileId> {
        self.own.id()
    }

    /// True where someone has the run with this key.
    pub(super) fn is_taken(store: &Path, key: i64) -> Result<bool, StoreError> {
        let path = beside(store, "-locks");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return OwnLock::is_taken(store, key),
            Err(source) => return Err(StoreError::file(&path, source)),
        };
        let mut found = byte(key);
        match fcntl(&file, FcntlArg::F_OFD_GETLK(&mut found)) {
            Ok(_) if i32::from(found.l_type) != libc::F_UNLCK => Ok(true),
            Ok(_) => OwnLock::is_taken(store, key),
            Err(error) => Err(StoreError::lock(&path, error)),
        }
    }

    /// As [`is_taken`](Self::is_taken), where the owner that is known is dead: true where the lock does not follow.
    pub(super) fn stays_taken(store: &Path, key: i64) -> Result<bool, StoreError> {
        let mut waited = Duration::ZERO;
        while Self::is_taken(store, key)? {
            if waited >= PATIENCE {
                return Ok(true);
            }
            std::thread::sleep(LOOK);
            waited += LOOK;
        }
        Ok(false)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the constants are small; their C types differ")]
fn byte(key: i64) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: key,
        l_len: 1,
        l_pid: 0,
    }
}

/// A process, told apart from any other that has or had its pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// The machine's boot that it belongs to.
    pub(super) boot: String,
    /// When it started, in clock ticks since that boot.
    pub(super) start: u64,
}

impl Process {
    /// This process.
    pub(super) fn current() -> Self {
        let pid = std::process::id();
        Self { pid, boot: boot_id(), start: start_of(pid).unwrap_or(0) }
    }

    /// True where it is still there.
    pub(super) fn is_alive(&self) -> bool {
        self.boot == boot_id() && start_of(self.pid) == Some(self.start)
    }
}

fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// When a process started, unless it is dead and only waits to be collected: fields 22 and 3 of /proc/PID/stat,
/// proc(5).
fn start_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, and may itself hold any of them.
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let lives = !matches!(fields.next()?, "Z" | "X");
    fields.nth(18)?.parse().ok().filter(|_| lives)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_taken_once_until_it_is_let_go() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("runs.db");
        std::fs::write(&store, "").unwrap();
        assert!(!RunLock::is_taken(&store, 1).unwrap());
        let first = RunLock::take(&store, 1).unwrap().unwrap();
        assert!(RunLock::take(&store, 1).unwrap().is_none());
        assert!(RunLock::is_taken(&store, 1).unwrap());
        assert!(!RunLock::is_taken(&store, 2).unwrap());
        let other = RunLock::take(&store, 2).unwrap();
        assert!(other.is_some());
        drop(first);
        assert!(!RunLock::is_taken(&store, 1).unwrap());
        assert!(RunLock::take(&store, 1).unwrap().is_some());
    }

    #[test]
    fn this_process_is_alive_and_its_pid_at_another_time_is_not() {
        let this = Process::current();
        assert!(this.is_alive());
        assert!(!Process { start: this.start + 1, ..this.clone() }.is_alive());
        assert!(!Process { boot: "another".to_owned(), ..this.clone() }.is_alive());
        assert!(!Process { pid: u32::MAX, ..this }.is_alive());
    }
}
