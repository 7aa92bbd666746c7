//! The joinable task queue. Decides; never acts.
//!
//! Events and the time go in, decisions come out: there is no clock in here, no I/O, no thread, and no order
//! of events makes it panic. What it promises, whatever the events say:
//!
//! * every task that was put ends in at most one outcome, and in exactly one if the run is not stopped;
//! * a task is in at most one worker's hands at a time;
//! * a worker's death is charged to the one task that it was running, and to no other;
//! * at most [`QueueConfig::window`] tasks are held at once, however many there will be;
//! * after a stop nothing new is leased.
//!
//! The simulator (`sim/`) checks these promises over thousands of seeds, and `mutants.toml` lists bugs that
//! it must catch.
//!
//! ```
//! use queue::{Decisions, Event, Order, Queue, QueueConfig, Time};
//!
//! let mut queue = Queue::new(QueueConfig::default());
//! let task = queue.put(8, 0);
//! let mut decisions = Decisions::default();
//! queue.handle(Time(0), Event::Tick, &mut decisions);
//! assert_eq!(task.to_string(), "0");
//! assert!(matches!(decisions.orders.pop_front(), Some(Order::Start { .. })));
//! ```

// No `std`: the compiler forbids I/O, clocks and threads. The simulator prints its seeds.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod batch;
mod blame;
mod cancel;
mod check;
mod counts;
mod course;
mod deadlines;
mod decision;
mod dispatch;
mod ending;
mod event;
mod holds;
mod options;
mod outcomes;
mod pace;
mod ready;
mod reason;
mod slots;
mod time;
mod worker;

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;

pub use counts::{Counts, Load};
#[cfg(test)]
use decision::Said;
pub use decision::{Decisions, Fate, GiveUp, KillReason, Note, Order, Settled};
pub use event::{BatchId, Death, Event, Leases, Report, Running, Verdict, WorkerId};
pub use options::BatchSize;
pub use reason::Reason;
pub use time::Time;

use alloc::vec;
use alloc::vec::Vec;
use core::num::{NonZeroU32, NonZeroU64};
use core::time::Duration;

pub use ids::TaskId;

use course::{Course, Run};
use pace::Mean;
use ready::Ready;
use slots::{Slot, Slots};
use worker::{LastWords, Phase, Worker};

/// What the queue decides by.
#[derive(Debug, Clone)]
pub struct QueueConfig {
    /// How many workers.
    pub workers: u32,
    /// At most this many tasks are held at once.
    pub window: usize,
    /// At most this many bytes of payloads are held at once (one task is always let in).
    pub window_bytes: usize,
    /// Attempts after the first.
    pub retries: u32,
    /// The reasons after which a task is tried again.
    pub retry_on: Vec<Reason>,
    /// How long a task waits for its second attempt; doubles with every further one.
    pub backoff: Duration,
    /// Where the doubling ends.
    pub backoff_limit: Duration,
    /// Seeds the jitter of the backoff.
    pub seed: u64,
    /// The hard limit on one attempt.
    pub timeout: Option<Duration>,
    /// The soft limit on one attempt.
    pub soft_timeout: Option<Duration>,
    /// How many tasks go into a batch.
    pub batch: BatchSize,
    /// How long a batch should take, where its size is automatic.
    pub batch_target: Duration,
    /// How many bytes a batch may have.
    pub batch_bytes: usize,
    /// How many tasks a batch may have.
    pub batch_tasks: usize,
    /// A worker is replaced after this many tasks.
    pub max_tasks_per_worker: Option<NonZeroU64>,
    /// The run is stopped once more than this many tasks have failed.
    pub max_failures: Option<u64>,
    /// How long a worker may take from its start to its greeting, and from its pill (or the end of its last
    /// task, where that comes later) to its own end.
    pub start_timeout: Duration,
    /// How long a first task is kept for a worker that has yet to greet, and how long the end of a run waits for one.
    pub late_greeting: Duration,
    /// How often a worker is started without having got anything done, before its place is given up.
    pub max_idle_starts: NonZeroU32,
    /// How long running tasks may go on after a stop.
    pub grace: Duration,
    /// How long a cancelled task may go on that is running, to tidy up behind itself.
    pub cancel_grace: Duration,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            window: 16 * 1024,
            window_bytes: 16 << 20,
            retries: 2,
            retry_on: vec![Reason::Signal, Reason::Exit, Reason::Timeout, Reason::Memory, Reason::Protocol],
            backoff: Duration::from_millis(10),
            backoff_limit: Duration::from_secs(10),
            seed: 0,
            timeout: None,
            soft_timeout: None,
            batch: BatchSize::Auto,
            batch_target: Duration::from_millis(4),
            batch_bytes: 60 * 1024,
            batch_tasks: 4096,
            max_tasks_per_worker: None,
            max_failures: None,
            start_timeout: Duration::from_secs(10),
            late_greeting: Duration::from_secs(1),
            max_idle_starts: NonZeroU32::MIN.saturating_add(5),
            grace: Duration::from_secs(10),
            cancel_grace: Duration::ZERO,
        }
    }
}

/// The joinable task queue.
#[derive(Debug)]
pub struct Queue {
    config: QueueConfig,
    slots: Slots,
    ready: Ready,
    workers: Vec<Worker>,
    run: Run,
    // Every worker has had a batch or has lost its first process.
    all_served: bool,
    next_batch: u64,
    // A running estimate over all workers, for those that have none of their own.
    pace: Mean,
    // Of all payloads of tasks that have not ended.
    held_bytes: usize,
    counts: Counts,
    // In so many events, a debug build checks the whole state.
    check_in: u64,
}

