//! The loop: waits for something to happen, tells the queue, does what the queue says.
//!
//! Its three parts borrow apart: the [`Workers`] (all that it knows of processes), the [`Tasks`] (queue, books and plan)
//! and the [`Watch`] (observer, clock, end). What is heard of workers goes to the tasks; the orders that come of it wait
//! there, and are carried out once the workers have been heard.

use std::io;

use tracing::{debug, info};

use super::books::Cause;
use super::hall::Hall;
use super::observe::{PoolEvent, RunningTask};
use super::report::{End, PoolReport};
use super::tasks::Tasks;
use super::watch::Watch;
use super::workers::Workers;
use super::{Controlled, PoolOptions, Request};
use queue::{Death, Event, KillReason, Order, Running, WorkerId};

pub(super) struct Driver<'a, W> {
    options: &'a PoolOptions,
    controlled: &'a Controlled,
    workers: W,
    tasks: Tasks<'a>,
    watch: Watch<'a>,
}

impl<'a, W: Workers> Driver<'a, W> {
    pub(super) fn new(
        options: &'a PoolOptions,
        controlled: &'a Controlled,
        workers: W,
        tasks: Tasks<'a>,
        watch: Watch<'a>,
    ) -> Self {
        Self { options, controlled, workers, tasks, watch }
    }

    /// Runs until all is joined and every outcome has been handed on.
    ///
    /// # Errors
    /// The system lets nobody wait, or the pool has a bug.
    pub(super) fn run(mut self) -> io::Result<PoolReport> {
        self.tell(Event::Tick);
        loop {
            self.feed();
            self.tasks.flush(&mut self.watch);
            self.carry_out();
            if let Some(bug) = self.watch.take_bug() {
                return Err(io::Error::other(format!("the pool has a bug, please report it: {bug}")));
            }
            if self.tasks.is_joined() {
                return Ok(self.tasks.report(self.options, self.watch));
            }
            self.tasks.note_limit(&mut self.watch);
            let patience = self.watch.patience(self.tasks.queue().next_deadline());
            self.workers.wait(patience, self.tasks.queue().load().working as usize)?;
            if let Some((start, end)) = self.workers.stopped() {
                self.watch.resumed(start, end);
            }
            self.hear();
            self.watch.set(self.workers.now());
            self.on_time();
        }
    }

    /// Puts tasks into the queue as long as there are some, and room.
    fn feed(&mut self) {
        self.watch.set(self.workers.now());
        while self.tasks.feed(&mut self.watch) {
            self.carry_out();
        }
        self.carry_out();
    }

    /// Hears what has happened to the workers, one after the other, and does what comes of it.
    fn hear(&mut self) {
        loop {
            let mut hall = Hall::new(&mut self.tasks, &mut self.watch);
            if !self.workers.next(&mut hall) {
                return;
            }
            let Hall { woken, ended, .. } = hall;
            if woken {
                self.on_wake();
            }
            if let Some(worker) = ended {
                self.on_death(worker);
            }
            self.carry_out();
            self.tasks.flush_if_much(&mut self.watch);
            self.carry_out();
        }
    }

    /// A process has ended: hears its last words, finds out what it died of, tells the queue.
    fn on_death(&mut self, worker: WorkerId) {
        // What the dead worker reports makes room in its hands, and nothing must be put there: a task that it never had
        // could be blamed for its death.
        self.tasks.hold(true, &mut self.watch);
        let mut hall = Hall::new(&mut self.tasks, &mut self.watch);
        self.workers.last_words(worker, &mut hall);
        self.watch.set(self.workers.now());
        if let Some(obituary) = self.workers.obituary(worker) {
            self.tasks.died(&obituary, &mut self.watch);
        }
        self.workers.bury(worker);
        self.tasks.hold(false, &mut self.watch);
    }

    /// Other threads have asked for something.
    fn on_wake(&mut self) {
        self.controlled.waker().reset();
        let mut cancelled = Vec::new();
        while let Some(request) = self.controlled.next() {
            match request {
                Request::Cancel(task) => cancelled.push(task),
                Request::Stop => self.stop(false, Event::Stop),
                Request::Abort => self.stop(true, Event::Abort),
                Request::Suspend => self.suspend(),
            }
        }
        // Together: what one of them makes the queue take back from a worker is not sent out again for the next.
        if !cancelled.is_empty() {
            self.tell(Event::Cancel { tasks: &cancelled });
        }
    }

    fn stop(&mut self, at_once: bool, event: Event<'_>) {
        self.watch.end(End::Stopped);
        self.watch.tell(&PoolEvent::Stopping { at_once });
        self.tell(event);
    }

