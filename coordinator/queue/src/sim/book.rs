//! The checker's own bookkeeping: what has happened, and what must follow from it. It never looks into the
//! queue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ids::TaskId;

use crate::Reason;
use crate::holds::holds;
use crate::{
    BatchId, Counts, Death, Event, KillReason, QueueConfig, Report, Running, Time, Verdict, WorkerId,
};

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It has never been leased.
    Fresh,
    /// It was leased and came back uncharged, together with the others of this group.
    Returned {
        group: usize,
    },
    /// It came back uncharged and must run alone.
    Lone,
    /// It was charged, and is not tried again before then.
    Waiting {
        until: Time,
    },
    /// A worker has it, as this one of a batch.
    Leased {
        seat: usize,
        batch: BatchId,
    },
    /// A report has just ended this lease; the queue's answer is awaited.
    Reported,
    /// It has just been cancelled; the queue's answer is awaited.
    Ending,
    Done,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) bytes: usize,
    pub(super) priority: i32,
    pub(super) charged: u32,
    pub(super) kills: u32,
    pub(super) suspicions: u32,
    pub(super) slow: bool,
    /// When it was cancelled.
    pub(super) cancelled: Option<Time>,
}

impl Entry {
    pub(super) fn is_quarantined(&self) -> bool {
        self.kills >= 2 || self.suspicions >= 2
    }
}

/// Where a worker's process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Absent,
    Starting { since: Time },
    Running,
    Pilled { since: Time },
    Killed(KillReason),
}

/// What the queue has been told of a process.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) recycle: bool,
    pub(super) broke: bool,
    /// A task was cancelled while it had it.
    pub(super) has_cancelled: bool,
}

/// What is known of a worker's place.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) phase: Phase,
    pub(super) incarnation: u32,
    /// Processes in a row that got nothing done.
    pub(super) streak: u32,
    pub(super) progressed: bool,
    /// It has had a batch, in this process or an earlier one, or is not expected any more.
    pub(super) served: bool,
    /// Batches in its hands, as they were sent; one behind an unfinished one counts.
    pub(super) batches: VecDeque<(BatchId, Vec<TaskId>)>,
    /// Batches that were recalled.
    pub(super) recalled: Vec<BatchId>,
    /// Tasks leased to this process and not taken back.
    pub(super) total: u64,
    pub(super) told: Told,
    pub(super) observed: Option<Running>,
    pub(super) heard: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    Work,
    Stop { until: Time },
    Abort,
}

/// How far the run has come.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) course: Course,
    pub(super) planning: bool,
    pub(super) congested: bool,
    pub(super) joined: bool,
    pub(super) gave_up: bool,
    /// Since when no task needs a worker any more.
    pub(super) over_since: Option<Time>,
}

/// Tasks that wait to be leased.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Never leased, by priority, in the order of their ids.
    pub(super) fresh: BTreeMap<i32, VecDeque<TaskId>>,
    /// How many have come back uncharged and wait in a lane, by priority.
    pub(super) returned: BTreeMap<i32, usize>,
    pub(super) groups: Vec<VecDeque<TaskId>>,
    pub(super) lone: usize,
}

/// What the queue's answer to the event at hand must tell.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// Reports that must be settled.
    pub(super) reports: Vec<Option<Report>>,
    /// The charge that a death must lead to.
    pub(super) blamed: Option<(TaskId, Reason)>,
    /// Cancelled tasks that nobody has any more: they must be told to have ended.
    pub(super) ending: BTreeSet<TaskId>,
}

/// Everything that has happened.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) config: QueueConfig,
    pub(super) tasks: Vec<Entry>,
    pub(super) seats: Vec<Seat>,
    pub(super) run: Run,
    pub(super) counts: Counts,
    pub(super) unfinished: u64,
    pub(super) held_bytes: usize,
    pub(super) waiting: Waiting,
    pub(super) due: Due,
    /// What this run has met, so that seeds that meet nothing are noticed.
    pub(super) met: BTreeSet<&'static str>,
}

impl Book {
    pub(super) fn new(config: QueueConfig) -> Self {
        let seat = || Seat {
            phase: Phase::Absent,
            incarnation: 0,
            streak: 0,
            progressed: false,
            served: false,
            batches: VecDeque::new(),
            recalled: Vec::new(),
            total: 0,
            told: Told::default(),
            observed: None,
            heard: Time(0),
        };
        Self {
            seats: (0..config.workers).map(|_| seat()).collect(),
            config,
            tasks: Vec::new(),
            run: Run {
                course: Course::Work,
                planning: true,
                congested: false,
                joined: false,
                gave_up: false,
                over_since: None,
            },
            counts: Counts::default(),
            unfinished: 0,
            held_bytes: 0,
            waiting: Waiting::default(),
            due: Due::default(),
            met: BTreeSet::new(),
        }
    }

