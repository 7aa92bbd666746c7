//! Who gets what: leasing, and taking back what one worker has too much of.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use ids::TaskId;

use super::batch::Batch;
use super::course::Course;
use super::holds::cannot_happen;
use super::ready::Pick;
use super::slots::{Leasing, State};
use super::worker::{CREDIT, Phase, Worker};
use super::{BatchId, Decisions, Leases, Order, Queue, Time, WorkerId};
use crate::BatchSize;

/// Work that is worth taking from a busy worker when another has none.
const WORTH_RECALLING: Duration = Duration::from_micros(500);

impl Queue {
    /// Leases what can be leased: first to workers with nothing to do, then to those with one batch.
    pub(super) fn dispatch(&mut self, now: Time, out: &mut Decisions) {
        if self.run.course != Course::Work || self.run.congested {
            return;
        }
        for credit in 0..CREDIT {
            for worker in self.worker_ids() {
                if self.ready.len() == 0 && !self.ready.has_lone() {
                    break;
                }
                self.lease_to(worker, credit, now, out);
            }
        }
        self.recall_for_the_idle(now, out);
    }

    fn lease_to(&mut self, worker: WorkerId, credit: usize, now: Time, out: &mut Decisions) {
        let reserved = self.reserved(worker);
        let Some(state) = self.workers.get(worker.index()) else { return };
        if state.phase != Phase::Running || state.batches.len() != credit || state.lone {
            return;
        }
        let quota = match self.config.max_tasks_per_worker {
            Some(max) => max.get().saturating_sub(state.leased_total),
            None => u64::MAX,
        };
        if quota == 0 {
            return self.on_recycle(now, worker, out);
        }
        // A lone task waits for a worker with empty hands; that worker is not filled up meanwhile.
        if self.ready.has_lone() && credit == 0 {
            return self.lease_lone(worker, now, out);
        }
        // What is kept back is the others' first task; its own first one is everybody's.
        let own = self.ready.len().min(usize::from(!state.served));
        let ready = self.ready.len().saturating_sub(reserved).max(own);
        let size = match self.config.batch {
            BatchSize::Fixed(size) => size.get() as usize,
            BatchSize::Auto => {
                let target = self.config.batch_target;
                state.pace.batch_size(target, self.pace, ready, self.config.workers)
            }
        };
        let size = size.min(ready).min(usize::try_from(quota).unwrap_or(usize::MAX));
        // A turn that nobody takes must not age the lanes.
        if size == 0 || (self.ready.has_lone() && self.holds_back_for_lone(worker)) {
            return;
        }
        let tasks = self.take(worker, size);
        self.send(worker, tasks, now, out);
    }

    /// Tasks kept back so that every worker that is on its way finds one.
    fn reserved(&mut self, worker: WorkerId) -> usize {
        self.on_their_way(Some(worker))
    }

    /// How many workers have yet to get their first task; `but` is not counted.
    pub(super) fn on_their_way(&mut self, but: Option<WorkerId>) -> usize {
        if self.all_served {
            return 0;
        }
        let unserved = |state: &Worker| !state.served && state.incarnation <= 1;
        self.all_served = !self.workers.iter().any(unserved);
        let counts = |(index, state): &(usize, &Worker)| {
            let alive = matches!(state.phase, Phase::Starting { .. } | Phase::Running);
            but.is_none_or(|but| *index != but.index()) && alive && unserved(state)
        };
        self.workers.iter().enumerate().filter(counts).count()
    }

    /// One worker, the least laden, is kept from being filled up while a lone task waits.
    fn holds_back_for_lone(&self, worker: WorkerId) -> bool {
        let running = |id: &WorkerId| {
            self.workers.get(id.index()).is_some_and(|state| state.phase == Phase::Running && !state.lone)
        };
        let laden = |id: &WorkerId| self.workers.get(id.index()).map_or(0, Worker::outstanding);
        self.worker_ids().filter(running).min_by_key(laden) == Some(worker)
    }

    fn lease_lone(&mut self, worker: WorkerId, now: Time, out: &mut Decisions) {
        while let Some(task) = self.ready.pop_lone() {
            let Some(slot) = self.slots.get_mut(task) else { continue };
            // Cancelled ones have been taken out.
            debug_assert!(slot.state == State::Ready, "task {task} is to run alone, and is {:?}", slot.state);
            if slot.state != State::Ready {
                continue;
            }
            slot.state = State::Leased(worker);
            let attempt = slot.attempts.saturating_add(1);
            if let Some(state) = self.worker_mut(worker) {
                state.lone = true;
            }
            return self.send(worker, vec![Leases::one(task, attempt)], now, out);
        }
    }