    /// Stops the workers and this process; returns when it is continued.
    fn suspend(&mut self) {
        let start = self.workers.now();
        self.workers.pause();
        self.watch.resumed(start, self.workers.now());
    }

    /// What is due by time: the queue's deadlines, looks at memory and at what runs.
    fn on_time(&mut self) {
        let now = self.watch.now();
        if self.tasks.queue().next_deadline().is_some_and(|deadline| deadline <= now) {
            self.tell(Event::Tick);
        }
        if self.watch.sample.are_due(now) {
            self.look_at_memory();
        }
        if self.watch.look.are_due(now) {
            self.tell_running();
        }
    }

    /// Tells the observer what every worker's status cell says.
    fn tell_running(&mut self) {
        for worker in self.worker_ids() {
            let running = self.running(worker);
            let task = running.map(|running| RunningTask {
                task: running.task,
                attempt: running.attempt,
                since: running.since,
                payload: self.tasks.payload(running.task),
            });
            self.watch.tell(&PoolEvent::Running { worker, task });
        }
    }

    fn look_at_memory(&mut self) {
        let Some(limit) = self.options.max_memory_growth else { return };
        for worker in self.worker_ids() {
            if self.workers.growth(worker) > limit {
                self.tell(Event::Recycle { worker });
            }
        }
    }

    /// Tells the queue and does what it says.
    fn tell(&mut self, event: Event<'_>) {
        self.tasks.tell(event, Cause::Other, &mut self.watch);
        self.carry_out();
    }

    /// Carries out all orders, in turn; what comes of one is told at once, and the orders that follow from that come
    /// behind those that are there.
    fn carry_out(&mut self) {
        while let Some(order) = self.tasks.next_order() {
            self.watch.set(self.workers.now());
            if let Some(answer) = self.obey(order) {
                self.tasks.tell(answer, Cause::Other, &mut self.watch);
            }
        }
    }

    /// Carries out an order, and returns what came of it that the queue has to know.
    fn obey(&mut self, order: Order) -> Option<Event<'static>> {
        match order {
            Order::Start { worker, incarnation } => self.start(worker, incarnation),
            Order::Send { worker, batch, tasks } => {
                self.watch.tell(&PoolEvent::Sent { worker, tasks: &tasks });
                self.workers.send(worker, batch, &tasks, self.tasks.ledger());
                None
            }
            Order::Recall { worker, batch, keep } => {
                let started = self.workers.recall(worker, batch, keep)?;
                Some(Event::Recalled { worker, batch, started })
            }
            // What it has already reported is no longer running.
            Order::Observe { worker } => Some(Event::Observed { worker, running: self.running(worker) }),
            Order::Pill { worker } => {
                if let Some(report) = self.tasks.report_mut(worker) {
                    report.pills += 1;
                }
                info!(%worker, "takes its poison pill");
                self.workers.send_pill(worker);
                None
            }
            Order::Warn { worker, task } => {
                self.workers.warn(worker, task);
                None
            }
            Order::Kill { worker, reason } => {
                self.kill(worker, reason);
                None
            }
        }
    }

    fn start(&mut self, worker: WorkerId, incarnation: u32) -> Option<Event<'static>> {
        match self.workers.start(worker, incarnation) {
            Ok(pid) => {
                debug!(%worker, pid, incarnation, "started");
                self.watch.tell(&PoolEvent::Started { worker, incarnation, pid });
                if let Some(report) = self.tasks.report_mut(worker) {
                    report.pid = pid;
                }
                None
            }
            Err(why) => {
                self.watch.tell_unborn(worker, &why);
                Some(Event::Died { worker, running: None, unreported: 0, death: Death::NeverBorn })
            }
        }
    }

    fn kill(&mut self, worker: WorkerId, reason: KillReason) {
        let Some(pid) = self.workers.kill(worker, reason) else { return };
        self.watch.tell(&PoolEvent::Killed { worker, pid, reason });
        match reason {
            KillReason::Timeout(task) => info!(%worker, task = task.0, "killed at the time limit"),
            KillReason::Cancelled(task) => info!(%worker, task = task.0, "killed for a cancelled task"),
            reason => debug!(%worker, ?reason, "killed"),
        }
    }

    /// What a worker's status cell says, in the pool's time.
    fn running(&self, worker: WorkerId) -> Option<Running> {
        self.workers.running(worker).map(|running| self.watch.running(&running))
    }

    fn worker_ids(&self) -> impl Iterator<Item = WorkerId> + use<W> {
        (0..self.options.workers.get()).map(WorkerId)
    }
}
