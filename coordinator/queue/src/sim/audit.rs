//! What the queue may and must do, command by command.

use std::time::Duration;

use ids::TaskId;

use super::book::{Book, Course, Phase, Place, Told};
use super::process::Lease;
use crate::BatchSize;
use crate::Reason;
use crate::holds::holds;
use crate::{
    BatchId, Event, Fate, KillReason, Leases, Note, Order, Queue, Said, Settled, Time, Verdict, WorkerId,
};

/// Credit: batches in a worker's hands.
const CREDIT: usize = 2;

type Checked = Result<(), String>;

impl Book {
    /// Holds the queue's answer to an event against the promises.
    pub(super) fn audit(&mut self, now: Time, event: &Event<'_>, out: &[Said], queue: &Queue) -> Checked {
        self.due.reports.clear();
        self.due.blamed = None;
        self.note(now, event);
        for command in out {
            holds!(!self.run.joined, "{command:?} after the join");
            self.check(now, event, command)?;
        }
        holds!(self.due.reports.iter().all(Option::is_none), "not settled: {:?}", self.due.reports);
        holds!(self.due.blamed.is_none(), "not charged: {:?}", self.due.blamed);
        holds!(self.due.ending.is_empty(), "not cancelled: {:?}", self.due.ending);
        self.compare(queue)?;
        queue.check()?;
        self.nobody_is_waited_for(now, queue)?;
        self.nobody_idles()
    }

    fn check(&mut self, now: Time, event: &Event<'_>, command: &Said) -> Checked {
        match command {
            Said::Order(Order::Start { worker, incarnation }) => self.check_start(now, *worker, *incarnation),
            Said::Order(Order::Send { worker, batch, tasks }) => self.check_send(now, *worker, *batch, tasks),
            Said::Order(Order::Recall { worker, batch, keep }) => self.check_recall(*worker, *batch, *keep),
            Said::Order(Order::Observe { worker }) => {
                let has_limit = self.config.timeout.or(self.config.soft_timeout).is_some();
                let alive = matches!(self.phase(*worker), Phase::Running | Phase::Pilled { .. });
                let has_need = has_limit || self.seats[worker.index()].told.has_cancelled;
                holds!(has_need && alive, "{worker} is observed without need");
                Ok(())
            }
            Said::Order(Order::Pill { worker }) => self.check_pill(now, *worker),
            Said::Order(Order::Kill { worker, reason }) => self.check_kill(now, *worker, *reason),
            Said::Task(Settled::Accepted { places }) => self.check_accept(places.clone()),
            Said::Task(Settled::Charged { task, attempt, worker, reason, place, fate }) => {
                let certain = self.check_charged(event, *worker, *task, *attempt, *reason, *place)?;
                self.check_fate(now, *task, *reason, certain, *fate)
            }
            Said::Note(Note::Slow { worker, task, attempt }) => {
                self.check_slow(now, *worker, *task, *attempt)
            }
            Said::Task(Settled::Cancelled { task, attempts }) => self.check_ended(*task, *attempts),
            Said::Order(Order::Warn { worker, task }) => self.check_warned(worker.index(), *task),
            Said::Note(Note::GaveUp(_)) => {
                let hopeless = |seat: &super::book::Seat| {
                    seat.phase == Phase::Absent && seat.streak >= self.config.max_idle_starts.get()
                };
                holds!(self.run.course == Course::Work && !self.is_done(), "gave up without work");
                holds!(self.seats.iter().all(hopeless), "gave up with workers to start");
                self.run.gave_up = true;
                self.met.insert("no worker left");
                Ok(())
            }
            Said::Note(Note::Joined) => self.check_joined(),
        }
    }

    fn phase(&self, worker: WorkerId) -> Phase {
        self.seats[worker.index()].phase
    }

    fn check_start(&mut self, now: Time, worker: WorkerId, incarnation: u32) -> Checked {
        holds!(self.run.course == Course::Work && !self.is_done(), "{worker} is started without need");
        let limit = self.config.max_idle_starts.get();
        let seat = &mut self.seats[worker.index()];
        holds!(seat.phase == Phase::Absent, "{worker} is started while {:?}", seat.phase);
        holds!(incarnation == seat.incarnation + 1, "incarnation {incarnation} after {}", seat.incarnation);
        holds!(seat.streak < limit, "{worker} is started {limit} times in vain, and again");
        seat.phase = Phase::Starting { since: now };
        seat.incarnation = incarnation;
        seat.progressed = false;
        seat.told = Told::default();
        seat.total = 0;
        seat.recalled.clear();
        self.counts.restarts += u64::from(incarnation > 1);
        Ok(())
    }