    /// Takes up to `size` tasks for a worker, within what a message can carry.
    fn take(&mut self, worker: WorkerId, size: usize) -> Vec<Leases> {
        let mut tasks: Vec<Leases> = Vec::new();
        let (mut left, mut room) = (size.min(self.config.batch_tasks), self.config.batch_bytes);
        let slots = &mut self.slots;
        self.ready.pop_while(|run| {
            if left == 0 {
                return Pick::Enough;
            }
            match slots.lease(run, worker, left, room, tasks.is_empty()) {
                // What is no longer there or no longer ready is dropped from its lane.
                Leasing::Stale => Pick::Stale,
                Leasing::Full => Pick::Enough,
                Leasing::Leased(leases, cost) => {
                    left = left.saturating_sub(leases.run.count as usize);
                    room = room.saturating_sub(cost);
                    if !tasks.last_mut().is_some_and(|last| last.join(&leases)) {
                        tasks.push(leases);
                    }
                    Pick::Taken(leases.run.count)
                }
            }
        });
        tasks
    }

    fn send(&mut self, worker: WorkerId, tasks: Vec<Leases>, now: Time, out: &mut Decisions) {
        if tasks.is_empty() {
            return;
        }
        let id = BatchId(self.next_batch);
        self.next_batch += 1;
        let watch = self.shortest_limit();
        let Some(state) = self.worker_mut(worker) else {
            return cannot_happen!("tasks for {worker}, which is none of ours");
        };
        let count = tasks.iter().map(|leases| leases.run.count as usize).sum();
        state.served = true;
        state.leased_total += count as u64;
        state.pace.last_batch = count;
        state.watch.check_at = state.watch.check_at.or(watch.map(|limit| now.after(limit)));
        if state.is_idle() {
            state.news(now);
        }
        state.batches.push_back(Batch::new(id, tasks.clone()));
        out.orders.push_back(Order::Send { worker, batch: id, tasks });
    }

    /// Takes back what one worker has not started when another has nothing to do.
    fn recall_for_the_idle(&mut self, now: Time, out: &mut Decisions) {
        let is_idle = |state: &Worker| state.phase == Phase::Running && state.is_idle();
        if self.ready.len() > 0 || !self.workers.iter().any(is_idle) {
            return;
        }
        for worker in self.worker_ids() {
            let Some(state) = self.workers.get(worker.index()) else { continue };
            if self.is_worth_recalling(state, now) {
                return self.recall_last(worker, out);
            }
        }
    }

    /// True where a worker will be busy for a while before it starts what it could give back.
    fn is_worth_recalling(&self, state: &Worker, now: Time) -> bool {
        if state.phase != Phase::Running || state.recallable().is_none() {
            return false;
        }
        let outstanding = state.outstanding();
        let nanos = state.pace.mean.or(self.pace).nanos() * outstanding as f64;
        let worth = WORTH_RECALLING.as_nanos() as f64;
        nanos >= worth || now.since(state.watch.last_news) >= WORTH_RECALLING
    }

    fn recall_last(&mut self, worker: WorkerId, out: &mut Decisions) {
        let Some(state) = self.worker_mut(worker) else { return };
        let Some(place) = state.recallable() else { return };
        let Some(batch) = state.batches.get_mut(place) else { return };
        batch.recalled = true;
        // A worker that never looks (a stopped one) keeps a task in front, and with it its batches: what
        // was recalled still lies unread in its link, and more must not pile up there.
        let keep = usize::from(place == 0);
        out.orders.push_back(Order::Recall { worker, batch: batch.id, keep });
    }

    pub(super) fn recall_all(&mut self, worker: WorkerId, out: &mut Decisions) {
        let Some(state) = self.worker_mut(worker) else { return };
        for batch in state.batches.iter_mut().rev().filter(|batch| !batch.recalled) {
            batch.recalled = true;
            out.orders.push_back(Order::Recall { worker, batch: batch.id, keep: 0 });
        }
    }

    pub(super) fn on_recalled(
        &mut self,
        now: Time,
        worker: WorkerId,
        id: BatchId,
        started: usize,
        out: &mut Decisions,
    ) {
        let Some(state) = self.workers.get_mut(worker.index()) else { return };
        let Some(batch) = state.batches.iter_mut().find(|batch| batch.id == id) else { return };
        // Whatever stays has been started or is done: there is nothing more to recall from this batch.
        batch.recalled = true;
        let taken = batch.take_back(started);
        state.leased_total = state.leased_total.saturating_sub(taken.len() as u64);
        state.drop_finished_batches();
        if state.is_idle() {
            state.news(now);
        }
        self.give_back(&taken, out);
    }

    /// Puts tasks that were leased and not run back to the front, in their order, uncharged; those that are
    /// cancelled end here. True where there was one.
    pub(super) fn give_back(&mut self, tasks: &[TaskId], out: &mut Decisions) -> bool {
        let mut ended = false;
        for task in tasks.iter().rev() {
            let Some(slot) = self.slots.get_mut(*task) else {
                cannot_happen!("task {task} comes back, and is unknown");
                continue;
            };
            debug_assert!(slot.state != State::Ready && slot.state != State::Done, "{slot:?} comes back");
            if slot.cancelled {
                self.end_cancelled(*task, out);
                ended = true;
                continue;
            }
            slot.state = State::Ready;
            if slot.is_quarantined() {
                self.ready.push_lone(*task);
            } else {
                self.ready.push_front(slot.priority, *task);
            }
        }
        ended
    }
}