    /// A task was put or, with `done`, skipped.
    pub(super) fn put(
        &mut self,
        task: TaskId,
        bytes: usize,
        priority: i32,
        done: bool,
    ) -> Result<(), String> {
        holds!(task.0 as usize == self.tasks.len(), "task {task} was put as number {}", self.tasks.len());
        let place = if done { Place::Done } else { Place::Fresh };
        self.tasks.push(Entry {
            place,
            bytes,
            priority,
            charged: 0,
            kills: 0,
            suspicions: 0,
            slow: false,
            cancelled: None,
        });
        self.counts.planned += 1;
        if !done {
            self.unfinished += 1;
            self.held_bytes += bytes;
            self.waiting.fresh.entry(priority).or_default().push_back(task);
        }
        let held = self.held();
        holds!(held <= self.config.window as u64, "{held} tasks are held");
        Ok(())
    }

    /// What counts towards the window.
    pub(super) fn held(&self) -> u64 {
        self.unfinished
    }

    pub(super) fn finish(&mut self, task: TaskId) {
        let entry = &mut self.tasks[task.0 as usize];
        entry.place = Place::Done;
        self.held_bytes -= entry.bytes;
        self.unfinished -= 1;
    }

    /// True where this worker has the task for this attempt.
    pub(super) fn has(&self, seat: usize, task: TaskId, attempt: u32) -> bool {
        self.tasks.get(task.0 as usize).is_some_and(|entry| {
            matches!(entry.place, Place::Leased { seat: holder, .. } if holder == seat)
                && entry.charged + 1 == attempt
        })
    }

    /// Takes in what has happened, before the queue's answer is looked at.
    pub(super) fn note(&mut self, now: Time, event: &Event<'_>) {
        match *event {
            Event::Tick => {
                for seat in &mut self.seats {
                    let late = |since: Time| now >= since.after(self.config.late_greeting);
                    seat.served |= matches!(seat.phase, Phase::Starting { since } if late(since));
                }
            }
            Event::PlanEnded => self.run.planning = false,
            Event::Congested(congested) => self.run.congested = congested,
            Event::Started { worker } => self.note_started(now, worker),
            Event::Outcomes { worker, reports, .. } => self.note_outcomes(now, worker, reports),
            Event::Recalled { worker, batch, started } => self.note_recalled(worker, batch, started),
            Event::Observed { worker, running } => self.seats[worker.index()].observed = running,
            Event::Recycle { worker } => self.seats[worker.index()].told.recycle = true,
            Event::Broke { worker } => self.seats[worker.index()].told.broke = true,
            Event::Died { worker, running, unreported, death } => {
                self.note_died(worker, running, unreported, death);
            }
            Event::Cancel { tasks } => self.note_cancelled(now, tasks),
            Event::Stop => self.stop(now),
            Event::Abort => self.run.course = Course::Abort,
        }
    }

    pub(super) fn stop(&mut self, now: Time) {
        if self.run.course == Course::Work {
            self.run.course = Course::Stop { until: now.after(self.config.grace) };
        }
    }

    fn note_started(&mut self, now: Time, worker: WorkerId) {
        let seat = &mut self.seats[worker.index()];
        if matches!(seat.phase, Phase::Starting { .. }) {
            seat.phase = Phase::Running;
            seat.heard = now;
        }
    }

    fn note_outcomes(&mut self, now: Time, worker: WorkerId, reports: &[Report]) {
        let at = worker.index();
        let one = |report: &Report| {
            let Report { attempt, verdict, .. } = *report;
            report.tasks().map(move |task| Report::one(task, attempt, verdict))
        };
        for report in reports.iter().flat_map(one) {
            let valid = self.has(at, report.run.first, report.attempt);
            if valid {
                self.tasks[report.run.first.0 as usize].place = Place::Reported;
                self.seats[at].heard = now;
                self.seats[at].progressed = true;
                self.seats[at].streak = 0;
            } else {
                self.counts.ignored_reports += 1;
                self.met.insert("ignored report");
            }
            self.due.reports.push(valid.then_some(report));
        }
        self.drop_finished_batches(at);
    }

    fn drop_finished_batches(&mut self, at: usize) {
        while let Some((batch, tasks)) = self.seats[at].batches.front() {
            let lease = Place::Leased { seat: at, batch: *batch };
            if tasks.iter().any(|task| self.tasks[task.0 as usize].place == lease) {
                break;
            }
            self.seats[at].batches.pop_front();
        }
    }

    fn note_recalled(&mut self, worker: WorkerId, batch: BatchId, started: usize) {
        let at = worker.index();
        let Some((_, tasks)) = self.seats[at].batches.iter().find(|(id, _)| *id == batch) else { return };
        let lease = Place::Leased { seat: at, batch };
        let unstarted = tasks.iter().skip(started).copied();
        let back: Vec<TaskId> = unstarted.filter(|task| self.tasks[task.0 as usize].place == lease).collect();
        self.seats[at].total -= back.len() as u64;
        self.met.extend((!back.is_empty()).then_some("recalled tasks"));
        self.give_back(&back, "cancelled and taken back");
        self.drop_finished_batches(at);
    }

