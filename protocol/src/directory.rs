//! A private directory for sockets, and what is left of those whose owners were killed.
//!
//! A directory belongs to the process that holds the lock on the file `lock` in it. It is a record lock
//! (`fcntl`), which is a process's own and ends with it, however that dies. One of `flock` would belong to whoever
//! has the open file: a child between fork and exec, too, and until it is scheduled again it may outlive its parent
//! by as long as the machine is busy. So where the lock is free, the owner is dead, and anyone may remove its
//! directory; one that has no lock yet belongs to nobody.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;

use rustix::fs::{FlockOperation, OFlags, fcntl_lock};
use rustix::io::Errno;
use rustix::process::getuid;
use tempfile::TempDir;

/// `sockaddr_un.sun_path`, without the zero at its end.
const MAX_SOCKET_PATH: usize = 107;
/// What a socket's path has behind the temporary directory: `/.tmpXXXXXX/socket`.
const SOCKET_SUFFIX: usize = 18;
const FALLBACK: &str = "/tmp";
/// How many names are tried; all but one are taken only where process ids were used again.
const TRIES: u32 = 1000;
/// The file in each directory whose lock says that the owner lives.
const LOCK: &str = "lock";

/// Where temporary files of a process may lie, and which variable says so; in this order.
struct Parent {
    path: PathBuf,
    variable: Option<&'static str>,
}

impl std::fmt::Display for Parent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.variable.map_or(Ok(()), |variable| write!(f, " ({variable})"))
    }
}

/// The folders for private directories, by the environment.
fn parents(variable: impl Fn(&str) -> Option<OsString>) -> Vec<Parent> {
    let mut parents: Vec<Parent> = Vec::new();
    for name in ["XDG_RUNTIME_DIR", "TMPDIR"] {
        // Relative ones would mean something else elsewhere; the specification of the first says to ignore them.
        if let Some(path) = variable(name).map(PathBuf::from).filter(|path| path.is_absolute()) {
            parents.push(Parent { path, variable: Some(name) });
        }
    }
    parents.push(Parent { path: FALLBACK.into(), variable: None });
    let mut seen = std::collections::HashSet::new();
    parents.retain(|parent| seen.insert(parent.path.clone()));
    parents
}

/// Tries to make something in each folder until it works.
///
/// # Errors
/// It works in none: each is named with what is wrong with it. Where the process has run out of something, that alone
/// is the error.
fn in_one_of<T>(parents: &[Parent], what: &str, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let mut refused = Vec::new();
    let mut kind = io::ErrorKind::NotFound;
    for parent in parents {
        match make(&parent.path) {
            Ok(made) => return Ok(made),
            Err(error) if is_scarcity(&error) => return Err(error),
            Err(error) => {
                kind = error.kind();
                refused.push(format!("{parent}: {error}"));
            }
        }
    }
    let message = format!(
        "{what} can't be made: {}; set TMPDIR to a folder that can be written to, or free some space",
        refused.join("; ")
    );
    Err(io::Error::new(kind, message))
}

/// Another folder would not help.
fn is_scarcity(error: &io::Error) -> bool {
    let scarce = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN];
    Errno::from_io_error(error).is_some_and(|error| scarce.contains(&error))
}

/// A folder of its own for one socket: in this process's private directory, where it has one.
pub(crate) fn socket_folder() -> io::Result<TempDir> {
    let set = tempfile::env::temp_dir();
    if set != std::env::temp_dir() {
        return in_one_of(&[Parent { path: set, variable: None }], "a folder for a socket", for_socket);
    }
    in_one_of(&parents(|name| std::env::var_os(name)), "a folder for a socket", for_socket)
}

fn for_socket(parent: &Path) -> io::Result<TempDir> {
    if !fits_a_socket(parent) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidFilename,
            "too long a name for a socket, or not UTF-8",
        ));
    }
    tempfile::Builder::new().tempdir_in(parent)
}

