//! A file as it was when the job was planned, and the check that it still is.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use num_bigint::BigInt;
use protocol::TaskError;

use super::Mapped;
use super::watch::watched;
use crate::BadValue;
use crate::reduce::bytes::{Reader, put_big, put_bytes, put_u64};

/// A regular file with its length and time of change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::reduce) struct Pinned {
    pub(in crate::reduce) path: PathBuf,
    /// Bytes.
    pub(in crate::reduce) length: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    /// The device and the inode: which file it is, whatever its name.
    identity: (u64, u64),
}

impl Pinned {
    /// Notes what the file at `path` is now, and opens it.
    ///
    /// # Errors
    /// A sentence: it is not there, can't be read, or is not a regular file.
    pub(in crate::reduce) fn new(path: &Path) -> Result<(Self, File), String> {
        let describe = |error: io::Error| format!("{}: can't be read: {error}", path.display());
        // Before opening: to open a pipe is to wait for its other end.
        if !std::fs::metadata(path).map_err(describe)?.is_file() {
            return Err(format!("{}: is not a regular file", path.display()));
        }
        let file = File::open(path).map_err(describe)?;
        let now = file.metadata().map_err(describe)?;
        let identity = (now.dev(), now.ino());
        Ok((Self { path: path.to_owned(), length: now.len(), modified: modified(&now), identity }, file))
    }

    /// Appends the bytes.
    pub(in crate::reduce) fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.path.as_os_str().as_bytes());
        put_u64(out, self.length);
        put_big(out, &BigInt::from(self.modified));
        put_u64(out, self.identity.0);
        put_u64(out, self.identity.1);
    }

    /// Reads what [`put`](Self::put) wrote.
    pub(in crate::reduce) fn read(reader: &mut Reader<'_>) -> Result<Self, BadValue> {
        let path = PathBuf::from(OsStr::from_bytes(reader.bytes()?));
        let length = reader.u64()?;
        let modified = i128::try_from(reader.big()?).map_err(|_| reader.bad("a time is too long"))?;
        let identity = (reader.u64()?, reader.u64()?);
        Ok(Self { path, length, modified, identity })
    }

    /// Fails if what is there under the name is no longer what was planned with. Whoever has the file open looks at its
    /// name all the same: another file may have taken its place.
    fn check(&self) -> Result<(), TaskError> {
        let path = self.path.display();
        let now = std::fs::metadata(&self.path)
            .map_err(|error| TaskError::new(format!("{path}: can't be read: {error}")))?;
        let (was, is) = (self.length, now.len());
        let what = if (now.dev(), now.ino()) != self.identity {
            "has been replaced by another file".to_owned()
        } else if is < was {
            format!("has shrunk from {was} to {is} bytes")
        } else if is > was {
            format!("has grown from {was} to {is} bytes")
        } else if modified(&now) != self.modified {
            "has been written to".to_owned()
        } else {
            return Ok(());
        };
        Err(TaskError::new(format!(
            "{path}: {what} since the job was planned; start the job again once nobody writes to it"
        )))
    }
}

fn modified(now: &Metadata) -> i128 {
    i128::from(now.mtime()) * 1_000_000_000 + i128::from(now.mtime_nsec())
}

/// A file that stays open between tasks, since the next one is mostly about the same.
#[derive(Debug)]
pub(in crate::reduce) struct Opened {
    pinned: Pinned,
    file: File,
}

