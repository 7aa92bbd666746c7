//! What can go wrong, told by predicates: the kinds of failure may grow, the questions stay.

use std::fmt;
use std::sync::Arc;

use crate::outcome::{AttemptRecord, Failure, Reason};
use crate::pool::{End, PoolReport};

/// Why there is no result.
///
/// A task that failed for good brings its [`Failure`] along: the dead letter, with every attempt that was made.
///
/// ```standalone_crate
/// use unhurt::{Error, Pool, TaskError};
///
/// fn risky(n: u64) -> Result<u64, TaskError> {
///     match n {
///         0 => Err(TaskError::new("zero can't be done")),
///         1 => panic!("one is bad luck"),
///         2 => std::process::abort(),
///         n => Ok(n),
///     }
/// }
///
/// fn main() -> Result<(), Error> {
///     unhurt::worker().function(risky).serve();
///     let pool = Pool::builder().workers(1).retries(1).function(risky)?;
///     let error = |n: u64| pool.submit(n).and_then(|handle| handle.wait()).expect_err("it fails");
///     assert!(error(0).is_task_error());
///     assert!(error(1).is_panic());
///     let crash = error(2);
///     assert!(crash.is_crash());
///     for attempt in crash.history() {
///         println!("attempt {} on worker-{}: {}", attempt.attempt, attempt.worker, attempt.message);
///     }
///     assert_eq!(crash.failure().map(|failure| failure.history.len()), Some(2));
///     pool.close();
///     assert!(pool.submit(7_u64).is_err_and(|error| error.is_closed()));
///     Ok(())
/// }
/// ```
///
/// The other questions:
///
/// ```
/// fn advice(error: &unhurt::Error) -> &'static str {
///     match error {
///         error if error.is_timeout() => "give it more time",
///         error if error.is_out_of_memory() => "give it more memory",
///         error if error.is_cancelled() => "nobody wanted it any more",
///         error if error.is_full() => "try again later",
///         error if error.is_too_large() || error.is_codec() => "pass a file's name instead",
///         error if error.is_broken() || error.is_usage() => "the sentence says what to mend",
///         error if error.is_protocol() => "the worker program has a bug",
///         _ => "look at its history",
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Error(Why);

#[derive(Debug, Clone)]
enum Why {
    Task(Arc<Failure>),
    Full,
    Closed,
    Stopped,
    Broken(Arc<str>),
    TooLarge { length: usize, limit: usize },
    Codec(Arc<str>),
    Usage(Arc<str>),
}

impl Error {
    pub(super) fn task(failure: Failure) -> Self {
        Self(Why::Task(Arc::new(failure)))
    }

    pub(super) fn full() -> Self {
        Self(Why::Full)
    }

    pub(super) fn closed() -> Self {
        Self(Why::Closed)
    }

    pub(super) fn stopped() -> Self {
        Self(Why::Stopped)
    }

    pub(super) fn broken(why: impl fmt::Display) -> Self {
        Self(Why::Broken(why.to_string().into()))
    }

    pub(super) fn too_large(length: usize, limit: usize) -> Self {
        Self(Why::TooLarge { length, limit })
    }

    pub(super) fn codec(error: &protocol::CodecError) -> Self {
        Self(Why::Codec(error.to_string().into()))
    }

    pub(super) fn usage(why: impl Into<String>) -> Self {
        Self(Why::Usage(why.into().into()))
    }

    /// A task that was cancelled before anybody had it.
    pub(super) fn cancelled() -> Self {
        Self::task(Failure {
            reason: Reason::Cancelled,
            message: "cancelled before it began".into(),
            history: Vec::new(),
        })
    }

    /// What those learn that still wait for a pool that has ended.
    pub(super) fn of_end(report: &PoolReport) -> Self {
        match &report.end {
            End::Done => Self::closed(),
            End::Stopped => Self::stopped(),
            End::NoWorkers { starts, last } => Self::broken(format!(
                "no worker is left, and none can be started ({starts} processes were started): {last}"
            )),
            End::TooManyFailures => Self::broken("more tasks failed than may"),
            End::BadInput(why) => Self::broken(why),
            End::SinkClosed => Self::broken("the results are no longer taken"),
        }
    }