/// True where the path of a worker's socket in this directory fits a socket's address.
fn fits_a_socket(directory: &Path) -> bool {
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
        let longest = format!("{}{}-{TRIES}", prefix(), u32::MAX);
        if !fits_a_socket(&parent.join(longest)) {
            let message = "too long a name for a socket, or not UTF-8";
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, message));
        }
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
/// may call this, once, and a library never. The directory is made in `$XDG_RUNTIME_DIR`, in `$TMPDIR` or in `/tmp`,
/// the first of them that can be written to and that has no name too long for a socket.
///
/// ```
/// let directory = protocol::private_directory()?; // for as long as `main` runs
/// println!("sockets lie in {}", directory.path().display());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The directory can be made in none of them, or the process has a setting already.
pub fn private_directory() -> io::Result<PrivateDirectory> {
    let parents = parents(|name| std::env::var_os(name));
    // While there is no directory of this process's own, whose lock a look would let go of.
    for parent in &parents {
        sweep(&parent.path);
    }
    let directory = in_one_of(&parents, "a private directory", PrivateDirectory::new_in)?;
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
        match lock(&path) {
            Ok(Some(lock)) => return Ok((path, lock)),
            Ok(None) => {}
            Err(error) => {
                // On a full disk a folder may still fit where no file does.
                let _ = fs::remove_dir(&path);
                return Err(error);
            }
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
    fn a_private_directory_falls_back_and_tells_what_is_wrong_with_each_place() {
        let good = tempfile::tempdir().unwrap();
        let missing = good.path().join("missing");
        let file = good.path().join("file");
        fs::write(&file, "").unwrap();
        let environment = |name: &str| match name {
            "XDG_RUNTIME_DIR" => Some(missing.clone().into_os_string()),
            _ => Some(good.path().to_owned().into_os_string()),
        };
        let places = parents(environment);
        let told: Vec<_> = places.iter().map(ToString::to_string).collect();
        let expected = [
            format!("{} (XDG_RUNTIME_DIR)", missing.display()),
            format!("{} (TMPDIR)", good.path().display()),
            "/tmp".to_owned(),
        ];
        assert_eq!(told, expected);
        let directory = in_one_of(&places, "a private directory", PrivateDirectory::new_in).unwrap();
        assert!(directory.path().starts_with(good.path()));
        let nowhere = [
            Parent { path: missing.clone(), variable: Some("XDG_RUNTIME_DIR") },
            Parent { path: file.clone(), variable: Some("TMPDIR") },
            Parent { path: "/x".repeat(99).into(), variable: None },
        ];
        let error =
            in_one_of(&nowhere, "a private directory", PrivateDirectory::new_in).unwrap_err().to_string();
        for part in [
            format!("{} (XDG_RUNTIME_DIR): No such file", missing.display()),
            format!("{} (TMPDIR): Not a directory", file.display()),
            "too long a name for a socket".to_owned(),
            "set TMPDIR to a folder".to_owned(),
        ] {
            assert!(error.contains(&part), "{part} is missing in {error}");
        }
        // Out of descriptors, no other folder would help, and the advice is another.
        let scarce = in_one_of(&nowhere, "x", |_| Err::<(), _>(Errno::MFILE.into())).unwrap_err();
        assert_eq!(scarce.raw_os_error(), Some(Errno::MFILE.raw_os_error()));
    }

    #[test]
    fn relative_and_repeated_places_are_left_out() {
        let places = |runtime: &'static str, temporary: &'static str| {
            let of = move |name: &str| Some(if name == "TMPDIR" { temporary } else { runtime }.into());
            parents(of).into_iter().map(|parent| parent.path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(places("run", "/tmp"), ["/tmp"]);
        assert_eq!(places("/run/user/1", ""), ["/run/user/1", "/tmp"]);
        assert_eq!(places("/tmp", "/var/tmp"), ["/tmp", "/var/tmp"]);
    }

    #[test]
    fn a_long_directory_does_not_fit_a_socket() {
        assert!(fits_a_socket(Path::new("/tmp")));
        assert!(fits_a_socket(Path::new(&"x".repeat(MAX_SOCKET_PATH - SOCKET_SUFFIX))));
        assert!(!fits_a_socket(Path::new(&"x".repeat(MAX_SOCKET_PATH - SOCKET_SUFFIX + 1))));
    }
}
