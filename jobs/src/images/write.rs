//! Output files that are whole or not there.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Makes `path` hold `bytes`, by way of a temporary name beside it, so that a crash leaves no half file (what
/// the disk holds after a power cut is the file system's affair). A file that holds them already is kept.
///
/// # Errors
/// `AlreadyExists` where it holds something else and `force` is not given; else what the file system says.
pub(super) fn put(path: &Path, bytes: &[u8], force: bool) -> io::Result<()> {
    match holds(path, bytes)? {
        Some(true) => return Ok(()),
        Some(false) if !force => {
            let message = "it exists and differs from what would be written; --force replaces it";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        _ => {}
    }
    let partial = partial_name(path);
    let written = match write_new(&partial, bytes) {
        // Folders are there more often than not: they are made when one turns out to be missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| write_new(&partial, bytes))
        }
        other => other,
    };
    let written = written.and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Whether the file at `path` holds exactly `bytes`; `None` where there is none.
fn holds(path: &Path, bytes: &[u8]) -> io::Result<Option<bool>> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() != bytes.len() as u64 {
        return Ok(Some(false));
    }
    let mut held = Vec::with_capacity(bytes.len());
    file.read_to_end(&mut held)?;
    Ok(Some(held == bytes))
}

/// A name beside `path` that no other process uses; a process writes one file at a time.
fn partial_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let create = || OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Left by a process that died under the same number.
            fs::remove_file(path)?;
            create()?
        }
        other => other?,
    };
    file.write_all(bytes)
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
    fn a_dead_process_partial_file_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        fs::write(partial_name(&path), b"half").unwrap();
        put(&path, b"whole", false).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert!(!partial_name(&path).exists());
    }
}
