//! What can go wrong between a run and its observers, told by predicates.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::limits::OBSERVE_VERSION;

/// Why a run can't be observed, or not any more.
///
/// ```
/// use protocol::observe::{ObserveError, Observer};
///
/// fn advice(error: &ObserveError) -> &'static str {
///     match error {
///         error if error.is_absent() || error.is_cut() => "the run is over: look at its summary",
///         error if error.is_full() || error.is_timeout() => "try again later",
///         error if error.is_version_mismatch() || error.is_malformed() => "take the program of the run's version",
///         _ => "the sentence says what is wrong",
///     }
/// }
/// let error = Observer::connect("/nowhere/run.sock").expect_err("there is no run");
/// assert!(error.is_absent());
/// # advice(&error);
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ObserveError(#[from] Why);

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("{}: no run can be observed there: {cause}", path.display())]
    Absent { path: PathBuf, cause: io::Error },
    #[error(
        "the run speaks version {run} of the protocol for observers, this observer version {OBSERVE_VERSION}: \
         use programs of the same release"
    )]
    Version { run: u32 },
    #[error("the run has as many observers as it may have: {observers}")]
    Full { observers: u32 },
    #[error("the run does not answer: it may be suspended")]
    Silent,
    #[error("the run has gone without a word: its coordinator was killed")]
    Cut,
    #[error("what came is not of the protocol for observers: {what}")]
    Malformed { what: String },
    #[error("the run can't be read: {0}")]
    Io(io::Error),
}

impl ObserveError {
    pub(super) fn absent(path: &Path, cause: io::Error) -> Self {
        Why::Absent { path: path.to_owned(), cause }.into()
    }

    pub(super) fn version(run: u32) -> Self {
        Why::Version { run }.into()
    }

    pub(super) fn full(observers: u32) -> Self {
        Why::Full { observers }.into()
    }

    pub(super) fn silent() -> Self {
        Why::Silent.into()
    }

    pub(super) fn cut() -> Self {
        Why::Cut.into()
    }

    pub(super) fn malformed(what: impl fmt::Display) -> Self {
        Why::Malformed { what: what.to_string() }.into()
    }

    pub(super) fn io(error: impl Into<io::Error>) -> Self {
        Why::Io(error.into()).into()
    }

    /// Nobody is to be observed at this path: there is no socket, or its run is over.
    pub fn is_absent(&self) -> bool {
        matches!(self.0, Why::Absent { .. })
    }

    /// The run speaks another version of the protocol.
    pub fn is_version_mismatch(&self) -> bool {
        matches!(self.0, Why::Version { .. })
    }

    /// The run has as many observers as it may have.
    pub fn is_full(&self) -> bool {
        matches!(self.0, Why::Full { .. })
    }

    /// The run does not answer.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0, Why::Silent)
    }

    /// The run went in the middle, without having told its end.
    pub fn is_cut(&self) -> bool {
        matches!(self.0, Why::Cut)
    }

    /// What came is not of the protocol.
    pub fn is_malformed(&self) -> bool {
        matches!(self.0, Why::Malformed { .. })
    }
}

/// Why no socket for observers can be had at a path.
///
/// ```
/// let error = protocol::observe::Listener::open("/nowhere/run.sock").expect_err("there is no such folder");
/// assert!(error.is_bad_path() && !error.is_taken());
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct ListenError {
    path: PathBuf,
    #[source]
    why: Refusal,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("another run is observed there")]
    Live,
    #[error("something else is there: it is not replaced")]
    Taken,
    #[error("no socket can be made there: {0}")]
    Io(io::Error),
}

impl ListenError {
    pub(super) fn new(path: &Path, why: Refusal) -> Self {
        Self { path: path.to_owned(), why }
    }

    /// Something is at that path that is not replaced: another run's socket, or no socket at all.
    pub fn is_taken(&self) -> bool {
        matches!(self.why, Refusal::Live | Refusal::Taken)
    }

    /// There is no such folder, or the name is no name for a socket.
    pub fn is_bad_path(&self) -> bool {
        use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
        let Refusal::Io(error) = &self.why else { return false };
        matches!(error.kind(), NotFound | NotADirectory | InvalidInput | InvalidFilename)
    }
}
