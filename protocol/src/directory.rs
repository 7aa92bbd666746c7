//! A private directory for sockets, and what is left of those whose owners were killed.
//!
//! A directory belongs to the process that holds the lock on the file `lock` in it. It is a record lock
//! (`fcntl`), which is a process's own and ends with it, however that dies. One of `flock` would belong to whoever
//! has the open file: a child between fork and exec, too, and until it is scheduled again it may outlive its parent
//! by as long as the machine is busy. So where the lock is free, the owner is dead, and anyone may remove its
//! directory; one that has no lock yet belongs to nobody.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;

use rustix::fs::{FlockOperation, OFlags, fcntl_lock};
use rustix::process::getuid;

/// `sockaddr_un.sun_path`, without the zero at its end.
const MAX_SOCKET_PATH: usize = 107;
/// What a socket's path has behind the temporary directory: `/.tmpXXXXXX/socket`.
const SOCKET_SUFFIX: usize = 18;
const FALLBACK: &str = "/tmp";
/// How many names are tried; all but one are taken only where process ids were used again.
const TRIES: u32 = 1000;
/// The file in each directory whose lock says that the owner lives.
const LOCK: &str = "lock";

/// True where the path of a worker's socket in this directory fits a socket's address.
pub(crate) fn fits_a_socket(directory: &Path) -> bool {
    directory.to_str().is_some_and(|path| path.len() + SOCKET_SUFFIX <= MAX_SOCKET_PATH)
}

/// A directory of one's own, readable by nobody else, removed on drop.
///
/// ```
/// let directory = protocol::private_directory()?;
/// let path = directory.path().to_owned();
/// assert!(path.is_dir());
/// drop(directory);
/// assert!(!path.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PrivateDirectory {
    path: PathBuf,
    // Never to be opened a second time in this process: closing that would let go of the lock.
    _lock: File,
}

impl PrivateDirectory {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory in `parent`, locked, with mode 0700.
    fn new_in(parent: &Path) -> io::Result<Self> {
        let (path, lock) = make(parent)?;
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // What can't be removed now will be swept by the next run.
        let _ = remove(&self.path);
    }
}

/// Makes a private directory and turns every temporary file of this process towards it, so that the sockets
/// that workers connect to lie where nobody else can reach them and can be swept after a kill. What this user's
/// processes that were killed have left is swept before.
///
/// The setting holds for the whole process (`tempfile`'s `override_temp_dir`), so only a program's `main`
/// may call this, once, and a library never. The directory is made in the temporary directory, or in `/tmp`
/// where that has too long a name for a socket.
///
/// ```
/// let directory = protocol::private_directory()?; // for as long as `main` runs
/// println!("sockets lie in {}", directory.path().display());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The directory can't be made, or the process has a setting already.
pub fn private_directory() -> io::Result<PrivateDirectory> {
    let longest = Path::new(&format!("{}{}-{TRIES}", prefix(), u32::MAX)).to_owned();
    let preferred = std::env::temp_dir();
    let fallback = Path::new(FALLBACK);
    // While there is no directory of this process's own, whose lock a look would let go of.
    sweep(&preferred);
    if preferred != fallback {
        sweep(fallback);
    }
    let parent = if fits_a_socket(&preferred.join(longest)) { &preferred } else { fallback };
    let directory = PrivateDirectory::new_in(parent)?;
    match tempfile::env::override_temp_dir(directory.path()) {
        Ok(()) => Ok(directory),
        Err(_) => Err(io::Error::other("the temporary directory of this process has been set before")),
    }
}

/// Makes a directory that nobody has, and locks it.
fn make(parent: &Path) -> io::Result<(PathBuf, File)> {
    let (prefix, pid) = (prefix(), process::id());
    for number in 0..TRIES {
        let path = parent.join(format!("{prefix}{pid}-{number}"));
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => made?,
        }
        // Between the two, a sweeper may have taken it for a dead owner's: then the next name.
        if let Some(lock) = lock(&path)? {
            return Ok((path, lock));
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name for a private directory is taken"))
}

/// Removes the directories of this user in `parent` whose owners are dead; returns how many there were. What
/// can't be looked at or removed is somebody else's, or gone in the meantime: no error.
fn sweep(parent: &Path) -> usize {
    let Ok(entries) = fs::read_dir(parent) else { return 0 };
    let prefix = prefix();
    let stale = |path: &PathBuf| {
        let ours = fs::symlink_metadata(path)
            .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == getuid().as_raw());
        // The lock is held until the directory is gone, so that nobody else takes the name meanwhile.
        ours && matches!(lock(path), Ok(Some(_lock)) if remove(path).is_ok())
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)))
        .map(|entry| entry.path())
        .filter(stale)
        .count()
}

