//! Cancelled tasks: what waits ends at once, what a worker has not begun is taken back, what runs is killed.
//!
//! The queue can't know what a worker runs, so it takes back what can be had, looks into the status cell, and
//! kills the worker where the cell names the cancelled task. A worker that keeps it without running it (it is
//! about to begin, or has ended it, or is stopped) is looked at again, and in the end killed as well.

use core::time::Duration;

use ids::TaskId;

use super::slots::State;
use super::worker::{Condemned, Phase};
use super::{Decisions, Order, Queue, Running, Settled, Time, WorkerId};

/// How long a worker may keep a cancelled task that it does not seem to run.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// How soon a worker with a cancelled task is looked at again.
const LOOK: Duration = Duration::from_millis(1);

impl Queue {
    pub(super) fn on_cancel(&mut self, now: Time, tasks: &[TaskId], out: &mut Decisions) {
        if self.run.joined {
            return;
        }
        for task in tasks {
            self.cancel(now, *task, out);
        }
        for worker in self.worker_ids() {
            let Some(state) = self.workers.get(worker.index()) else { continue };
            if state.condemned.iter().any(|condemned| condemned.since == now) {
                out.orders.push_back(Order::Observe { worker });
            }
        }
    }

    fn cancel(&mut self, now: Time, task: TaskId, out: &mut Decisions) {
        let Some(slot) = self.slots.get_mut(task) else { return };
        match slot.state {
            State::Done => {}
            State::Waiting => self.end_cancelled(task, out),
            State::Ready => {
                let priority = slot.priority;
                self.end_cancelled(task, out);
                let slots = &self.slots;
                let is_stale = |task| slots.get(task).is_none_or(|slot| slot.state != State::Ready);
                self.ready.forget(priority, task, is_stale);
            }
            State::Leased(worker) if !slot.cancelled => {
                slot.cancelled = true;
                self.condemn(now, worker, task, out);
            }
            State::Leased(_) => {}
        }
    }

    /// A worker has it: everything that the worker has not begun of that batch comes back.
    fn condemn(&mut self, now: Time, worker: WorkerId, task: TaskId, out: &mut Decisions) {
        let Some(state) = self.worker_mut(worker) else { return };
        // Whoever is being killed gives it back anyway.
        if !matches!(state.phase, Phase::Running | Phase::Leaving) {
            return;
        }
        state.condemned.push(Condemned { task, since: now, warned: false });
        let mut batches = state.batches.iter_mut().enumerate();
        if let Some((place, batch)) = batches.find(|(_, batch)| batch.holds(task))
            && !batch.recalled
        {
            batch.recalled = true;
            // As in `recall_last`: what lies unread in a link must not pile up.
            out.orders.push_back(Order::Recall { worker, batch: batch.id, keep: usize::from(place == 0) });
        }
    }

    /// Ends a task that nobody runs.
    pub(super) fn end_cancelled(&mut self, task: TaskId, out: &mut Decisions) {
        let attempts = self.slots.get(task).map_or(0, |slot| slot.attempts);
        self.task_done(task);
        self.counts.failed += 1;
        self.counts.cancelled += 1;
        out.tasks.push(Settled::Cancelled { task, attempts });
    }

    /// Kills a worker that runs a cancelled task, or has kept one for long. True where it did.
    pub(super) fn end_condemned(
        &mut self,
        now: Time,
        worker: WorkerId,
        running: Option<Running>,
        out: &mut Decisions,
    ) -> bool {
        let Some(state) = self.workers.get_mut(worker.index()) else { return false };
        let slots = &self.slots;
        let is_here = |task| slots.get(task).is_some_and(|slot| slot.cancelled && slot.is_leased_by(worker));
        state.condemned.retain(|condemned| is_here(condemned.task));
        let grace = self.config.cancel_grace;
        for condemned in &mut state.condemned {
            let is_running = running.is_some_and(|running| running.task == condemned.task);
            let limit = if is_running { grace } else { grace + PATIENCE };
            if now.since(condemned.since) >= limit {
                let task = condemned.task;
                self.kill(worker, super::KillReason::Cancelled(task), out);
                return true;
            }
            if is_running && !core::mem::replace(&mut condemned.warned, true) {
                out.orders.push_back(Order::Warn { worker, task: condemned.task });
            }
        }
        false
    }

    pub(super) fn look_again_at_condemned(&mut self, now: Time, worker: WorkerId) {
        let Some(state) = self.worker_mut(worker) else { return };
        if !state.condemned.is_empty() {
            let soon = now.after(LOOK);
            state.watch.check_at = Some(state.watch.check_at.map_or(soon, |at| at.min(soon)));
        }
    }
}
