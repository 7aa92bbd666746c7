//! The socket that observers connect to: private to its user, refused where another run has it, gone with its run.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, accept_with, shutdown};

use super::ListenError;
use super::error::Refusal;
use super::socket::{bind, connect, folder_of, stream};

/// How many observers may wait to be let in.
const BACKLOG: i32 = 64;
/// How long two runs that want one path wait for each other, in steps of `NAP`.
const NAPS: u32 = 100;
const NAP: Duration = Duration::from_millis(10);

/// A socket in the file system that takes observers; its file goes with it.
///
/// Only its user can connect (mode 0600). Where a process is killed, its socket's file stays, and the next one to ask
/// for that path takes its place.
///
/// ```
/// use protocol::observe::{Listener, Observer};
///
/// let path = std::env::temp_dir().join(format!("listener-{}.sock", std::process::id()));
/// let mut listener = Listener::open(&path)?;
/// assert!(listener.accept()?.is_none(), "nobody waits");
/// listener.close();
/// assert!(Observer::connect(&path).is_err_and(|error| error.is_absent()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    path: PathBuf,
    // Which file is ours: another's that has taken its place is left alone. `None`: it has been removed.
    file: Option<(u64, u64)>,
}

impl Listener {
    /// Makes a socket at `path`.
    ///
    /// # Errors
    /// [`ListenError::is_taken`] where another run listens there, or something else is there; or the system's.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ListenError> {
        let path = path.as_ref();
        Self::try_open(path).map_err(|why| ListenError::new(path, why))
    }

    fn try_open(path: &Path) -> Result<Self, Refusal> {
        // What is found below stays true until the socket is there.
        let _lock = lock(folder_of(path)).map_err(Refusal::Io)?;
        make_room(path)?;
        Self::listen(path).map_err(Refusal::Io)
    }

    fn listen(path: &Path) -> io::Result<Self> {
        let socket = stream()?;
        // A socket's own mode becomes its file's, so that there is no moment at which others could connect.
        rustix::fs::fchmod(&socket, 0o600.into())?;
        bind(&socket, path)?;
        let metadata = fs::symlink_metadata(path)?;
        let listener = Self { socket, path: path.to_owned(), file: Some((metadata.dev(), metadata.ino())) };
        if metadata.mode() & 0o777 != 0o600 {
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
        }
        rustix::net::listen(&listener.socket, BACKLOG)?;
        Ok(listener)
    }

    /// Lets the next observer in; `None`: nobody waits. Its stream does not block, and nothing can be read from it.
    ///
    /// # Errors
    /// The process has no more files to open.
    pub fn accept(&self) -> io::Result<Option<OwnedFd>> {
        loop {
            match accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(stream) => {
                    // What an observer sends is not even kept for us.
                    let _ = shutdown(&stream, Shutdown::Read);
                    return Ok(Some(stream));
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes the file: nobody comes any more. Those who have connected may still be let in.
    pub fn close(&mut self) {
        let Some(ours) = self.file.take() else { return };
        let there = fs::symlink_metadata(&self.path).map(|metadata| (metadata.dev(), metadata.ino()));
        if there.is_ok_and(|there| there == ours) {
            // What can't be removed will be replaced by the next run.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

/// Removes the socket of a run that is dead, and refuses whatever else is there.
fn make_room(path: &Path) -> Result<(), Refusal> {
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        there => there.map_err(Refusal::Io)?,
    };
    if !there.file_type().is_socket() {
        return Err(Refusal::Taken);
    }
    match connect(path) {
        // Someone listens: now, or as soon as he has time.
        Ok(_) => Err(Refusal::Live),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Refusal::Live),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(Refusal::Io)
        }
        // A socket of another kind, or another user's.
        Err(_) => Err(Refusal::Taken),
    }
}

/// Keeps other runs from looking into the folder at the same time. Whoever keeps the lock for long is no run, and is
/// not waited for.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = match File::open(folder) {
        // A folder that can be written and not read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        file => file?,
    };
    for _ in 0..NAPS {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(Errno::AGAIN | Errno::INTR) => std::thread::sleep(NAP),
            // A file system without locks.
            Err(_) => break,
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_socket_is_nobody_elses_and_goes_with_its_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.sock");
        let listener = Listener::open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert!(listener.accept().unwrap().is_none());
        let _observer = connect(&path).unwrap();
        assert!(listener.accept().unwrap().is_some());
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_live_socket_is_refused_and_a_dead_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.sock");
        let mut first = Listener::open(&path).unwrap();
        let error = Listener::open(&path).unwrap_err();
        assert!(error.is_taken() && error.to_string().ends_with("another run is observed there"), "{error}");
        // As a kill leaves it.
        first.file = None;
        drop(first);
        assert!(path.exists());
        drop(Listener::open(&path).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn whatever_else_is_there_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.jsonl");
        fs::write(&file, "{}").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        for path in [&file, &link, folder.path()] {
            assert!(Listener::open(path).unwrap_err().is_taken(), "{}", path.display());
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
        assert!(Listener::open(folder.path().join("no/run.sock")).unwrap_err().is_bad_path());
        assert!(Listener::open("").unwrap_err().is_bad_path());
    }

    #[test]
    fn a_socket_that_has_taken_its_place_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.sock");
        let first = Listener::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let second = Listener::open(&path).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
    }

    #[test]
    fn a_path_may_be_longer_than_a_sockets_address() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(100)).join("y".repeat(100));
        fs::create_dir_all(&deep).unwrap();
        let path = deep.join("run.sock");
        let listener = Listener::open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        connect(&path).unwrap();
        assert!(listener.accept().unwrap().is_some());
    }
}