/// The beginning of every private directory's name of this user.
fn prefix() -> String {
    format!("coordinator.{}-", getuid().as_raw())
}

/// Locks a directory. `None`: another process has it, or it is gone.
fn lock(directory: &Path) -> io::Result<Option<File>> {
    let path = directory.join(LOCK);
    let nofollow = OFlags::NOFOLLOW.bits().cast_signed();
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nofollow)
        .open(&path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    if fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(None);
    }
    // It may have been removed, and even made anew, before it was locked.
    let (locked, Ok(found)) = (file.metadata()?, fs::symlink_metadata(&path)) else { return Ok(None) };
    Ok(((locked.dev(), locked.ino()) == (found.dev(), found.ino())).then_some(file))
}

/// Removes a directory that this process has locked. The lock is the last to go: whoever makes it anew before the
/// directory has gone (the name is used again, and has just been made) has the directory.
fn remove(directory: &Path) -> io::Result<()> {
    // Where no descriptor is left to look into it with, there is nothing but the lock in it, as a rule.
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name() != LOCK) {
        // What stays keeps the directory, which is told below.
        let _ = match entry.file_type() {
            Ok(file_type) if file_type.is_dir() => fs::remove_dir_all(entry.path()),
            _ => fs::remove_file(entry.path()),
        };
    }
    fs::remove_file(directory.join(LOCK))?;
    fs::remove_dir(directory)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_private_directory_is_nobody_elses_and_goes_on_drop() {
        let parent = tempfile::tempdir().unwrap();
        let directory = PrivateDirectory::new_in(parent.path()).unwrap();
        let path = directory.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(path.join("socket"), "").unwrap();
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn a_sweep_removes_what_the_dead_left_and_nothing_of_others() {
        let parent = tempfile::tempdir().unwrap();
        let dead = parent.path().join(format!("{}4711-0", prefix()));
        fs::create_dir_all(dead.join("tmp")).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        let killed_before_its_lock = parent.path().join(format!("{}4711-1", prefix()));
        fs::create_dir(&killed_before_its_lock).unwrap();
        let foreign = parent.path().join("coordinator-of-another");
        fs::create_dir(&foreign).unwrap();
        assert_eq!(sweep(parent.path()), 2);
        assert!(foreign.exists() && !dead.exists() && !killed_before_its_lock.exists());
    }

    // A real child, held between fork and exec, is in the end-to-end tests (`kills.rs`).
    #[test]
    fn a_copy_of_the_descriptor_does_not_keep_a_dead_owners_directory() {
        let parent = tempfile::tempdir().unwrap();
        let (path, lock) = make(parent.path()).unwrap();
        let copy = lock.try_clone().unwrap();
        // As when the owner is killed: closed, and nothing removed.
        drop(lock);
        assert_eq!(sweep(parent.path()), 1);
        assert!(!path.exists());
        drop(copy);
    }

    #[test]
    fn a_link_that_is_named_like_a_directory_of_ours_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let target = tempfile::tempdir().unwrap();
        let link = parent.path().join(format!("{}1-0", prefix()));
        std::os::unix::fs::symlink(target.path(), &link).unwrap();
        assert_eq!(sweep(parent.path()), 0);
        assert!(link.symlink_metadata().is_ok());
    }

    #[test]
    fn two_directories_of_one_process_have_two_names() {
        let parent = tempfile::tempdir().unwrap();
        let first = PrivateDirectory::new_in(parent.path()).unwrap();
        let second = PrivateDirectory::new_in(parent.path()).unwrap();
        assert_ne!(first.path(), second.path());
    }

    #[test]
    fn a_long_directory_does_not_fit_a_socket() {
        assert!(fits_a_socket(Path::new("/tmp")));
        assert!(fits_a_socket(Path::new(&"x".repeat(MAX_SOCKET_PATH - SOCKET_SUFFIX))));
        assert!(!fits_a_socket(Path::new(&"x".repeat(MAX_SOCKET_PATH - SOCKET_SUFFIX + 1))));
    }
}
