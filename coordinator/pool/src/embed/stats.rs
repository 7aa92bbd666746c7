//! What a pool has done so far.

/// Counts of a pool, at one moment: always, `submitted` is `unfinished + ok + failed`.
///
/// ```
/// # fn example(pool: &unhurt::Pool<u64, u64>) {
/// let stats: unhurt::Stats = pool.stats();
/// println!("{} ok, {} failed, {} to do on {} workers", stats.ok, stats.failed, stats.unfinished, stats.workers);
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Tasks that were taken in.
    pub submitted: u64,
    /// Tasks that have not ended.
    pub unfinished: u64,
    /// Tasks that ended well.
    pub ok: u64,
    /// Tasks that failed for good, cancelled ones included, and those that a stopped pool left undone.
    pub failed: u64,
    /// Attempts that were or will be made again.
    pub retried: u64,
    /// Worker processes that were started, replacements included.
    pub started: u64,
    /// Worker processes that ended otherwise than by their pill.
    pub died: u64,
    /// Worker processes that are alive.
    pub workers: u64,
}
