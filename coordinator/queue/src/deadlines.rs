//! Time limits: of tasks, of starts, of graces.

use core::time::Duration;

use super::course::Course;
use super::worker::{Phase, Worker};
use super::{Decisions, KillReason, Note, Order, Queue, Running, Time, WorkerId};

/// How soon a silent worker's unstarted tasks are looked at again when others have nothing to do.
const RECALL_CHECK: Duration = Duration::from_millis(1);

impl Queue {
    pub(super) fn on_tick(&mut self, now: Time, out: &mut Decisions) {
        self.wake_waiting(now, out);
        self.start_absent(now, out);
        for worker in self.worker_ids() {
            self.check_worker(now, worker, out);
        }
        if matches!(self.run.course, Course::Stop { until } if until <= now) {
            self.on_abort(out);
        }
    }

    fn check_worker(&mut self, now: Time, worker: WorkerId, out: &mut Decisions) {
        let limit = self.config.start_timeout;
        let Some(state) = self.worker_mut(worker) else { return };
        match state.phase {
            // A stopped process does not obey its pill, and the join must not wait for it.
            Phase::Leaving if state.must_leave_by(limit).is_some_and(|by| by <= now) => {
                self.kill(worker, KillReason::Stalled, out);
            }
            Phase::Starting { until } if until <= now => self.kill(worker, KillReason::StartTimeout, out),
            // No task waits any longer for one that may never greet.
            Phase::Starting { .. } => state.served |= state.expected_until <= now,
            Phase::Running | Phase::Leaving if state.watch.check_at.is_some_and(|at| at <= now) => {
                // The answer sets the next look.
                state.watch.check_at = None;
                out.orders.push_back(Order::Observe { worker });
            }
            _ => {}
        }
    }

    pub(super) fn on_observed(
        &mut self,
        now: Time,
        worker: WorkerId,
        running: Option<Running>,
        out: &mut Decisions,
    ) {
        // An answer that comes late may speak of an attempt that is over.
        let running = running.filter(|running| self.is_its_attempt(worker, running));
        let Some(state) = self.workers.get_mut(worker.index()) else { return };
        if !matches!(state.phase, Phase::Running | Phase::Leaving) || state.is_idle() {
            return;
        }
        if self.end_condemned(now, worker, running, out) {
            return;
        }
        if let Some(limit) = self.shortest_limit() {
            self.check_limits(now, worker, running, limit, out);
        }
        self.look_again_at_condemned(now, worker);
    }

    fn check_limits(
        &mut self,
        now: Time,
        worker: WorkerId,
        running: Option<Running>,
        limit: Duration,
        out: &mut Decisions,
    ) {
        let Some(state) = self.workers.get_mut(worker.index()) else { return };
        let slot = running.and_then(|running| self.slots.get_mut(running.task).map(|slot| (running, slot)));
        let Some((running, slot)) = slot else {
            return self.on_observed_idle(now, worker, limit, out);
        };
        // A cell is the worker's own word: what it says to begin in an hour counts from now.
        let since = running.since.min(now);
        let elapsed = now.since(since);
        let (task, attempt) = (running.task, running.attempt);
        // So does what it says, at every look, to have begun just now: it has not ended one task in the time that
        // all of its tasks may take.
        let tasks = u32::try_from(state.outstanding()).unwrap_or(u32::MAX).saturating_add(1);
        let quiet = now.since(state.watch.last_news);
        let is_over = |timeout: Duration| elapsed >= timeout || quiet >= timeout.saturating_mul(tasks);
        if self.config.timeout.is_some_and(is_over) {
            return self.kill(worker, KillReason::Timeout(task), out);
        }
        let soft = self.config.soft_timeout;
        if !slot.slow && soft.is_some_and(|soft| elapsed >= soft) {
            slot.slow = true;
            out.notes.push(Note::Slow { worker, task, attempt });
        }
        // What is known to be slow has only its hard limit to meet, but a task behind it may begin at any
        // time and meet the soft one.
        let own = if slot.slow { self.config.timeout } else { Some(limit) };
        let next = own.map(|limit| since.after(limit)).into_iter();
        let next = next.chain(soft.filter(|_| slot.slow).map(|soft| now.after(soft))).min();
        state.watch.check_at = next.map(|next| next.max(now.after(MIN_RECHECK)));
    }

    /// A worker that has tasks and runs none is between two, or stopped. A whole limit without news between
    /// two such looks tells.
    fn on_observed_idle(&mut self, now: Time, worker: WorkerId, limit: Duration, out: &mut Decisions) {
        let hard = self.config.timeout;
        let Some(state) = self.worker_mut(worker) else { return };
        let quiet = now.since(state.watch.last_news);
        if state.watch.silent && hard.is_some_and(|hard| quiet >= hard) {
            return self.kill(worker, KillReason::Stalled, out);
        }
        state.watch.silent = true;
        state.watch.check_at = Some(now.after(limit));
    }

    /// The limit that a running task meets first.
    pub(super) fn shortest_limit(&self) -> Option<Duration> {
        match (self.config.timeout, self.config.soft_timeout) {
            (Some(hard), Some(soft)) => Some(hard.min(soft)),
            (hard, soft) => hard.or(soft),
        }
    }

    /// True where a task has been seen to pass the soft limit.
    pub fn was_slow(&self, task: ids::TaskId) -> bool {
        self.slots.get(task).is_some_and(|slot| slot.slow)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        if self.run.joined {
            return None;
        }
        let course = match self.run.course {
            Course::Stop { until } => Some(until),
            Course::Work | Course::Abort => None,
        };
        let due = if self.run.course == Course::Work { self.ready.next_due() } else { None };
        self.workers.iter().filter_map(|state| self.worker_deadline(state)).chain(course).chain(due).min()
    }

    fn worker_deadline(&self, state: &Worker) -> Option<Time> {
        match state.phase {
            Phase::Absent { until } => Some(until),
            Phase::Starting { until } if state.served => Some(until),
            Phase::Starting { until } => Some(until.min(state.expected_until)),
            Phase::Running | Phase::Leaving => {
                let recall = self.waits_for_recall(state).then(|| state.watch.last_news.after(RECALL_CHECK));
                let leave = state.must_leave_by(self.config.start_timeout);
                state.watch.check_at.into_iter().chain(recall).chain(leave).min()
            }
            Phase::Killed(_) | Phase::Gone => None,
        }
    }

    /// True where somebody has nothing to do and this worker has something that it may not start soon.
    fn waits_for_recall(&self, state: &Worker) -> bool {
        let is_idle = |state: &Worker| state.phase == Phase::Running && state.is_idle();
        self.run.course == Course::Work
            && !self.run.congested
            && self.ready.len() == 0
            && state.phase == Phase::Running
            && state.recallable().is_some()
            && self.workers.iter().any(is_idle)
    }
}

/// A look that comes a moment too early must not lead to a busy loop.
const MIN_RECHECK: Duration = Duration::from_millis(1);
