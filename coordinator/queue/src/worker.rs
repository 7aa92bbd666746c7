//! What the queue knows of a worker.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use ids::TaskId;

use super::batch::Batch;
use super::pace::Pace;
use super::{Death, KillReason, Running, Time};

/// At most this many batches are in a worker's hands: one to run and one to go on with.
pub(super) const CREDIT: usize = 2;

/// Where a worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// No process; the next one is started then.
    Absent { until: Time },
    /// A process that has not greeted yet.
    Starting { until: Time },
    /// It takes tasks.
    Running,
    /// It has its pill: it does what it has and goes.
    Leaving,
    /// It was killed, and its death has not been reported yet.
    Killed(KillReason),
    /// It is gone and will not be replaced.
    Gone,
}

/// A cancelled task in a worker's hands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condemned {
    pub(super) task: TaskId,
    pub(super) since: Time,
    /// The worker knows.
    pub(super) warned: bool,
}

/// What is known of a worker's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastWords {
    pub(super) running: Option<Running>,
    pub(super) unreported: usize,
    pub(super) death: Death,
}

/// When a worker was last heard of, and when it is looked at next.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// When its hands last became full or empty, or it last reported.
    pub(super) last_news: Time,
    /// When its status cell is to be read next.
    pub(super) check_at: Option<Time>,
    /// Its cell showed nothing at the last look, and nothing has been heard since.
    pub(super) silent: bool,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) phase: Phase,
    pub(super) incarnation: u32,
    /// Processes in a row that got nothing done.
    pub(super) idle_starts: u32,
    /// This process has ended or started a task.
    pub(super) progressed: bool,
    /// It has had a batch, in this or an earlier process, or is not expected any more.
    pub(super) served: bool,
    /// Until then, a first task is kept for it.
    pub(super) expected_until: Time,
    pub(super) batches: VecDeque<Batch>,
    /// It has a task that must be alone with it.
    pub(super) lone: bool,
    /// Tasks leased to this process so far.
    pub(super) leased_total: u64,
    pub(super) pace: Pace,
    pub(super) watch: Watch,
    /// Cancelled tasks that it had when they were cancelled, and may still have.
    pub(super) condemned: Vec<Condemned>,
}

impl Worker {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Absent { until: Time(0) },
            incarnation: 0,
            idle_starts: 0,
            progressed: false,
            served: false,
            expected_until: Time(0),
            batches: VecDeque::new(),
            lone: false,
            leased_total: 0,
            pace: Pace::default(),
            watch: Watch::default(),
            condemned: Vec::new(),
        }
    }

    /// A new process takes the place of the old one, whose knowledge of speed goes with it.
    pub(super) fn start(&mut self, expected_until: Time, until: Time) {
        self.phase = Phase::Starting { until };
        self.expected_until = expected_until;
        self.incarnation += 1;
        self.progressed = false;
        self.lone = false;
        self.leased_total = 0;
        self.pace.last_batch = 0;
        self.watch.check_at = None;
        self.watch.silent = false;
        self.batches.clear();
        self.condemned.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.batches.is_empty()
    }

    pub(super) fn outstanding(&self) -> usize {
        self.batches.iter().map(Batch::outstanding).sum()
    }

    /// The place of the last batch that holds something not yet started, as far as can be told from here:
    /// of the first batch, one task is certainly running.
    pub(super) fn recallable(&self) -> Option<usize> {
        let holds = |(place, batch): &(usize, &Batch)| {
            !batch.recalled && batch.outstanding() > usize::from(*place == 0)
        };
        self.batches.iter().enumerate().filter(holds).map(|(place, _)| place).next_back()
    }

    /// It is sent its pill.
    pub(super) fn leave(&mut self, now: Time) {
        self.phase = Phase::Leaving;
        if self.is_idle() {
            self.news(now);
        }
    }

    /// When it must have gone, where all that is left to do for it is to go.
    pub(super) fn must_leave_by(&self, limit: Duration) -> Option<Time> {
        (self.phase == Phase::Leaving && self.is_idle()).then(|| self.watch.last_news.after(limit))
    }

    /// Something was heard of it.
    pub(super) fn news(&mut self, now: Time) {
        self.watch.last_news = now;
        self.watch.silent = false;
    }

    /// Drops batches that have nothing outstanding, from the front: one behind an unfinished one is still
    /// unread, and counts.
    pub(super) fn drop_finished_batches(&mut self) {
        while self.batches.front().is_some_and(|batch| batch.outstanding() == 0) {
            self.batches.pop_front();
        }
        if self.batches.is_empty() {
            self.lone = false;
            self.watch.check_at = None;
            self.condemned.clear();
        }
    }
}
