//! The status cell: one shared page that outlives the worker, so that a death can be blamed on exactly the
//! task that was running.
//!
//! | word | written by | holds |
//! |---|---|---|
//! | 0 | worker | progress: tasks finished × 2, plus 1 while one is running |
//! | 1 | worker | the running task's id |
//! | 2 | worker | its attempt |
//! | 3 | worker | when it started: `CLOCK_MONOTONIC` nanoseconds |
//! | 4 | coordinator | the cancelled task that the worker has been warned of: its id + 1 |
//! | 8, 16, 24, 32 | both | claim words, each on a cache line of its own: batch (low 32 bits) << 32, next << 16, end |
//!
//! A batch uses the claim word `batch % 4`. Before it starts the task at a position, the worker claims it
//! (next + 1, if next < end); the coordinator takes positions back by lowering the end. Both are one
//! compare-and-swap, so each position is either started or taken back, never both.
//!
//! Progress makes the rest exact: whatever the worker has claimed and neither finished nor begun was on its
//! way to a start, and no code of the task has seen it. Progress is stored last on the way in (release) and
//! first on the way out, so that whoever sees it odd twice, with the same value, has read one task's words.
//!
//! The coordinator trusts nothing it finds here: a worker may have scribbled over the page.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};

use crate::TaskId;
use crate::shm::Page;

const PROGRESS: usize = 0;
const TASK: usize = 1;
const ATTEMPT: usize = 2;
const STARTED: usize = 3;
const WARNED: usize = 4;
const CLAIMS: usize = 8;
const CLAIM_STRIDE: usize = 8;
/// How many batches may be open at once: more than the two that a worker's credit allows.
const SLOTS: usize = 4;
/// How often a reader tries for a consistent view of a worker that starts tasks as fast as it looks.
const LOOKS: usize = 64;

/// A task that a worker is running.
///
/// ```
/// let cell = protocol::StatusCell::new()?;
/// cell.worker()?.begin(protocol::TaskId(7), 1, protocol::monotonic_nanos());
/// if let Some(running) = cell.running() {
///     let nanos = protocol::monotonic_nanos().saturating_sub(running.started_nanos);
///     println!("task {}, attempt {}, for {nanos} ns", running.task, running.attempt);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Which task.
    pub task: TaskId,
    /// Which attempt.
    pub attempt: u32,
    /// When it started, as of [`monotonic_nanos`](crate::monotonic_nanos); up to about 5 ms early.
    pub started_nanos: u64,
}

/// What a claim word holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claims {
    batch: u32,
    next: u16,
    end: u16,
}

impl Claims {
    fn unpack(word: u64) -> Self {
        Self { batch: (word >> 32) as u32, next: (word >> 16) as u16, end: word as u16 }
    }

    fn pack(self) -> u64 {
        u64::from(self.batch) << 32 | u64::from(self.next) << 16 | u64::from(self.end)
    }
}

fn claim_word(page: &Page, batch: u64) -> &AtomicU64 {
    let slot = batch as usize % SLOTS;
    // The index is always within the page; the first claim word stands in for an answer that is never used.
    page.get(CLAIMS + slot * CLAIM_STRIDE).unwrap_or(page.word::<CLAIMS>())
}

/// The coordinator's side of a status cell.
///
/// ```
/// use protocol::{Running, StatusCell, TaskId};
///
/// let mut cell = StatusCell::new()?;
/// let worker = cell.worker()?; // in earnest, that is in the worker's process
/// cell.open(0, 10); // batch 0 has ten tasks
/// assert_eq!(worker.claim(0), Some(0));
/// worker.begin(TaskId(7), 1, 99);
/// assert_eq!(cell.running(), Some(Running { task: TaskId(7), attempt: 1, started_nanos: 99 }));
/// worker.finish();
/// assert_eq!((cell.running(), cell.finished(), cell.claimed(0)), (None, 1, 1));
///
/// assert_eq!(cell.recall_tail(0, 4), 5..10); // all but the next four
/// assert_eq!(cell.recall(0), 1..5); // and these
/// assert_eq!(worker.claim(0), None);
///
/// cell.warn(TaskId(7));
/// assert!(worker.is_cancelled(TaskId(7)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct StatusCell {
    page: Page,
    // What the coordinator opened, by slot: the worker's word is not taken for a batch's length.
    opened: [Option<(u64, u16)>; SLOTS],
}

