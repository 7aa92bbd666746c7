//! Counting the primes of a range: a task is a segment, its value how many primes it holds.

use std::collections::BTreeMap;
use std::ops::Range;

use protocol::{Handler, Payloads, Task, TaskError};
use serde_json::{Value, json};

use super::base::BasePrimes;
use super::sieve::Sieve;
use crate::{BadValue, Combine, PlanError, Presenter, Tasks};

/// A sieve needs all primes up to the square root of what it sieves. A range that is this many times
/// shorter than that root is counted sooner by testing its numbers one by one.
const WORTH_SIEVING: u64 = 32;

/// A segment that is tested number by number: some 20 ms of work.
const TESTED_SEGMENT: u64 = 1 << 20;

/// A segment that is sieved has a byte for 30 numbers, in this many bytes. The less often each base prime
/// is placed anew, the better for high ranges, so that segments grow with the root until memory counts.
const SIEVED_BYTES: (u64, u64) = (1 << 19, 1 << 25);

/// How many numbers a segment of this range has: it depends on the range only.
fn segment_length(range: &Range<u128>) -> u64 {
    let root = last_of(range).isqrt();
    if range.end - range.start < u128::from(root / WORTH_SIEVING) {
        return TESTED_SEGMENT;
    }
    30 * (root / 2).next_power_of_two().clamp(SIEVED_BYTES.0, SIEVED_BYTES.1)
}

/// The last number of a range that is not empty and ends at 2⁶⁴ at most.
fn last_of(range: &Range<u128>) -> u64 {
    u64::try_from(range.end.saturating_sub(1)).unwrap_or(u64::MAX)
}

/// The numbers from `first` to `last`, both included, so that 64 bits are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    first: u64,
    last: u64,
}

impl Segment {
    fn write(self, payload: &mut Vec<u8>) {
        payload.extend_from_slice(&self.first.to_le_bytes());
        payload.extend_from_slice(&self.last.to_le_bytes());
    }

    fn read(payload: &[u8]) -> Result<Self, BadValue> {
        let bad = || BadValue("the payload is not a segment".into());
        let (first, last) = payload.split_first_chunk().ok_or_else(bad)?;
        let last = last.try_into().map_err(|_| bad())?;
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(last));
        if first > last { Err(bad()) } else { Ok(Self { first, last }) }
    }

    /// How many numbers it has.
    fn length(self) -> u128 {
        u128::from(self.last - self.first) + 1
    }

    /// The number after its last one.
    fn end(self) -> u128 {
        u128::from(self.last) + 1
    }

    /// Reads the value of its task: no segment holds more primes than numbers.
    fn primes(self, value: &[u8]) -> Result<u64, BadValue> {
        let count = value.try_into().map(u64::from_le_bytes);
        count
            .ok()
            .filter(|count| u128::from(*count) <= self.length())
            .ok_or_else(|| BadValue("the value is not a number of primes".into()))
    }
}

/// The segments of a range, in order.
pub(super) struct Segments {
    rest: Range<u128>,
    length: u64,
}

impl Segments {
    pub(super) fn new(range: Range<u128>) -> Self {
        Self { length: segment_length(&range), rest: range }
    }

    /// How many segments there are still to come.
    pub(super) fn count(&self) -> u64 {
        let length = self.rest.end.saturating_sub(self.rest.start);
        // Segments are longer than 1, so that there are fewer than 2⁶⁴.
        u64::try_from(length.div_ceil(self.length.into())).unwrap_or(u64::MAX)
    }
}

impl Tasks for Segments {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        while into.len() - before < max && !self.rest.is_empty() {
            let end = self.rest.end.min(self.rest.start + u128::from(self.length));
            let first = u64::try_from(self.rest.start).unwrap_or(u64::MAX);
            let segment = Segment { first, last: last_of(&(self.rest.start..end)) };
            into.push_with(|payload| segment.write(payload));
            self.rest.start = end;
        }
        Ok(into.len() > before)
    }
}

/// Counts in a worker. The base primes are made when a segment first needs them, for the whole job.
pub(super) struct Counter {
    last: u64,
    sieve: Option<Sieve>,
}

