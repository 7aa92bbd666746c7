//! What workers say: read without waiting, believed in nothing.

use std::cell::RefCell;
use std::time::Duration;

use protocol::{Filled, FromWorker, Hello, OutcomeResult, Outcomes};
use tracing::debug;

use super::driver::Driver;
use super::ledger::Meta;
use super::link::Link;
use super::long::take_long;
use super::observe::{Done, PoolEvent};
use crate::outcome::{AttemptRecord, Reason};
use crate::queue::{Command, Event, Report, Verdict, WorkerId};

/// What stands in a frame about a task, beside what the queue needs to know.
#[derive(Debug)]
pub(crate) struct Details {
    pub(super) micros: u64,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// A value or a sentence, by its place in the frame.
    Here { start: u32, length: u32 },
    /// A value that came before, in pieces.
    Chunked(Box<RefCell<Vec<u8>>>),
}

impl Details {
    #[cfg(test)]
    pub(super) fn empty(micros: u64) -> Self {
        Self { micros, body: Body::Here { start: 0, length: 0 } }
    }

    /// What stands in the frame.
    fn bytes<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        match &self.body {
            Body::Here { start, length } => {
                let rest = frame.get(*start as usize..).unwrap_or_default();
                rest.get(..*length as usize).unwrap_or_default()
            }
            Body::Chunked(_) => &[],
        }
    }
}

/// A frame of outcomes.
struct Said<'a> {
    frame: &'a [u8],
    reports: &'a [Report],
    details: &'a [Details],
    /// How long the worker was busy with each of them, on average.
    each: Duration,
}

impl Driver<'_> {
    /// Reads what has come, at most one bounded helping: others wait too.
    pub(super) fn read_frames(&mut self, worker: WorkerId) {
        let Some(mut link) = self.take_link(worker) else { return };
        let filled = link.fill();
        self.process_frames(&mut link);
        link.return_pieces();
        match filled {
            Ok(Filled::Closed) if link.ended_at.is_none() => {
                link.frames().into_iter().for_each(|fd| self.unwatch(fd));
                // Its death will follow; where it does not, it has closed its link and lives on.
                link.ended_at = Some(self.now());
            }
            Err(error) => link.set_broke(format!("reading from it failed: {error}")),
            Ok(_) => {}
        }
        let broke = link.broke.is_some() && link.killed.is_none();
        self.put_link(worker, link);
        let later = std::mem::take(&mut self.later);
        self.carry_out(later);
        if broke {
            self.handle(Event::Broke { worker });
        }
        self.flush_if_much();
    }

    pub(super) fn broke(&mut self, worker: WorkerId, why: &str) {
        let Some(link) = self.link_mut(worker) else { return };
        link.ended_at = None;
        link.set_broke(why.to_owned());
        self.handle(Event::Broke { worker });
    }

    pub(super) fn take_link(&mut self, worker: WorkerId) -> Option<Link> {
        self.links.get_mut(worker.index())?.take()
    }

    fn put_link(&mut self, worker: WorkerId, link: Link) {
        if let Some(place) = self.links.get_mut(worker.index()) {
            *place = Some(link);
        }
    }

    /// All complete frames, up to the first that makes no sense. What the queue says to do beyond the
    /// frames' own tasks is left in `later`.
    pub(super) fn process_frames(&mut self, link: &mut Link) {
        // The reader lends its frames, so it can't stay in the link meanwhile.
        let mut reader = std::mem::take(&mut link.reader);
        while link.broke.is_none() {
            let said = match reader.next_frame() {
                Ok(Some(frame)) => self.process_frame(link, frame),
                Ok(None) => break,
                Err(error) => Err(error.to_string()),
            };
            if let Err(why) = said {
                link.set_broke(why);
            }
        }
        link.reader = reader;
    }

    fn process_frame(&mut self, link: &mut Link, frame: &[u8]) -> Result<(), String> {
        if !link.greeted() {
            return self.greet(link, frame);
        }
        let worker = link.worker;
        match FromWorker::decode(frame).map_err(|error| error.to_string())? {
            FromWorker::Ready => debug!(%worker, "ready"),
            FromWorker::Refused { message } => link.refused = Some(message.to_owned()),
            FromWorker::Chunk { task, attempt, bytes } => return self.keep_chunk(link, task, attempt, bytes),
            FromWorker::Piece(piece) => return self.keep_piece(link, &piece),
            FromWorker::WantsOutbox => return self.give_outbox(link),
            FromWorker::Outcomes(outcomes) => return self.process_outcomes(link, frame, &outcomes),
            // Nobody speaks for a task that he does not have.
            FromWorker::Progress { task, attempt, done, total } => {
                if self.queue.has(worker, task, attempt) {
                    self.tell(&PoolEvent::Progress { worker, task, done, total });
                }
            }
            FromWorker::Goodbye { tasks, why, .. } => {
                debug!(%worker, tasks, ?why, "said goodbye");
                link.goodbye = true;
            }
        }
        Ok(())
    }

    /// The first frame: who is there, and does it speak our version?
    fn greet(&mut self, link: &mut Link, frame: &[u8]) -> Result<(), String> {
        let hello = Hello::decode(frame).map_err(|error| error.to_string())?;
        hello.check().map_err(|mismatch| mismatch.to_string())?;
        let name = link.worker.to_string();
        link.accept(&self.start_message(link.worker, &name, link.incarnation))?;
        self.tell(&PoolEvent::Greeted { worker: link.worker });
        self.answers.push_back(Event::Started { worker: link.worker });
        Ok(())
    }

    fn process_outcomes(
        &mut self,
        link: &mut Link,
        frame: &[u8],
        outcomes: &Outcomes<'_>,
    ) -> Result<(), String> {
        let mut reports = std::mem::take(&mut self.frame_reports);
        let mut details = std::mem::take(&mut self.frame_details);
        let parsed = parse(link, frame, outcomes, &mut reports, &mut details);
        if parsed.is_ok() {
            let busy = Duration::from_nanos(outcomes.busy_nanos);
            let worker = link.worker;
            link.reported = link.reported.saturating_add(reports.len() as u64);
            if let Some(report) = self.reports.get_mut(worker.index()) {
                report.busy += busy;
            }
            let mut commands = std::mem::take(&mut self.commands);
            self.queue.handle(self.now(), Event::Outcomes { worker, busy, reports: &reports }, &mut commands);
            let each = busy / u32::try_from(reports.len().max(1)).unwrap_or(u32::MAX);
            let said = Said { frame, reports: &reports, details: &details, each };
            for command in commands.drain(..) {
                self.settle(link, &said, command);
            }
            self.commands = commands;
        }
        self.frame_reports = reports;
        self.frame_details = details;
        parsed
    }

    /// Carries out a command that speaks of this frame's reports; another is left for later.
    fn settle(&mut self, link: &Link, said: &Said<'_>, command: Command) {
        let Said { frame, reports, details, each } = *said;
        match command {
            Command::Accept { reports: accepted } => {
                if let (Some(reports), Some(details)) =
                    (reports.get(accepted.clone()), details.get(accepted.clone()))
                {
                    let count = u32::try_from(accepted.len()).unwrap_or(u32::MAX);
                    let tasks = Done::new(reports, details, each.saturating_mul(count));
                    self.tell(&PoolEvent::Done { worker: link.worker, tasks });
                }
                let both = reports.iter().zip(details).take(accepted.end).skip(accepted.start);
                let worker = link.worker.number();
                if let Some(report) = self.reports.get_mut(link.worker.index()) {
                    report.tasks += accepted.len() as u64;
                }
                for (report, details) in both {
                    let micros = details.micros;
                    let slow = self.is_slow(micros);
                    let meta = Meta { attempts: report.attempt, worker, micros, slow };
                    match &details.body {
                        Body::Here { .. } => {
                            let value = details.bytes(frame);
                            self.ledger.settle(report.task, meta, Ok(value), &mut self.outbox);
                        }
                        Body::Chunked(value) => {
                            self.ledger.settle_long(report.task, meta, value.take(), &mut self.outbox);
                        }
                    }
                    self.forget_history(report.task);
                }
            }
            Command::Charge { task, attempt, reason, report: Some(index), fate, .. } => {
                let Some(details) = details.get(index) else { return };
                let message = String::from_utf8_lossy(details.bytes(frame)).into_owned();
                let last_lines =
                    if reason == Reason::Panic { link.lines.last_of(Some(task)) } else { vec![] };
                let record = AttemptRecord {
                    attempt,
                    worker: link.worker.number(),
                    pid: link.process.id(),
                    reason,
                    message,
                    signal: None,
                    exit_code: None,
                    last_lines,
                    micros: details.micros,
                };
                self.charge(task, record, fate);
            }
            other => self.later.push(other),
        }
    }
}