    fn check_send(&mut self, now: Time, worker: WorkerId, batch: BatchId, leases: &[Leases]) -> Checked {
        let one = |leases: &Leases| {
            let attempt = leases.attempt;
            leases.tasks().map(move |task| Lease { task, attempt })
        };
        let leases: Vec<Lease> = leases.iter().flat_map(one).collect();
        let at = worker.index();
        holds!(self.run.course == Course::Work, "a batch after a stop");
        holds!(!self.run.congested, "a batch while congested");
        let seat = &self.seats[at];
        holds!(seat.phase == Phase::Running, "a batch to {worker}, which is {:?}", seat.phase);
        holds!(seat.batches.len() < CREDIT, "a third batch to {worker}");
        holds!(!leases.is_empty(), "an empty batch");
        if let BatchSize::Fixed(most) = self.config.batch {
            holds!(leases.len() <= most.get() as usize, "a batch of {}", leases.len());
        }
        let bytes: usize = leases.iter().map(|lease| self.tasks[lease.task.0 as usize].bytes).sum();
        holds!(leases.len() == 1 || bytes <= self.config.batch_bytes, "a batch of {bytes} bytes");
        let total = seat.total + leases.len() as u64;
        let most = self.config.max_tasks_per_worker.map_or(u64::MAX, Into::into);
        holds!(total <= most, "{worker} gets {total} tasks of at most {most}");
        let hands = self.hands(at);
        let quarantined = |task: TaskId| self.tasks[task.0 as usize].is_quarantined();
        let lone =
            leases.iter().any(|lease| quarantined(lease.task)) || hands.iter().any(|t| quarantined(*t));
        holds!(!lone || (hands.is_empty() && leases.len() == 1), "a quarantined task has company");
        for lease in &leases {
            self.check_lease(now, *lease)?;
            self.tasks[lease.task.0 as usize].place = Place::Leased { seat: at, batch };
        }
        let seat = &mut self.seats[at];
        if seat.batches.is_empty() {
            seat.heard = now;
        }
        seat.total = total;
        seat.served = true;
        self.met.extend((!seat.batches.is_empty()).then_some("two batches"));
        seat.batches.push_back((batch, leases.iter().map(|lease| lease.task).collect()));
        Ok(())
    }

    /// One task of a batch: it is there to be had, and nobody of its priority has waited longer.
    fn check_lease(&mut self, now: Time, lease: Lease) -> Checked {
        let task = lease.task;
        let Some(entry) = self.tasks.get(task.0 as usize) else { return Err(format!("no task {task}")) };
        holds!(entry.cancelled.is_none(), "task {task} is leased after it was cancelled");
        holds!(lease.attempt == entry.charged + 1, "{lease:?} after {} charges", entry.charged);
        let priority = entry.priority;
        match entry.place {
            Place::Fresh => {
                let next =
                    self.waiting.fresh.get_mut(&priority).and_then(std::collections::VecDeque::pop_front);
                holds!(next == Some(task), "task {task} is leased before {next:?}");
                let returned = self.waiting.returned.get(&priority).copied().unwrap_or(0);
                holds!(returned == 0, "new task {task} is leased before {returned} that came back");
            }
            Place::Returned { group } => {
                let next = self.waiting.groups[group].pop_front();
                holds!(next == Some(task), "task {task}, which came back, is leased before {next:?}");
                *self.waiting.returned.entry(priority).or_default() -= 1;
            }
            Place::Lone => {
                self.waiting.lone -= 1;
                self.met.insert("lone task");
            }
            Place::Waiting { until } => {
                holds!(until <= now, "task {task} is leased before its backoff ends")
            }
            place => return Err(format!("task {task} is leased while {place:?}")),
        }
        Ok(())
    }

    fn check_recall(&mut self, worker: WorkerId, batch: BatchId, keep: usize) -> Checked {
        let seat = &mut self.seats[worker.index()];
        let has = seat.batches.iter().any(|(id, _)| *id == batch);
        holds!(has, "{batch:?} is recalled from {worker}, which does not have it");
        holds!(!seat.recalled.contains(&batch), "{batch:?} is recalled twice");
        holds!(keep <= 1, "{keep} tasks are to stay");
        seat.recalled.push(batch);
        Ok(())
    }

    fn check_pill(&mut self, now: Time, worker: WorkerId) -> Checked {
        let over = self.is_done() || self.run.course != Course::Work;
        let most = self.config.max_tasks_per_worker.map_or(u64::MAX, Into::into);
        let seat = &mut self.seats[worker.index()];
        holds!(seat.phase == Phase::Running, "a pill for {worker}, which is {:?}", seat.phase);
        holds!(over || seat.told.recycle || seat.total >= most, "a pill for {worker} in front of work");
        self.met.insert(if over { "pill at the end" } else { "replaced worker" });
        seat.phase = Phase::Pilled { since: now };
        Ok(())
    }

