//! What is told on the standard error, how much of it, and in which colours.

use std::io;

use anstream::{AutoStream, ColorChoice};
use clap::{ArgAction, Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::exit::UsageError;

/// Flags that every subcommand has.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Messages")]
pub(super) struct GlobalArgs {
    /// Say more: who does what; twice: everything
    #[arg(short, long, action = ArgAction::Count, global = true, conflicts_with = "quiet")]
    verbose: u8,

    /// Say nothing but errors: no summary either
    #[arg(short, long, global = true)]
    quiet: bool,

    /// How log lines are written to the standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    log_format: LogFormat,

    /// Use colours
    #[arg(long = "color", value_name = "WHEN", value_enum, default_value_t = Colour::Auto, global = true)]
    colour: Colour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Also in pipes and files
    Always,
    /// Nowhere
    Never,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Warnings and the summary.
    Normal,
    /// Also who does what.
    Verbose,
    /// Everything.
    Debug,
}

impl GlobalArgs {
    /// How much is told.
    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Debug,
        }
    }

    /// Makes colours and log lines what the flags say, for the whole process.
    ///
    /// # Errors
    /// `RUST_LOG` makes no sense.
    pub(super) fn apply(&self) -> Result<(), UsageError> {
        let choice = match self.colour {
            // `Auto` looks at NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM and whether it is a terminal.
            Colour::Auto => ColorChoice::Auto,
            Colour::Always => ColorChoice::Always,
            Colour::Never => ColorChoice::Never,
        };
        choice.write_global();
        self.start_logging()
    }

    fn start_logging(&self) -> Result<(), UsageError> {
        let verbosity = self.verbosity();
        let filter = filter(verbosity, std::env::var("RUST_LOG").ok().as_deref())?;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(|| crate::show::Stderr)
            .with_ansi(stderr_has_colour())
            // A closed standard error must not end the run.
            .log_internal_errors(false);
        let detailed = verbosity == Verbosity::Debug;
        // A program that embeds the command may have its own subscriber, which then stays.
        let _ = match self.log_format {
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
            LogFormat::Text if detailed => builder.try_init(),
            LogFormat::Text => builder.without_time().with_target(false).try_init(),
        };
        Ok(())
    }
}

/// `RUST_LOG` wins over the flags.
fn filter(verbosity: Verbosity, rust_log: Option<&str>) -> Result<EnvFilter, UsageError> {
    let level = match verbosity {
        Verbosity::Quiet => "error",
        Verbosity::Normal => "warn",
        Verbosity::Verbose => "info",
        Verbosity::Debug => "debug",
    };
    let directives = rust_log.filter(|text| !text.trim().is_empty()).unwrap_or(level);
    EnvFilter::try_new(directives).map_err(|error| {
        UsageError(format!("RUST_LOG: {directives:?} is no filter ({error}); for example RUST_LOG=debug"))
    })
}

/// True where the standard output is to have colours.
pub(super) fn stdout_has_colour() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// True where the standard error is to have colours.
pub(super) fn stderr_has_colour() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_log_wins_over_the_flags() {
        assert_eq!(filter(Verbosity::Quiet, None).unwrap().to_string(), "error");
        assert_eq!(filter(Verbosity::Verbose, Some("")).unwrap().to_string(), "info");
        assert_eq!(filter(Verbosity::Quiet, Some("trace")).unwrap().to_string(), "trace");
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_told() {
        let error = filter(Verbosity::Normal, Some("coordinator=loud")).unwrap_err();
        assert!(error.0.starts_with("RUST_LOG: \"coordinator=loud\" is no filter"), "{error}");
    }
}
