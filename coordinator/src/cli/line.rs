//! Command lines: stored with a run, so that it goes on exactly as it began, and printed, to be pasted.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use jobs::ItemsFrom;
use serde::{Deserialize, Serialize};

use super::args::{Cli, Command, RunArgs};
use super::exit::UsageError;
use crate::store::{RunId, path_text, text_path};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why a run with `--input -` is over when it is over.
pub(super) const NOT_AGAIN: &str = "the run's items came from its standard input (--input -), which can't be had \
    a second time; for a run that can go on, put them into a file and give --input FILE";

/// The command line that began a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CommandLine {
    /// Where it was typed: relative paths start here.
    directory: String,
    /// What was typed, the program included.
    arguments: Vec<String>,
    /// Which version was told.
    #[serde(default)]
    version: String,
}

impl CommandLine {
    /// This process's.
    ///
    /// # Errors
    /// The current directory is gone.
    pub(super) fn current() -> Result<Self, UsageError> {
        let text = |argument: OsString| path_text(Path::new(&argument));
        Ok(Self {
            directory: path_text(&env::current_dir().map_err(no_directory)?),
            arguments: env::args_os().map(text).collect(),
            version: VERSION.to_owned(),
        })
    }

    /// Where it was typed.
    pub(super) fn directory(&self) -> PathBuf {
        text_path(&self.directory).into()
    }

    /// True where this version was told.
    pub(super) fn is_of_this_version(&self) -> bool {
        self.version == VERSION
    }

    /// As it is stored.
    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// It was written by something else.
    pub(super) fn from_json(json: &str) -> Result<Self, UsageError> {
        serde_json::from_str(json).map_err(|error| unknown(&error))
    }

    /// Goes to where it was typed.
    ///
    /// # Errors
    /// That directory is gone.
    pub(super) fn enter(&self) -> Result<(), UsageError> {
        let directory = self.directory();
        env::set_current_dir(&directory).map_err(|error| {
            UsageError(format!("{}: the run was started there: {error}", directory.display()))
        })
    }

    /// What it says, for planning the same tasks again.
    ///
    /// # Errors
    /// This version knows other flags, or the items came from the standard input.
    pub(super) fn run_args(&self) -> Result<RunArgs, UsageError> {
        let arguments = self.arguments.iter().map(|text| text_path(text));
        match Cli::read(arguments) {
            Ok(Cli { command: Command::Run(args), .. }) => match args.job.source().plan.items {
                Some(ItemsFrom::Stdin) => Err(UsageError(NOT_AGAIN.into())),
                _ => Ok(*args),
            },
            Ok(_) => Err(unknown(&"it is not `run`")),
            Err(error) => Err(unknown(&error)),
        }
    }
}

/// The run is to go on from where it was begun.
fn no_directory(error: std::io::Error) -> UsageError {
    UsageError(format!(
        "the current directory can't be told, and a run that is kept goes on from there: {error}; go to one that is \
         there (cd), or keep nothing (--store none)"
    ))
}

fn unknown(why: &dyn std::fmt::Display) -> UsageError {
    UsageError(format!("how the run was started makes no sense to this version: {why}"))
}

/// The command that does `what` (`resume`, `retry`) with a run; `store` where it is not in the default one.
pub(super) fn again_command(what: &str, run: &RunId, store: Option<&Path>) -> String {
    let program = env::args_os().next().unwrap_or_else(|| "coordinator".into());
    let mut line = format!("{} {what} {run}", quoted(&program));
    if let Some(store) = store {
        line.push_str(" --store ");
        line.push_str(&quoted(store.as_os_str()));
    }
    line
}

/// A word as a POSIX shell reads it. Bytes that are no UTF-8 are lost, as they are on most screens.
fn quoted(word: &OsStr) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(byte);
    let text = word.to_string_lossy();
    if !word.is_empty() && word.as_bytes().iter().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_is_quoted() {
        assert_eq!(quoted(OsStr::new("/a/b-1.db")), "/a/b-1.db");
        assert_eq!(quoted(OsStr::new("my runs.db")), "'my runs.db'");
        assert_eq!(quoted(OsStr::new("it's")), r"'it'\''s'");
        assert_eq!(quoted(OsStr::new("")), "''");
    }

    #[test]
    fn a_command_line_comes_back_from_the_store() {
        let line = CommandLine {
            directory: "/".into(),
            arguments: ["coordinator", "-q", "run", "a.toml", "-w", "2"].map(str::to_owned).into(),
            version: VERSION.into(),
        };
        let back = CommandLine::from_json(&line.to_json().unwrap()).unwrap();
        assert_eq!(back, line);
        assert!(back.run_args().is_ok());
        assert!(CommandLine::from_json("{}").is_err());
    }
}