impl Queue {
    /// A queue without tasks, whose workers are all still to be started: call
    /// [`handle`](Self::handle) with [`Event::Tick`] to begin.
    pub fn new(config: QueueConfig) -> Self {
        let workers = (0..config.workers).map(|_| Worker::new()).collect();
        Self {
            config,
            slots: Slots::default(),
            ready: Ready::default(),
            workers,
            run: Run::new(),
            all_served: false,
            next_batch: 0,
            pace: Mean::default(),
            held_bytes: 0,
            counts: Counts::default(),
            check_in: 0,
        }
    }

    /// How many tasks may be put now.
    pub fn room(&self) -> usize {
        if !self.run.planning || self.run.course != Course::Work {
            return 0;
        }
        let held = self.slots.unfinished();
        if held > 0 && self.held_bytes >= self.config.window_bytes {
            return 0;
        }
        usize::try_from(held).map_or(0, |held| self.config.window.saturating_sub(held))
    }

    /// How many ready tasks are kept back for workers that have yet to get their first one.
    pub fn kept_back(&mut self) -> usize {
        self.on_their_way(None)
    }

    /// Adds a task with a payload of `bytes` bytes and returns its id; ids count up from 0. Higher
    /// priorities run first. The caller keeps to [`room`](Self::room) and calls
    /// [`handle`](Self::handle) with [`Event::Tick`] after the last one of a group.
    pub fn put(&mut self, bytes: usize, priority: i32) -> TaskId {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let task = self.slots.push(Slot::new(bytes, priority));
        self.held_bytes += bytes as usize;
        self.counts.planned += 1;
        self.ready.push_back(priority, task);
        task
    }

    /// Adds a task for each of these payload lengths; as [`put`](Self::put) for each of them.
    pub fn put_all(&mut self, lengths: impl Iterator<Item = usize>, priority: i32) {
        let first = self.slots.next();
        self.held_bytes += self.slots.push_all(lengths, priority);
        let last = self.slots.next();
        self.counts.planned += last.0 - first.0;
        self.ready.push_back_all(priority, first, last);
    }

    /// Adds a task that an earlier run has done: it takes an id and nothing else.
    pub fn skip(&mut self) -> TaskId {
        self.counts.planned += 1;
        self.slots.skip()
    }

    /// Takes an event and appends what is to be done about it, in this order.
    pub fn handle(&mut self, now: Time, event: Event<'_>, out: &mut Decisions) {
        match event {
            Event::Tick => self.on_tick(now, out),
            Event::PlanEnded => self.run.planning = false,
            Event::Congested(congested) => self.run.congested = congested,
            Event::Started { worker } => self.on_started(now, worker),
            Event::Outcomes { worker, busy, reports } => self.on_outcomes(now, worker, busy, reports, out),
            Event::Recalled { worker, batch, started } => self.on_recalled(now, worker, batch, started, out),
            Event::Observed { worker, running } => self.on_observed(now, worker, running, out),
            Event::Recycle { worker } => self.on_recycle(now, worker, out),
            Event::Broke { worker } => self.on_broke(worker, out),
            Event::Died { worker, running, unreported, death } => {
                self.on_died(now, worker, LastWords { running, unreported, death }, out);
            }
            Event::Cancel { tasks } => self.on_cancel(now, tasks, out),
            Event::Stop => self.on_stop(now, out),
            Event::Abort => self.on_abort(out),
        }
        self.dispatch(now, out);
        self.join(now, out);
        self.assert_sound();
    }

    /// When [`Event::Tick`] is next due, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadline()
    }

    /// True once every task has its outcome (or the run was stopped) and every worker has gone.
    pub fn is_joined(&self) -> bool {
        self.run.joined
    }

    /// Tasks that have no outcome yet.
    pub fn unfinished(&self) -> u64 {
        self.slots.unfinished()
    }

    /// Counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// True where this worker has this task, for this attempt.
    pub fn has(&self, worker: WorkerId, task: TaskId, attempt: u32) -> bool {
        self.slots.get(task).is_some_and(|slot| slot.is_attempt_of(worker, attempt))
    }

    /// How many times a worker was started.
    pub fn incarnations(&self, worker: WorkerId) -> u32 {
        self.workers.get(worker.index()).map_or(0, |worker| worker.incarnation)
    }

    /// Who has something to do.
    pub fn load(&self) -> Load {
        let mut load = Load { ready: self.ready.len() > 0 || self.ready.has_lone(), ..Load::default() };
        for worker in &self.workers {
            match worker.phase {
                Phase::Running if worker.is_idle() => load.idle += 1,
                Phase::Running => load.working += 1,
                Phase::Leaving => load.leaving += 1,
                Phase::Absent { .. } | Phase::Starting { .. } | Phase::Killed(_) | Phase::Gone => {}
            }
        }
        load
    }

    fn worker_mut(&mut self, worker: WorkerId) -> Option<&mut Worker> {
        self.workers.get_mut(worker.index())
    }

    fn worker_ids(&self) -> impl Iterator<Item = WorkerId> + use<> {
        (0..self.config.workers).map(WorkerId)
    }
}
