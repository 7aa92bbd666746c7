//! What the queue tells of itself: counts, and the load on its workers.

/// Counts for the summary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks that were put.
    pub planned: u64,
    /// Tasks that ended well.
    pub ok: u64,
    /// Tasks that failed for good, cancelled ones included.
    pub failed: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// Attempts that will be or were made again.
    pub retried: u64,
    /// Workers started again.
    pub restarts: u64,
    /// Reports that made no sense: duplicates, unknown ids, tasks of somebody else.
    pub ignored_reports: u64,
}

/// Who has something to do at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Workers with tasks in their hands.
    pub working: u32,
    /// Workers that wait for tasks.
    pub idle: u32,
    /// Workers that have their pill.
    pub leaving: u32,
    /// Tasks wait for a worker.
    pub ready: bool,
}
