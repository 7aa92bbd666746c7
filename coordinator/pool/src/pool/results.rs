//! The result queue: outcomes on their way out, as they come.

use protocol::TaskId;

use super::ledger::Ledger;
use super::{Offer, PoolOptions, Sink};
use crate::outcome::{Failure, Meta, OutcomeBatch, Strings};

/// How many outcomes are handed to the sink at once, at most.
const OUTBOX: usize = 8192;
const OUTBOX_BYTES: usize = 1 << 20;

/// Outcomes between the queue and the sink.
pub(super) struct ResultQueue<'a> {
    /// The tasks' payloads.
    pub(super) ledger: Ledger,
    outbox: OutcomeBatch,
    sink: &'a mut dyn Sink,
    congested: bool,
    closed: bool,
}

/// What came of handing outcomes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    /// It is as it was.
    AsBefore,
    /// Outcomes can't leave any more, or can again.
    Congested(bool),
    /// The sink wants no more; told once.
    Closed,
}

impl<'a> ResultQueue<'a> {
    pub(super) fn new(options: &PoolOptions, sink: &'a mut dyn Sink) -> Self {
        Self {
            ledger: Ledger::new(options.payloads_in_outcomes),
            outbox: OutcomeBatch::new(),
            sink,
            congested: false,
            closed: false,
        }
    }

    /// Puts in the outcomes of tasks with consecutive ids that ended well.
    pub(super) fn put_values(&mut self, first: TaskId, meta: Meta, values: &Strings<'_>) {
        self.ledger.settle_run(first, meta, values, &mut self.outbox);
    }

    /// Puts in an outcome with a value that is worth no copying.
    pub(super) fn put_long(&mut self, task: TaskId, meta: Meta, value: Vec<u8>) {
        self.ledger.settle_long(task, meta, value, &mut self.outbox);
    }

    /// Puts in one outcome.
    pub(super) fn put(&mut self, task: TaskId, meta: Meta, result: Result<&[u8], &Failure>) {
        self.ledger.settle(task, meta, result, &mut self.outbox);
    }

    /// Memory for a long value.
    pub(super) fn room_for(&mut self, length: usize) -> Vec<u8> {
        self.outbox.room_for(length)
    }

    /// True if nothing waits for the sink.
    pub(super) fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    /// True if outcomes can't leave fast enough.
    pub(super) fn is_congested(&self) -> bool {
        self.congested
    }

    /// True if what there is should be handed on now.
    pub(super) fn is_much(&self) -> bool {
        self.outbox.len() >= OUTBOX || self.outbox.total_bytes() >= OUTBOX_BYTES
    }

    /// Hands outcomes on.
    pub(super) fn flush(&mut self) -> Flushed {
        if self.closed {
            self.outbox.clear();
            return Flushed::AsBefore;
        }
        if !self.outbox.is_empty() {
            let batch = std::mem::take(&mut self.outbox);
            match self.sink.offer(batch) {
                Offer::Taken(spare) => self.outbox = spare,
                Offer::Full(batch) => self.outbox = batch,
                Offer::Closed => {
                    self.closed = true;
                    return Flushed::Closed;
                }
            }
        }
        let full = !self.outbox.is_empty();
        if full == self.congested {
            return Flushed::AsBefore;
        }
        self.congested = full;
        Flushed::Congested(full)
    }
}
