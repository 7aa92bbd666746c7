//! What the queue decides by, out of a pool's options.

use protocol::MAX_TASKS;

use super::PoolOptions;
use queue::QueueConfig;

pub(super) fn queue_config(options: &PoolOptions) -> QueueConfig {
    let workers = options.workers.get();
    QueueConfig {
        workers,
        // Two full batches for each worker, and as much again to choose from.
        window: (workers as usize * 4 * 4096).max(16 * 1024),
        retries: options.retries,
        retry_on: options.retry_on.clone(),
        timeout: options.timeout,
        soft_timeout: options.soft_timeout,
        batch: options.batch,
        batch_tasks: MAX_TASKS,
        max_tasks_per_worker: options.max_tasks_per_worker,
        max_failures: options.max_failures,
        start_timeout: options.start_timeout,
        grace: options.grace,
        cancel_grace: options.cancel_grace,
        seed: 0,
        ..QueueConfig::default()
    }
}
