//! Results on their way out: batches of outcomes in, bytes on the standard output and in files out.
//!
//! Lines are written in the order in which outcomes come. A batch is turned into text in one reused buffer
//! and leaves in one write.

mod atomic;
mod csv;
mod destination;
mod escape;
mod held_back;
mod human;
mod jsonl;
mod results;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod writeback;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use atomic::{AtomicFile, Existing, check_target};
pub(crate) use destination::{Destination, is_device};
pub(crate) use escape::{for_screen, json_for_screen, printable};
pub(crate) use held_back::hint;
pub(crate) use human::{about, count, counted, rate, seconds};
pub use results::{FileSettings, ResultSettings, Results, ScreenSettings};
pub use summary::{FailureTally, SummaryText, write_summary_json};
pub(crate) use text::INPUT_LENGTH;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line a task, for people.
    Text,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header (RFC 4180, lines end in a line feed).
    Csv,
}

impl Format {
    /// The format that a file's extension stands for.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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
    fn stream(cause: io::Error, place: impl FnOnce() -> String) -> Self {
        match cause.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Io { place: place(), cause },
        }
    }

    fn io(path: &Path, cause: io::Error) -> Self {
        Self::Io { place: path.display().to_string(), cause }
    }
}