impl StatusCell {
    /// Makes a cell in a sealed memfd.
    ///
    /// # Errors
    /// No memory, or no more descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self { page: Page::new()?, opened: [None; SLOTS] })
    }

    /// The worker's side, as another mapping of the same page.
    ///
    /// # Errors
    /// No memory, or no more descriptors.
    pub fn worker(&self) -> io::Result<WorkerCell> {
        WorkerCell::open(self.page.as_fd().try_clone_to_owned()?)
    }

    /// The task that the worker is running, or was running when it died.
    ///
    /// `None`: none, or the worker starts tasks faster than they can be looked at.
    pub fn running(&self) -> Option<Running> {
        for _ in 0..LOOKS {
            let before = self.page.word::<PROGRESS>().load(Acquire);
            if before & 1 == 0 {
                return None;
            }
            let task = TaskId(self.page.word::<TASK>().load(Relaxed));
            let attempt = self.page.word::<ATTEMPT>().load(Relaxed);
            let started_nanos = self.page.word::<STARTED>().load(Relaxed);
            // Pairs with the fence in `begin`.
            fence(Acquire);
            if self.page.word::<PROGRESS>().load(Relaxed) == before {
                let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
                return Some(Running { task, attempt, started_nanos });
            }
        }
        None
    }

    /// Lets the worker know that a task is cancelled which it runs: it will be killed soon.
    pub fn warn(&self, task: TaskId) {
        self.page.word::<WARNED>().store(task.0.wrapping_add(1), Release);
    }

    /// How many tasks the worker has finished since it was started.
    pub fn finished(&self) -> u64 {
        self.page.word::<PROGRESS>().load(Acquire) >> 1
    }

    /// Lets the worker claim the batch's `length` tasks. Call it before the batch is sent; the batch four
    /// before must be over.
    pub fn open(&mut self, batch: u64, length: u16) {
        if let Some(slot) = self.opened.get_mut(batch as usize % SLOTS) {
            *slot = Some((batch, length));
        }
        let claims = Claims { batch: batch as u32, next: 0, end: length };
        claim_word(&self.page, batch).store(claims.pack(), Release);
    }

    /// Takes back every position of the batch that the worker has not claimed. Those will never start.
    pub fn recall(&mut self, batch: u64) -> Range<usize> {
        self.recall_tail(batch, 0)
    }

    /// Takes back the positions of the batch that the worker has not claimed, except the first `keep` of
    /// them. Those will never start. Empty where there are none, or the page holds nonsense.
    pub fn recall_tail(&mut self, batch: u64, keep: u16) -> Range<usize> {
        let Some(length) = self.length_of(batch) else { return 0..0 };
        let word = claim_word(&self.page, batch);
        let taken = word.try_update(AcqRel, Acquire, |word| {
            let claims = Claims::unpack(word);
            let end = claims.next.saturating_add(keep);
            let valid = claims.batch == batch as u32 && end < claims.end && claims.end <= length;
            valid.then_some(Claims { end, ..claims }.pack())
        });
        let Ok(before) = taken else { return 0..0 };
        let claims = Claims::unpack(before);
        let end = claims.next.saturating_add(keep);
        if let Some(slot) = self.opened.get_mut(batch as usize % SLOTS) {
            *slot = Some((batch, end));
        }
        usize::from(end)..usize::from(claims.end)
    }

    /// How many tasks of the batch the worker has claimed: at most its length less what was taken back.
    /// Zero for a batch that is not open.
    pub fn claimed(&self, batch: u64) -> usize {
        let Some(length) = self.length_of(batch) else { return 0 };
        let claims = Claims::unpack(claim_word(&self.page, batch).load(Acquire));
        if claims.batch == batch as u32 { usize::from(claims.next.min(length)) } else { 0 }
    }

    fn length_of(&self, batch: u64) -> Option<u16> {
        let (opened, length) = (*self.opened.get(batch as usize % SLOTS)?)?;
        (opened == batch).then_some(length)
    }
}

