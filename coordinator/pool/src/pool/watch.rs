//! What watches over a run: the observer, the clock, what limits it, and how it ends.

use std::time::Duration;

use protocol::TaskId;
use tracing::{debug, info, warn};

use super::clock::Clock;
use super::holdup::{self, Holdup, Spent};
use super::lines::Line;
use super::observe::{Observer, PoolEvent};
use super::report::End;
use crate::outcome::AttemptRecord;
use queue::{Fate, Load, Note, Running, Time, WorkerId};

/// How often the workers' memory is looked at, if it is limited.
const SAMPLE: Duration = Duration::from_millis(250);

/// The observer, the clock, and how it goes.
pub(super) struct Watch<'a> {
    observer: &'a mut dyn Observer,
    clock: Clock,
    now: Time,
    holdup: Holdup,
    /// When the observer wants to hear what the workers are running.
    pub(super) look: Rounds,
    /// When the workers' memory is looked at.
    pub(super) sample: Rounds,
    end: Option<End>,
    bug: Option<String>,
    /// What became of the last worker that died, for the end of a run that can't go on.
    last_death: String,
}

/// Something that is done every so often, or never.
#[derive(Debug)]
pub(super) struct Rounds {
    next: Option<Time>,
    every: Duration,
}

impl Rounds {
    fn new(every: Option<Duration>) -> Self {
        Self { next: every.map(|_| Time(0)), every: every.unwrap_or_default() }
    }

    /// True if it is time for it; the next one is then set.
    pub(super) fn are_due(&mut self, now: Time) -> bool {
        let due = self.next.is_some_and(|at| at <= now);
        if due {
            self.next = Some(now.after(self.every));
        }
        due
    }
}

impl<'a> Watch<'a> {
    /// A watch that begins at a monotonic time.
    pub(super) fn new(raw: u64, measures_memory: bool, observer: &'a mut dyn Observer) -> Self {
        let clock = Clock::default();
        let now = clock.at(raw);
        Self {
            look: Rounds::new(observer.look_every()),
            sample: Rounds::new(measures_memory.then_some(SAMPLE)),
            observer,
            clock,
            now,
            holdup: Holdup::new(now),
            end: None,
            bug: None,
            last_death: String::new(),
        }
    }

    /// The pool's time, as it was last set.
    pub(super) fn now(&self) -> Time {
        self.now
    }

    /// It is this monotonic time now.
    pub(super) fn set(&mut self, raw: u64) {
        self.now = self.clock.at(raw);
    }

    /// What a status cell says, in the pool's time.
    pub(super) fn running(&self, running: &protocol::Running) -> Running {
        let since = self.clock.at(running.started_nanos);
        Running { task: running.task, attempt: running.attempt, since }
    }

    /// How long nothing but an event needs to wake the pool, if the queue has this deadline.
    pub(super) fn patience(&self, deadline: Option<Time>) -> Option<Duration> {
        let next = deadline.into_iter().chain(self.sample.next).chain(self.look.next).min()?;
        Some(next.since(self.now))
    }

    /// Everything stood still between two monotonic times.
    pub(super) fn resumed(&mut self, start: u64, end: u64) {
        self.clock.pause(start, end);
        self.set(end);
        self.tell(&PoolEvent::Resumed { paused: Duration::from_nanos(end.saturating_sub(start)) });
    }

    pub(super) fn tell(&mut self, event: &PoolEvent<'_>) {
        self.observer.on_event(self.now, event);
    }

    /// An attempt has failed.
    pub(super) fn tell_failed(&mut self, worker: WorkerId, task: TaskId, record: &AttemptRecord, fate: Fate) {
        let (attempt, reason) = (record.attempt, record.reason.name());
        info!(%worker, task = task.0, attempt, reason, "{}", record.message);
        self.tell(&PoolEvent::Failed { worker, task, record, fate });
    }

    /// Workers' lines go to the log, never among the results.
    pub(super) fn tell_printed(&mut self, worker: WorkerId, running: Option<(TaskId, u32)>, line: &Line<'_>) {
        if let Line::Text(line) = line {
            self.tell(&PoolEvent::Printed { worker, task: running.map(|(task, _)| task), line });
        }
        match (line, running) {
            (Line::Text(text), Some((task, attempt))) => {
                info!(target: "worker", %worker, task = task.0, attempt, "{text}");
            }
            (Line::Text(text), None) => info!(target: "worker", %worker, "{text}"),
            (Line::Silenced, Some((task, attempt))) => {
                warn!(target: "worker", %worker, task = task.0, attempt, "prints too much: the rest of it is not shown");
            }
            (Line::Silenced, None) => {
                warn!(target: "worker", %worker, "prints too much: the rest of it is not shown");
            }
        }
    }

    /// A worker's process has ended.
    pub(super) fn tell_died(&mut self, worker: WorkerId, pid: u32, orderly: bool, how: &str) {
        self.tell(&PoolEvent::Died { worker, pid, orderly, how });
        if orderly {
            debug!(%worker, pid, "ended");
        } else {
            self.last_death = format!("{worker} {how}");
            info!(%worker, pid, "{how}");
        }
    }

    /// A worker's process could not be made.
    pub(super) fn tell_unborn(&mut self, worker: WorkerId, why: &str) {
        self.last_death = format!("{worker} could not be started: {why}");
        warn!("{}", self.last_death);
    }

    /// Passes on what the queue has noticed.
    pub(super) fn note(&mut self, note: Note) {
        match note {
            Note::Slow { worker, task, attempt } => {
                self.tell(&PoolEvent::Slow { worker, task });
                warn!(%worker, task = task.0, attempt, "still running after the soft time limit");
            }
            Note::GaveUp(give_up) => {
                let last = std::mem::take(&mut self.last_death);
                self.end(End::NoWorkers { starts: give_up.starts, last });
            }
            Note::Joined => info!("the queue is joined: no task is left, and every worker has gone"),
        }
    }

    /// The run ends in this way, unless it is ending in another already.
    pub(super) fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// The pool itself is wrong: the run must not end as if all were well.
    pub(super) fn bug(&mut self, what: String) {
        debug_assert!(false, "{what}");
        self.bug.get_or_insert(what);
    }

    /// What is wrong with the pool itself, if something is.
    pub(super) fn take_bug(&mut self) -> Option<String> {
        self.bug.take()
    }

    /// Measures what the time of the run is spent on.
    pub(super) fn note_limit(&mut self, load: Load, planning: bool, congested: bool) {
        let limit = holdup::limit(load, planning, congested);
        if self.holdup.limit() != limit {
            self.holdup.change(limit, self.now);
            self.tell(&PoolEvent::Limited(limit));
        }
    }

    /// How the run ended, if not by itself, and what its time was spent on.
    pub(super) fn close(mut self) -> (Option<End>, Spent) {
        (self.end, self.holdup.spent(self.now))
    }
}
