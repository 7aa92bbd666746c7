//! Deaths: who is to blame, what is run again, and whether the worker is replaced.

use alloc::vec::Vec;
use core::time::Duration;

use ids::TaskId;

use super::batch::Batch;
use super::course::Course;
use super::holds::cannot_happen;
use super::slots::{Slot, State};
use super::worker::{LastWords, Phase};
use super::{Death, Decisions, KillReason, Order, Queue, Running, Settled, Time, WorkerId};
use crate::Reason;

/// How long a worker's place stays empty after a process that got nothing done; doubles each time.
const RESTART_DELAY: Duration = Duration::from_millis(10);

/// Workers that died with a task as a suspect before it is run alone.
const QUARANTINE: u8 = 2;

impl Queue {
    pub(super) fn on_died(&mut self, now: Time, worker: WorkerId, last: LastWords, out: &mut Decisions) {
        let Some(state) = self.workers.get(worker.index()) else { return };
        if matches!(state.phase, Phase::Absent { .. } | Phase::Gone) {
            return;
        }
        let (phase, death) = (state.phase, last.death);
        let leased = self.leased_by(worker);
        let running = last.running.filter(|running| self.is_its_attempt(worker, running));
        let last = LastWords { running, ..last };
        let blamed = self.blame(phase, last, &leased);
        if let Some((task, reason)) = blamed {
            self.charge_death(now, worker, task, reason, out);
        }
        let rest: Vec<TaskId> =
            leased.into_iter().filter(|task| blamed.is_none_or(|(guilty, _)| guilty != *task)).collect();
        if blamed.is_none() && is_unexplained(phase, death) {
            self.suspect(&rest, phase, last);
        }
        let ended = self.give_back(&rest, out);
        self.replace(now, worker, blamed.is_some() || ended);
        self.stop_after_failures(now, out);
    }

    /// Nobody can be blamed: whoever may have done it is watched, or run alone.
    fn suspect(&mut self, leased: &[TaskId], phase: Phase, last: LastWords) {
        let (suspects, weight) = if is_nonsense(phase, last.death) {
            // Nonsense is noticed late: whatever has run since the last report may have said it.
            (last.unreported.saturating_add(usize::from(last.running.is_some())), QUARANTINE)
        } else {
            (1, 1)
        };
        for task in leased.iter().take(suspects.max(1)) {
            if let Some(slot) = self.slots.get_mut(*task) {
                slot.suspicions = slot.suspicions.saturating_add(weight);
            }
        }
    }

    /// What a worker has in its hands, in the order in which it was sent.
    fn leased_by(&self, worker: WorkerId) -> Vec<TaskId> {
        let Some(state) = self.workers.get(worker.index()) else { return Vec::new() };
        state.batches.iter().flat_map(Batch::leased).collect()
    }

    /// A status cell is the worker's own word: it counts only where it names a task that the worker has.
    pub(super) fn is_its_attempt(&self, worker: WorkerId, running: &Running) -> bool {
        self.slots.get(running.task).is_some_and(|slot| slot.is_attempt_of(worker, running.attempt))
    }

    /// Only the running task is blamed; its batch mates never started.
    fn blame(&self, phase: Phase, last: LastWords, leased: &[TaskId]) -> Option<(TaskId, Reason)> {
        // A quarantined task was alone with the worker: whatever the cell says, nobody else can be to blame.
        let lone = || match leased {
            [task] if self.slots.get(*task).is_some_and(Slot::is_quarantined) => Some(*task),
            _ => None,
        };
        let running = last.running.map(|running| running.task);
        let reason = match (phase, last.death) {
            // Between the decision to kill and the kill, the worker may have gone on to another task.
            (Phase::Killed(KillReason::Timeout(late)), _) => {
                return running.filter(|task| *task == late).map(|task| (task, Reason::Timeout));
            }
            (Phase::Killed(KillReason::Cancelled(unwanted)), _) => {
                return running.filter(|task| *task == unwanted).map(|task| (task, Reason::Cancelled));
            }
            // Nothing ran at the last look: a value that takes too long to send, or a worker that hangs behind it.
            (Phase::Killed(KillReason::Stalled), _) => return lone().map(|task| (task, Reason::Timeout)),
            (Phase::Killed(KillReason::Protocol), _) => Reason::Protocol,
            (Phase::Killed(_), _) | (_, Death::Orderly | Death::NeverBorn) => return None,
            (_, Death::Crash(reason)) => reason,
        };
        // Nonsense may be an earlier task's, as long as that one has not been reported.
        let certain = reason != Reason::Protocol || last.unreported == 0;
        running.filter(|_| certain).or_else(lone).map(|task| (task, reason))
    }

