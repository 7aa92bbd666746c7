//! The ends: a stop, an abort, the poison pill behind the last task, and the join.

use super::course::Course;
use super::worker::Phase;
use super::{Decisions, GiveUp, KillReason, Note, Order, Queue, Time, WorkerId};

impl Queue {
    /// A stop request: what is unstarted comes back, what runs may finish.
    pub(super) fn on_stop(&mut self, now: Time, out: &mut Decisions) {
        if self.run.course != Course::Work {
            return;
        }
        self.run.course = Course::Stop { until: now.after(self.config.grace) };
        for worker in self.worker_ids() {
            self.recall_all(worker, out);
        }
    }

    pub(super) fn on_abort(&mut self, out: &mut Decisions) {
        self.run.course = Course::Abort;
        for worker in self.worker_ids() {
            self.kill(worker, KillReason::Stop, out);
        }
    }

    pub(super) fn on_recycle(&mut self, now: Time, worker: WorkerId, out: &mut Decisions) {
        if self.workers.get(worker.index()).is_some_and(|state| state.phase == Phase::Running) {
            self.poison_pill(now, worker, out);
        }
    }

    /// No more tasks go to this worker: it does what it has, and ends.
    fn poison_pill(&mut self, now: Time, worker: WorkerId, out: &mut Decisions) {
        let Some(state) = self.worker_mut(worker) else { return };
        state.leave(now);
        out.orders.push_back(Order::Pill { worker });
    }

    pub(super) fn on_broke(&mut self, worker: WorkerId, out: &mut Decisions) {
        self.kill(worker, KillReason::Protocol, out);
    }

    /// Sends a worker to its death; it counts as alive until its death is reported.
    pub(super) fn kill(&mut self, worker: WorkerId, reason: KillReason, out: &mut Decisions) {
        let Some(state) = self.worker_mut(worker) else { return };
        match state.phase {
            Phase::Starting { .. } | Phase::Running | Phase::Leaving => {
                state.phase = Phase::Killed(reason);
                out.orders.push_back(Order::Kill { worker, reason });
            }
            Phase::Absent { .. } | Phase::Killed(_) | Phase::Gone => {}
        }
    }

    /// Ends what is over: pills behind the last task, then the join.
    pub(super) fn join(&mut self, now: Time, out: &mut Decisions) {
        let done = self.slots.unfinished() == 0 && !self.run.planning;
        if !done && self.run.course == Course::Work {
            return self.give_up_if_nobody_is_left(out);
        }
        let greeting_by = now.after(self.config.late_greeting);
        for worker in self.worker_ids() {
            let Some(state) = self.worker_mut(worker) else { continue };
            match state.phase {
                Phase::Running if state.is_idle() => self.poison_pill(now, worker, out),
                Phase::Starting { until } => {
                    state.phase = Phase::Starting { until: until.min(greeting_by) };
                }
                // A worker that still has to greet is not waited for where nobody has work for it.
                Phase::Absent { .. } => state.phase = Phase::Gone,
                _ => {}
            }
        }
        let all_gone = self.workers.iter().all(|worker| worker.phase == Phase::Gone);
        if all_gone && !self.run.joined {
            self.run.joined = true;
            out.notes.push(Note::Joined);
        }
    }

    fn give_up_if_nobody_is_left(&mut self, out: &mut Decisions) {
        let all_gone = self.workers.iter().all(|worker| worker.phase == Phase::Gone);
        if all_gone && !self.run.joined {
            self.run.joined = true;
            let starts = self.workers.iter().map(|worker| u64::from(worker.incarnation)).sum();
            out.notes.push(Note::GaveUp(GiveUp { starts }));
            out.notes.push(Note::Joined);
        }
    }
}
