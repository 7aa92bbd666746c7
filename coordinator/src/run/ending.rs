//! The end of a run, as observers hear it.

use protocol::observe::{Ending, MAX_LISTED, WorkerEnding};

use crate::summary::{Summary, WorkerSummary};

/// The numbers of a summary, and how the command ends.
pub(crate) fn ending(summary: Option<&Summary>, exit_code: Option<u8>) -> Ending {
    let Some(summary) = summary else { return Ending { exit_code, ..Ending::default() } };
    let worker = |worker: &WorkerSummary| WorkerEnding {
        name: worker.name.clone(),
        pid: worker.pid,
        incarnations: worker.incarnations,
        tasks: worker.tasks,
        busy_seconds: worker.busy_seconds,
    };
    Ending {
        exit_code,
        interrupted: summary.interrupted,
        planned: summary.tasks.planned,
        ok: summary.tasks.ok,
        failed: summary.tasks.failed,
        retried: summary.tasks.retried,
        skipped: summary.tasks.skipped,
        restarts: summary.restarts,
        wall_seconds: summary.wall_seconds,
        cpu_seconds: summary.cpu_seconds,
        tasks_per_second: summary.tasks_per_second,
        workers: summary.per_worker.iter().take(MAX_LISTED).map(worker).collect(),
    }
}
