//! Frames of outcomes: read whole before any of it counts, believed in nothing.

use std::cell::RefCell;
use std::ops::Range;

use protocol::{OutcomeResult, OutcomeRun, Outcomes, RunResult, TaskId, TaskRun, Values};

use super::long::LongValues;
use crate::outcome::{Lengths, Reason, Strings};
use queue::{Report, Verdict};

/// What stands in a frame about tasks in a row, beside what the queue needs to know.
#[derive(Debug)]
struct Details {
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
}

/// Tasks with consecutive ids that ended alike, in a frame.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) run: TaskRun,
    pub(super) attempt: u32,
    /// How long each took.
    pub(super) micros: u64,
    pub(super) values: PartValues<'a>,
}

/// The values of tasks.
#[derive(Debug)]
pub(super) enum PartValues<'a> {
    /// One for each.
    Here(Strings<'a>),
    /// That of a single task, which is worth no copying.
    Long(Vec<u8>),
}

impl Parsed {
    /// What the queue needs to know.
    pub(super) fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// How many tasks the frame speaks of.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn clear(&mut self) {
        self.reports.clear();
        self.details.clear();
        self.ends.clear();
        self.count = 0;
    }

    /// Reads all outcomes of a frame before any is believed.
    pub(super) fn read(
        &mut self,
        long: &mut LongValues,
        frame: &[u8],
        outcomes: &Outcomes<'_>,
    ) -> Result<(), String> {
        self.clear();
        for run in outcomes.runs() {
            let OutcomeRun { first, attempt, micros, result } = run.map_err(|error| error.to_string())?;
            let (verdict, count, body) = match result {
                RunResult::Values(values) => (Verdict::Ok, values.len(), self.values(frame, &values)),
                RunResult::Single(result) => {
                    let (verdict, body) = single(long, frame, (first, attempt), result)?;
                    (verdict, 1, body)
                }
            };
            self.details.push(Details { before: self.count, micros, body });
            self.count += count;
            // A frame speaks of no more tasks than a batch has.
            self.reports.push(Report { run: TaskRun::new(first, count as u32), attempt, verdict });
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

    /// The tasks at `places`, with their values. Long ones are taken: ask once.
    pub(super) fn parts<'a>(
        &'a self,
        places: Range<usize>,
        frame: &'a [u8],
    ) -> impl Iterator<Item = Part<'a>> {
        let first = self.run_of(places.start);
        let both = self.reports.iter().zip(&self.details).skip(first);
        let end = places.end;
        both.take_while(move |(_, details)| details.before < end).map(move |(report, details)| {
            let from = places.start.saturating_sub(details.before);
            let until = (end - details.before).min(report.run.count as usize);
            let values = match &details.body {
                Body::Here { .. } => {
                    let all = self.values_of(&details.body, frame, report.run.count as usize);
                    PartValues::Here(all.part(from..until))
                }
                Body::Chunked(value) => PartValues::Long(value.take()),
            };
            // Both are at most the run's count.
            let run = TaskRun::new(report.run.at(from as u32), until.saturating_sub(from) as u32);
            Part { run, attempt: report.attempt, micros: details.micros, values }
        })
    }

    /// The sentence about a failed task, by its place, and how long it took.
    pub(super) fn sentence(&self, place: usize, frame: &[u8]) -> Option<(String, u64)> {
        let details = self.details.get(self.run_of(place))?;
        Some((String::from_utf8_lossy(details.body.bytes(frame)).into_owned(), details.micros))
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
    long: &mut LongValues,
    frame: &[u8],
    (task, attempt): (TaskId, u32),
    result: OutcomeResult<'_>,
) -> Result<(Verdict, Body), String> {
    let text = |text: &str| here(frame, text.as_bytes(), Each::All(text.len()));
    Ok(match result {
        OutcomeResult::Ok(value) => (Verdict::Ok, here(frame, value, Each::All(value.len()))),
        OutcomeResult::Chunked(length) => {
            (Verdict::Ok, Body::Chunked(RefCell::new(long.take(task, attempt, length)?)))
        }
        OutcomeResult::Error(why) => (Verdict::Failed(Reason::Error), text(why)),
        OutcomeResult::Memory(why) => (Verdict::Failed(Reason::Memory), text(why)),
        OutcomeResult::Panic(why) => (Verdict::Failed(Reason::Panic), text(why)),
        OutcomeResult::ErrorForGood(why) => (Verdict::FailedForGood(Reason::Error), text(why)),
        OutcomeResult::MemoryForGood(why) => (Verdict::FailedForGood(Reason::Memory), text(why)),
    })
}

/// Where in the frame a part of it lies.
fn here(frame: &[u8], part: &[u8], each: Each) -> Body {
    let start = (part.as_ptr() as usize).wrapping_sub(frame.as_ptr() as usize);
    Body::Here { start, length: part.len(), each }
}

#[cfg(test)]
impl Parsed {
    /// Adds a report with its value or sentence, as if it had been read of a frame.
    pub(super) fn push_for_test(
        &mut self,
        report: Report,
        micros: u64,
        text: &[u8],
        frame: &mut Vec<u8>,
        long: bool,
    ) {
        let body = if long {
            Body::Chunked(RefCell::new(text.to_vec()))
        } else {
            let start = frame.len();
            frame.extend_from_slice(text);
            Body::Here { start, length: text.len(), each: Each::All(text.len()) }
        };
        self.details.push(Details { before: self.count, micros, body });
        self.count += 1;
        self.reports.push(report);
    }
}
