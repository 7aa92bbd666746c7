//! Files that appear whole or not at all.
//!
//! A file is written to `TARGET.partial` beside its target, and renamed once it is complete and on the disk.
//! The partial file is locked while it is written: a second run with the same target is refused, and what a
//! killed run left behind is taken over and not piled up.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::libc;
use tempfile::TempPath;

use super::OutputError;
use super::writeback::{Behind, LONG};

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the new one is refused.
    Refuse,
    /// The new one takes its place in the end.
    Replace,
}

/// A file in the making. Dropped before [`finish`](Self::finish) or [`keep`](Self::keep), it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    existing: Existing,
    // Dropped in this order: the name goes while the lock is still held.
    partial: TempPath,
    file: File,
    written: usize,
    // Once it is long: what writes it.
    behind: Option<Behind>,
}

/// Checks what can be known about a target before anything is written.
///
/// # Errors
/// It is there and is to stay, is a directory, or has no folder to be in.
pub fn check_target(target: &Path, existing: Existing) -> Result<(), OutputError> {
    if target.is_dir() {
        return Err(OutputError::Directory(target.to_owned()));
    }
    // A link that leads nowhere is a name that is taken, too.
    if existing == Existing::Refuse && fs::symlink_metadata(target).is_ok() {
        return Err(OutputError::Exists(target.to_owned()));
    }
    let folder = folder_of(target);
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(OutputError::io(target, io::ErrorKind::NotADirectory.into())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            Err(OutputError::NoFolder { target: target.to_owned(), folder: folder.to_owned() })
        }
        Err(cause) => Err(OutputError::io(target, cause)),
    }
}

impl AtomicFile {
    /// Begins a file.
    ///
    /// # Errors
    /// As for [`check_target`]; or another run is writing this target, or the system refuses.
    pub fn create(target: &Path, existing: Existing) -> Result<Self, OutputError> {
        check_target(target, existing)?;
        // What a link points to is replaced, not the link.
        let target = match existing {
            Existing::Replace => fs::canonicalize(target).unwrap_or_else(|_| target.to_owned()),
            Existing::Refuse => target.to_owned(),
        };
        let path = partial_name(&target);
        let file = open_locked(&path, &target)?;
        let partial = TempPath::try_from_path(path).map_err(|cause| OutputError::io(&target, cause))?;
        file.set_len(0).map_err(|cause| OutputError::io(&target, cause))?;
        Ok(Self { target, existing, partial, file, written: 0, behind: None })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The system refuses: a full disk, for example.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        let written = self.finish_behind().and_then(|()| self.file.write_all(bytes));
        written.map_err(|cause| OutputError::io(&self.target, cause))?;
        self.written += bytes.len();
        Ok(())
    }

    /// Appends what is in `buffer`, and empties that. A long file is written behind: what is appended to it may be
    /// on its way when this returns, and an error may be told with a later part, or at the end.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn append(&mut self, buffer: &mut String) -> Result<(), OutputError> {
        if self.written >= LONG && self.behind.is_none() {
            self.behind = Behind::start(&self.file);
        }
        let Some(behind) = &self.behind else {
            let written = self.write(buffer.as_bytes());
            buffer.clear();
            return written;
        };
        let length = buffer.len();
        if behind.write(buffer) {
            self.written += length;
            return Ok(());
        }
        buffer.clear();
        let refused = self.finish_behind().err().unwrap_or_else(|| io::Error::other("its writer has ended"));
        Err(OutputError::io(&self.target, refused))
    }

    /// Waits until nothing is written behind any more. What it tells, it tells once.
    fn finish_behind(&mut self) -> io::Result<()> {
        self.behind.take().map_or(Ok(()), Behind::finish)
    }

    /// Puts the file in its place, safe from a power cut.
    ///
    /// # Errors
    /// The system refuses, or the target has appeared since the start and is to stay; the partial file is
    /// left where it is then, so that no result is lost.
    pub fn finish(mut self) -> Result<(), OutputError> {
        let behind = self.finish_behind();
        let Self { target, existing, partial, file, written, .. } = self;
        let whole = behind.and_then(|()| file.sync_all()).and_then(|()| unchanged(&file, &partial, written));
        if let Err(cause) = whole {
            // Nothing more can be done for the results than to leave them where they are.
            let _ = partial.keep();
            return Err(OutputError::io(&target, cause));
        }
        let moved = match existing {
            Existing::Refuse => partial.persist_noclobber(&target),
            Existing::Replace => partial.persist(&target),
        };
        if let Err(refused) = moved {
            let _ = refused.path.keep();
            return Err(match refused.error.kind() {
                io::ErrorKind::AlreadyExists => OutputError::Exists(target),
                _ => OutputError::io(&target, refused.error),
            });
        }
        let synced = File::open(folder_of(&target)).and_then(|folder| folder.sync_all());
        synced.map_err(|cause| OutputError::io(&target, cause))
    }

    /// Leaves what there is under its partial name, and returns that.
    ///
    /// # Errors
    /// The system refuses.
    pub fn keep(mut self) -> Result<PathBuf, OutputError> {
        let written = self.finish_behind().and_then(|()| self.file.sync_all());
        let fail = |cause| OutputError::io(&self.target, cause);
        written.map_err(fail)?;
        self.partial.keep().map_err(|refused| fail(refused.error))
    }
}

