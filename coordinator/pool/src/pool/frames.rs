//! What workers say: read without waiting, believed in nothing.

use std::cell::RefCell;
use std::ops::Range;
use std::time::Duration;

use protocol::{Filled, FromWorker, Hello, OutcomeResult, OutcomeRun, Outcomes, RunResult, TaskId, Values};
use tracing::debug;

use super::driver::Driver;
use super::link::Link;
use super::long::take_long;
use super::observe::{Done, DoneRun, PoolEvent};
use crate::outcome::{AttemptRecord, Lengths, Meta, Reason, Strings};
use queue::{Event, Fate, Report, Settled, Verdict, WorkerId};

/// What stands in a frame about tasks in a row, beside what the queue needs to know.
#[derive(Debug)]
pub(super) struct Details {
    // How many tasks the frame speaks of before these.
    before: usize,
    micros: u64,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// A value for each task, or a sentence: where in the frame they begin, and how long they are.
    Here { start: usize, length: usize, each: Each },
    /// A value that came before, in pieces.
    Chunked(RefCell<Vec<u8>>),
}

/// How long values are.
#[derive(Debug, Clone, Copy)]
enum Each {
    All(usize),
    /// They end as is listed from this index on.
    Listed(usize),
}

/// What was read of a frame of outcomes. Its memory is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    reports: Vec<Report>,
    details: Vec<Details>,
    // Where values of different lengths end, counted from the first of their run.
    ends: Vec<usize>,
    count: usize,
    // The tasks that one command accepts.
    done: Vec<DoneRun>,
}

impl Parsed {
    fn clear(&mut self) {
        self.reports.clear();
        self.details.clear();
        self.ends.clear();
        self.count = 0;
    }

    /// Reads all outcomes of a frame before any is believed.
    fn read(&mut self, link: &mut Link, frame: &[u8], outcomes: &Outcomes<'_>) -> Result<(), String> {
        self.clear();
        for run in outcomes.runs() {
            let OutcomeRun { first, attempt, micros, result } = run.map_err(|error| error.to_string())?;
            let (verdict, count, body) = match result {
                RunResult::Values(values) => (Verdict::Ok, values.len(), self.values(frame, &values)),
                RunResult::Single(result) => {
                    let (verdict, body) = single(link, frame, (first, attempt), result)?;
                    (verdict, 1, body)
                }
            };
            self.details.push(Details { before: self.count, micros, body });
            self.count += count;
            // A frame speaks of no more tasks than a batch has.
            self.reports.push(Report { first, count: count as u32, attempt, verdict });
        }
        Ok(())
    }

    fn values(&mut self, frame: &[u8], values: &Values<'_>) -> Body {
        let each = match values.all() {
            Some(length) => Each::All(length),
            None => {
                let from = self.ends.len();
                let mut end = 0;
                self.ends.extend(values.lengths().map(|length| {
                    end += length;
                    end
                }));
                Each::Listed(from)
            }
        };
        here(frame, values.bytes, each)
    }

    /// Which run a task is of, by its place among all.
    fn run_of(&self, place: usize) -> usize {
        self.details.partition_point(|details| details.before <= place).saturating_sub(1)
    }

    /// The runs with tasks at `places`, and which tasks of them that are.
    fn runs_of(&self, places: Range<usize>) -> impl Iterator<Item = (&Report, &Details, Range<usize>)> {
        let first = self.run_of(places.start);
        let both = self.reports.iter().zip(&self.details).skip(first);
        both.take_while({
            let end = places.end;
            move |(_, details)| details.before < end
        })
        .map(move |(report, details)| {
            let from = places.start.saturating_sub(details.before);
            let until = (places.end - details.before).min(report.count as usize);
            (report, details, from..until)
        })
    }

    fn values_of<'a>(&'a self, body: &Body, frame: &'a [u8], count: usize) -> Strings<'a> {
        let Body::Here { each, .. } = body else { return Strings::empty(count) };
        let lengths = match *each {
            Each::All(length) => Lengths::All(length),
            Each::Listed(from) => {
                let ends = self.ends.get(from..).and_then(|ends| ends.get(..count)).unwrap_or_default();
                Lengths::Ends { ends, base: 0 }
            }
        };
        Strings::new(body.bytes(frame), lengths, count)
    }
}

impl Body {
    /// What stands in the frame.
    fn bytes<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Here { start, length, .. } => {
                frame.get(*start..).and_then(|rest| rest.get(..*length)).unwrap_or_default()
            }
            Self::Chunked(_) => &[],
        }
    }
}

