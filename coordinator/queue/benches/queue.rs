//! What the queue itself costs a task, without processes, links or clocks: `cargo bench -p unhurt-queue --bench queue`.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first error")]

use std::num::NonZeroU32;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use queue::{
    BatchSize, Death, Decisions, Event, Leases, Order, Queue, QueueConfig, Report, Time, Verdict, WorkerId,
};

fn main() {
    divan::main();
}

const TASKS: u64 = 100_000;
/// How long a task takes, as the queue is told.
const TASK: Duration = Duration::from_nanos(50);

/// 0: automatic.
#[divan::bench(args = [0, 1, 64, 512])]
fn batches_of(bencher: Bencher<'_, '_>, size: u32) {
    let batch = NonZeroU32::new(size).map_or(BatchSize::Auto, BatchSize::Fixed);
    let config = QueueConfig { workers: 2, batch, ..QueueConfig::default() };
    bencher.counter(ItemsCount::new(TASKS)).bench_local(|| through(config.clone()));
}

#[divan::bench(sample_count = 10, args = [1, 8, 64, 512])]
fn workers(bencher: Bencher<'_, '_>, workers: u32) {
    let config = QueueConfig { workers, ..QueueConfig::default() };
    bencher.counter(ItemsCount::new(TASKS)).bench_local(|| through(config.clone()));
}

#[divan::bench]
fn as_they_come(bencher: Bencher<'_, '_>) {
    let config = QueueConfig { workers: 2, ..QueueConfig::default() };
    bencher.counter(ItemsCount::new(TASKS)).bench_local(|| through(config.clone()));
}

/// Takes all tasks through a queue whose workers do at once what they are told.
fn through(config: QueueConfig) {
    let mut desk = Desk {
        queue: Queue::new(config),
        now: Time(0),
        decisions: Decisions::default(),
        reports: Vec::new(),
    };
    let mut left = TASKS;
    desk.tell(Event::Tick);
    while !desk.queue.is_joined() {
        let room = left.min(desk.queue.room() as u64);
        if room > 0 {
            left -= room;
            desk.queue.put_all((0..room).map(|_| 8), 0);
            desk.tell(Event::Tick);
            if left == 0 {
                desk.tell(Event::PlanEnded);
            }
        }
        // The bench keeps no books and has no observers.
        desk.decisions.tasks.clear();
        desk.decisions.notes.clear();
        let Some(order) = desk.decisions.orders.pop_front() else { continue };
        desk.obey(order);
    }
    assert_eq!(desk.queue.counts().ok, TASKS);
}

struct Desk {
    queue: Queue,
    now: Time,
    decisions: Decisions,
    reports: Vec<Report>,
}

impl Desk {
    fn tell(&mut self, event: Event<'_>) {
        self.queue.handle(self.now, event, &mut self.decisions);
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Start { worker, .. } => self.tell(Event::Started { worker }),
            Order::Send { worker, tasks, .. } => self.run(worker, &tasks),
            // By then, everything has been run.
            Order::Recall { worker, batch, .. } => {
                self.tell(Event::Recalled { worker, batch, started: usize::MAX });
            }
            Order::Pill { worker } => {
                let death = Death::Orderly;
                self.tell(Event::Died { worker, running: None, unreported: 0, death });
            }
            // These workers do all they are sent at once, so that there is nothing to see, to warn of or to kill.
            Order::Observe { .. } | Order::Warn { .. } | Order::Kill { .. } => {}
        }
    }

    fn run(&mut self, worker: WorkerId, tasks: &[Leases]) {
        let ok = |leases: &Leases| {
            let Leases { run, attempt } = *leases;
            Report { run, attempt, verdict: Verdict::Ok }
        };
        self.reports.clear();
        self.reports.extend(tasks.iter().map(ok));
        let busy = TASK * tasks.iter().map(|leases| leases.run.count).sum::<u32>();
        self.now = self.now.after(busy);
        let event = Event::Outcomes { worker, busy, reports: &self.reports };
        self.queue.handle(self.now, event, &mut self.decisions);
    }
}