    fn note_died(&mut self, worker: WorkerId, running: Option<Running>, unreported: usize, death: Death) {
        let at = worker.index();
        let phase = self.seats[at].phase;
        if phase == Phase::Absent {
            self.met.insert("death of the dead");
            return;
        }
        let running = running.filter(|running| self.has(at, running.task, running.attempt));
        let mut hands = self.hands(at);
        let nonsense =
            phase == Phase::Killed(KillReason::Protocol) || death == Death::Crash(Reason::Protocol);
        // Nonsense is noticed late: any of those that have run since the last report may have said it.
        let may_be = unreported + usize::from(running.is_some());
        let known = running.map(|running| running.task).filter(|_| !nonsense || unreported == 0);
        self.due.blamed = self.blame(phase, known, death, &hands);
        if let Some((task, _)) = self.due.blamed {
            self.tasks[task.0 as usize].kills += 1;
            hands.retain(|other| *other != task);
        } else if let (Death::Crash(_), Some(first)) = (death, hands.first())
            && match phase {
                Phase::Killed(reason) => matches!(reason, KillReason::Protocol | KillReason::Stalled),
                _ => true,
            }
        {
            let first = *first;
            if nonsense {
                for task in hands.iter().take(may_be.max(1)) {
                    self.tasks[task.0 as usize].suspicions += 2;
                }
            } else {
                self.tasks[first.0 as usize].suspicions += 1;
            }
            self.met.insert("suspicion");
        }
        self.give_back(&hands, "cancelled at a death");
        let ended = self.due.blamed.is_some() || !self.due.ending.is_empty();
        let progressed = self.seats[at].progressed || ended;
        let seat = &mut self.seats[at];
        seat.streak = if progressed { 0 } else { seat.streak + 1 };
        seat.phase = Phase::Absent;
        seat.batches.clear();
        seat.observed = None;
    }

    /// What a worker has, in the order in which it was sent.
    pub(super) fn hands(&self, at: usize) -> Vec<TaskId> {
        let all =
            self.seats[at].batches.iter().flat_map(|(batch, tasks)| tasks.iter().map(move |t| (*batch, *t)));
        let leased = |(batch, task): &(BatchId, TaskId)| {
            self.tasks[task.0 as usize].place == Place::Leased { seat: at, batch: *batch }
        };
        all.filter(leased).map(|(_, task)| task).collect()
    }

    /// Who is to be charged for a death, and with what.
    fn blame(
        &self,
        phase: Phase,
        running: Option<TaskId>,
        death: Death,
        hands: &[TaskId],
    ) -> Option<(TaskId, Reason)> {
        let alone = match hands {
            [task] if self.tasks[task.0 as usize].is_quarantined() => Some(*task),
            _ => None,
        };
        match (phase, death) {
            (Phase::Killed(KillReason::Timeout(late)), _) => {
                (running == Some(late)).then_some((late, Reason::Timeout))
            }
            (Phase::Killed(KillReason::Cancelled(unwanted)), _) => {
                (running == Some(unwanted)).then_some((unwanted, Reason::Cancelled))
            }
            (Phase::Killed(KillReason::Stalled), _) => Some((alone?, Reason::Timeout)),
            (Phase::Killed(KillReason::Protocol), _) => Some((running.or(alone)?, Reason::Protocol)),
            (Phase::Killed(_), _) => None,
            (_, Death::Crash(reason)) => Some((running.or(alone)?, reason)),
            (_, Death::Orderly | Death::NeverBorn) => None,
        }
    }

    fn give_back(&mut self, tasks: &[TaskId], how_cancelled: &'static str) {
        // A group for each priority: they wait in lanes of their own.
        let mut groups: BTreeMap<i32, usize> = BTreeMap::new();
        for task in tasks {
            let entry = &mut self.tasks[task.0 as usize];
            if entry.cancelled.is_some() {
                entry.place = Place::Ending;
                self.due.ending.insert(*task);
                self.met.insert(how_cancelled);
            } else if entry.is_quarantined() {
                entry.place = Place::Lone;
                self.waiting.lone += 1;
            } else {
                let group = *groups.entry(entry.priority).or_insert_with(|| {
                    self.waiting.groups.push(VecDeque::new());
                    self.waiting.groups.len() - 1
                });
                entry.place = Place::Returned { group };
                *self.waiting.returned.entry(entry.priority).or_default() += 1;
                self.waiting.groups[group].push_back(*task);
            }
        }
    }

    /// The longest a task of this many charges may have to wait, and the shortest.
    pub(super) fn backoff(&self, charged: u32) -> (Duration, Duration) {
        let doubled = self.config.backoff.saturating_mul(1 << (charged - 1).min(20));
        let delay = doubled.min(self.config.backoff_limit);
        (delay / 2, delay * 3 / 2)
    }

    pub(super) fn is_done(&self) -> bool {
        !self.run.planning && self.unfinished == 0
    }

    pub(super) fn failed(verdict: Verdict) -> Option<Reason> {
        match verdict {
            Verdict::Ok => None,
            Verdict::Failed(reason) | Verdict::FailedForGood(reason) => Some(reason),
        }
    }
}
