//! What is told on the standard error, how much of it, and in which colours.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstream::{AutoStream, ColorChoice};
use clap::{ArgAction, Args, ValueEnum};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use super::exit::UsageError;
use crate::output::{for_screen, json_for_screen};

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

    /// How log lines are written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    log_format: LogFormat,

    /// Add log lines to this file too: all that -v tells, or more with -vv or RUST_LOG
    #[arg(long, value_name = "PATH", global = true)]
    log_file: Option<PathBuf>,

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
        let rust_log = std::env::var("RUST_LOG").ok();
        let verbosity = self.verbosity();
        let screen = self
            .lines(verbosity == Verbosity::Debug, stderr_has_colour(), || crate::show::Stderr)
            .with_filter(filter(verbosity, rust_log.as_deref())?);
        let file = match &self.log_file {
            None => None,
            Some(path) => {
                let file = Arc::new(open_log(path)?);
                let verbosity = verbosity.max(Verbosity::Verbose);
                Some(self.lines(true, false, file).with_filter(filter(verbosity, rust_log.as_deref())?))
            }
        };
        // A program that embeds the command may have its own subscriber, which then stays.
        let _ = tracing_subscriber::registry().with(screen).with(file).try_init();
        Ok(())
    }

    /// Log lines as the flags say; `detailed` ones have the time and the place.
    fn lines<S, W>(&self, detailed: bool, colour: bool, to: W) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: tracing::Subscriber + for<'s> LookupSpan<'s>,
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let to = Harmless { to, json: self.log_format == LogFormat::Json, colour };
        // What can't be written must not end the run.
        let lines =
            tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(to).log_internal_errors(false);
        match self.log_format {
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
            LogFormat::Text if detailed => lines.boxed(),
            LogFormat::Text => lines.without_time().with_target(false).boxed(),
        }
    }
}

/// Log lines on their way: what workers print must neither break a line nor command the terminal.
struct Harmless<W> {
    to: W,
    json: bool,
    colour: bool,
}

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Harmless<W> {
    type Writer = Harmless<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Harmless { to: self.to.make_writer(), json: self.json, colour: self.colour }
    }
}

impl<W: Write> Write for Harmless<W> {
    /// Takes whole lines, as they are logged.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let safe = match self.json {
            true => json_for_screen(text.into_owned()).into(),
            false => for_screen(&text, self.colour),
        };
        self.to.write_all(safe.as_bytes()).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Lines are added to what is there: several runs may share a file.
fn open_log(path: &Path) -> Result<File, UsageError> {
    crate::output::open_log(path)
        .map_err(|error| UsageError(format!("--log-file {}: it can't be written: {error}", path.display())))
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
    fn a_line_of_a_worker_breaks_no_log_line() {
        let said = "fine\r\u{9b}2Kforged \u{202e}txet\n";
        for (json, expected) in
            [(false, "fine\\r\\u{9b}2Kforged \\u{202e}txet\n"), (true, "fine\r\\u009b2Kforged \\u202etxet\n")]
        {
            let mut log = Harmless { to: Vec::new(), json, colour: true };
            log.write_all(said.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(log.to).unwrap(), expected);
        }
    }

    #[test]
    fn a_log_file_that_can_not_be_written_is_told() {
        let error = open_log(Path::new("/no/such/folder/x.log")).unwrap_err();
        assert!(error.0.starts_with("--log-file /no/such/folder/x.log: it can't be written"), "{error}");
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_told() {
        let error = filter(Verbosity::Normal, Some("coordinator=loud")).unwrap_err();
        assert!(error.0.starts_with("RUST_LOG: \"coordinator=loud\" is no filter"), "{error}");
    }
}
