//! `[run]` of a job file, and the flags that win over it, as one type.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use jobs::Kind;
use jobs::spec::{Item, SpecError, SpecErrors, Table};

use super::units::ValueError;
use super::values::{self, Workers};
use crate::outcome::Reason;
use crate::pool::{BatchSize, Guarded, Limits, Order, PoolOptions};

/// How to run a job, as far as somebody has said so: `None` leaves it to whoever is asked next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunSettings {
    /// How many workers.
    pub workers: Option<Workers>,
    /// The order in which results leave.
    pub order: Option<Order>,
    /// Attempts after the first.
    pub retries: Option<u32>,
    /// The reasons after which a task is tried again.
    pub retry_on: Option<Vec<Reason>>,
    /// The hard limit on one attempt.
    pub timeout: Option<Duration>,
    /// The soft limit on one attempt.
    pub soft_timeout: Option<Duration>,
    /// Tasks a message.
    pub batch: Option<BatchSize>,
    /// Address space of a worker, in bytes.
    pub memory: Option<u64>,
    /// Processor time of a worker, in seconds.
    pub cpu_seconds: Option<u64>,
    /// Open files of a worker.
    pub open_files: Option<u64>,
    /// The size of a file that a worker writes, in bytes.
    pub file_size: Option<u64>,
    /// The job's priority among others; higher goes first.
    pub priority: Option<i32>,
    /// A worker is replaced after this many tasks.
    pub max_tasks_per_worker: Option<NonZeroU64>,
    /// A worker is replaced once its memory has grown by this many bytes.
    pub max_memory_growth: Option<u64>,
    /// The run ends once more than this many tasks have failed; 0 is what `fail_fast` means.
    pub max_failures: Option<u64>,
    /// How long running tasks may go on after a request to stop.
    pub grace: Option<Duration>,
    /// A program to run instead of this one. Flags only: a job file doesn't choose programs.
    pub worker_program: Option<PathBuf>,
}

impl RunSettings {
    /// Takes every key of `[run]`; what is wrong with them goes to `errors`.
    pub(super) fn read(table: &mut Table, errors: &mut SpecErrors) -> Self {
        let mut reader = Reader { table, errors };
        let settings = Self {
            workers: reader.take("workers", values::workers),
            order: reader.take("order", values::order),
            retries: reader.take("retries", values::whole),
            retry_on: reader.take_reasons(),
            timeout: reader.take("timeout", values::time_limit),
            soft_timeout: None,
            batch: reader.take("batch", values::batch),
            memory: reader.take("memory", values::memory),
            cpu_seconds: reader.take("cpu_seconds", values::cpu_seconds),
            open_files: reader.take("open_files", values::open_files),
            file_size: reader.take("file_size", values::size),
            priority: reader.take("priority", |text| text.parse().map_err(|_| not_a_priority())),
            max_tasks_per_worker: reader.take("max_tasks_per_worker", values::whole),
            max_memory_growth: reader.take("max_memory_growth", values::size),
            max_failures: reader.take_max_failures(),
            grace: reader.take("grace", super::units::parse_duration),
            worker_program: None,
        };
        Self { soft_timeout: reader.take_soft_timeout(settings.timeout), ..settings }
    }

    /// These settings where they say something, and `lower` where they don't.
    pub fn or(self, lower: Self) -> Self {
        Self {
            workers: self.workers.or(lower.workers),
            order: self.order.or(lower.order),
            retries: self.retries.or(lower.retries),
            retry_on: self.retry_on.or(lower.retry_on),
            timeout: self.timeout.or(lower.timeout),
            soft_timeout: self.soft_timeout.or(lower.soft_timeout),
            batch: self.batch.or(lower.batch),
            memory: self.memory.or(lower.memory),
            cpu_seconds: self.cpu_seconds.or(lower.cpu_seconds),
            open_files: self.open_files.or(lower.open_files),
            file_size: self.file_size.or(lower.file_size),
            priority: self.priority.or(lower.priority),
            max_tasks_per_worker: self.max_tasks_per_worker.or(lower.max_tasks_per_worker),
            max_memory_growth: self.max_memory_growth.or(lower.max_memory_growth),
            max_failures: self.max_failures.or(lower.max_failures),
            grace: self.grace.or(lower.grace),
            worker_program: self.worker_program.or(lower.worker_program),
        }
    }