/// How one task ended that has no value here.
fn single(
    link: &mut Link,
    frame: &[u8],
    (task, attempt): (TaskId, u32),
    result: OutcomeResult<'_>,
) -> Result<(Verdict, Body), String> {
    let text = |text: &str| here(frame, text.as_bytes(), Each::All(text.len()));
    Ok(match result {
        OutcomeResult::Ok(value) => (Verdict::Ok, here(frame, value, Each::All(value.len()))),
        OutcomeResult::Chunked(length) => {
            (Verdict::Ok, Body::Chunked(RefCell::new(take_long(link, task, attempt, length)?)))
        }
        OutcomeResult::Error(why) => (Verdict::Failed(Reason::Error), text(why)),
        OutcomeResult::Memory(why) => (Verdict::Failed(Reason::Memory), text(why)),
        OutcomeResult::Panic(why) => (Verdict::Failed(Reason::Panic), text(why)),
    })
}

/// Where in the frame a part of it lies.
fn here(frame: &[u8], part: &[u8], each: Each) -> Body {
    let start = (part.as_ptr() as usize).wrapping_sub(frame.as_ptr() as usize);
    Body::Here { start, length: part.len(), each }
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
        let mut parsed = std::mem::take(&mut self.parsed);
        let read = parsed.read(link, frame, outcomes);
        if read.is_ok() {
            let busy = Duration::from_nanos(outcomes.busy_nanos);
            let worker = link.worker;
            link.reported = link.reported.saturating_add(parsed.count as u64);
            if let Some(report) = self.reports.get_mut(worker.index()) {
                report.busy += busy;
            }
            let mut decisions = std::mem::take(&mut self.later);
            let event = Event::Outcomes { worker, busy, reports: &parsed.reports };
            self.queue.handle(self.now(), event, &mut decisions);
            let each = busy / u32::try_from(parsed.count.max(1)).unwrap_or(u32::MAX);
            for settled in decisions.tasks.drain(..) {
                match settled {
                    Settled::Accepted { places } => {
                        let all = places.len() == parsed.count;
                        let busy = if all { busy } else { each.saturating_mul(places.len() as u32) };
                        self.accept(worker, frame, &mut parsed, places, busy);
                    }
                    Settled::Charged { task, attempt, reason, place: Some(place), fate, .. } => {
                        match parsed.details.get(parsed.run_of(place)) {
                            Some(details) => {
                                self.charge_by_report(link, task, attempt, reason, frame, details, fate);
                            }
                            None => self.lose(&settled),
                        }
                    }
                    Settled::Charged { place: None, .. } => self.lose(&settled),
                    Settled::Cancelled { task, attempts } => self.end_cancelled(task, attempts),
                }
            }
            self.later = decisions;
        }
        self.parsed = parsed;
        read
    }

    /// Tasks of this frame have ended well.
    fn accept(
        &mut self,
        worker: WorkerId,
        frame: &[u8],
        parsed: &mut Parsed,
        places: Range<usize>,
        busy: Duration,
    ) {
        if let Some(report) = self.reports.get_mut(worker.index()) {
            report.tasks += places.len() as u64;
        }
        let mut done = std::mem::take(&mut parsed.done);
        done.clear();
        for (report, details, part) in parsed.runs_of(places) {
            let first = TaskId(report.first.0.wrapping_add(part.start as u64));
            let micros = details.micros;
            done.push(DoneRun { first, count: part.len(), attempt: report.attempt, micros });
            let slow = self.is_slow(micros);
            let meta = Meta { attempts: report.attempt, worker: worker.number(), micros, slow };
            match &details.body {
                Body::Here { .. } => {
                    let values = parsed.values_of(&details.body, frame, report.count as usize);
                    self.ledger.settle_run(first, meta, &values.part(part.clone()), &mut self.outbox);
                }
                Body::Chunked(value) => {
                    self.ledger.settle_long(first, meta, value.take(), &mut self.outbox);
                }
            }
            self.forget_histories(first, part.len());
        }
        self.tell(&PoolEvent::Done { worker, tasks: Done::new(&done, busy) });
        parsed.done = done;
    }

    /// A task's attempt has failed, as its worker says.
    #[expect(clippy::too_many_arguments, reason = "the parts of one command")]
    fn charge_by_report(
        &mut self,
        link: &Link,
        task: TaskId,
        attempt: u32,
        reason: Reason,
        frame: &[u8],
        details: &Details,
        fate: Fate,
    ) {
        let message = String::from_utf8_lossy(details.body.bytes(frame)).into_owned();
        let last_lines = if reason == Reason::Panic { link.lines.last_of(Some(task)) } else { vec![] };
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
}
