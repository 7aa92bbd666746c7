//! The books: what became of each task, with the evidence at hand, and what each worker did.
//!
//! A task's outcome is made here and nowhere else. Every decision of the queue about a task comes with its cause; one
//! that comes without ends the run with an error, so that no outcome vanishes.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use protocol::{TaskId, TaskRun};

use super::frames::{Part, PartValues};
use super::observe::{Done, DoneRun, PoolEvent};
use super::results::ResultQueue;
use super::watch::Watch;
use super::workers::{Frame, Obituary};
use super::{PoolOptions, WorkerReport};
use crate::outcome::{AttemptRecord, Failure, Meta, Reason};
use crate::supervisor::Exit;
use queue::{Fate, Running, Settled, WorkerId};

/// What a decision about a task rests on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cause<'a> {
    /// A worker has said so.
    Frame(&'a Frame<'a>),
    /// A worker has died, while it ran this.
    Death(&'a Obituary<'a>, Option<Running>),
    /// Something else: time, a request.
    Other,
}

/// What became of the tasks, and who did it.
pub(super) struct Books<'a> {
    options: &'a PoolOptions,
    pub(super) results: ResultQueue<'a>,
    // Failed attempts of tasks that have no outcome yet.
    histories: HashMap<TaskId, Vec<AttemptRecord>>,
    pub(super) reports: Vec<WorkerReport>,
    // Used again for every frame.
    done: Vec<DoneRun>,
}

impl<'a> Books<'a> {
    pub(super) fn new(options: &'a PoolOptions, results: ResultQueue<'a>) -> Self {
        let reports = vec![WorkerReport::default(); options.workers.get() as usize];
        Self { options, results, histories: HashMap::new(), reports, done: Vec::new() }
    }

    /// How many tasks have a history of failed attempts and no outcome.
    pub(super) fn histories(&self) -> usize {
        self.histories.len()
    }

    pub(super) fn report_mut(&mut self, worker: WorkerId) -> Option<&mut WorkerReport> {
        self.reports.get_mut(worker.index())
    }

    /// Does what the queue has decided about tasks.
    pub(super) fn settle(&mut self, settled: Settled, cause: Cause<'_>, watch: &mut Watch<'_>) {
        match (settled, cause) {
            (Settled::Accepted { places }, Cause::Frame(frame)) => self.accept(frame, places, watch),
            (
                Settled::Charged { task, attempt, reason, place: Some(place), fate, .. },
                Cause::Frame(frame),
            ) => match frame.said.sentence(place, frame.bytes) {
                Some(said) => {
                    self.charge(task, reported(frame, task, attempt, reason, said), fate, watch);
                }
                None => watch.bug(format!("task {task} is charged by a report that is not there")),
            },
            (
                Settled::Charged { task, attempt, reason, place: None, fate, .. },
                Cause::Death(death, running),
            ) => {
                let running = running.filter(|running| running.task == task);
                let took = running.map(|running| watch.now().since(running.since)).unwrap_or_default();
                if let Some(report) = self.report_mut(death.worker) {
                    report.busy += took;
                }
                let record = died(death, task, attempt, reason, took, self.options.timeout);
                self.charge(task, record, fate, watch);
            }
            (Settled::Cancelled { task, attempts }, _) => self.end_cancelled(task, attempts, watch),
            (settled @ (Settled::Accepted { .. } | Settled::Charged { .. }), cause) => {
                watch.bug(format!("{settled:?} for {cause:?}"));
            }
        }
    }

    /// Tasks of a frame have ended well.
    fn accept(&mut self, frame: &Frame<'_>, places: Range<usize>, watch: &mut Watch<'_>) {
        let Frame { worker, busy, said, bytes, .. } = *frame;
        let count = places.len();
        let each = busy / u32::try_from(said.count().max(1)).unwrap_or(u32::MAX);
        let busy = if count == said.count() { busy } else { each.saturating_mul(count as u32) };
        if let Some(report) = self.report_mut(worker) {
            report.tasks += count as u64;
        }
        self.done.clear();
        for Part { run, attempt, micros, values } in said.parts(places, bytes) {
            self.done.push(DoneRun { run, attempt, micros });
            let slow = self.is_slow(micros);
            let meta = Meta { attempts: attempt, worker: worker.number(), micros, slow };
            match values {
                PartValues::Here(values) => self.results.put_values(run.first, meta, &values),
                PartValues::Long(value) => self.results.put_long(run.first, meta, value),
            }
            self.forget_histories(run);
        }
        watch.tell(&PoolEvent::Done { worker, tasks: Done::new(&self.done, busy) });
    }

