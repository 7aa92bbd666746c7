//! Output files that are whole or not there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, OFlags, flock, linkat};
use rustix::io::Errno;

/// Makes `path` hold `bytes` from one moment to the next, so that a process that is killed leaves no half file
/// (what the disk holds after a power cut is the file system's affair). A file that holds them already is kept.
///
/// A new file has no name until it is whole, where the file system can do that: a process that is killed leaves
/// nothing. Elsewhere, and where a file is replaced, it is written under a name beside `path` that the next
/// writer of the same file takes over.
///
/// Nothing is written through what lies there: a link, symbolic or hard, is replaced (with `force`), and what it leads to
/// stays as it is. A pipe, a device or a folder is refused.
///
/// # Errors
/// `AlreadyExists` if it holds something else and `force` is not given, or if it is no file; else what the file system
/// says.
pub(super) fn put(path: &Path, bytes: &[u8], force: bool) -> io::Result<()> {
    match holds(path, bytes)? {
        Some(true) => return Ok(()),
        Some(false) if !force => return Err(differs()),
        Some(false) => return replace(path, bytes),
        None => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let made = match make_unnamed(folder, path, bytes) {
        // Folders are there more often than not: they are made when one turns out to be missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            make_unnamed(folder, path, bytes)
        }
        made => made,
    };
    match made {
        // Somebody else was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match holds(path, bytes)? {
            Some(true) => Ok(()),
            _ if force => replace(path, bytes),
            _ => Err(differs()),
        },
        // Not every file system has files without names, and not every machine shows them to be named: if it was
        // something else, this fails of it too.
        Err(_) => replace(path, bytes),
        Ok(()) => Ok(()),
    }
}

fn differs() -> io::Error {
    let message = "it exists and differs from what would be written; --force replaces it";
    io::Error::new(io::ErrorKind::AlreadyExists, message)
}

/// Opens what lies at `path` without following a link and without waiting for the other end of a pipe.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits().cast_signed());
    options
}

/// Whether the file at `path` holds exactly `bytes`; `None` if there is none. A symbolic link holds something else.
fn holds(path: &Path, bytes: &[u8]) -> io::Result<Option<bool>> {
    let lies_there = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if lies_there.is_symlink() {
        return Ok(Some(false));
    }
    // A device may do something when it is opened.
    if !lies_there.is_file() {
        return Err(no_file());
    }
    let file = options().read(true).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(no_file());
    }
    if metadata.len() != bytes.len() as u64 {
        return Ok(Some(false));
    }
    let mut held = Vec::with_capacity(bytes.len());
    file.take(metadata.len() + 1).read_to_end(&mut held)?;
    Ok(Some(held == bytes))
}

fn no_file() -> io::Error {
    let message = "something lies there that is no file (a folder, a pipe, a device): move it away";
    io::Error::new(io::ErrorKind::AlreadyExists, message)
}

/// Makes a file that has its name, `path` in `folder`, only when it is whole.
fn make_unnamed(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unnamed = OFlags::TMPFILE.bits().cast_signed();
    let mut file = OpenOptions::new().write(true).custom_flags(unnamed).open(folder)?;
    file.write_all(bytes)?;
    // By way of /proc, since naming a descriptor itself is a privilege.
    let shown = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, shown, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Writes a file beside `path`, and gives it that name, whatever had it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (mut file, partial) = partial_beside(path)?;
    let written = file.set_len(0).and_then(|()| file.write_all(bytes));
    let written = written.and_then(|()| still_ours(&file, &partial, bytes.len()));
    let written = written.and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Fails if the name no longer leads to the file that was written, or if others wrote into that.
fn still_ours(file: &File, partial: &Path, length: usize) -> io::Result<()> {
    let (held, named) = (file.metadata()?, fs::symlink_metadata(partial)?);
    let same = (named.dev(), named.ino()) == (held.dev(), held.ino());
    if same && held.len() == length as u64 {
        return Ok(());
    }
    Err(io::Error::other(format!("somebody else changed {} meanwhile", partial.display())))
}

/// So many processes may write to the same path at the same time.
const WRITERS: usize = 16;

/// A file beside `path` that no other process writes to, new or left by one that was killed.
fn partial_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    for writer in 0..WRITERS {
        let partial = partial_name(path, writer);
        if let Some(file) = take(&partial)? {
            return Ok((file, partial));
        }
    }
    let message =
        "too many other processes are writing it, or links and pipes have the names of its partial files";
    Err(io::Error::new(io::ErrorKind::ResourceBusy, message))
}