    fn check_kill(&mut self, now: Time, worker: WorkerId, reason: KillReason) -> Checked {
        let seat = &self.seats[worker.index()];
        let alive = !matches!(seat.phase, Phase::Absent | Phase::Killed(_));
        holds!(alive, "{worker} is killed while {:?}", seat.phase);
        let quiet = now.since(seat.heard);
        let hands = self.hands(worker.index()).len() as u32;
        let is_stuck = |limit: Duration| quiet >= limit * (hands + 1);
        let is_late = |since: Time| {
            self.run.over_since.is_some_and(|over| now.since(over.max(since)) >= self.config.late_greeting)
        };
        let mut met = None;
        let justified = match reason {
            KillReason::Timeout(task) => seat.observed.is_some_and(|seen| {
                let late = self.config.timeout.is_some_and(|limit| now.since(seen.since) >= limit);
                met = (!late).then_some("claimed fresh starts");
                (late || self.config.timeout.is_some_and(is_stuck))
                    && seen.task == task
                    && self.has(worker.index(), task, seen.attempt)
            }),
            KillReason::Stalled => match seat.phase {
                Phase::Pilled { since } if seat.batches.is_empty() => {
                    now.since(since).min(quiet) >= self.config.start_timeout
                }
                _ => self.config.timeout.is_some_and(|limit| quiet >= limit),
            },
            KillReason::Cancelled(task) => self.may_kill_for(worker.index(), task, now),
            KillReason::Protocol => seat.told.broke,
            KillReason::StartTimeout => match seat.phase {
                Phase::Starting { since } => {
                    let timed_out = now.since(since) >= self.config.start_timeout;
                    met = (!timed_out).then_some("late greeting");
                    timed_out || is_late(since)
                }
                _ => false,
            },
            KillReason::Stop => match self.run.course {
                Course::Work => false,
                Course::Stop { until } => until <= now,
                Course::Abort => true,
            },
        };
        holds!(justified, "{worker} is killed for {reason:?}: {seat:?}");
        self.seats[worker.index()].phase = Phase::Killed(reason);
        self.met.extend(met);
        self.met.insert(match reason {
            KillReason::Timeout(_) => "timeout",
            KillReason::Stalled => "stalled worker",
            KillReason::Cancelled(_) => "cancelled while it runs",
            KillReason::Protocol => "nonsense",
            KillReason::StartTimeout => "start timeout",
            KillReason::Stop => "kill at a stop",
        });
        Ok(())
    }

    fn check_accept(&mut self, places: std::ops::Range<usize>) -> Checked {
        holds!(!places.is_empty(), "nothing is accepted");
        for index in places {
            let report = self.due.reports.get_mut(index).and_then(Option::take);
            let Some(report) = report else { return Err(format!("report {index} is accepted")) };
            holds!(Self::failed(report.verdict).is_none(), "{report:?} is accepted");
            self.finish(report.run.first);
            self.counts.ok += 1;
        }
        Ok(())
    }

    /// An attempt may be charged where a valid report says so, or where a death is its doing. True if the report
    /// says that it failed for good.
    fn check_charged(
        &mut self,
        event: &Event<'_>,
        by: WorkerId,
        task: TaskId,
        attempt: u32,
        reason: Reason,
        place: Option<usize>,
    ) -> Result<bool, String> {
        let from = match *event {
            Event::Outcomes { worker, .. } | Event::Died { worker, .. } => Some(worker),
            _ => None,
        };
        holds!(from == Some(by), "{by} is named for a charge out of {event:?}");
        let mut certain = false;
        let told = match place {
            Some(index) => {
                let report = self.due.reports.get_mut(index).and_then(Option::take);
                certain = report.is_some_and(|report| matches!(report.verdict, Verdict::FailedForGood(_)));
                report.and_then(|report| Some((report.run.first, Self::failed(report.verdict)?)))
            }
            None => self.due.blamed.take(),
        };
        self.met.insert(if place.is_some() { "charge by report" } else { "charge by death" });
        holds!(told == Some((task, reason)), "task {task} is charged {reason:?} where {told:?} is right");
        let charged = self.tasks[task.0 as usize].charged;
        holds!(attempt == charged + 1, "attempt {attempt} is charged after {charged}");
        Ok(certain)
    }