    fn charge_death(
        &mut self,
        now: Time,
        worker: WorkerId,
        task: TaskId,
        reason: Reason,
        out: &mut Decisions,
    ) {
        let Some(slot) = self.slots.get_mut(task) else {
            return cannot_happen!("task {task} is charged, and unknown");
        };
        slot.kills = slot.kills.saturating_add(1);
        let attempt = slot.attempts.saturating_add(1);
        let fate = self.charge(now, task, reason, false);
        out.tasks.push(Settled::Charged { task, attempt, worker, reason, place: None, fate });
    }

    /// Empties a worker's hands and decides whether and when it is started again.
    fn replace(&mut self, now: Time, worker: WorkerId, ended_some: bool) {
        let limit = self.config.max_idle_starts.get();
        let wanted = self.run.course == Course::Work && (self.run.planning || self.slots.unfinished() > 0);
        let Some(state) = self.worker_mut(worker) else { return };
        // An attempt that is charged and a task that is cancelled are progress: they can't go on for ever.
        let progressed = state.progressed || ended_some;
        state.batches.clear();
        state.condemned.clear();
        state.lone = false;
        state.watch.check_at = None;
        state.idle_starts = if progressed { 0 } else { state.idle_starts.saturating_add(1) };
        state.phase = if !wanted || state.idle_starts >= limit {
            Phase::Gone
        } else {
            let doubled = 1u32.checked_shl(state.idle_starts.saturating_sub(1)).unwrap_or(u32::MAX);
            let delay = if progressed { Duration::ZERO } else { RESTART_DELAY.saturating_mul(doubled) };
            Phase::Absent { until: now.after(delay) }
        };
    }

    /// Starts the processes whose time has come.
    pub(super) fn start_absent(&mut self, now: Time, out: &mut Decisions) {
        if self.run.course != Course::Work {
            return;
        }
        let expected = now.after(self.config.late_greeting);
        let deadline = now.after(self.config.start_timeout);
        for (worker, state) in (0..).map(WorkerId).zip(&mut self.workers) {
            if matches!(state.phase, Phase::Absent { until } if until <= now) {
                state.start(expected, deadline);
                self.counts.restarts += u64::from(state.incarnation > 1);
                out.orders.push_back(Order::Start { worker, incarnation: state.incarnation });
            }
        }
    }

    /// Brings tasks back whose backoff is over.
    pub(super) fn wake_waiting(&mut self, now: Time, out: &mut Decisions) {
        while let Some(task) = self.ready.pop_due(now) {
            let waits = self.slots.get(task).is_some_and(|slot| slot.state == State::Waiting);
            if waits {
                self.give_back(&[task], out);
            }
        }
    }
}

/// True where the worker spoke nonsense.
fn is_nonsense(phase: Phase, death: Death) -> bool {
    phase == Phase::Killed(KillReason::Protocol) || death == Death::Crash(Reason::Protocol)
}

/// A death that is neither our doing alone nor an orderly end.
fn is_unexplained(phase: Phase, death: Death) -> bool {
    let theirs = |reason| matches!(reason, KillReason::Protocol | KillReason::Stalled);
    let ours = matches!(phase, Phase::Killed(reason) if !theirs(reason));
    !ours && matches!(death, Death::Crash(_))
}