/// `results.jsonl.partial` for `results.jsonl`.
fn partial_name(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Opens the partial file, whoever left it behind, and makes sure that nobody else is writing it.
fn open_locked(path: &Path, target: &Path) -> Result<File, OutputError> {
    let fail = |cause| OutputError::io(target, cause);
    loop {
        let mut options = File::options();
        // A link is somebody else's file, and a pipe would have to be waited for.
        options.create(true).append(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = options.open(path).map_err(|cause| match cause.raw_os_error() {
            Some(libc::ELOOP | libc::ENXIO) => planted(path),
            _ => fail(cause),
        })?;
        let metadata = file.metadata().map_err(fail)?;
        if !metadata.is_file() || metadata.nlink() > 1 {
            return Err(planted(path));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OutputError::Busy(target.to_owned())),
            // Some network file systems have no locks: then there is no protection, but there are results.
            Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => return Ok(file),
            Err(TryLockError::Error(cause)) => return Err(fail(cause)),
        }
        // Between opening and locking, its writer may have renamed it: then it is somebody's result now.
        if same_file(&file, path).map_err(fail)? {
            return Ok(file);
        }
    }
}

/// What is there under the partial file's name is not ours to write.
fn planted(path: &Path) -> OutputError {
    let cause = "it is a link to another file, or no plain file: remove it, or choose another output";
    OutputError::io(path, io::Error::other(cause))
}

/// Fails where the name is no longer this file's alone, or it has another length than was written to it.
fn unchanged(file: &File, path: &Path, written: usize) -> io::Result<()> {
    let (held, named) = (file.metadata()?, fs::symlink_metadata(path));
    let named = named.is_ok_and(|named| (held.dev(), held.ino()) == (named.dev(), named.ino()));
    if named && held.nlink() == 1 && held.len() == written as u64 {
        return Ok(());
    }
    let what =
        format!("somebody else has changed or replaced {}, so the results are not whole", path.display());
    Err(io::Error::other(what))
}

fn same_file(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_only_when_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.jsonl");
        let mut file = AtomicFile::create(&target, Existing::Refuse).unwrap();
        file.write(b"one\n").unwrap();
        assert_eq!(names(folder.path()), ["a.jsonl.partial"]);
        file.finish().unwrap();
        assert_eq!(names(folder.path()), ["a.jsonl"]);
        assert_eq!(fs::read(&target).unwrap(), b"one\n");
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(&folder.path().join("a.csv"), Existing::Refuse).unwrap();
        file.write(b"half").unwrap();
        drop(file);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_file_that_is_kept_stays_under_its_partial_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(&folder.path().join("a.csv"), Existing::Refuse).unwrap();
        file.write(b"half").unwrap();
        let kept = file.keep().unwrap();
        assert_eq!(kept, folder.path().join("a.csv.partial"));
        assert_eq!(fs::read(kept).unwrap(), b"half");
    }

    #[test]
    fn an_existing_file_is_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        fs::write(&target, "old").unwrap();
        let refused = AtomicFile::create(&target, Existing::Refuse).unwrap_err();
        assert!(refused.is_usage());
        assert_eq!(refused.to_string(), format!("{}: exists already; --force replaces it", target.display()));
        let mut file = AtomicFile::create(&target, Existing::Replace).unwrap();
        file.write(b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        file.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn a_target_that_appears_in_the_meantime_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        let mut file = AtomicFile::create(&target, Existing::Refuse).unwrap();
        file.write(b"mine").unwrap();
        fs::write(&target, "theirs").unwrap();
        assert!(matches!(file.finish(), Err(OutputError::Exists(_))));
        assert_eq!(fs::read(&target).unwrap(), b"theirs");
        assert_eq!(fs::read(folder.path().join("a.csv.partial")).unwrap(), b"mine");
    }

    #[test]
    fn two_runs_never_write_one_target() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        let first = AtomicFile::create(&target, Existing::Refuse).unwrap();
        let second = AtomicFile::create(&target, Existing::Refuse).unwrap_err();
        assert!(matches!(second, OutputError::Busy(_)), "{second}");
        first.finish().unwrap();
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn what_a_killed_run_left_behind_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        fs::write(folder.path().join("a.csv.partial"), "a long rest of an earlier run").unwrap();
        let mut file = AtomicFile::create(&target, Existing::Refuse).unwrap();
        file.write(b"short").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"short");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn what_is_planted_under_the_partial_name_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, target) = (folder.path().join("victim"), folder.path().join("a.csv"));
        let partial = folder.path().join("a.csv.partial");
        fs::write(&victim, "somebody's").unwrap();
        for plant in 0..3 {
            match plant {
                0 => std::os::unix::fs::symlink(&victim, &partial).unwrap(),
                1 => fs::hard_link(&victim, &partial).unwrap(),
                _ => nix::unistd::mkfifo(&partial, nix::sys::stat::Mode::S_IRWXU).unwrap(),
            }
            let refused = AtomicFile::create(&target, Existing::Refuse).unwrap_err();
            assert!(!refused.is_usage() && refused.to_string().contains("a.csv.partial"), "{refused}");
            assert_eq!(fs::read(&victim).unwrap(), b"somebody's");
            fs::remove_file(&partial).unwrap();
        }
    }

    #[test]
    fn a_partial_file_that_was_replaced_or_changed_does_not_take_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        let partial = folder.path().join("a.csv.partial");
        let changes: [&dyn Fn(); 4] = [
            &|| fs::remove_file(&partial).unwrap(),
            &|| fs::rename(folder.path().join("other"), &partial).unwrap(),
            &|| File::options().write(true).open(&partial).unwrap().set_len(1).unwrap(),
            &|| fs::hard_link(&partial, folder.path().join("second")).unwrap(),
        ];
        for change in changes {
            fs::write(folder.path().join("other"), "mine").unwrap();
            let mut file = AtomicFile::create(&target, Existing::Refuse).unwrap();
            file.write(b"mine").unwrap();
            change();
            let error = file.finish().unwrap_err();
            assert!(!error.is_usage() && error.to_string().contains("not whole"), "{error}");
            assert!(!target.exists());
            let _ = fs::remove_file(&partial);
        }
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out").join("a.csv");
        let error = AtomicFile::create(&target, Existing::Refuse).unwrap_err();
        let missing = folder.path().join("out");
        assert!(
            error.to_string().contains(&format!("the folder {} does not exist", missing.display())),
            "{error}"
        );
        assert!(error.is_usage());
    }

    #[test]
    fn a_directory_is_no_target() {
        let folder = tempfile::tempdir().unwrap();
        let error = check_target(folder.path(), Existing::Replace).unwrap_err();
        assert!(error.to_string().ends_with(": is a directory"), "{error}");
    }

    #[test]
    fn a_link_keeps_pointing_to_what_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.csv"), folder.path().join("link.csv"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut file = AtomicFile::create(&link, Existing::Replace).unwrap();
        file.write(b"new").unwrap();
        file.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }
}