impl AsFd for StatusCell {
    /// The memfd, to hand to the worker.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.page.as_fd()
    }
}

/// The worker's side of a status cell.
///
/// ```
/// use std::os::fd::AsFd;
///
/// use protocol::{StatusCell, TaskId, WorkerCell, monotonic_nanos};
///
/// let mut coordinator = StatusCell::new()?;
/// let cell = WorkerCell::open(coordinator.as_fd().try_clone_to_owned()?)?;
/// coordinator.open(0, 3);
/// for id in 0.. {
///     let Some(_position) = cell.claim(0) else { break };
///     cell.begin(TaskId(id), 1, monotonic_nanos());
///     assert!(!cell.is_cancelled(TaskId(id)));
///     cell.finish();
/// }
/// assert_eq!(coordinator.finished(), 3);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct WorkerCell {
    page: Page,
}

impl WorkerCell {
    /// Maps the cell that the coordinator made.
    ///
    /// # Errors
    /// It is not a cell, or can't be mapped.
    pub fn open(file: OwnedFd) -> io::Result<Self> {
        Ok(Self { page: Page::open(file)? })
    }

    /// Claims the next position of the batch. `None`: there is none left, or the batch is not open.
    #[inline]
    pub fn claim(&self, batch: u64) -> Option<usize> {
        let word = claim_word(&self.page, batch);
        let mut seen = word.load(Acquire);
        loop {
            let claims = Claims::unpack(seen);
            if claims.batch != batch as u32 || claims.next >= claims.end {
                return None;
            }
            let claimed = Claims { next: claims.next + 1, ..claims };
            match word.compare_exchange(seen, claimed.pack(), AcqRel, Acquire) {
                Ok(_) => return Some(usize::from(claims.next)),
                Err(now) => seen = now,
            }
        }
    }

    /// True where the coordinator has cancelled this task, and will soon kill the process that runs it.
    pub fn is_cancelled(&self, task: TaskId) -> bool {
        self.page.word::<WARNED>().load(Acquire) == task.0.wrapping_add(1)
    }

    /// Says that a task starts. Whatever it does comes after: the cell blames it from here on.
    #[inline]
    pub fn begin(&self, task: TaskId, attempt: u32, now_nanos: u64) {
        let page = &self.page;
        let finished = page.word::<PROGRESS>().load(Relaxed) & !1;
        // Pairs with the fence in `running`: who sees any of these words sees the task before as finished.
        fence(Release);
        page.word::<TASK>().store(task.0, Relaxed);
        page.word::<ATTEMPT>().store(u64::from(attempt), Relaxed);
        page.word::<STARTED>().store(now_nanos, Relaxed);
        page.word::<PROGRESS>().store(finished | 1, Release);
    }