    fn check_fate(&mut self, now: Time, task: TaskId, reason: Reason, certain: bool, fate: Fate) -> Checked {
        let entry = &mut self.tasks[task.0 as usize];
        entry.charged += 1;
        let charged = entry.charged;
        let wanted = entry.cancelled.is_none();
        let may = wanted && self.config.retry_on.contains(&reason) && charged <= self.config.retries;
        let again = may && !certain;
        if may && certain {
            self.met.insert("failed for good");
        }
        match fate {
            Fate::Retry(delay) => {
                holds!(again, "task {task} is tried again after attempt {charged} and {reason:?}");
                let (least, most) = self.backoff(charged);
                holds!(least <= delay && delay <= most, "{delay:?} is not in {least:?}..{most:?}");
                self.tasks[task.0 as usize].place = Place::Waiting { until: now.after(delay) };
                self.counts.retried += 1;
            }
            Fate::Failed => {
                holds!(!again, "task {task} is not tried again after attempt {charged} and {reason:?}");
                self.finish(task);
                self.counts.failed += 1;
                self.counts.cancelled += u64::from(reason == Reason::Cancelled);
                self.met.insert("dead letter");
                let failed = self.counts.failed - self.counts.cancelled;
                if self.config.max_failures.is_some_and(|most| failed > most) {
                    self.met.insert("too many failures");
                    self.stop(now);
                }
            }
        }
        Ok(())
    }

    fn check_slow(&mut self, now: Time, worker: WorkerId, task: TaskId, attempt: u32) -> Checked {
        holds!(self.has(worker.index(), task, attempt), "{worker} is slow with what it does not have");
        let seen = self.seats[worker.index()].observed.filter(|seen| seen.task == task);
        let late = seen.zip(self.config.soft_timeout).is_some_and(|(s, soft)| now.since(s.since) >= soft);
        let entry = &mut self.tasks[task.0 as usize];
        holds!(late && !entry.slow, "task {task} is told to be slow");
        entry.slow = true;
        self.met.insert("slow task");
        Ok(())
    }

    fn check_joined(&mut self) -> Checked {
        let stopped = self.run.course != Course::Work || self.run.gave_up;
        holds!(stopped || self.is_done(), "joined with {} unfinished tasks", self.unfinished);
        let gone = self.seats.iter().all(|seat| seat.phase == Phase::Absent);
        holds!(gone, "joined with processes alive");
        self.run.joined = true;
        self.met.insert(match self.run.course {
            Course::Work => "join",
            Course::Stop { .. } => "join after a stop",
            Course::Abort => "join after an abort",
        });
        Ok(())
    }

    /// What the queue says of itself is what has happened.
    fn compare(&mut self, queue: &Queue) -> Checked {
        holds!(queue.counts() == self.counts, "{:?} is told as {:?}", self.counts, queue.counts());
        holds!(
            queue.unfinished() == self.unfinished,
            "{} unfinished, not {}",
            queue.unfinished(),
            self.unfinished
        );
        holds!(queue.is_joined() == self.run.joined, "is_joined() is {}", queue.is_joined());
        let full = self.held() > 0 && self.held_bytes >= self.config.window_bytes;
        let closed = full || !self.run.planning || self.run.course != Course::Work;
        self.met.extend((self.held() == self.config.window as u64).then_some("window full"));
        let room = if closed { 0 } else { (self.config.window as u64).saturating_sub(self.held()) };
        holds!(queue.room() as u64 == room, "room for {}, not for {room}", queue.room());
        Ok(())
    }

    /// At the end, a worker that has yet to greet gets no more than its time for that.
    fn nobody_is_waited_for(&mut self, now: Time, queue: &Queue) -> Checked {
        let over = self.is_done() || self.run.course != Course::Work;
        self.run.over_since = self.run.over_since.or(over.then_some(now));
        let Some(since) = self.run.over_since else { return Ok(()) };
        let by = since.after(self.config.late_greeting);
        let starting = self.seats.iter().any(|seat| matches!(seat.phase, Phase::Starting { .. }));
        let in_time = queue.next_deadline().is_some_and(|deadline| deadline <= by);
        holds!(!starting || in_time, "the end waits for a worker that has yet to greet");
        Ok(())
    }

    /// Nobody has empty hands while there is something to be had (beyond one task for each worker that is on
    /// its way for the first time).
    fn nobody_idles(&self) -> Checked {
        if self.run.course != Course::Work || self.run.congested {
            return Ok(());
        }
        let fresh: usize = self.waiting.fresh.values().map(std::collections::VecDeque::len).sum();
        let ready = fresh + self.waiting.returned.values().sum::<usize>();
        let is_coming = |seat: &&super::book::Seat| {
            seat.incarnation == 1 && !seat.served && matches!(seat.phase, Phase::Starting { .. })
        };
        let coming = self.seats.iter().filter(is_coming).count();
        let idle = self.seats.iter().position(|seat| seat.phase == Phase::Running && seat.batches.is_empty());
        match idle {
            Some(at) if ready > coming || self.waiting.lone > 0 => Err(format!(
                "{} idles, {ready} tasks and {} lone ones wait",
                WorkerId(at as u32),
                self.waiting.lone
            )),
            _ => Ok(()),
        }
    }
}
