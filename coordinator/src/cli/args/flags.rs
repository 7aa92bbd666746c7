//! The flags that say which job, and how to run it.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jobs::{ItemsFrom, PlanOptions};

use crate::job::units::parse_duration;
use crate::job::{JobSource, RunSettings, Workers, values};
use crate::outcome::Reason;
use crate::pool::{BatchSize, Order};

/// Which job.
#[derive(Debug, Clone, Args)]
pub(crate) struct JobArgs {
    /// The job file (TOML)
    #[arg(value_name = "JOB")]
    pub(crate) job: PathBuf,

    /// Set a key of the job file to a TOML value, for example input.numbers='[7]'; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) set: Vec<(String, String)>,

    /// Take the items from this file, one a line, and not from the job file; -: from the standard input
    #[arg(long, value_name = "PATH|-", value_parser = items_from)]
    pub(crate) input: Option<ItemsFrom>,

    /// Replace outputs that exist already
    #[arg(long)]
    pub(crate) force: bool,
}

impl JobArgs {
    /// Where the job comes from.
    pub(crate) fn source(&self) -> JobSource {
        JobSource {
            path: self.job.clone(),
            overrides: self.set.clone(),
            plan: PlanOptions { force: self.force, items: self.input.clone() },
        }
    }
}

fn items_from(text: &str) -> Result<ItemsFrom, String> {
    match text {
        "" => Err("it should be a file, or - for the standard input".into()),
        "-" => Ok(ItemsFrom::Stdin),
        path => Ok(ItemsFrom::File(path.into())),
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("it should be KEY=VALUE, for example run.workers=4".into()),
    }
}

/// How tasks are spread over workers.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Workers")]
pub(crate) struct WorkerArgs {
    /// How many worker processes; auto: one for each usable CPU
    #[arg(short, long, value_name = "N|auto", value_parser = values::workers)]
    pub(crate) workers: Option<Workers>,

    /// The order of the results: that of the input, or as they come
    #[arg(long, value_parser = orders())]
    pub(crate) order: Option<Order>,

    /// How many tasks are sent to a worker at once; auto: a few milliseconds of work
    #[arg(long, value_name = "N|auto", value_parser = values::batch)]
    pub(crate) batch: Option<BatchSize>,

    /// The job's priority; higher goes first
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<i32>,

    /// Replace a worker after this many tasks
    #[arg(long, value_name = "N", value_parser = values::whole::<NonZeroU64>)]
    pub(crate) max_tasks_per_worker: Option<NonZeroU64>,

    /// Replace a worker once its memory has grown by this much
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) max_memory_growth: Option<u64>,

    /// Run this program as a worker; it has to speak the protocol
    #[arg(long, value_name = "PATH")]
    pub(crate) worker_program: Option<PathBuf>,
}

/// What a worker may use.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits (TIME: 30s, 1.5s, 500ms, 1h30m; SIZE: 512MB, 1GiB)")]
pub(crate) struct LimitArgs {
    /// Kill a worker whose task takes longer, and count the task as failed for this attempt
    #[arg(long, value_name = "TIME", value_parser = values::time_limit)]
    pub(crate) timeout: Option<Duration>,

    /// Warn about a task that takes longer, and mark its result
    #[arg(long, value_name = "TIME", value_parser = values::time_limit)]
    pub(crate) soft_timeout: Option<Duration>,

    /// Address space of each worker
    #[arg(long, value_name = "SIZE", value_parser = values::memory)]
    pub(crate) memory: Option<u64>,

    /// Processor time of each worker, in seconds
    #[arg(long, value_name = "N", value_parser = values::cpu_seconds)]
    pub(crate) cpu_seconds: Option<u64>,

    /// Open files of each worker
    #[arg(long, value_name = "N", value_parser = values::open_files)]
    pub(crate) open_files: Option<u64>,

    /// Size of each file that a worker writes
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) file_size: Option<u64>,
}

/// What happens after failures and on requests to stop.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Failures")]
pub(crate) struct FailureArgs {
    /// How many times a task is tried again
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>)]
    pub(crate) retries: Option<u32>,

    /// After which failures a task is tried again
    #[arg(long, value_name = "REASON,…", value_delimiter = ',', value_parser = reasons())]
    pub(crate) retry_on: Option<Vec<Reason>>,

    /// Stop at the first task that failed for good
    #[arg(long, conflicts_with = "max_failures")]
    pub(crate) fail_fast: bool,

    /// Stop once more than this many tasks have failed for good
    #[arg(long, value_name = "N", value_parser = values::whole::<u64>)]
    pub(crate) max_failures: Option<u64>,

    /// How long running tasks may go on after Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) grace: Option<Duration>,
}

fn orders() -> impl TypedValueParser<Value = Order> {
    PossibleValuesParser::new(values::ORDERS).try_map(|name| values::order(&name))
}

fn reasons() -> impl TypedValueParser<Value = Reason> {
    PossibleValuesParser::new(values::RETRY_REASONS).try_map(|name| values::retry_reason(&name))
}

/// The flags as settings; what no flag says is left to the job file.
pub(crate) fn settings(workers: &WorkerArgs, limits: &LimitArgs, failures: &FailureArgs) -> RunSettings {
    RunSettings {
        workers: workers.workers,
        order: workers.order,
        batch: workers.batch,
        priority: workers.priority,
        max_tasks_per_worker: workers.max_tasks_per_worker,
        max_memory_growth: workers.max_memory_growth,
        worker_program: workers.worker_program.clone(),
        timeout: limits.timeout,
        soft_timeout: limits.soft_timeout,
        memory: limits.memory,
        cpu_seconds: limits.cpu_seconds,
        open_files: limits.open_files,
        file_size: limits.file_size,
        retries: failures.retries,
        retry_on: failures.retry_on.clone(),
        max_failures: if failures.fail_fast { Some(0) } else { failures.max_failures },
        grace: failures.grace,
    }
}