    /// Says that the task that began has ended.
    #[inline]
    pub fn finish(&self) {
        let progress = self.page.word::<PROGRESS>();
        progress.store((progress.load(Relaxed) & !1).wrapping_add(2), Release);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn pair() -> (StatusCell, WorkerCell) {
        let cell = StatusCell::new().unwrap();
        let worker = cell.worker().unwrap();
        (cell, worker)
    }

    #[test]
    fn the_cell_blames_the_task_that_is_running_and_no_other() {
        let (cell, worker) = pair();
        assert_eq!((cell.running(), cell.finished()), (None, 0));
        worker.begin(TaskId(7), 2, 99);
        let running = Running { task: TaskId(7), attempt: 2, started_nanos: 99 };
        assert_eq!((cell.running(), cell.finished()), (Some(running), 0));
        worker.finish();
        assert_eq!((cell.running(), cell.finished()), (None, 1));
    }

    #[test]
    fn a_claimed_task_that_did_not_begin_is_told_from_a_finished_one() {
        let (mut cell, worker) = pair();
        cell.open(0, 3);
        assert_eq!(worker.claim(0), Some(0));
        assert_eq!((cell.claimed(0), cell.running(), cell.finished()), (1, None, 0));
        worker.begin(TaskId(0), 1, 0);
        worker.finish();
        assert_eq!((cell.claimed(0), cell.running(), cell.finished()), (1, None, 1));
    }

    #[test]
    fn a_batch_is_claimed_in_order_and_only_once_it_is_open() {
        let (mut cell, worker) = pair();
        assert_eq!(worker.claim(4), None);
        cell.open(4, 2);
        assert_eq!([worker.claim(4), worker.claim(4), worker.claim(4)], [Some(0), Some(1), None]);
        assert_eq!(worker.claim(0), None, "same slot, other batch");
    }

    #[test]
    fn a_recall_takes_back_only_what_is_not_claimed() {
        let (mut cell, worker) = pair();
        cell.open(1, 10);
        assert_eq!(worker.claim(1), Some(0));
        assert_eq!(cell.recall_tail(1, 4), 5..10);
        assert!(cell.recall_tail(1, 4).is_empty(), "nothing more behind the four");
        assert_eq!(worker.claim(1), Some(1));
        assert_eq!(cell.recall(1), 2..5);
        assert_eq!(worker.claim(1), None);
        assert_eq!(cell.claimed(1), 2);
    }

    #[test]
    fn nonsense_in_the_page_takes_nothing_back() {
        let (mut cell, worker) = pair();
        cell.open(2, 5);
        for nonsense in [u64::MAX, 2 << 32 | 0xffff, 2 << 32 | 9 << 16 | 5, 3 << 32 | 5, 2 << 32 | 6] {
            claim_word(&worker.page, 2).store(nonsense, Relaxed);
            assert!(cell.recall(2).is_empty(), "{nonsense:#x}");
            assert!(cell.claimed(2) <= 5, "{nonsense:#x}");
        }
        worker.page.word::<PROGRESS>().store(u64::MAX, Relaxed);
        worker.page.word::<ATTEMPT>().store(u64::MAX, Relaxed);
        assert_eq!(cell.running().map(|running| running.attempt), Some(u32::MAX));
        worker.finish();
    }

    #[test]
    fn every_position_is_either_claimed_or_taken_back() {
        const LENGTH: u16 = 50;
        for batch in 0..500 {
            let (mut cell, worker) = pair();
            cell.open(batch, LENGTH);
            let claims = thread::spawn(move || std::iter::from_fn(|| worker.claim(batch)).count());
            let mut end = usize::from(LENGTH);
            for keep in [20, 7, 0] {
                let taken = cell.recall_tail(batch, keep);
                if !taken.is_empty() {
                    assert_eq!(taken.end, end);
                    end = taken.start;
                }
            }
            assert_eq!(claims.join().unwrap(), end);
        }
    }

    #[test]
    fn a_view_of_a_running_worker_is_one_task_and_never_a_mixture() {
        const TASKS: u64 = 200_000;
        let (cell, worker) = pair();
        let tasks = thread::spawn(move || {
            for task in 1..=TASKS {
                worker.begin(TaskId(task), task as u32, task);
                worker.finish();
            }
        });
        while cell.finished() < TASKS {
            if let Some(running) = cell.running() {
                let task = running.task.0;
                assert_eq!((u64::from(running.attempt), running.started_nanos), (task, task));
            }
        }
        tasks.join().unwrap();
    }
}