impl Opened {
    /// The file behind `pinned`: the one in `slot`, or newly opened into it.
    ///
    /// # Errors
    /// It can't be opened.
    pub(in crate::reduce) fn get<'a>(
        slot: &'a mut Option<Self>,
        pinned: &Pinned,
    ) -> Result<&'a Self, TaskError> {
        match slot.take().filter(|opened| opened.pinned == *pinned) {
            Some(opened) => Ok(slot.insert(opened)),
            None => {
                let (now, file) = Pinned::new(&pinned.path).map_err(TaskError::new)?;
                if now.identity != pinned.identity {
                    pinned.check()?;
                }
                Ok(slot.insert(Self { pinned: pinned.clone(), file }))
            }
        }
    }

    /// Calls `read` with the `len` bytes from `offset`. The file is compared with the plan right before and
    /// right after; where it is cut meanwhile, `read` sees zeros.
    ///
    /// # Errors
    /// The file has changed, the bytes are not all there, or they can't be mapped; else what `read` says.
    pub(in crate::reduce) fn with<T>(
        &self,
        offset: u64,
        len: u64,
        read: impl FnOnce(&[u8]) -> Result<T, TaskError>,
    ) -> Result<T, TaskError> {
        self.pinned.check()?;
        let path = self.pinned.path.display();
        if offset.checked_add(len).is_none_or(|end| end > self.pinned.length) {
            return Err(TaskError::new(format!("{path}: the task lies beyond the file's end")));
        }
        let mapped = usize::try_from(len)
            .map_err(io::Error::other)
            .and_then(|len| Mapped::new(&self.file, offset, len))
            .map_err(|error| match error.kind() {
                io::ErrorKind::OutOfMemory => TaskError::memory(format!(
                    "{path}: {len} bytes can't be mapped; give the workers more memory or set params.chunk lower"
                )),
                _ => TaskError::new(format!("{path}: can't be mapped: {error}")),
            })?;
        let (value, lost) = watched(&mapped, read)
            .map_err(|error| TaskError::new(format!("{path}: can't be watched while it is read: {error}")))?;
        // Before what was read is looked at: whatever is wrong with that, a change explains it.
        self.pinned.check()?;
        if lost {
            return Err(TaskError::new(format!(
                "{path}: some of its {len} bytes from {offset} could not be read: it was cut and filled up again \
                 meanwhile, or its disk fails"
            )));
        }
        value
    }

    /// Bytes in the file.
    pub(in crate::reduce) fn length(&self) -> u64 {
        self.pinned.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader is told that meets `meddle` in the middle of a file of 64 KiB.
    fn told(meddle: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bin");
        std::fs::write(&path, [7; 1 << 16]).unwrap();
        let (pinned, _) = Pinned::new(&path).unwrap();
        let mut slot = None;
        let opened = Opened::get(&mut slot, &pinned).unwrap();
        let read = |bytes: &[u8]| {
            meddle(&path);
            Ok(bytes.iter().filter(|byte| **byte == 7).count())
        };
        opened.with(0, 1 << 16, read).unwrap_err().message
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_fails_the_reader_in_a_sentence() {
        let file = |path: &Path| File::options().write(true).open(path).unwrap();
        let cut = told(|path| file(path).set_len(5000).unwrap());
        assert!(cut.contains("x.bin: has shrunk from 65536 to 5000 bytes since"), "{cut}");
        let emptied = told(|path| file(path).set_len(0).unwrap());
        assert!(emptied.contains("has shrunk from 65536 to 0 bytes"), "{emptied}");
        let grown = told(|path| file(path).set_len(70_000).unwrap());
        assert!(grown.contains("has grown from 65536 to 70000 bytes"), "{grown}");
        let written = told(|path| {
            // A clock tick later, whatever the file system's ticks are.
            std::thread::sleep(std::time::Duration::from_millis(20));
            std::fs::write(path, [8; 1 << 16]).unwrap();
        });
        assert!(written.contains("has been written to"), "{written}");
    }

    #[test]
    fn a_file_that_was_replaced_is_not_taken_for_the_one_that_was_planned_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bin");
        std::fs::write(&path, [7; 100]).unwrap();
        let (pinned, _) = Pinned::new(&path).unwrap();
        std::fs::write(folder.path().join("new"), [8; 100]).unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        let error = Opened::get(&mut None, &pinned).unwrap_err().message;
        assert!(error.contains("has been replaced by another file since the job was planned"), "{error}");
    }

    #[test]
    fn a_file_that_is_open_while_another_takes_its_name_is_noticed_at_the_next_part() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("x.bin"), folder.path().join("new"));
        std::fs::write(&path, [7; 100]).unwrap();
        let (pinned, _) = Pinned::new(&path).unwrap();
        let mut slot = None;
        Opened::get(&mut slot, &pinned).unwrap().with(0, 50, |_| Ok(())).unwrap();
        // As like it as can be: the same length and the same time of change.
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::write(&new, [8; 100]).unwrap();
        File::options().write(true).open(&new).unwrap().set_modified(modified).unwrap();
        std::fs::rename(&new, &path).unwrap();
        let error = Opened::get(&mut slot, &pinned).unwrap().with(50, 50, |_| Ok(())).unwrap_err().message;
        assert!(error.contains("x.bin: has been replaced by another file since"), "{error}");
        std::fs::remove_file(&path).unwrap();
        let error = Opened::get(&mut slot, &pinned).unwrap().with(50, 50, |_| Ok(())).unwrap_err().message;
        assert!(error.contains("x.bin: can't be read: No such file"), "{error}");
    }
}
