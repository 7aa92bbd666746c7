//! The arguments of `coordinator run`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::flags::JobArgs;
use super::shown::ShowArgs;
use super::store::KeepArgs;
use crate::job::{RunFlags, RunSettings};
use crate::output::Format;

pub(crate) const EXAMPLES: &str = "\
Examples:
  coordinator run jobs/primes.toml                     results as text, a summary at the end
  coordinator run jobs/primes.toml -w 4                on four workers
  coordinator run jobs/primes.toml --format jsonl      one JSON object a line, for programs
  coordinator run jobs/primes.toml --output out.csv    into a file that appears when it is complete
  coordinator run jobs/primes.toml --set input.numbers='[7, 8]'
  coordinator run jobs/images.toml --incremental       skip the photos that have not changed since last time
  coordinator run jobs/primes.toml --store none        keep nothing of it: it can't be resumed
  coordinator run jobs/primes.toml --progress full     what each worker is at, meanwhile
  coordinator run jobs/primes.toml --trace run.json    a timeline for ui.perfetto.dev
  coordinator run jobs/primes.toml --report run.html   how it went, as a page with charts
  coordinator run jobs/primes.toml --observe run.sock  for `coordinator watch run.sock` in another terminal
  coordinator run jobs/primes.toml --dry-run           what it would do";

/// The flags of `run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,

    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) run: RunFlags,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(flatten)]
    pub(crate) show: ShowArgs,

    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

/// Where results go.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Results")]
pub(crate) struct OutputArgs {
    /// Write the results to this file (.jsonl or .csv) and not to the standard output; -: the other way round
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,

    /// Write the results to the standard output in this format; with --output: there as well [default: text]
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub(crate) format: Option<Format>,

    /// Leave out what differs between runs (attempts, worker, micros), to compare results byte for byte
    #[arg(long)]
    pub(crate) reproducible: bool,

    /// Write the summary to this file as JSON; an earlier one is replaced
    #[arg(long, value_name = "PATH")]
    pub(crate) summary_json: Option<PathBuf>,
}

fn formats() -> impl TypedValueParser<Value = Format> {
    const FORMATS: [Format; 3] = [Format::Text, Format::Jsonl, Format::Csv];
    let of_name = |name: String| {
        FORMATS.into_iter().find(|format| format.name() == name).ok_or("it should be text, jsonl or csv")
    };
    PossibleValuesParser::new(FORMATS.map(Format::name)).try_map(of_name)
}

impl RunArgs {
    /// A dry run with no other flags.
    pub(crate) fn check(job: JobArgs) -> Self {
        Self {
            job,
            dry_run: true,
            run: RunFlags::default(),
            output: OutputArgs::default(),
            show: ShowArgs::default(),
            keep: KeepArgs::default(),
        }
    }

    /// What the flags say about how to run the job.
    pub(crate) fn settings(&self) -> RunSettings {
        self.run.0.clone()
    }
}
