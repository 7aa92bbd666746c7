//! Exit codes: a contract with scripts.

use std::process::ExitCode;

use jobs::PlanError;
use jobs::spec::SpecErrors;
use nix::sys::signal::Signal;

use crate::output::OutputError;
use crate::store::StoreError;

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All tasks are done and well.
    Ok = 0,
    /// The run is complete, and some tasks failed for good.
    TasksFailed = 1,
    /// The command line, the job file or the input is wrong; nothing was run, or no more than what came
    /// before the bad place of the input.
    Usage = 2,
    /// The run could not go on: workers can't start, too many restarts, results or the
    /// store can't be written.
    CannotGoOn = 3,
    /// Stopped by SIGINT (128 + 2).
    Interrupted = 130,
    /// Stopped by SIGTERM or SIGHUP (128 + 15).
    Terminated = 143,
}

/// The same for `--help`.
pub(super) const HELP: &str = "\
Exit codes:
    0  all tasks are ok
    1  some tasks failed for good
    2  the command line, the job file or the input is wrong
    3  the run could not go on: workers can't start, results or the store can't be written
  130  stopped by SIGINT (Ctrl-C); 143 by SIGTERM or SIGHUP";

/// Something that the user can mend on the command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

impl Exit {
    /// What another command's exit code means; an unknown one, that something could not go on.
    pub(super) fn of_code(code: u8) -> Self {
        let all = [Self::Ok, Self::TasksFailed, Self::Usage, Self::Interrupted, Self::Terminated];
        all.into_iter().find(|exit| *exit as u8 == code).unwrap_or(Self::CannotGoOn)
    }

    /// What an error means for the exit code.
    pub fn of(error: &anyhow::Error) -> Self {
        for cause in error.chain() {
            if cause.is::<SpecErrors>() || cause.is::<UsageError>() || cause.is::<PlanError>() {
                return Self::Usage;
            }
            if cause.downcast_ref::<StoreError>().is_some_and(StoreError::is_usage) {
                return Self::Usage;
            }
            match cause.downcast_ref::<OutputError>() {
                // Whoever closes our output has seen enough.
                Some(OutputError::Closed) => return Self::Ok,
                Some(OutputError::Stopped { signal, .. }) if *signal == Signal::SIGINT as i32 => {
                    return Self::Interrupted;
                }
                Some(OutputError::Stopped { .. }) => return Self::Terminated,
                Some(error) if error.is_usage() => return Self::Usage,
                _ => {}
            }
        }
        Self::CannotGoOn
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_mean_what_is_documented() {
        let of = |error: anyhow::Error| Exit::of(&error);
        assert_eq!(of(anyhow::Error::new(UsageError("x".into())).context("y")), Exit::Usage);
        assert_eq!(of(PlanError("numbers.txt:7: \"12x\"".into()).into()), Exit::Usage);
        assert_eq!(of(OutputError::Exists("a".into()).into()), Exit::Usage);
        assert_eq!(of(OutputError::Closed.into()), Exit::Ok);
        let full = OutputError::Io { place: "a".into(), cause: std::io::ErrorKind::StorageFull.into() };
        assert_eq!(of(full.into()), Exit::CannotGoOn);
        assert_eq!(of(anyhow::anyhow!("no worker starts")), Exit::CannotGoOn);
    }
}
