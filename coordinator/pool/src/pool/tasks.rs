//! The tasks of a pool: the queue that decides about them, the books, and the source that more of them come from.

use protocol::TaskId;
use tracing::info;

use super::books::{Books, Cause};
use super::config::queue_config;
use super::observe::PoolEvent;
use super::plan::{Plan, Planned};
use super::report::{End, PoolReport};
use super::results::{Flushed, ResultQueue};
use super::watch::Watch;
use super::{PoolOptions, Sink, Source, WorkerReport};
use queue::{Decisions, Event, Order, Queue, WorkerId};

/// Queue, books and plan. Whatever happens is told here; what comes of it for the workers waits as orders.
pub(super) struct Tasks<'a> {
    queue: Queue,
    decisions: Decisions,
    books: Books<'a>,
    plan: Plan<'a>,
}

impl<'a> Tasks<'a> {
    pub(super) fn new(options: &'a PoolOptions, source: &'a mut dyn Source, sink: &'a mut dyn Sink) -> Self {
        Self {
            queue: Queue::new(queue_config(options)),
            decisions: Decisions::default(),
            books: Books::new(options, ResultQueue::new(options, sink)),
            plan: Plan::new(source, options.priority),
        }
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) fn payload(&self, task: TaskId) -> &[u8] {
        self.books.results.ledger.payload(task)
    }

    /// The payloads, for orders to send them.
    pub(super) fn ledger(&mut self) -> &mut super::ledger::Ledger {
        &mut self.books.results.ledger
    }

    pub(super) fn report_mut(&mut self, worker: WorkerId) -> Option<&mut WorkerReport> {
        self.books.report_mut(worker)
    }

    pub(super) fn room_for(&mut self, length: usize) -> Vec<u8> {
        self.books.results.room_for(length)
    }

    /// What is to be done next.
    pub(super) fn next_order(&mut self) -> Option<Order> {
        self.decisions.orders.pop_front()
    }

    /// Tells the queue what has happened, settles the tasks it has decided about, and passes on its notes.
    pub(super) fn tell(&mut self, event: Event<'_>, cause: Cause<'_>, watch: &mut Watch<'_>) {
        self.queue.handle(watch.now(), event, &mut self.decisions);
        for settled in self.decisions.tasks.drain(..) {
            self.books.settle(settled, cause, watch);
        }
        for note in self.decisions.notes.drain(..) {
            watch.note(note);
        }
    }

    /// Puts what the source has into the queue, as far as there is room. True if there may be more.
    pub(super) fn feed(&mut self, watch: &mut Watch<'_>) -> bool {
        // Tasks that are done take no room in the queue: their outcomes have to leave.
        self.flush_if_much(watch);
        match self.plan.take(&mut self.queue, &mut self.books.results) {
            Planned::Nothing => return false,
            Planned::Some => {
                self.tell_planning(watch);
                self.tell(Event::Tick, Cause::Other, watch);
            }
            Planned::End(why) => {
                if let Some(why) = why {
                    watch.end(End::BadInput(why));
                }
                info!(tasks = self.queue.counts().planned, "all tasks are put into the queue");
                self.tell_planning(watch);
                self.tell(Event::PlanEnded, Cause::Other, watch);
            }
        }
        true
    }

    fn tell_planning(&self, watch: &mut Watch<'_>) {
        let (tasks, skipped, all) = (self.queue.counts().planned, self.plan.skipped(), !self.plan.goes_on());
        watch.tell(&PoolEvent::Planned { tasks, skipped, all });
    }

    /// Hands outcomes on; if they can't leave, nothing new is leased until they can.
    pub(super) fn flush(&mut self, watch: &mut Watch<'_>) {
        match self.books.results.flush() {
            Flushed::AsBefore => {}
            Flushed::Congested(full) => self.tell(Event::Congested(full), Cause::Other, watch),
            Flushed::Closed => {
                // However the run is ending already: nobody takes what it would still do.
                watch.end(End::SinkClosed);
                self.tell(Event::Abort, Cause::Other, watch);
            }
        }
    }

    /// Holds back what would be leased, or no more.
    pub(super) fn hold(&mut self, hold: bool, watch: &mut Watch<'_>) {
        let full = hold || self.books.results.is_congested();
        self.tell(Event::Congested(full), Cause::Other, watch);
    }

    /// Hands on what there is when it has become much.
    pub(super) fn flush_if_much(&mut self, watch: &mut Watch<'_>) {
        if self.books.results.is_much() {
            self.flush(watch);
        }
    }

    /// True once every task has its outcome, all of them have left, and every worker has gone.
    pub(super) fn is_joined(&self) -> bool {
        self.queue.is_joined() && self.books.results.is_empty()
    }

    /// Notes what the time of the run is spent on.
    pub(super) fn note_limit(&self, watch: &mut Watch<'_>) {
        watch.note_limit(self.queue.load(), self.plan.goes_on(), self.books.results.is_congested());
    }

    /// What it all came to.
    pub(super) fn report(mut self, options: &PoolOptions, watch: Watch<'_>) -> PoolReport {
        debug_assert!(
            self.books.histories() as u64 <= self.queue.unfinished(),
            "Invariant: only a task without an outcome has a history"
        );
        for (worker, report) in (0..).map(WorkerId).zip(&mut self.books.reports) {
            report.incarnations = self.queue.incarnations(worker);
        }
        let counts = self.queue.counts();
        let failed = counts.failed - counts.cancelled;
        let too_many = options.max_failures.is_some_and(|max| failed > max).then_some(End::TooManyFailures);
        let (end, spent) = watch.close();
        PoolReport {
            counts: self.plan.add_restored(counts),
            skipped: self.plan.skipped(),
            unfinished: self.queue.unfinished(),
            all_planned: !self.plan.goes_on() && !matches!(end, Some(End::BadInput(_))),
            end: end.or(too_many).unwrap_or(End::Done),
            workers: std::mem::take(&mut self.books.reports),
            spent,
        }
    }
}