    /// The order in which results leave.
    pub fn result_order(&self) -> Order {
        self.order.unwrap_or(Order::Input)
    }

    /// What the pool is told: these settings, and the defaults for a job of this kind.
    pub fn pool_options(&self, kind: &dyn Kind) -> PoolOptions {
        let default = PoolOptions::default();
        PoolOptions {
            workers: self.workers.unwrap_or(Workers::Auto).count(),
            retries: self.retries.unwrap_or(default.retries),
            retry_on: self.retry_on.clone().unwrap_or_else(|| default_retry_on(kind)),
            timeout: self.timeout,
            soft_timeout: self.soft_timeout,
            batch: self.batch.unwrap_or(default.batch),
            limits: Limits {
                memory: self.memory,
                cpu_seconds: self.cpu_seconds,
                open_files: self.open_files,
                file_size: self.file_size,
            },
            max_tasks_per_worker: self.max_tasks_per_worker,
            max_memory_growth: self.max_memory_growth,
            max_failures: self.max_failures,
            grace: self.grace.unwrap_or(default.grace),
            start_timeout: default.start_timeout,
            guard: match kind.starts_processes() || self.worker_program.is_some() {
                true => Guarded::First,
                false => Guarded::Soon,
            },
            payloads_in_outcomes: true,
            worker_program: self.worker_program.clone(),
            ..default
        }
    }
}

/// A deterministic kind's own error or panic would only come again.
fn default_retry_on(kind: &dyn Kind) -> Vec<Reason> {
    let mut reasons = PoolOptions::default().retry_on;
    if !kind.deterministic() {
        reasons.extend([Reason::Error, Reason::Panic]);
    }
    reasons
}

fn not_a_priority() -> ValueError {
    ValueError::new(format!("not a priority; for example 0, 10 or -5, within {} and {}", i32::MIN, i32::MAX))
}

/// Takes keys, and keeps going where one is wrong.
struct Reader<'a> {
    table: &'a mut Table,
    errors: &'a mut SpecErrors,
}

impl Reader<'_> {
    fn take<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, ValueError>) -> Option<T> {
        let item = self.table.take(key)?;
        self.keep(value(&item, parse))
    }

    fn keep<T>(&mut self, result: Result<T, SpecError>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    fn take_reasons(&mut self) -> Option<Vec<Reason>> {
        let list = self.table.take("retry_on")?.into_list();
        let mut reasons = Vec::new();
        for item in self.keep(list)? {
            let reason = self.keep(value(&item, values::retry_reason));
            reasons.extend(reason.filter(|reason| !reasons.contains(reason)));
        }
        Some(reasons)
    }

    fn take_soft_timeout(&mut self, hard: Option<Duration>) -> Option<Duration> {
        let item = self.table.take("soft_timeout")?;
        let soft = self.keep(value(&item, values::time_limit))?;
        if hard.is_some_and(|hard| soft >= hard) {
            let message = format!("{} is not shorter than `run.timeout`", item.describe());
            self.errors.push(SpecError {
                hint: Some("a task is killed at its timeout, so no warning could come before".into()),
                ..item.error(message)
            });
        }
        Some(soft)
    }

    fn take_max_failures(&mut self) -> Option<u64> {
        let most = self.take("max_failures", values::whole::<u64>);
        let Some(item) = self.table.take("fail_fast") else { return most };
        let fail_fast = self.keep(item.bool())?;
        if fail_fast && most.is_some_and(|most| most > 0) {
            self.errors.push(SpecError {
                hint: Some("`fail_fast = true` is `max_failures = 0`: keep one of them".into()),
                ..item.error("contradicts `run.max_failures`")
            });
        }
        if fail_fast { Some(0) } else { most }
    }
}

/// A value through the parser that a flag of the same name has.
fn value<T>(item: &Item, parse: impl Fn(&str) -> Result<T, ValueError>) -> Result<T, SpecError> {
    let described = item.describe();
    let text = if item.is_text() { item.text()? } else { &described };
    parse(text).map_err(|error| item.error(format!("{described} is {error}")))
}
