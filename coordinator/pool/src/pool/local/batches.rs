//! Batches with the numbers that a worker knows them by.

use std::collections::VecDeque;

use queue::BatchId;

/// Batches with the numbers that a worker knows them by.
#[derive(Debug, Default)]
pub(super) struct Batches {
    // With their lengths, oldest first.
    sent: VecDeque<(BatchId, u64, usize)>,
    next: u64,
}

/// At most this many batches are remembered: more than a worker can have in its hands.
const BATCHES: usize = 8;

impl Batches {
    /// The number of the next batch.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Remembers the next batch.
    pub(super) fn note(&mut self, id: BatchId, length: usize) {
        if self.sent.len() == BATCHES {
            self.sent.pop_front();
        }
        self.sent.push_back((id, self.next, length));
        self.next += 1;
    }

    /// A batch's number and length.
    pub(super) fn find(&self, id: BatchId) -> Option<(u64, usize)> {
        self.sent.iter().find(|(batch, ..)| *batch == id).map(|(_, number, length)| (*number, *length))
    }
}
