//! Locks on the store's own file: whatever name it is opened by (a link, another mount), they are the same.
//!
//! Closing any descriptor of a database drops the locks that SQLite holds on it elsewhere in this process
//! (fcntl(2)). So a descriptor that was opened here is never closed: it waits to be used again.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::StoreError;

/// The first byte for locks, far behind those that SQLite locks (at 1 GiB) and behind any data.
const FIRST: i64 = 1 << 62;

/// Descriptors that lock nothing now.
static UNUSED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Tells a file from every other that is there at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// The file at this path, links followed; `None` where there is none.
    pub(super) fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self::of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Holds one byte of the store's file until it is dropped.
#[derive(Debug)]
pub(super) struct OwnLock {
    // Only gone while it is dropped.
    file: Option<File>,
    key: i64,
}

impl OwnLock {
    /// Takes the byte of the run with this key; `None` where someone has it.
    pub(super) fn take(store: &Path, key: i64) -> Result<Option<Self>, StoreError> {
        // From here on, dropping it gives the descriptor back, whatever becomes of the lock.
        let lock = Self { file: Some(descriptor(store)?), key };
        match lock.set(libc::F_WRLCK) {
            Ok(()) => Ok(Some(lock)),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(error) => Err(StoreError::lock(store, error)),
        }
    }

    /// True where someone has the run with this key.
    pub(super) fn is_taken(store: &Path, key: i64) -> Result<bool, StoreError> {
        let lock = Self { file: Some(descriptor(store)?), key };
        let Some(file) = &lock.file else { return Ok(false) };
        let mut found = byte(key, libc::F_WRLCK);
        match fcntl(file, FcntlArg::F_OFD_GETLK(&mut found)) {
            Ok(_) => Ok(i32::from(found.l_type) != libc::F_UNLCK),
            Err(error) => Err(StoreError::lock(store, error)),
        }
    }

    /// The file that it is on.
    pub(super) fn id(&self) -> Option<FileId> {
        self.file.as_ref()?.metadata().ok().map(|metadata| FileId::of(&metadata))
    }

    fn set(&self, kind: i32) -> nix::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        fcntl(file, FcntlArg::F_OFD_SETLK(&byte(self.key, kind))).map(drop)
    }
}

impl Drop for OwnLock {
    fn drop(&mut self) {
        // What is not locked is unlocked without complaint.
        let _ = self.set(libc::F_UNLCK);
        UNUSED.lock().unwrap_or_else(PoisonError::into_inner).extend(self.file.take());
    }
}

/// A descriptor of this file that nobody else uses.
fn descriptor(store: &Path) -> Result<File, StoreError> {
    let id = FileId::at(store).map_err(|source| StoreError::file(store, source))?;
    let mut unused = UNUSED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_it = |file: &File| file.metadata().is_ok_and(|metadata| Some(FileId::of(&metadata)) == id);
    if let Some(at) = unused.iter().position(is_it) {
        return Ok(unused.swap_remove(at));
    }
    File::options().read(true).write(true).open(store).map_err(|source| StoreError::file(store, source))
}

#[expect(clippy::cast_possible_truncation, reason = "the constants are small; their C types differ")]
fn byte(key: i64, kind: i32) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        // A key is a row's number, far below the first; a liar's is some other byte.
        l_start: FIRST | (key & (FIRST - 1)),
        l_len: 1,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_the_same_by_every_name_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let [store, hard, soft] = ["a.db", "hard.db", "soft.db"].map(|name| folder.path().join(name));
        fs::write(&store, "").unwrap();
        fs::hard_link(&store, &hard).unwrap();
        std::os::unix::fs::symlink(&store, &soft).unwrap();
        let lock = OwnLock::take(&store, 7).unwrap().unwrap();
        for name in [&store, &hard, &soft] {
            assert!(OwnLock::is_taken(name, 7).unwrap());
            assert!(![6, 8].iter().any(|key| OwnLock::is_taken(name, *key).unwrap()));
            assert!(OwnLock::take(name, 7).unwrap().is_none());
        }
        drop(lock);
        assert!(!OwnLock::is_taken(&hard, 7).unwrap());
        assert!(OwnLock::take(&soft, 7).unwrap().is_some());
    }
}
