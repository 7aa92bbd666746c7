//! What the queue decides by, out of a pool's options.

use protocol::MAX_TASKS;

use super::PoolOptions;
use queue::QueueConfig;

pub(super) fn queue_config(options: &PoolOptions) -> QueueConfig {
    // Without `..`: an option that nobody reads does not compile. What is left out here is read where it is named.
    let PoolOptions {
        workers,
        retries,
        retry_on,
        timeout,
        soft_timeout,
        batch,
        priority: _, // `plan`
        limits: _,   // `local/start`
        max_tasks_per_worker,
        max_memory_growth: _, // `driver`
        max_failures,
        grace,
        cancel_grace,
        start_timeout,
        guard: _,                // `local/processes`
        payloads_in_outcomes: _, // `results`
        worker_program: _,       // `local/start`
    } = options;
    let workers = workers.get();
    QueueConfig {
        workers,
        // Two full batches for each worker, and as much again to choose from.
        window: (workers as usize * 4 * 4096).max(16 * 1024),
        retries: *retries,
        retry_on: retry_on.clone(),
        timeout: *timeout,
        soft_timeout: *soft_timeout,
        batch: *batch,
        batch_tasks: MAX_TASKS,
        max_tasks_per_worker: *max_tasks_per_worker,
        max_failures: *max_failures,
        start_timeout: *start_timeout,
        grace: *grace,
        cancel_grace: *cancel_grace,
        seed: 0,
        ..QueueConfig::default()
    }
}
