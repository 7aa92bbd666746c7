//! Where bytes end up.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::fifo::{Fifo, is_fifo};
use super::{AtomicFile, Existing, OutputError};

/// One place for results.
pub(crate) enum Destination {
    /// The standard output, or what stands for it in a test.
    Screen(Box<dyn Write + Send>),
    /// A device or a pipe that somebody made: written as it is, since it can't be replaced.
    Device(PathBuf, File),
    /// A pipe with a name.
    Fifo(Fifo),
    /// A file that appears whole or not at all.
    File(AtomicFile),
}

impl Destination {
    /// Opens a path for writing.
    pub(crate) fn open(path: &Path, existing: Existing) -> Result<Self, OutputError> {
        if is_fifo(path) {
            return Fifo::open(path).map(Self::Fifo);
        }
        if is_device(path) {
            let file = OpenOptions::new().write(true).open(path);
            return file
                .map(|file| Self::Device(path.to_owned(), file))
                .map_err(|cause| OutputError::io(path, cause));
        }
        AtomicFile::create(path, existing).map(Self::File)
    }

    /// Writes all of `bytes` before it returns.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        match self {
            Self::Screen(writer) => {
                writer.write_all(bytes).and_then(|()| writer.flush()).map_err(OutputError::screen)
            }
            Self::Device(path, file) => file
                .write_all(bytes)
                .map_err(|cause| OutputError::stream(cause, || path.display().to_string())),
            Self::Fifo(fifo) => fifo.write_all(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    /// Writes what is in `buffer`, and empties that; a long file is written behind, see [`AtomicFile::append`].
    pub(crate) fn append(&mut self, buffer: &mut String) -> Result<(), OutputError> {
        if let Self::File(file) = self {
            return file.append(buffer);
        }
        let written = self.write(buffer.as_bytes());
        buffer.clear();
        written
    }

    /// Completes it.
    pub(crate) fn finish(self) -> Result<(), OutputError> {
        match self {
            Self::Screen(_) | Self::Device(..) | Self::Fifo(_) => Ok(()),
            Self::File(file) => file.finish(),
        }
    }

    /// Leaves what there is; the path of a partial file.
    pub(crate) fn keep(self) -> Result<Option<PathBuf>, OutputError> {
        match self {
            Self::Screen(_) | Self::Device(..) | Self::Fifo(_) => Ok(None),
            Self::File(file) => file.keep().map(Some),
        }
    }
}

/// True for what is there and is neither a file nor a directory.
pub(crate) fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| {
        let kind = metadata.file_type();
        kind.is_char_device() || kind.is_block_device() || kind.is_fifo()
    })
}