    fn reason(&self) -> Option<Reason> {
        match &self.0 {
            Why::Task(failure) => Some(failure.reason),
            _ => None,
        }
    }

    /// The task ran past its time limit.
    pub fn is_timeout(&self) -> bool {
        self.reason() == Some(Reason::Timeout)
    }

    /// The task's process died of it: by a signal, or by an exit in the middle.
    pub fn is_crash(&self) -> bool {
        matches!(self.reason(), Some(Reason::Signal | Reason::Exit))
    }

    /// The task needed more memory than it may have.
    pub fn is_out_of_memory(&self) -> bool {
        self.reason() == Some(Reason::Memory)
    }

    /// The task panicked.
    pub fn is_panic(&self) -> bool {
        self.reason() == Some(Reason::Panic)
    }

    /// The task said itself that it can't be done: it returned an error.
    pub fn is_task_error(&self) -> bool {
        self.reason() == Some(Reason::Error)
    }

    /// The worker broke the protocol in the middle of the task.
    pub fn is_protocol(&self) -> bool {
        self.reason() == Some(Reason::Protocol)
    }

    /// The task was cancelled, or its pool was stopped before the task had ended.
    pub fn is_cancelled(&self) -> bool {
        self.reason() == Some(Reason::Cancelled) || matches!(self.0, Why::Stopped)
    }

    /// As many tasks are in the pool as may be: try again later, or use
    /// [`submit`](super::Pool::submit), which waits.
    pub fn is_full(&self) -> bool {
        matches!(self.0, Why::Full)
    }

    /// The pool has been closed and takes nothing more.
    pub fn is_closed(&self) -> bool {
        matches!(self.0, Why::Closed)
    }

    /// The pool can't go on: no worker can be started, or each is refused. The sentence says why.
    pub fn is_broken(&self) -> bool {
        matches!(self.0, Why::Broken(_))
    }

    /// The input is longer, encoded, than a message may be.
    pub fn is_too_large(&self) -> bool {
        matches!(self.0, Why::TooLarge { .. })
    }

    /// An input or a result can't be turned into bytes, or the bytes into a value.
    pub fn is_codec(&self) -> bool {
        matches!(self.0, Why::Codec(_))
    }

    /// The pool was set up in a way that can't work; the sentence says what to do.
    pub fn is_usage(&self) -> bool {
        matches!(self.0, Why::Usage(_))
    }

    /// The dead letter of a task that failed for good.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.0 {
            Why::Task(failure) => Some(failure),
            _ => None,
        }
    }

    /// Every attempt that failed, first to last; empty where it never came to one.
    pub fn history(&self) -> &[AttemptRecord] {
        self.failure().map_or(&[], |failure| &failure.history)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Task(failure) => write!(f, "{}: {}", failure.reason.name(), failure.message),
            Why::Full => f.write_str("as many tasks are in the pool as may be"),
            Why::Closed => f.write_str("the pool is closed"),
            Why::Stopped => f.write_str("cancelled: the pool was stopped"),
            Why::Broken(why) => write!(f, "the pool can't go on: {why}"),
            Why::TooLarge { length, limit } => {
                write!(f, "an input of {length} bytes, and {limit} are allowed: pass a file's name instead")
            }
            Why::Codec(why) => write!(f, "can't be encoded or decoded: {why}"),
            Why::Usage(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    type Question = fn(&Error) -> bool;

    #[test]
    fn every_reason_answers_to_exactly_one_question() {
        let questions: [Question; 7] = [
            Error::is_timeout,
            Error::is_crash,
            Error::is_out_of_memory,
            Error::is_panic,
            Error::is_task_error,
            Error::is_protocol,
            Error::is_cancelled,
        ];
        for reason in Reason::ALL {
            let error = Error::task(Failure { reason, message: "so".into(), history: Vec::new() });
            let yes = questions.iter().filter(|question| question(&error)).count();
            assert_eq!(yes, 1, "{reason:?}");
            assert_eq!(error.to_string(), format!("{}: so", reason.name()));
        }
    }
}
