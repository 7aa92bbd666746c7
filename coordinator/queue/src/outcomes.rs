//! What workers report: each task of theirs is settled once, and nonsense is counted and ignored.

use core::ops::Range;
use core::time::Duration;

use ids::TaskId;

use super::course::Course;
use super::holds::cannot_happen;
use super::slots::{Slot, State};
use super::worker::Phase;
use super::{Decisions, Fate, Queue, Report, Settled, Time, Verdict, WorkerId};

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
        out: &mut Decisions,
    ) {
        let Some(state) = self.worker_mut(worker) else { return };
        if matches!(state.phase, Phase::Absent { .. } | Phase::Gone) {
            self.counts.ignored_reports +=
                reports.iter().map(|report| u64::from(report.run.count)).sum::<u64>();
            return;
        }
        let tasks: usize = reports.iter().map(|report| report.run.count as usize).sum();
        state.pace.mean.learn(busy, tasks);
        self.pace.learn(busy, tasks);
        let mut accepted = Accepted { places: 0..0, out: &mut *out };
        let mut settled = false;
        let mut place = 0;
        for report in reports {
            let mut tasks = report.tasks();
            while let Some(task) = tasks.next() {
                let in_order = self.accept_in_order(worker, task, 1 + tasks.len(), report);
                if let Some(others) = in_order.checked_sub(1) {
                    settled = true;
                    accepted.push(place..place + in_order);
                    place += in_order;
                    // They have been accepted with it.
                    others.checked_sub(1).and_then(|last| tasks.nth(last));
                    continue;
                }
                if self.settle(worker, task, report.attempt) {
                    settled = true;
                    self.end(
                        now,
                        worker,
                        Report::one(task, report.attempt, report.verdict),
                        place,
                        &mut accepted,
                    );
                } else {
                    self.counts.ignored_reports += 1;
                }
                place += 1;
            }
        }
        accepted.flush();
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

    /// A task that was in its worker's hands has ended there.
    fn end(
        &mut self,
        now: Time,
        worker: WorkerId,
        report: Report,
        place: usize,
        accepted: &mut Accepted<'_>,
    ) {
        let (task, attempt) = (report.run.first, report.attempt);
        match report.verdict {
            Verdict::Failed(reason) | Verdict::FailedForGood(reason) => {
                let certain = matches!(report.verdict, Verdict::FailedForGood(_));
                let fate = self.charge(now, task, reason, certain);
                accepted.out.tasks.push(Settled::Charged {
                    task,
                    attempt,
                    worker,
                    reason,
                    place: Some(place),
                    fate,
                });
            }
            Verdict::Ok => {
                accepted.push(place..place + 1);
                self.task_done(task);
                self.counts.ok += 1;
            }
        }
    }

    /// What nearly every report is, in one go: the worker's next tasks, of the right attempt, have ended well.
    /// Returns how many of the `left` tasks of this report from `task` on are that, and have been ended.
    fn accept_in_order(&mut self, worker: WorkerId, task: TaskId, left: usize, report: &Report) -> usize {
        if report.verdict != Verdict::Ok {
            return 0;
        }
        let Some(state) = self.workers.get_mut(worker.index()) else { return 0 };
        let Some(batch) = state.batches.front_mut() else { return 0 };
        let most = batch.next_in_a_row(task).min(left);
        let expected = |slot: &Slot| slot.is_attempt_of(worker, report.attempt);
        let (ended, bytes) = self.slots.finish_while(task, most, expected);
        batch.settle_next(ended);
        self.held_bytes = self.held_bytes.saturating_sub(bytes);
        self.counts.ok += ended as u64;
        ended
    }

    /// Takes a task out of a worker's hands; false where it is not there, or for another attempt.
    fn settle(&mut self, worker: WorkerId, task: TaskId, attempt: u32) -> bool {
        let Some(slot) = self.slots.get(task) else { return false };
        if !slot.is_attempt_of(worker, attempt) {
            return false;
        }
        let Some(state) = self.workers.get_mut(worker.index()) else { return false };
        let settled = state.batches.iter_mut().any(|batch| batch.settle(task));
        debug_assert!(settled, "task {task} is leased to {worker}, which has it in no batch");
        settled
    }

    /// A task has its outcome; the join waits for one less.
    pub(super) fn task_done(&mut self, task: TaskId) {
        match self.slots.finish_if(task, |_| true) {
            Some(slot) => self.held_bytes = self.held_bytes.saturating_sub(slot.bytes as usize),
            None => cannot_happen!("task {task} ends twice"),
        }
    }

    /// Ends the run where more tasks have failed than may.
    pub(super) fn stop_after_failures(&mut self, now: Time, out: &mut Decisions) {
        // What somebody has cancelled says nothing about the job.
        let failed = self.counts.failed - self.counts.cancelled;
        let too_many = self.config.max_failures.is_some_and(|max| failed > max);
        if too_many && self.run.course == Course::Work {
            self.on_stop(now, out);
        }
    }
}

/// Accepted tasks, gathered as long as their places follow each other.
struct Accepted<'a> {
    places: Range<usize>,
    out: &'a mut Decisions,
}

impl Accepted<'_> {
    fn push(&mut self, places: Range<usize>) {
        if self.places.end == places.start {
            self.places.end = places.end;
        } else {
            self.flush();
            self.places = places;
        }
    }

    fn flush(&mut self) {
        if !self.places.is_empty() {
            self.out.tasks.push(Settled::Accepted { places: self.places.clone() });
        }
    }
}

/// The fate of a task whose attempt has failed, decided in one place for all reasons.
impl Queue {
    /// Charges a task with an attempt. It is not tried again if it is `certain` to fail in the same way.
    pub(super) fn charge(&mut self, now: Time, task: TaskId, reason: crate::Reason, certain: bool) -> Fate {
        let again = !certain && self.config.retry_on.contains(&reason);
        let retries = self.config.retries;
        let Some(slot) = self.slots.get_mut(task) else {
            cannot_happen!("task {task} is charged, and unknown");
            return Fate::Failed;
        };
        slot.attempts = slot.attempts.saturating_add(1);
        let attempts = slot.attempts;
        if !again || attempts > retries || slot.cancelled {
            self.task_done(task);
            self.counts.failed += 1;
            self.counts.cancelled += u64::from(reason == crate::Reason::Cancelled);
            return Fate::Failed;
        }
        slot.state = State::Waiting;
        let delay = self.backoff(task, attempts);
        self.ready.push_waiting(now.after(delay), task);
        self.counts.retried += 1;
        Fate::Retry(delay)
    }

    /// Exponential, with a jitter of a half to three halves that depends on the seed only.
    fn backoff(&self, task: TaskId, attempts: u32) -> Duration {
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