    /// Adds a failed attempt to its task's history, and settles the task if it was the last.
    fn charge(&mut self, task: TaskId, record: AttemptRecord, fate: Fate, watch: &mut Watch<'_>) {
        let (worker, attempt, micros) = (record.worker, record.attempt, record.micros);
        let by = WorkerId(worker.saturating_sub(1));
        watch.tell_failed(by, task, &record, fate);
        self.histories.entry(task).or_default().push(record);
        if fate != Fate::Failed {
            return;
        }
        let history = self.histories.remove(&task).unwrap_or_default();
        let last = history.last();
        let failure = Failure {
            reason: last.map_or(Reason::Error, |record| record.reason),
            message: last.map(|record| record.message.clone()).unwrap_or_default(),
            history,
        };
        let meta = Meta { attempts: attempt, worker, micros, slow: self.is_slow(micros) };
        self.results.put(task, meta, Err(&failure));
        if let Some(report) = self.report_mut(by) {
            report.tasks += 1;
        }
    }

    /// A task was cancelled that no worker ran: it has its outcome, and nobody is to blame.
    fn end_cancelled(&mut self, task: TaskId, attempts: u32, watch: &mut Watch<'_>) {
        watch.tell(&PoolEvent::Cancelled { task, attempts });
        let history = self.histories.remove(&task).unwrap_or_default();
        let message = "cancelled before it began".to_owned();
        let failure = Failure { reason: Reason::Cancelled, message, history };
        let meta = Meta { attempts, worker: 0, micros: 0, slow: false };
        self.results.put(task, meta, Err(&failure));
    }

    /// Tasks that have ended well need no history of their failed attempts.
    fn forget_histories(&mut self, run: TaskRun) {
        if self.histories.is_empty() {
            return;
        }
        for task in run.tasks() {
            self.histories.remove(&task);
        }
    }

    fn is_slow(&self, micros: u64) -> bool {
        self.options.soft_timeout.is_some_and(|limit| u128::from(micros) >= limit.as_micros())
    }
}

/// An attempt that failed, as its worker says.
fn reported(
    frame: &Frame<'_>,
    task: TaskId,
    attempt: u32,
    reason: Reason,
    (message, micros): (String, u64),
) -> AttemptRecord {
    let last_lines = if reason == Reason::Panic { frame.lines.last_of(Some(task)) } else { vec![] };
    let record = AttemptRecord::new(attempt, frame.worker.number(), reason, message);
    AttemptRecord { pid: frame.pid, last_lines, micros, ..record }
}

/// An attempt that its worker's death has ended, after it `took` so long.
fn died(
    death: &Obituary<'_>,
    task: TaskId,
    attempt: u32,
    reason: Reason,
    took: Duration,
    timeout: Option<Duration>,
) -> AttemptRecord {
    let evidence = &death.evidence;
    let record =
        AttemptRecord::new(attempt, death.worker.number(), reason, evidence.attempt(reason, timeout));
    AttemptRecord {
        pid: death.pid,
        signal: if let Exit::Signal(number) = evidence.exit { Some(number) } else { None },
        exit_code: if let Exit::Code(code) = evidence.exit { Some(code) } else { None },
        last_lines: evidence.last_lines(task),
        micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        ..record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::OutcomeBatch;
    use crate::pool::{Offer, Sink};

    struct Nowhere;

    impl Sink for Nowhere {
        fn offer(&mut self, batch: OutcomeBatch) -> Offer {
            Offer::Taken(batch)
        }
    }

    /// Debug builds stop at the place.
    #[test]
    #[cfg_attr(debug_assertions, should_panic(expected = "Accepted { places: 0..1 } for Other"))]
    fn a_decision_without_its_evidence_does_not_vanish_but_ends_the_run() {
        let options = PoolOptions::default();
        let (mut sink, mut observer) = (Nowhere, ());
        let mut books = Books::new(&options, ResultQueue::new(&options, &mut sink));
        let mut watch = Watch::new(0, false, &mut observer);
        books.settle(Settled::Accepted { places: 0..1 }, Cause::Other, &mut watch);
        assert!(watch.take_bug().is_some());
    }
}
