//! `[run]` of a job file, and the flags that win over it, as what the pool is told.

use jobs::Kind;
use jobs::spec::{SpecErrors, Table};

use super::how::Reader;
use super::knobs::RunSettings;
use super::values::Workers;
use crate::outcome::Reason;
use crate::pool::{Limits, Order, PoolOptions};

impl RunSettings {
    /// Takes every key of `[run]`; what is wrong with them goes to `errors`.
    pub(super) fn read(table: &mut Table, errors: &mut SpecErrors) -> Self {
        let mut reader = Reader::new(table, errors);
        let settings = Self::take_keys(&mut reader);
        if settings.soft_timeout.zip(settings.timeout).is_some_and(|(soft, hard)| soft >= hard) {
            reader.contradicts(
                "soft_timeout",
                |item| format!("{} is not shorter than `run.timeout`", item.describe()),
                "a task is killed at its timeout, so no warning could come before",
            );
        }
        if settings.fail_fast == Some(true) && settings.max_failures.is_some_and(|most| most > 0) {
            reader.contradicts(
                "fail_fast",
                |_| "contradicts `run.max_failures`".into(),
                "`fail_fast = true` is `max_failures = 0`: keep one of them",
            );
        }
        settings.fail_fast_resolved()
    }

    /// The order in which results leave.
    pub fn result_order(&self) -> Order {
        self.order.unwrap_or(Order::Input)
    }

    /// What the pool is told: these settings, and the defaults for a job of this kind.
    pub fn pool_options(&self, kind: &dyn Kind) -> PoolOptions {
        // Without `..`: a knob that nothing reads does not compile.
        let Self {
            workers,
            order: _, // The results' order is not the pool's: see `result_order`.
            retries,
            retry_on,
            timeout,
            soft_timeout,
            batch,
            memory,
            cpu_seconds,
            open_files,
            file_size,
            priority,
            max_tasks_per_worker,
            max_memory_growth,
            max_failures,
            fail_fast: _, // It has become `max_failures`.
            grace,
            worker_program,
        } = self.clone();
        let default = PoolOptions::default();
        PoolOptions {
            workers: workers.unwrap_or(Workers::Auto).count(),
            retries: retries.unwrap_or(default.retries),
            retry_on: retry_on.unwrap_or_else(|| default_retry_on(kind)),
            timeout,
            soft_timeout,
            batch: batch.unwrap_or(default.batch),
            limits: Limits { memory, cpu_seconds, open_files, file_size },
            priority: priority.unwrap_or(default.priority),
            max_tasks_per_worker,
            max_memory_growth,
            max_failures,
            grace: grace.unwrap_or(default.grace),
            guard: kind.starts_processes(),
            payloads_in_outcomes: true,
            worker_program,
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
