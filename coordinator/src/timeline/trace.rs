//! `--trace`: a timeline of every worker, in the Chrome trace format.
//!
//! The pool's thread turns events into small marks, thinned out where there are many, and hands them over in
//! chunks; a thread of its own writes them. Where that can't keep up, chunks are left out rather than the pool
//! held up, and the file says so.

use std::io;
use std::path::Path;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::lane::{Lane, Span, Spread};
use super::mark::{Counted, Mark};
use super::thin::Thin;
use super::trace_json::{self, TraceWriter};
use crate::output::{Destination, Existing, OutputError};
use crate::pool::{Done, Limit, Observer, PoolEvent};
use crate::queue::{Time, WorkerId};

/// How many marks are handed over at once, and how many such chunks may wait.
const CHUNK: usize = 4096;
const CHUNKS: usize = 64;
/// A wait that is shorter is not worth a mark, in nanoseconds.
const WAIT: u64 = 20_000;

/// A trace in the making.
#[derive(Debug)]
pub struct TraceFile {
    thread: JoinHandle<Result<Counted, OutputError>>,
}

/// What came of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceEnd {
    /// Tasks that ended.
    pub tasks: u64,
    /// How many of them stand in the trace.
    pub recorded: u64,
    /// Things left out since they came faster than they could be written.
    pub lost: u64,
}

impl TraceFile {
    /// Begins a trace of `job` at `path`, which is replaced when the trace is complete. What it returns beside
    /// itself tells it what happens: drop that before [`finish`](Self::finish).
    ///
    /// # Errors
    /// The file can't be written, or no thread can be started.
    pub fn start(path: &Path, job: &str) -> anyhow::Result<(Self, Box<dyn Observer>)> {
        let destination = Destination::open(path, Existing::Replace)?;
        let (sender, marks) = bounded(CHUNKS);
        let job = job.to_owned();
        let thread = std::thread::Builder::new()
            .name("trace".into())
            .spawn(move || write(TraceWriter::new(destination, &job)?, &marks))?;
        Ok((Self { thread }, Box::new(Tracer::new(sender))))
    }

    /// Completes the file.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn finish(self) -> anyhow::Result<TraceEnd> {
        let counted = self
            .thread
            .join()
            .map_err(|_| io::Error::other("writing the trace stopped in the middle (a bug)"))??;
        Ok(TraceEnd { tasks: counted.tasks, recorded: counted.tasks_kept, lost: counted.lost })
    }
}

fn write(mut writer: TraceWriter, chunks: &Receiver<Vec<Mark>>) -> Result<Counted, OutputError> {
    let mut counted = Counted::default();
    for chunk in chunks {
        for mark in chunk {
            match mark {
                Mark::Counts(last) => counted = last,
                mark => trace_json::push(&mark, &mut writer)?,
            }
        }
    }
    writer.finish(counted)?;
    Ok(counted)
}

/// What is known of a worker.
#[derive(Debug, Default)]
struct Track {
    lane: Lane,
    known: bool,
    /// A process that has not greeted yet.
    starting: Option<(u64, u32, u32)>,
}

/// Notes what happens.
struct Tracer {
    chunks: Sender<Vec<Mark>>,
    chunk: Vec<Mark>,
    tracks: Vec<Track>,
    limit: (Limit, u64),
    last: u64,
    tasks: Thin,
    batches: Thin,
    sent: Thin,
    waits: Thin,
    limits: Thin,
    incidents: Thin,
    lost: u64,
}

impl Tracer {
    fn new(chunks: Sender<Vec<Mark>>) -> Self {
        Self {
            chunks,
            chunk: Vec::new(),
            tracks: Vec::new(),
            limit: (Limit::Starting, 0),
            last: 0,
            // Together less than 50 MB for any number of tasks: a mark takes about 80 bytes, one with a message
            // up to 300.
            tasks: Thin::new(100_000, 10_000),
            batches: Thin::new(20_000, 2_000),
            sent: Thin::new(20_000, 2_000),
            waits: Thin::new(20_000, 2_000),
            limits: Thin::new(10_000, 1_000),
            incidents: Thin::new(10_000, 1_000),
            lost: 0,
        }
    }

    fn push(&mut self, mark: Mark) {
        self.chunk.push(mark);
        if self.chunk.len() >= CHUNK {
            let full = std::mem::take(&mut self.chunk);
            let length = full.len() as u64;
            if self.chunks.try_send(full).is_err() {
                self.lost += length;
            }
        }
    }

    fn track(&mut self, worker: WorkerId) -> &mut Track {
        if self.tracks.len() <= worker.index() {
            self.tracks.resize_with(worker.index() + 1, Track::default);
        }
        // The line above has made room for it.
        &mut self.tracks[worker.index()]
    }

