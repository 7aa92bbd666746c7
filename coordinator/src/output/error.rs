//! Why results can't be written.

use std::io;
use std::path::{Path, PathBuf};

/// Why results can't be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The reader of the standard output has gone: an orderly end, no failure.
    #[error("the standard output is closed")]
    Closed,
    /// The target is there already.
    #[error("{}: exists already; --force replaces it", .0.display())]
    Exists(PathBuf),
    /// The target is a directory.
    #[error("{}: is a directory", .0.display())]
    Directory(PathBuf),
    /// The folder that the target should be in is not there.
    #[error("{}: the folder {} does not exist; make it first: mkdir -p {}", .target.display(), .folder.display(), .folder.display())]
    NoFolder {
        /// The file to be written.
        target: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// Another process is writing this target now.
    #[error("{}: another run is writing it", .0.display())]
    Busy(PathBuf),
    /// Nobody reads a pipe, and a signal asked to stop.
    #[error("{}: nobody reads this pipe, and the run was stopped", .path.display())]
    Stopped {
        /// The pipe.
        path: PathBuf,
        /// The signal's number.
        signal: i32,
    },
    /// Anything else.
    #[error("{place}: can't be written: {cause}")]
    Io {
        /// What was written to.
        place: String,
        /// What the system said.
        cause: io::Error,
    },
}

impl OutputError {
    /// True where the command or the job file asks for something impossible, and not the system refuses.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Exists(_) | Self::Directory(_) | Self::NoFolder { .. } | Self::Busy(_))
    }

    /// What a failed write to the standard output means.
    pub(crate) fn screen(cause: io::Error) -> Self {
        Self::stream(cause, || "the standard output".into())
    }

    /// A pipe whose reader has gone is closed; anything else is a failure.
    pub(super) fn stream(cause: io::Error, place: impl FnOnce() -> String) -> Self {
        match cause.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Io { place: place(), cause },
        }
    }

    pub(super) fn io(path: &Path, cause: io::Error) -> Self {
        Self::Io { place: path.display().to_string(), cause }
    }
}
