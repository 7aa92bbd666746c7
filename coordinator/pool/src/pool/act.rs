//! Doing what the queue says.

use protocol::{Limits as WireLimits, Start};
use tracing::{debug, info, warn};

use super::driver::Driver;
use super::link::Link;
use super::observe::PoolEvent;
use super::report::End;
use super::token::Watch;
use crate::outcome::{AttemptRecord, Failure, Meta, Reason};
use crate::supervisor::with_advice;
use queue::{BatchId, Death, Event, Fate, KillReason, Leases, Note, Order, Running, Settled, WorkerId};

impl Driver<'_> {
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Start { worker, incarnation } => self.start(worker, incarnation),
            Order::Send { worker, batch, tasks } => {
                self.tell(&PoolEvent::Sent { worker, tasks: &tasks });
                self.send(worker, batch, &tasks);
            }
            Order::Recall { worker, batch, keep } => self.recall(worker, batch, keep),
            Order::Observe { worker } => self.observe(worker),
            Order::Pill { worker } => self.send_pill(worker),
            Order::Kill { worker, reason } => self.kill(worker, reason),
            Order::Warn { worker, task } => {
                if let Some(link) = self.link(worker) {
                    link.warn(task);
                }
            }
        }
    }

    /// What became of a task, where neither a frame nor a death is at hand.
    pub(super) fn settle(&mut self, settled: Settled) {
        match settled {
            Settled::Cancelled { task, attempts } => self.end_cancelled(task, attempts),
            Settled::Accepted { .. } | Settled::Charged { .. } => self.lose(&settled),
        }
    }

    /// An outcome without its evidence: a bug in the queue. The run must not end as if all were well.
    pub(super) fn lose(&mut self, settled: &Settled) {
        debug_assert!(false, "no evidence for {settled:?}");
        self.bug.get_or_insert_with(|| format!("there is no evidence for {settled:?}"));
    }

    pub(super) fn pass_on(&mut self, note: Note) {
        match note {
            Note::Slow { worker, task, attempt } => {
                self.tell(&PoolEvent::Slow { worker, task });
                warn!(%worker, task = task.0, attempt, "still running after the soft time limit");
            }
            Note::GaveUp(give_up) => {
                let last = std::mem::take(&mut self.last_death);
                self.end.get_or_insert(End::NoWorkers { starts: give_up.starts, last });
            }
            Note::Joined => debug!("joined"),
        }
    }

    fn start(&mut self, worker: WorkerId, incarnation: u32) {
        let started = Link::start(&self.program, worker, incarnation).and_then(|link| {
            if let Some(frames) = link.frames() {
                self.watch(frames, Watch::Frames, worker)?;
            }
            self.watch(link.process.pidfd(), Watch::Death, worker)?;
            self.watch(link.process.output(), Watch::Output, worker)?;
            Ok(link)
        });
        match started {
            Ok(link) => {
                debug!(%worker, pid = link.process.id(), incarnation, "started");
                let pid = link.process.id();
                self.tell(&PoolEvent::Started { worker, incarnation, pid });
                if let Some(guard) = &mut self.guard {
                    guard.watch(&link.process);
                }
                if let Some(report) = self.reports.get_mut(worker.index()) {
                    report.pid = link.process.id();
                }
                if let Some(place) = self.links.get_mut(worker.index()) {
                    *place = Some(link);
                }
            }
            Err(error) => {
                self.last_death = format!("{worker} could not be started: {}", with_advice(&error));
                warn!("{}", self.last_death);
                let died = Event::Died { worker, running: None, unreported: 0, death: Death::NeverBorn };
                self.answers.push_back(died);
            }
        }
    }

    /// What a worker is told first, once it has greeted.
    pub(super) fn start_message<'s>(
        &'s self,
        worker: WorkerId,
        name: &'s str,
        incarnation: u32,
    ) -> Start<'s> {
        let limits = &self.options.limits;
        Start {
            kind: &self.work.kind,
            setup: &self.work.setup,
            worker: name,
            number: worker.number(),
            incarnation,
            limits: WireLimits {
                memory: limits.memory,
                cpu_seconds: limits.cpu_seconds,
                open_files: limits.open_files,
                file_size: limits.file_size,
            },
        }
    }

    fn send(&mut self, worker: WorkerId, batch: BatchId, tasks: &[Leases]) {
        let Some(Some(link)) = self.links.get_mut(worker.index()) else { return };
        // A dead worker does not take it; its death is told by its pidfd.
        let sent = match tasks {
            [Leases { first, count: 1, attempt }] if let Some(payload) = self.ledger.send_large(*first) => {
                link.send_large(batch, *first, *attempt, payload)
            }
            _ => link.send_batch(batch, tasks, &self.ledger),
        };
        if let Err(error) = sent {
            debug!(%worker, %error, "sending failed");
        }
    }

    fn send_pill(&mut self, worker: WorkerId) {
        if let Some(report) = self.reports.get_mut(worker.index()) {
            report.pills += 1;
        }
        if let Some(Err(error)) = self.link_mut(worker).map(Link::send_pill) {
            debug!(%worker, %error, "sending the pill failed");
        }
    }

    fn recall(&mut self, worker: WorkerId, batch: BatchId, keep: usize) {
        if let Some(started) = self.link_mut(worker).and_then(|link| link.recall(batch, keep)) {
            self.answers.push_back(Event::Recalled { worker, batch, started });
        }
    }

    fn observe(&mut self, worker: WorkerId) {
        // What it has already reported is no longer running.
        let running = self.running(worker);
        self.answers.push_back(Event::Observed { worker, running });
    }

    /// What a worker's status cell says.
    pub(super) fn running(&self, worker: WorkerId) -> Option<Running> {
        let running = self.link(worker)?.running()?;
        let since = self.clock.at(running.started_nanos);
        Some(Running { task: running.task, attempt: running.attempt, since })
    }

    fn kill(&mut self, worker: WorkerId, reason: KillReason) {
        let Some(link) = self.link_mut(worker) else { return };
        link.killed = Some(reason);
        link.process.kill();
        self.tell(&PoolEvent::Killed { worker, reason });
        match reason {
            KillReason::Timeout(task) => info!(%worker, task = task.0, "killed at the time limit"),
            KillReason::Cancelled(task) => info!(%worker, task = task.0, "killed for a cancelled task"),
            reason => debug!(%worker, ?reason, "killed"),
        }
    }

    /// Adds a failed attempt to its task's history, and settles the task where it was the last.
    pub(super) fn charge(&mut self, task: protocol::TaskId, record: AttemptRecord, fate: Fate) {
        let (worker, attempt, micros) = (record.worker, record.attempt, record.micros);
        let number = WorkerId(worker.saturating_sub(1));
        info!(worker = %number, task = task.0, attempt, reason = record.reason.name(), "{}", record.message);
        let slow = self.is_slow(micros);
        self.tell(&PoolEvent::Failed { worker: number, task, record: &record, fate });
        let history = self.histories.entry(task).or_default();
        history.push(record);
        if fate != Fate::Failed {
            return;
        }
        let history = self.histories.remove(&task).unwrap_or_default();
        let last = history.last();
        let failure = Failure {
            reason: last.map_or(Reason::Error, |record| record.reason),
            message: last.map(|record| record.message.clone()).unwrap_or_default(),
            history,
        };
        let meta = Meta { attempts: attempt, worker, micros, slow };
        self.ledger.settle(task, meta, Err(&failure), &mut self.outbox);
        self.count_task(worker);
    }

    /// A task was cancelled that nobody ran: it has its outcome, and nobody to blame.
    pub(super) fn end_cancelled(&mut self, task: protocol::TaskId, attempts: u32) {
        self.tell(&PoolEvent::Cancelled { task, attempts });
        let history = self.histories.remove(&task).unwrap_or_default();
        let message = "cancelled before it began".to_owned();
        let failure = Failure { reason: Reason::Cancelled, message, history };
        let meta = Meta { attempts, worker: 0, micros: 0, slow: false };
        self.ledger.settle(task, meta, Err(&failure), &mut self.outbox);
    }

    pub(super) fn count_task(&mut self, number: u32) {
        let index = number.checked_sub(1).map(|index| index as usize);
        if let Some(report) = index.and_then(|index| self.reports.get_mut(index)) {
            report.tasks += 1;
        }
    }

    /// Tasks that have ended well need no history of their failed attempts.
    pub(super) fn forget_histories(&mut self, first: protocol::TaskId, count: usize) {
        if self.histories.is_empty() {
            return;
        }
        for task in first.0..first.0.saturating_add(count as u64) {
            self.histories.remove(&protocol::TaskId(task));
        }
    }

    pub(super) fn is_slow(&self, micros: u64) -> bool {
        self.options.soft_timeout.is_some_and(|limit| u128::from(micros) >= limit.as_micros())
    }
}