    fn push_wait(&mut self, worker: WorkerId, span: Span) {
        let wait = self.track(worker).lane.wait_before(span);
        if wait.end.saturating_sub(wait.start) >= WAIT && self.waits.keep() {
            self.push(Mark::Wait { worker, span: wait });
        }
    }

    fn on_done(&mut self, at: Time, worker: WorkerId, tasks: Done<'_>) {
        let span = self.track(worker).lane.place(at, tasks.busy());
        self.push_wait(worker, span);
        self.track(worker).lane.fill(span);
        if tasks.len() > 1 && self.batches.keep() {
            self.push(Mark::Batch { worker, span, tasks: tasks.len() });
        }
        let mut spread = Spread::new(span, tasks);
        for (task, attempt, took) in tasks.iter() {
            let span = spread.next(took);
            if self.tasks.keep() {
                self.push(Mark::Task { worker, span, task, attempt });
            }
        }
    }

    fn instant(&mut self, worker: WorkerId, at: Time, name: &'static str, detail: String) {
        if self.incidents.keep() {
            self.push(Mark::Instant { worker, at: at.0, name, detail });
        }
    }

    /// The process has greeted, or died before that.
    fn end_start(&mut self, worker: WorkerId, at: Time) {
        let Some((start, incarnation, pid)) = self.track(worker).starting.take() else { return };
        if self.incidents.keep() {
            self.push(Mark::Start { worker, span: Span { start, end: at.0 }, incarnation, pid });
        }
    }

    fn change_limit(&mut self, limit: Limit, at: u64) {
        let (before, start) = std::mem::replace(&mut self.limit, (limit, at));
        if start > 0 && self.limits.keep() {
            self.push(Mark::Limit { limit: before, span: Span { start, end: at } });
        }
    }
}

impl Observer for Tracer {
    fn on_event(&mut self, at: Time, event: &PoolEvent<'_>) {
        self.last = at.0;
        if self.limit.1 == 0 {
            self.limit.1 = at.0;
            self.push(Mark::Zero(at.0));
        }
        match *event {
            PoolEvent::Started { worker, incarnation, pid } => {
                let track = self.track(worker);
                track.starting = Some((at.0, incarnation, pid));
                if !std::mem::replace(&mut track.known, true) {
                    self.push(Mark::Worker(worker));
                }
            }
            PoolEvent::Greeted { worker } => {
                self.end_start(worker, at);
                self.track(worker).lane.begin(at);
            }
            PoolEvent::Sent { worker, tasks } => {
                if let Some(first) = tasks.first().filter(|_| self.sent.keep()) {
                    let count = tasks.iter().map(|leases| leases.run.len()).sum();
                    self.push(Mark::Sent { worker, at: at.0, tasks: count, first: first.run.first });
                }
            }
            PoolEvent::Done { worker, tasks } => self.on_done(at, worker, tasks),
            PoolEvent::Failed { worker, task, record, .. } => {
                let took = std::time::Duration::from_micros(record.micros);
                let span = self.track(worker).lane.place(at, took);
                self.push_wait(worker, span);
                self.track(worker).lane.fill(span);
                let (attempt, reason) = (record.attempt, record.reason.name());
                if self.incidents.keep() {
                    let message = record.message.chars().take(120).collect();
                    self.push(Mark::Failed { worker, span, task, attempt, reason, message });
                }
            }
            PoolEvent::Slow { worker, task } => self.instant(worker, at, "slow", format!("task {task}")),
            PoolEvent::Killed { worker, reason, .. } => {
                self.instant(worker, at, "killed", format!("{reason:?}"))
            }
            PoolEvent::Died { worker, orderly, how, .. } => {
                self.end_start(worker, at);
                let name = if orderly { "ended" } else { "died" };
                self.instant(worker, at, name, how.chars().take(200).collect());
            }
            PoolEvent::Limited(limit) => self.change_limit(limit, at.0),
            PoolEvent::Resumed { paused } => {
                let nanos = u64::try_from(paused.as_nanos()).unwrap_or(u64::MAX);
                self.push(Mark::Paused { at: at.0, nanos });
            }
            _ => {}
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.change_limit(Limit::Ending, self.last);
        let counted = Counted { tasks: self.tasks.seen(), tasks_kept: self.tasks.kept(), lost: self.lost };
        let mut last = std::mem::take(&mut self.chunk);
        last.push(Mark::Counts(counted));
        // The run is over: there is time to wait. A writer that has failed says so itself.
        let _ = self.chunks.send(last);
    }
}

#[cfg(test)]
mod tests;
