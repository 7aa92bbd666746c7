//! The queue's behaviours, one by one.

mod batches;
mod cancels;
mod deaths;
mod join;
mod limits;

use std::num::NonZeroU32;
use std::time::Duration;

use ids::TaskId;

use super::{
    Death, Decisions, Event, Fate, KillReason, Leases, Order, Queue, QueueConfig, Report, Running, Said,
    Settled, Time, Verdict, WorkerId,
};
use crate::BatchSize;
use crate::Reason;

const MS: Duration = Duration::from_millis(1);

/// A queue, the time, and the decisions since the last look.
struct Rig {
    queue: Queue,
    now: Time,
    decisions: Decisions,
}

/// `workers` workers, and batches of `size` tasks.
fn config(workers: u32, size: u32) -> QueueConfig {
    let batch = BatchSize::Fixed(NonZeroU32::new(size).unwrap());
    QueueConfig { workers, batch, backoff: Duration::ZERO, ..QueueConfig::default() }
}

fn ok(task: u64) -> Report {
    Report::one(TaskId(task), 1, Verdict::Ok)
}

fn crash(reason: Reason) -> Death {
    Death::Crash(reason)
}

impl Rig {
    /// Workers that have greeted, and `tasks` tasks that have been put and not leased yet.
    fn new(config: QueueConfig, tasks: u64) -> Self {
        let workers = config.workers;
        let mut rig = Self::fresh(config);
        rig.hear(Event::Congested(true));
        rig.hear(Event::Tick);
        (0..workers).for_each(|worker| rig.started(worker));
        (0..tasks).for_each(|_| rig.put());
        rig.take();
        rig
    }

    /// Nothing has happened yet.
    fn fresh(config: QueueConfig) -> Self {
        Self { queue: Queue::new(config), now: Time(0), decisions: Decisions::default() }
    }

    /// As `new`, with everything leased that can be.
    fn working(config: QueueConfig, tasks: u64) -> Self {
        let mut rig = Self::new(config, tasks);
        rig.hear(Event::Congested(false));
        rig.hear(Event::PlanEnded);
        rig
    }

    /// A small task of ordinary priority.
    fn put(&mut self) {
        self.queue.put(8, 0);
    }

    fn hear(&mut self, event: Event<'_>) {
        self.queue.handle(self.now, event, &mut self.decisions);
    }

    fn started(&mut self, worker: u32) {
        self.hear(Event::Started { worker: WorkerId(worker) });
    }

    fn told(&mut self, worker: u32, reports: &[Report]) {
        self.hear(Event::Outcomes { worker: WorkerId(worker), busy: MS, reports });
    }

    fn done(&mut self, worker: u32, tasks: &[u64]) {
        let reports: Vec<Report> = tasks.iter().copied().map(ok).collect();
        self.told(worker, &reports);
    }

    fn running(&self, task: u64, attempt: u32, since: Time) -> Option<Running> {
        Some(Running { task: TaskId(task), attempt, since })
    }

    fn died(&mut self, worker: u32, task: Option<(u64, u32)>, death: Death) {
        let running = task.and_then(|(task, attempt)| self.running(task, attempt, self.now));
        self.hear(Event::Died { worker: WorkerId(worker), running, unreported: 0, death });
    }

    fn left(&mut self, worker: u32) {
        self.died(worker, None, Death::Orderly);
    }

    /// Lets time pass, with a tick at its end.
    fn wait(&mut self, how_long: Duration) {
        self.now = self.now.after(how_long);
        self.hear(Event::Tick);
    }

    /// The process dies of its running task, and the next one takes its place.
    fn die_and_return(&mut self, worker: u32, task: Option<(u64, u32)>) {
        self.died(worker, task, crash(Reason::Signal));
        self.wait(Duration::from_secs(1));
        self.started(worker);
    }

    fn take(&mut self) -> Vec<Said> {
        self.decisions.take().collect()
    }

    /// The batches sent since the last look: worker and tasks.
    fn sent(&mut self) -> Vec<(u32, Vec<u64>)> {
        let sent = |command: Said| match command {
            Said::Order(Order::Send { worker, tasks, .. }) => {
                Some((worker.0, tasks.iter().flat_map(Leases::tasks).map(|task| task.0).collect()))
            }
            _ => None,
        };
        self.take().into_iter().filter_map(sent).collect()
    }

    fn charges(&mut self) -> Vec<(u64, u32, Reason, bool)> {
        let charge = |command: Said| match command {
            Said::Task(Settled::Charged { task, attempt, reason, fate, .. }) => {
                Some((task.0, attempt, reason, fate == Fate::Failed))
            }
            _ => None,
        };
        self.take().into_iter().filter_map(charge).collect()
    }
}

fn pill(worker: u32) -> Said {
    Said::Order(Order::Pill { worker: WorkerId(worker) })
}

fn kill(worker: u32, reason: KillReason) -> Said {
    Said::Order(Order::Kill { worker: WorkerId(worker), reason })
}
