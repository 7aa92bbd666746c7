//! Puts outcomes back into the order of the input.
//!
//! Outcomes come as they end. Those that an older one holds up wait here, in the batches in which they came; beyond
//! what memory is to hold, in a temporary file (`spill`). So one task that takes an hour at the head of a million
//! short ones holds up nobody, and loses nobody's outcome.

mod spill;

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use self::spill::Spill;
use crate::outcome::{Outcome, SharedBatch};
use crate::output::OutputError;

/// How much memory outcomes that wait may take, in bytes, before they wait in a file.
const HELD_BYTES: usize = 64 << 20;
/// How many outcomes, and bytes of them, leave at once: more than come in a batch, so that a queue always shrinks.
const PORTION: usize = 32 * 1024;
const PORTION_BYTES: usize = 4 << 20;
/// What a row costs beside its batch, in bytes, about.
const ROW_COST: usize = 96;

/// Outcomes that wait for older ones.
#[derive(Debug)]
pub(super) struct InOrder {
    // The next to leave.
    next: u64,
    // Outcomes with consecutive ids, by their first.
    // Invariant: no two have an id in common, and none is below `next`.
    rows: BTreeMap<u64, Row>,
    // How much memory the batches of all rows take.
    held: Arc<AtomicUsize>,
    most_held: usize,
    // What waits in a file, and where that is made.
    spill: Option<Spill>,
    folder: PathBuf,
}

#[derive(Debug)]
struct Row {
    batch: Arc<Held>,
    places: Range<usize>,
}

/// A batch of which some outcomes have not left.
#[derive(Debug)]
struct Held {
    batch: SharedBatch,
    footprint: usize,
    all: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.footprint, Relaxed);
    }
}

/// Outcomes that leave together, in order.
#[derive(Debug, Default)]
pub(super) struct Portion {
    rows: Vec<Row>,
    count: usize,
    bytes: usize,
}

impl Portion {
    /// The outcomes.
    pub(super) fn iter(&self) -> impl Iterator<Item = Outcome<'_>> {
        self.rows.iter().flat_map(|row| row.batch.batch.part(row.places.clone()))
    }

    /// True where there is nothing that could leave.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn is_full(&self) -> bool {
        self.count >= PORTION || self.bytes >= PORTION_BYTES
    }

    fn push(&mut self, row: Row) {
        self.count += row.places.len();
        // A part of the batch, as its outcomes are alike or few.
        let batch = &row.batch.batch;
        self.bytes += batch.total_bytes() / batch.len().max(1) * row.places.len();
        self.rows.push(row);
    }
}

impl InOrder {
    /// Nothing waits; what memory is not to hold will wait in a file in `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self::holding(HELD_BYTES, folder)
    }

    fn holding(most_held: usize, folder: PathBuf) -> Self {
        Self { next: 0, rows: BTreeMap::new(), held: Arc::default(), most_held, spill: None, folder }
    }

    /// Takes in outcomes, in whatever order.
    ///
    /// # Errors
    /// They have to wait in a file, and that can't be written.
    pub(super) fn add(&mut self, batch: SharedBatch) -> Result<(), OutputError> {
        self.keep(batch);
        let may_leave = self.rows.first_key_value().is_some_and(|(first, _)| *first == self.next);
        if self.held.load(Relaxed) <= self.most_held || may_leave {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.rows);
        self.spill(&waiting).map_err(|cause| self.refused(cause))
    }

    fn keep(&mut self, batch: SharedBatch) {
        let stretches = batch.stretches().count();
        let footprint = batch.footprint() + stretches * ROW_COST;
        self.held.fetch_add(footprint, Relaxed);
        let held = Arc::new(Held { batch, footprint, all: Arc::clone(&self.held) });
        for (first, places) in held.batch.stretches() {
            self.rows.insert(first.0, Row { batch: Arc::clone(&held), places });
        }
    }

    fn spill(&mut self, waiting: &BTreeMap<u64, Row>) -> io::Result<()> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(Spill::new(&self.folder)?),
        };
        spill.write(waiting.values().flat_map(|row| row.batch.batch.part(row.places.clone())))
    }

    /// The next outcomes that may leave; an empty portion where there is none.
    ///
    /// # Errors
    /// The file in which they waited can't be read.
    pub(super) fn take(&mut self) -> Result<Portion, OutputError> {
        let mut portion = Portion::default();
        while !portion.is_full() {
            self.fetch().map_err(|cause| self.refused(cause))?;
            let Some(first) = self.rows.first_entry().filter(|first| *first.key() == self.next) else {
                break;
            };
            let row = first.remove();
            self.next += row.places.len() as u64;
            portion.push(row);
        }
        Ok(portion)
    }

    /// As [`take`](Self::take), where nothing more will come: what is not there holds up nobody.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    pub(super) fn take_rest(&mut self) -> Result<Portion, OutputError> {
        let in_memory = self.rows.first_key_value().map(|(first, _)| *first);
        let in_file = self.spill.as_ref().and_then(Spill::first);
        self.next = in_memory.into_iter().chain(in_file).min().unwrap_or(self.next);
        self.take()
    }

    /// Brings back from the file what might be next.
    fn fetch(&mut self) -> io::Result<()> {
        while let Some(spill) = self.spill.as_mut().filter(|spill| spill.first() <= Some(self.next)) {
            match spill.read()? {
                Some(batch) => self.keep(batch.into()),
                // All has been read.
                None => self.spill = None,
            }
        }
        Ok(())
    }

    fn refused(&self, cause: io::Error) -> OutputError {
        let place = format!(
            "a temporary file in {}, for results that wait for an earlier one (another folder: TMPDIR, or --store; no \
             such file: --order completion)",
            self.folder.display()
        );
        OutputError::Io { place, cause }
    }
}

#[cfg(test)]
mod tests;
