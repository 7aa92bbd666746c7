//! The flags that say what is shown of a run while it goes, and kept of how it went.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::show::ProgressMode;

/// What is shown of a run.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct ShowArgs {
    /// Show how the run goes
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    pub(crate) progress: When,

    /// Write a timeline of every worker to this file, for ui.perfetto.dev; an earlier one is replaced
    #[arg(long, value_name = "PATH")]
    pub(crate) trace: Option<PathBuf>,

    /// Write how the run went to this file, as one HTML page; an earlier one is replaced
    #[arg(long, value_name = "PATH.html")]
    pub(crate) report: Option<PathBuf>,

    /// Let other processes see how the run goes, at this socket (`coordinator watch PATH`), for as long as it goes
    #[arg(long, value_name = "PATH")]
    pub(crate) observe: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum When {
    /// A bar on a terminal, elsewhere a line every 10 s; nothing with -q
    #[default]
    Auto,
    /// The same from the first moment, elsewhere a line every second
    Always,
    /// Never
    Never,
    /// On a terminal also a line for each worker: its task, and for how long
    Full,
}

impl ShowArgs {
    /// The same, with paths that mean the same in another directory.
    ///
    /// # Errors
    /// The current directory is gone.
    pub(crate) fn absolute(mut self) -> std::io::Result<Self> {
        self.trace = self.trace.map(std::path::absolute).transpose()?;
        self.report = self.report.map(std::path::absolute).transpose()?;
        self.observe = self.observe.map(std::path::absolute).transpose()?;
        Ok(self)
    }

    /// When progress is shown.
    pub(crate) fn progress(&self) -> ProgressMode {
        match self.progress {
            When::Auto => ProgressMode::Auto,
            When::Always => ProgressMode::Always,
            When::Never => ProgressMode::Never,
            When::Full => ProgressMode::Full,
        }
    }
}
