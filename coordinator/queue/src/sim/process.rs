//! A worker process as the simulator sees it: what it has, what it runs, what it has not told yet.

use std::collections::VecDeque;
use std::time::Duration;

use super::rng::Rng;
use crate::Reason;
use crate::{BatchId, Report, Running, Time, Verdict};
use ids::{TaskId, TaskRun};

/// A task in a worker's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) task: TaskId,
    pub(super) attempt: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Booting,
    Serving,
    /// Its death is on its way to the queue.
    Dead,
}

/// Something that lies unread or half done in a worker's link.
#[derive(Debug)]
pub(super) enum Parcel {
    /// The claim words of a batch: tasks from `next` to `end` may still be started.
    Batch {
        id: BatchId,
        tasks: Vec<Lease>,
        next: usize,
        end: usize,
    },
    Pill,
}

/// How the running attempt will end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    Report(Verdict),
    Death(Reason),
    Never,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) lease: Lease,
    pub(super) since: Time,
    pub(super) ending: Ending,
}

/// How a process behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    pub(super) lies: bool,
    /// Its status cell says, at every look, that its task has just begun.
    pub(super) ever_fresh: bool,
    /// It does not go when it has its pill.
    pub(super) lingers: bool,
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) incarnation: u32,
    pub(super) life: Life,
    pub(super) manners: Manners,
    /// Stopped by a signal: it does nothing more, but can be killed.
    pub(super) stopped: bool,
    /// A kill is on its way.
    pub(super) doomed: bool,
    /// A step of its is on the agenda.
    pub(super) stirs: bool,
    pub(super) inbox: VecDeque<Parcel>,
    pub(super) current: Option<Attempt>,
    /// Ended and not told.
    pub(super) finished: Vec<Report>,
    pub(super) busy: Duration,
    /// Its messages keep their order: none arrives before this.
    pub(super) said_until: Time,
}

impl Process {
    pub(super) fn new(incarnation: u32, manners: Manners) -> Self {
        Self {
            incarnation,
            life: Life::Booting,
            manners,
            stopped: false,
            doomed: false,
            stirs: false,
            inbox: VecDeque::new(),
            current: None,
            finished: Vec::new(),
            busy: Duration::ZERO,
            said_until: Time(0),
        }
    }

    /// Claims the next task, as the compare-and-swap of the status cell does.
    pub(super) fn claim(&mut self) -> Option<Lease> {
        while let Some(Parcel::Batch { tasks, next, end, .. }) = self.inbox.front_mut() {
            if next < end {
                *next += 1;
                return Some(tasks[*next - 1]);
            }
            self.inbox.pop_front();
        }
        None
    }

    /// Takes back what has not been claimed of a batch, but for `keep`; returns how much stays. A batch that
    /// is no longer there has been claimed whole.
    pub(super) fn recall(&mut self, batch: BatchId, keep: usize) -> usize {
        for parcel in &mut self.inbox {
            if let Parcel::Batch { id, next, end, .. } = parcel
                && *id == batch
            {
                *end = (*next).max(keep).min(*end);
                return *end;
            }
        }
        usize::MAX
    }

    /// What its status cell says.
    pub(super) fn cell(&self, now: Time, planned: u64, rng: &mut Rng) -> Option<Running> {
        let truth = self.current.map(|attempt| Running {
            task: attempt.lease.task,
            attempt: attempt.lease.attempt,
            since: attempt.since,
        });
        if self.manners.ever_fresh {
            return truth.map(|running| Running { since: now, ..running });
        }
        if !self.manners.lies || rng.chance(300) {
            return truth;
        }
        let since = Time(rng.below(now.0.saturating_mul(2).max(1)));
        let task =
            truth.filter(|_| rng.chance(500)).map_or(TaskId(rng.below(planned + 2)), |truth| truth.task);
        let attempt = rng.below(4) as u32;
        rng.chance(700).then_some(Running { task, attempt, since })
    }

    /// What it tells of what it has done: the truth, or something else.
    pub(super) fn tell(&mut self, planned: u64, may_drop: bool, rng: &mut Rng) -> Vec<Report> {
        let mut reports = std::mem::take(&mut self.finished);
        if rng.chance(700) {
            reports = in_runs(&reports);
        }
        if self.manners.lies {
            for _ in 0..rng.below(4) {
                lie(&mut reports, planned, may_drop, rng);
            }
        }
        reports
    }
}

/// What became of tasks in a row alike, told together.
fn in_runs(reports: &[Report]) -> Vec<Report> {
    let mut runs: Vec<Report> = Vec::new();
    for report in reports {
        let joined = runs.last_mut().is_some_and(|last| {
            let alike = (last.attempt, last.verdict) == (report.attempt, Verdict::Ok);
            alike && report.verdict == Verdict::Ok && last.run.join(report.run)
        });
        if !joined {
            runs.push(*report);
        }
    }
    runs
}

fn lie(reports: &mut Vec<Report>, planned: u64, may_drop: bool, rng: &mut Rng) {
    let place = rng.below(reports.len() as u64 + 1) as usize;
    let invented = Report {
        run: TaskRun::new(
            if rng.chance(700) { TaskId(rng.below(planned + 3)) } else { TaskId(rng.next()) },
            rng.range(1, 6) as u32,
        ),
        attempt: rng.below(4) as u32,
        verdict: if rng.chance(700) { Verdict::Ok } else { Verdict::Failed(rng.pick(&Reason::ALL)) },
    };
    match (rng.below(5), reports.get(place).copied()) {
        (0, Some(report)) => reports.push(report),
        (1, Some(report)) => reports.insert(0, Report { attempt: report.attempt + 1, ..report }),
        (2, Some(_)) => reports.reverse(),
        (3, Some(_)) if may_drop => drop(reports.remove(place)),
        _ => reports.insert(place, invented),
    }
}