impl Counter {
    /// Counts in segments of a range whose last number is `last`.
    pub(super) fn new(last: u64) -> Self {
        Self { last, sieve: None }
    }

    fn count(&mut self, Segment { first, last }: Segment) -> u64 {
        if last - first < last.isqrt() / WORTH_SIEVING {
            return (first..=last).filter(|number| machine_prime::is_prime(*number)).count() as u64;
        }
        let sieve = self.sieve.get_or_insert_with(|| {
            // The root of 64 bits has 32.
            Sieve::new(BasePrimes::up_to(self.last.isqrt() as u32))
        });
        sieve.count(first, last)
    }
}

impl Handler for Counter {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let segment = Segment::read(task.payload).map_err(|bad| TaskError::new(bad.0))?;
        if segment.last > self.last {
            return Err(TaskError::new("the segment lies outside of the job's range"));
        }
        value.extend_from_slice(&self.count(segment).to_le_bytes());
        Ok(())
    }
}

/// Shows segments and their counts.
pub(super) struct CountPresenter;

impl Presenter for CountPresenter {
    fn columns(&self) -> &[&'static str] {
        &["from", "to", "primes"]
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        let segment = Segment::read(payload)?;
        *text += &format!("{}..{}", segment.first, segment.end());
        Ok(())
    }

    fn value(&self, payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        let segment = Segment::read(payload)?;
        let (from, to, primes) = (segment.first, segment.end(), segment.primes(value)?);
        *json += &format!(r#"{{"from":"{from}","to":"{to}","primes":{primes}}}"#);
        Ok(())
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        let segment = Segment::read(payload)?;
        // The sentence is the result's: said of every segment, it would be told twice of a range that has only one.
        let primes = segment.primes(value)?;
        let plural = if primes == 1 { "" } else { "s" };
        *line += &format!("{}..{}: {primes} prime{plural}", segment.first, segment.end());
        Ok(())
    }
}

fn sentence(range: &Range<u128>, primes: u64) -> String {
    let (are, plural) = if primes == 1 { ("is", "") } else { ("are", "s") };
    format!("there {are} {primes} prime{plural} from {} up to but not including {}", range.start, range.end)
}

/// Adds the counts up.
pub(super) struct Total {
    range: Range<u128>,
    covered: u128,
    primes: u64,
    by_worker: BTreeMap<String, (u64, u64)>,
}

impl Total {
    pub(super) fn new(range: Range<u128>) -> Self {
        Self { range, covered: 0, primes: 0, by_worker: BTreeMap::new() }
    }
}

impl Combine for Total {
    fn add(&mut self, _task: u64, payload: &[u8], value: &[u8], worker: &str) -> Result<(), BadValue> {
        let segment = Segment::read(payload)?;
        let primes = segment.primes(value)?;
        self.covered += segment.length();
        // Fewer than 2⁵⁹ primes lie below 2⁶⁴; a liar may say more.
        self.primes = self.primes.saturating_add(primes);
        if !self.by_worker.contains_key(worker) {
            self.by_worker.insert(worker.to_owned(), (0, 0));
        }
        if let Some((segments, found)) = self.by_worker.get_mut(worker) {
            *segments += 1;
            *found = found.saturating_add(primes);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Value, BadValue> {
        let length = self.range.end.saturating_sub(self.range.start);
        if self.covered != length {
            return Err(BadValue(format!("{} of {length} numbers were looked at", self.covered)));
        }
        let (from, to) = (self.range.start.to_string(), self.range.end.to_string());
        Ok(json!({ "from": from, "to": to, "primes": self.primes }))
    }

    fn text(&mut self) -> Result<String, BadValue> {
        self.finish()?;
        Ok(sentence(&self.range, self.primes))
    }

    fn explain(&self) -> Vec<String> {
        let line = |(worker, (segments, primes)): (&String, &(u64, u64))| {
            format!("{worker} counted {primes} primes in {segments} segments")
        };
        self.by_worker.iter().map(line).collect()
    }
}
