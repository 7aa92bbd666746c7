//! What workers report: each task of theirs is settled once, and nonsense is counted and ignored.

use std::time::Duration;

use super::slots::Slot;
use super::worker::mix;
use super::{Command, Course, Fate, Phase, Queue, Report, Time, Verdict, WorkerId, is_leased_by};

impl Queue {
    pub(super) fn on_started(&mut self, now: Time, worker: WorkerId) {
        let Some(state) = self.worker_mut(worker) else { return };
        if matches!(state.phase, Phase::Starting { .. }) {
            state.phase = Phase::Running;
            state.news(now);
        }
    }

    pub(super) fn on_outcomes(
        &mut self,
        now: Time,
        worker: WorkerId,
        busy: Duration,
        reports: &[Report],
        out: &mut Vec<Command>,
    ) {
        let Some(state) = self.worker_mut(worker) else { return };
        if matches!(state.phase, Phase::Absent { .. } | Phase::Gone) {
            self.counts.ignored_reports += reports.len() as u64;
            return;
        }
        state.learn(busy, reports.len());
        self.estimate = Some(mix(self.estimate, busy, reports.len()));
        let mut accepted = 0..0;
        let mut settled = false;
        for (index, report) in reports.iter().enumerate() {
            if accepted.end == index && self.accept_in_order(worker, report) {
                accepted.end += 1;
                continue;
            }
            if !self.settle(worker, report) {
                self.counts.ignored_reports += 1;
                continue;
            }
            settled = true;
            if let Verdict::Failed(reason) = report.verdict {
                let fate = self.charge(now, report.task, reason);
                let (task, attempt) = (report.task, report.attempt);
                out.push(Command::Charge { task, attempt, worker, reason, report: Some(index), fate });
                continue;
            }
            if accepted.end != index {
                push_accepted(std::mem::replace(&mut accepted, index..index), out);
            }
            accepted.end = index + 1;
            self.finish(report.task);
            self.counts.ok += 1;
        }
        settled |= !accepted.is_empty();
        push_accepted(accepted, out);
        let Some(state) = self.worker_mut(worker) else { return };
        // Reports that are ignored get nothing done: they must not keep a hopeless worker alive, nor one that
        // chatters where it should go.
        if settled {
            state.news(now);
            state.progressed = true;
            state.idle_starts = 0;
        }
        state.drop_finished_batches();
        self.stop_after_failures(now, out);
    }

    /// What nearly every report is, in one go: the worker's next task, of the right attempt, has ended well. False
    /// where it is anything else, and nothing has changed.
    #[inline]
    fn accept_in_order(&mut self, worker: WorkerId, report: &Report) -> bool {
        let Some(state) = self.workers.get_mut(worker.index()) else { return false };
        let Some(batch) = state.batches.front_mut().filter(|batch| batch.is_next(report.task)) else {
            return false;
        };
        if report.verdict != Verdict::Ok {
            return false;
        }
        let expected =
            |slot: &Slot| is_leased_by(slot, worker) && slot.attempts.saturating_add(1) == report.attempt;
        let Some(slot) = self.slots.finish_if(report.task, expected) else { return false };
        batch.settle_next();
        self.held_bytes = self.held_bytes.saturating_sub(slot.bytes as usize);
        self.counts.ok += 1;
        true
    }

    /// Takes a task out of a worker's hands; false where it is not there, or for another attempt.
    fn settle(&mut self, worker: WorkerId, report: &Report) -> bool {
        let Some(slot) = self.slots.get(report.task) else { return false };
        if !is_leased_by(slot, worker) || slot.attempts.saturating_add(1) != report.attempt {
            return false;
        }
        let Some(state) = self.workers.get_mut(worker.index()) else { return false };
        state.batches.iter_mut().any(|batch| batch.settle(report.task))
    }

    pub(super) fn finish(&mut self, task: protocol::TaskId) {
        if let Some(slot) = self.slots.finish_if(task, |_| true) {
            self.held_bytes = self.held_bytes.saturating_sub(slot.bytes as usize);
        }
    }

    /// Ends the run where more tasks have failed than may.
    pub(super) fn stop_after_failures(&mut self, now: Time, out: &mut Vec<Command>) {
        // What somebody has cancelled says nothing about the job.
        let failed = self.counts.failed - self.counts.cancelled;
        let too_many = self.config.max_failures.is_some_and(|max| failed > max);
        if too_many && self.course == Course::Work {
            self.on_stop(now, out);
        }
    }
}

fn push_accepted(reports: std::ops::Range<usize>, out: &mut Vec<Command>) {
    if !reports.is_empty() {
        out.push(Command::Accept { reports });
    }
}

/// The fate of a task whose attempt has failed, decided in one place for all reasons.
impl Queue {
    pub(super) fn charge(
        &mut self,
        now: Time,
        task: protocol::TaskId,
        reason: crate::outcome::Reason,
    ) -> Fate {
        let again = self.config.retry_on.contains(&reason);
        let retries = self.config.retries;
        let Some(slot) = self.slots.get_mut(task) else { return Fate::Failed };
        slot.attempts = slot.attempts.saturating_add(1);
        let attempts = slot.attempts;
        if !again || attempts > retries || slot.cancelled {
            self.finish(task);
            self.counts.failed += 1;
            self.counts.cancelled += u64::from(reason == crate::outcome::Reason::Cancelled);
            return Fate::Failed;
        }
        slot.state = super::State::Waiting;
        let delay = self.backoff(task, attempts);
        self.ready.push_waiting(now.after(delay), task);
        self.counts.retried += 1;
        Fate::Retry(delay)
    }

    /// Exponential, with a jitter of a half to three halves that depends on the seed only.
    fn backoff(&self, task: protocol::TaskId, attempts: u32) -> Duration {
        let doubled = 1u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let delay = self.config.backoff.saturating_mul(doubled).min(self.config.backoff_limit);
        let random = split_mix(self.config.seed ^ split_mix(task.0) ^ u64::from(attempts));
        let half = delay / 2;
        // 1024 steps of jitter are as good as a continuum.
        half.saturating_add(delay.saturating_mul((random % 1024) as u32) / 1024)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
fn split_mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