/// Reads all outcomes of a frame before any is believed.
fn parse(
    link: &mut Link,
    frame: &[u8],
    outcomes: &Outcomes<'_>,
    reports: &mut Vec<Report>,
    details: &mut Vec<Details>,
) -> Result<(), String> {
    reports.clear();
    details.clear();
    for outcome in outcomes.iter() {
        let outcome = outcome.map_err(|error| error.to_string())?;
        let (verdict, body) = match outcome.result {
            OutcomeResult::Ok(value) => (Verdict::Ok, here(frame, value)),
            OutcomeResult::Chunked(length) => {
                let value = take_long(link, outcome.task, outcome.attempt, length)?;
                (Verdict::Ok, Body::Chunked(Box::new(RefCell::new(value))))
            }
            OutcomeResult::Error(text) => (Verdict::Failed(Reason::Error), here(frame, text.as_bytes())),
            OutcomeResult::Memory(text) => (Verdict::Failed(Reason::Memory), here(frame, text.as_bytes())),
            OutcomeResult::Panic(text) => (Verdict::Failed(Reason::Panic), here(frame, text.as_bytes())),
        };
        reports.push(Report { task: outcome.task, attempt: outcome.attempt, verdict });
        details.push(Details { micros: outcome.micros, body });
    }
    Ok(())
}

/// Where in the frame a part of it lies.
fn here(frame: &[u8], part: &[u8]) -> Body {
    // A frame is far shorter than 4 GiB.
    let start = (part.as_ptr() as usize).wrapping_sub(frame.as_ptr() as usize) as u32;
    Body::Here { start, length: part.len() as u32 }
}
