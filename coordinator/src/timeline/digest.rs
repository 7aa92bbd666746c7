//! A run's timeline in a few kilobytes, however long the run: what the report of a run draws.
//!
//! Time is cut into slots; when they are used up, two become one. Everything is counted, nothing is kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::lane::{Lane, Span};
use crate::pool::{Done, Limit, Observer, PoolEvent};
use crate::queue::{Fate, Time, WorkerId};
use crate::summary::{Digest, DigestMark};

/// How many slots there are, at most; an even number.
const SLOTS: usize = 120;
/// How long a slot is at first.
const FIRST_SLOT: u64 = 10_000_000;
/// How many workers have a row of their own.
const ROWS: usize = 64;
/// How many kills and deaths are kept.
const MARKS: usize = 200;

/// The place of a time in a histogram: four for each doubling.
fn histogram_place(micros: u64) -> usize {
    let log = micros.checked_ilog2().unwrap_or(0);
    match log {
        0 | 1 => micros as usize,
        log => 4 * (log as usize - 1) + ((micros >> (log - 2)) & 3) as usize,
    }
}

/// The shortest time, in microseconds, that is counted at this place of a histogram.
pub fn histogram_floor(place: usize) -> u64 {
    let place = place as u64;
    match place {
        0..4 => place,
        _ => {
            let shift = u32::try_from(place / 4 - 1).unwrap_or(u32::MAX);
            let floor = u128::from(4 + place % 4).checked_shl(shift.min(100));
            floor.and_then(|floor| u64::try_from(floor).ok()).unwrap_or(u64::MAX)
        }
    }
}

/// Counts.
#[derive(Debug, Default)]
struct Counting {
    zero: Option<u64>,
    slot: u64,
    end: u64,
    ok: Vec<u64>,
    failed: Vec<u64>,
    lanes: Vec<Lane>,
    // Nanoseconds in tasks, by worker and slot.
    busy: Vec<Vec<u64>>,
    marks: Vec<DigestMark>,
    more_marks: u64,
    histogram: Vec<u64>,
    longest: u64,
}

impl Counting {
    fn since_zero(&mut self, at: u64) -> u64 {
        at.saturating_sub(*self.zero.get_or_insert(at))
    }

    /// The slot of a moment, for which there is room afterwards.
    fn slot_of(&mut self, at: u64) -> usize {
        let at = self.since_zero(at);
        self.end = self.end.max(at);
        while at / self.slot >= SLOTS as u64 {
            self.slot *= 2;
            halve(&mut self.ok);
            halve(&mut self.failed);
            self.busy.iter_mut().for_each(halve);
        }
        (at / self.slot) as usize
    }

    fn lane(&mut self, worker: WorkerId) -> &mut Lane {
        if self.lanes.len() <= worker.index() {
            self.lanes.resize(worker.index() + 1, Lane::default());
        }
        &mut self.lanes[worker.index()]
    }

    /// The worker was in tasks that ended now.
    fn fill(&mut self, worker: WorkerId, at: Time, busy: Duration) {
        let span = self.lane(worker).place(at, busy);
        self.lane(worker).fill(span);
        let last = self.slot_of(span.end);
        let first = self.slot_of(span.start);
        if worker.index() >= ROWS {
            return;
        }
        let (slot, zero) = (self.slot, self.zero.unwrap_or_default());
        let span = Span { start: span.start.saturating_sub(zero), end: span.end.saturating_sub(zero) };
        if self.busy.len() <= worker.index() {
            self.busy.resize_with(worker.index() + 1, Vec::new);
        }
        for index in first..=last {
            let (start, end) = (index as u64 * slot, (index as u64 + 1) * slot);
            let part = span.end.min(end).saturating_sub(span.start.max(start));
            add(&mut self.busy[worker.index()], index, part);
        }
    }

    fn on_done(&mut self, at: Time, worker: WorkerId, tasks: Done<'_>) {
        self.fill(worker, at, tasks.busy());
        let slot = self.slot_of(at.0);
        add(&mut self.ok, slot, tasks.len() as u64);
        for run in tasks.runs() {
            self.longest = self.longest.max(run.micros);
            add(&mut self.histogram, histogram_place(run.micros), run.run.len() as u64);
        }
    }

    fn mark(&mut self, at: Time, worker: WorkerId, what: String) {
        let at = self.since_zero(at.0) as f64 / 1e9;
        if self.marks.len() < MARKS {
            self.marks.push(DigestMark { at, worker: worker.number(), what });
        } else {
            self.more_marks += 1;
        }
    }

    fn digest(&self) -> Digest {
        let hundredths = |busy: &u64| (busy.saturating_mul(100) / self.slot).min(100) as u8;
        let slots = (self.end / self.slot) as usize + 1;
        let padded = |counts: &Vec<u64>| {
            let mut counts = counts.clone();
            counts.resize(slots, 0);
            counts
        };
        let rows = self.lanes.len().min(ROWS);
        let row = |index: usize| {
            let counts = self.busy.get(index).map(padded).unwrap_or_else(|| vec![0; slots]);
            counts.iter().map(hundredths).collect()
        };
        Digest {
            slot_seconds: self.slot as f64 / 1e9,
            end_seconds: self.end as f64 / 1e9,
            ok: padded(&self.ok),
            failed: padded(&self.failed),
            busy: (0..rows).map(row).collect(),
            more_workers: u32::try_from(self.lanes.len() - rows).unwrap_or(u32::MAX),
            marks: self.marks.clone(),
            more_marks: self.more_marks,
            histogram: self.histogram.clone(),
            longest_micros: self.longest,
        }
    }
}

fn add(counts: &mut Vec<u64>, index: usize, number: u64) {
    if counts.len() <= index {
        counts.resize(index + 1, 0);
    }
    counts[index] += number;
}

/// Two slots become one.
fn halve(counts: &mut Vec<u64>) {
    *counts = counts.chunks(2).map(|pair| pair.iter().sum()).collect();
}

/// Makes a digest of what happens in a pool. Clones make the same one.
#[derive(Debug, Clone)]
pub struct Chronicle(Arc<Mutex<Counting>>);

impl Default for Chronicle {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Counting { slot: FIRST_SLOT, ..Counting::default() })))
    }
}

impl Chronicle {
    /// What has happened so far.
    pub fn digest(&self) -> Digest {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).digest()
    }
}

impl Observer for Chronicle {
    fn on_event(&mut self, at: Time, event: &PoolEvent<'_>) {
        let mut counting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *event {
            PoolEvent::Done { worker, tasks } => counting.on_done(at, worker, tasks),
            PoolEvent::Failed { worker, record, fate, .. } => {
                counting.fill(worker, at, Duration::from_micros(record.micros));
                let slot = counting.slot_of(at.0);
                add(&mut counting.failed, slot, 1);
                if fate == Fate::Failed {
                    counting.longest = counting.longest.max(record.micros);
                }
            }
            PoolEvent::Greeted { worker } => counting.lane(worker).begin(at),
            PoolEvent::Started { .. } | PoolEvent::Limited(Limit::Ending) => {
                counting.slot_of(at.0);
            }
            PoolEvent::Died { worker, orderly: false, how, .. } => {
                counting.mark(at, worker, how.chars().take(200).collect());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