/// Opens the file and locks it; `None` if a living process has done so, or if it is nothing that we would leave there: a
/// link to elsewhere, a file with other names, a pipe.
fn take(partial: &Path) -> io::Result<Option<File>> {
    let file = match options().write(true).create(true).truncate(false).open(partial) {
        Ok(file) => file,
        // A symbolic link; a pipe that nobody reads, or a socket; a folder.
        Err(error)
            if matches!(
                error.raw_os_error().map(Errno::from_raw_os_error),
                Some(Errno::LOOP | Errno::NXIO | Errno::ISDIR)
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.nlink() != 1 {
        return Ok(None);
    }
    // Where locks are unknown, there is one writer.
    if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        return Ok(None);
    }
    // Whoever held the lock before may have given the file its own name by now: then it is theirs.
    let (held, named) = (file.metadata()?, fs::symlink_metadata(partial));
    let same = named.is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino()));
    Ok(same.then_some(file))
}

fn partial_name(path: &Path, writer: usize) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(match writer {
        0 => ".partial".to_owned(),
        _ => format!(".{writer}.partial"),
    });
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_file_is_kept_and_another_needs_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/a.png");
        put(&path, b"one", false).unwrap();
        put(&path, b"one", false).unwrap();
        let refused = put(&path, b"two", false).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        put(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no partial file is left");
    }

    #[test]
    fn a_dead_process_partial_file_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        fs::write(partial_name(&path, 0), b"a longer half").unwrap();
        replace(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert!(!partial_name(&path, 0).exists());
    }

    #[test]
    fn a_living_process_partial_file_is_left_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let (mut other, partial) = partial_beside(&path).unwrap();
        replace(&path, b"mine").unwrap();
        other.write_all(b"theirs").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert_eq!(fs::read(&partial).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let others: Vec<_> = (1..WRITERS).map(|_| partial_beside(&path).unwrap()).collect();
        let refused = partial_beside(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ResourceBusy);
        drop(others);
        assert_eq!(partial_beside(&path).unwrap().1, partial_name(&path, 1));
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a.png"), folder.path().join("precious"));
        fs::write(&other, b"precious").unwrap();
        let partial = partial_name(&path, 0);
        for link in [std::os::unix::fs::symlink::<&Path, &Path>, fs::hard_link::<&Path, &Path>] {
            link(&other, &path).unwrap();
            let refused = put(&path, b"image", false).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
            put(&path, b"image", true).unwrap();
            assert!(fs::symlink_metadata(&path).unwrap().is_file());
            assert_eq!(fs::read(&path).unwrap(), b"image");
            fs::remove_file(&path).unwrap();
            // Nor through one that has a partial file's name.
            link(&other, &partial).unwrap();
            replace(&path, b"image").unwrap();
            fs::remove_file(&path).unwrap();
            fs::remove_file(&partial).unwrap();
            assert_eq!(fs::read(&other).unwrap(), b"precious");
        }
    }

    #[test]
    fn what_is_no_file_is_refused_and_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, inside) = (folder.path().join("pipe.png"), folder.path().join("folder.png"));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::create_dir(&inside).unwrap();
        for path in [&pipe, &inside, Path::new("/dev/null")] {
            for force in [false, true] {
                let refused = put(path, b"image", force).unwrap_err();
                assert!(refused.to_string().contains("no file"), "{refused}");
            }
        }
        let path = folder.path().join("a.png");
        nix::unistd::mkfifo(&partial_name(&path, 0), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::create_dir(partial_name(&path, 1)).unwrap();
        replace(&path, b"image").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"image");
    }

    #[test]
    fn a_folder_that_can_not_be_made_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        let refused = put(&folder.path().join("file/a.png"), b"one", false).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::NotADirectory);
    }
}
