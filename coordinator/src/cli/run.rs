//! `coordinator run JOB`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::exit::Exit;
use super::flags::{FailureArgs, JobArgs, LimitArgs, WorkerArgs, settings};
use super::logging::Verbosity;
use super::request::RunRequest;
use super::shown::ShowArgs;
use super::stored::{KeepArgs, keep_new};
use super::{check, execute, incremental};
use crate::job::{Kinds, RunSettings};
use crate::output::Format;

pub(super) const EXAMPLES: &str = "\
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
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) job: JobArgs,

    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    workers: WorkerArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    failures: FailureArgs,

    #[command(flatten)]
    pub(super) output: OutputArgs,

    #[command(flatten)]
    pub(super) show: ShowArgs,

    #[command(flatten)]
    pub(super) keep: KeepArgs,
}

/// Where results go.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Results")]
pub(super) struct OutputArgs {
    /// Write the results to this file (.jsonl or .csv) and not to the standard output; -: the other way round
    #[arg(short, long, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,

    /// Write the results to the standard output in this format; with --output: there as well [default: text]
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub(super) format: Option<Format>,

    /// Leave out what differs between runs (attempts, worker, micros), to compare results byte for byte
    #[arg(long)]
    pub(super) reproducible: bool,

    /// Write the summary to this file as JSON; an earlier one is replaced
    #[arg(long, value_name = "PATH")]
    pub(super) summary_json: Option<PathBuf>,
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
    pub(super) fn check(job: JobArgs) -> Self {
        Self {
            job,
            dry_run: true,
            workers: WorkerArgs::default(),
            limits: LimitArgs::default(),
            failures: FailureArgs::default(),
            output: OutputArgs::default(),
            show: ShowArgs::default(),
            keep: KeepArgs::default(),
        }
    }

    /// What the flags say about how to run the job.
    pub(super) fn settings(&self) -> RunSettings {
        settings(&self.workers, &self.limits, &self.failures)
    }
}

/// Runs a job, or says what that would do.
///
/// # Errors
/// The job can't be run, or not to its end.
pub(super) fn run(
    args: &RunArgs,
    verbosity: Verbosity,
    kinds: Kinds,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    if args.keep.incremental && !args.dry_run {
        return incremental::run(args, verbosity, kinds);
    }
    let mut request = RunRequest::prepare(args, verbosity, kinds)?;
    if args.dry_run {
        return check::describe(request, out);
    }
    let keep = keep_new(&args.keep, &mut request.job, &args.job.source().overrides)?;
    execute::execute_kept(request, keep)
}
