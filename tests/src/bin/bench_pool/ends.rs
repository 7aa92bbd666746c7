//! The two ends of a pool under test: where its tasks come from, and where their outcomes go.

use coordinator::outcome::OutcomeBatch;
use std::cell::RefCell;

use coordinator::pool::{Incoming, Offer, Sink, Source, Supply, Waker};
use protocol::{Arena, Extent, monotonic_nanos};

/// Tasks that a function makes, each when it is wanted.
pub(crate) struct Made<F> {
    pub(crate) make: F,
    pub(crate) next: u64,
    pub(crate) count: u64,
}

impl<F: FnMut(u64) -> [u8; 8]> Source for Made<F> {
    fn take(&mut self, max: usize, into: &mut Incoming) -> Supply {
        let until = self.count.min(self.next.saturating_add(max as u64));
        if until == self.next {
            return Supply::End;
        }
        for task in self.next..until {
            into.payloads.push(&(self.make)(task));
        }
        self.next = until;
        Supply::Some
    }
}

/// Payloads in shared memory, as many as the pool asks for.
pub(crate) struct Large {
    pub(crate) arena: Arena,
    pub(crate) bytes: usize,
    /// Fills a payload; absent: it is taken as it lies there.
    pub(crate) copy_from: Option<Vec<u8>>,
    pub(crate) left: u64,
    /// How much of the arena was ever used, in bytes.
    pub(crate) touched: usize,
}

impl Large {
    fn fill(&self, extent: &mut Extent) {
        match &self.copy_from {
            Some(from) => extent.fill_from(from),
            // One byte a page, as `Look` looks at them.
            None => extent.iter_mut().step_by(4096).for_each(|byte| *byte = 1),
        }
    }
}

impl Source for Large {
    fn take(&mut self, _: usize, into: &mut Incoming) -> Supply {
        if self.left == 0 {
            return Supply::End;
        }
        // Room comes with the outcomes, and they wake the pool.
        let Some(mut extent) = self.arena.take(self.bytes) else { return Supply::Pending };
        self.fill(&mut extent);
        self.touched = self.touched.max(extent.offset() + extent.len());
        into.large.push((into.payloads.len(), extent));
        into.payloads.push(&[]);
        self.left -= 1;
        Supply::Some
    }
}

/// Counts what comes, and adds up the numbers that it begins with.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
    pub(crate) sum: u64,
}

impl Sink for Sum {
    fn offer(&mut self, mut batch: OutcomeBatch) -> Offer {
        for outcome in batch.iter() {
            match outcome.result {
                Ok(value) => {
                    self.ok += 1;
                    self.bytes += value.len() as u64;
                    let number = value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                    self.sum = self.sum.wrapping_add(number);
                }
                Err(_) => self.failed += 1,
            }
        }
        batch.clear();
        Offer::Taken(batch)
    }
}

/// Questions that are asked one at a time, and how long each answer took, in nanoseconds.
pub(crate) struct Trips {
    pub(crate) left: u64,
    pub(crate) open: bool,
    pub(crate) asked: u64,
    pub(crate) took: Vec<u64>,
}

/// Asks a question once the one before is answered.
pub(crate) struct Asks<'a>(pub(crate) &'a RefCell<Trips>);

/// Takes the answers.
pub(crate) struct Answers<'a> {
    pub(crate) trips: &'a RefCell<Trips>,
    pub(crate) waker: Waker,
}

impl Source for Asks<'_> {
    fn take(&mut self, _: usize, into: &mut Incoming) -> Supply {
        let mut trips = self.0.borrow_mut();
        match (trips.open, trips.left) {
            (true, _) => Supply::Pending,
            (false, 0) => Supply::End,
            (false, left) => {
                into.payloads.push(&1_u64.to_le_bytes());
                (trips.open, trips.left, trips.asked) = (true, left - 1, monotonic_nanos());
                Supply::Some
            }
        }
    }
}

impl Sink for Answers<'_> {
    fn offer(&mut self, mut batch: OutcomeBatch) -> Offer {
        let mut trips = self.trips.borrow_mut();
        trips.open = false;
        let took = monotonic_nanos().saturating_sub(trips.asked);
        trips.took.push(took);
        self.waker.wake();
        batch.clear();
        Offer::Taken(batch)
    }
}
