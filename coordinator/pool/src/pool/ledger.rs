//! What goes with each task through the pool: its payload on the way in, its outcome on the way out.
//!
//! The queue decides by ids; the bytes are kept here, in blocks, so that a tiny task costs no allocation and
//! one task that takes for ever does not keep the others' bytes in memory. Outcomes leave as they come.

use std::collections::VecDeque;
use std::ops::Range;

use protocol::{Extent, Payloads, TaskId};

use super::large::LargePayloads;
use crate::outcome::{Failure, Meta, Outcome, OutcomeBatch, Strings};

const BLOCK: usize = 1024;

#[derive(Debug, Default)]
struct Block {
    payloads: Payloads,
    released: usize,
}

#[derive(Debug)]
pub(super) struct Ledger {
    // Invariant: blocks[i] holds the ids from (first + i) * BLOCK on; None: all have left.
    blocks: VecDeque<Option<Box<Block>>>,
    first: u64,
    next_in: u64,
    // Outcomes leave with their payloads.
    with_payloads: bool,
    // A block's memory, to be used again.
    spare: Option<Box<Block>>,
    // Payloads in the arena; their tasks have an empty one in their block.
    large: LargePayloads,
}

impl Ledger {
    pub(super) fn new(with_payloads: bool) -> Self {
        Self {
            blocks: VecDeque::new(),
            first: 0,
            next_in: 0,
            with_payloads,
            spare: None,
            large: LargePayloads::default(),
        }
    }

    /// Keeps the payload of the next task.
    pub(super) fn push(&mut self, payload: &[u8]) {
        if self.next_in.is_multiple_of(BLOCK as u64) {
            self.blocks.push_back(Some(self.spare.take().unwrap_or_default()));
        }
        if let Some(Some(block)) = self.blocks.back_mut() {
            block.payloads.push(payload);
        }
        self.next_in += 1;
    }

    /// Keeps the payloads of the next tasks.
    pub(super) fn push_all(&mut self, payloads: &Payloads) {
        let mut next = 0;
        while next < payloads.len() {
            let used = (self.next_in % BLOCK as u64) as usize;
            if used == 0 {
                self.blocks.push_back(Some(self.spare.take().unwrap_or_default()));
            }
            let count = (BLOCK - used).min(payloads.len() - next);
            if let Some(Some(block)) = self.blocks.back_mut() {
                block.payloads.append(payloads, next..next + count);
            }
            self.next_in += count as u64;
            next += count;
        }
    }

    /// Keeps the payload of the next task, which stays where it lies.
    pub(super) fn push_large(&mut self, payload: Extent) {
        self.large.insert(TaskId(self.next_in), payload);
        self.push(&[]);
    }

    /// The payload of a task that is about to be sent, where it lies in the arena.
    pub(super) fn send_large(&mut self, task: TaskId) -> Option<&Extent> {
        self.large.send(task)
    }

    /// How many payloads in the arena have yet to be sent for the first time.
    pub(super) fn unsent_large(&self) -> usize {
        self.large.unsent()
    }

    pub(super) fn payload(&self, task: TaskId) -> &[u8] {
        if let Some(large) = self.large.get(task) {
            return large;
        }
        let (index, offset) = self.locate(task);
        let block = self.blocks.get(index).and_then(Option::as_deref);
        block.and_then(|block| block.payloads.get(offset)).unwrap_or_default()
    }

    /// The payloads of tasks with consecutive ids, in parts: each with its first task.
    pub(super) fn payloads(
        &self,
        first: TaskId,
        count: usize,
    ) -> impl Iterator<Item = (TaskId, &Payloads, Range<usize>)> {
        self.parts(first, count).filter_map(|(task, index, places)| {
            let block = self.blocks.get(index)?.as_deref()?;
            Some((task, &block.payloads, places))
        })
    }

    /// Tasks with consecutive ids by their blocks: the first task, the block, and the places in it.
    fn parts(
        &self,
        first: TaskId,
        count: usize,
    ) -> impl Iterator<Item = (TaskId, usize, Range<usize>)> + use<> {
        let (index, offset) = self.locate(first);
        let mut done = 0;
        std::iter::from_fn(move || {
            let start = (offset + done) % BLOCK;
            let length = (count - done).min(BLOCK - start);
            let part =
                (TaskId(first.0 + done as u64), index + (offset + done) / BLOCK, start..start + length);
            done += length;
            (length > 0).then_some(part)
        })
    }

    /// Takes a task's outcome, which leaves into `out`.
    pub(super) fn settle(
        &mut self,
        task: TaskId,
        meta: Meta,
        result: Result<&[u8], &Failure>,
        out: &mut OutcomeBatch,
    ) {
        self.let_go(task, meta, result, out);
        self.release(task, 1);
    }

    /// As [`settle`](Self::settle), for tasks with consecutive ids.
    pub(super) fn settle_run(
        &mut self,
        first: TaskId,
        meta: Meta,
        values: &Strings<'_>,
        out: &mut OutcomeBatch,
    ) {
        self.let_go_run(first, meta, values, out);
        self.release(first, values.len());
    }

    /// As [`settle`](Self::settle), for a value that is worth no copying.
    pub(super) fn settle_long(&mut self, task: TaskId, meta: Meta, value: Vec<u8>, out: &mut OutcomeBatch) {
        let payload = if self.with_payloads { self.payload(task) } else { &[] };
        out.push_long(outcome(task, payload, meta, Ok(&[])), value);
        self.release(task, 1);
    }

    fn let_go(&self, task: TaskId, meta: Meta, result: Result<&[u8], &Failure>, out: &mut OutcomeBatch) {
        let payload = if self.with_payloads { self.payload(task) } else { &[] };
        out.push(outcome(task, payload, meta, result));
    }

    fn let_go_run(&self, first: TaskId, meta: Meta, values: &Strings<'_>, out: &mut OutcomeBatch) {
        if !self.with_payloads {
            return out.push_run(first, meta, None, *values);
        }
        if !self.large.is_empty() {
            for place in 0..values.len() {
                let task = TaskId(first.0 + place as u64);
                self.let_go(task, meta, Ok(values.part(place..place + 1).bytes()), out);
            }
            return;
        }
        let mut done = 0;
        for (task, payloads, places) in self.payloads(first, values.len()) {
            let until = done + places.len();
            out.push_run(task, meta, Some((payloads, places)), values.part(done..until));
            done = until;
        }
    }

    /// Forgets tasks whose outcomes have left, and each block with the last of its tasks.
    fn release(&mut self, first: TaskId, count: usize) {
        if !self.large.is_empty() {
            for task in first.0..first.0 + count as u64 {
                self.large.remove(TaskId(task));
            }
        }
        for (_, index, places) in self.parts(first, count) {
            let Some(place) = self.blocks.get_mut(index) else { return };
            let Some(block) = place else { continue };
            block.released += places.len();
            if block.released < BLOCK {
                continue;
            }
            if let Some(mut block) = place.take() {
                block.payloads.clear();
                block.released = 0;
                // A block that held large payloads is not worth keeping.
                self.spare = (block.payloads.capacity() <= 1 << 20).then_some(block);
            }
        }
        while let Some(None) = self.blocks.front() {
            self.blocks.pop_front();
            self.first += 1;
        }
    }

    fn locate(&self, task: TaskId) -> (usize, usize) {
        let block = (task.0 / BLOCK as u64).wrapping_sub(self.first);
        (usize::try_from(block).unwrap_or(usize::MAX), (task.0 % BLOCK as u64) as usize)
    }
}

fn outcome<'a>(
    task: TaskId,
    payload: &'a [u8],
    meta: Meta,
    result: Result<&'a [u8], &'a Failure>,
) -> Outcome<'a> {
    Outcome {
        task,
        payload,
        attempts: meta.attempts,
        worker: meta.worker,
        micros: meta.micros,
        slow: meta.slow,
        result,
    }
}

#[cfg(test)]
mod tests {
    use protocol::Arena;

    use super::*;
    use crate::outcome::Reason;

    const META: Meta = Meta { attempts: 1, worker: 1, micros: 0, slow: false };

    /// A permutation of 0..5000 that leaves nothing in its place.
    fn shuffled() -> Vec<u64> {
        (0..5000).map(|i| (i * 2579 + 1234) % 5000).collect()
    }

    #[test]
    fn outcomes_leave_with_their_payloads_as_they_come() {
        let mut ledger = Ledger::new(true);
        (0..5000_u64).for_each(|task| ledger.push(&task.to_le_bytes()));
        let mut out = OutcomeBatch::new();
        for task in shuffled() {
            ledger.settle(TaskId(task), META, Ok(&[task as u8]), &mut out);
        }
        let got: Vec<_> =
            out.iter().map(|o| (o.task.0, o.payload.to_vec(), o.result.unwrap().to_vec())).collect();
        let wanted: Vec<_> =
            shuffled().into_iter().map(|i| (i, i.to_le_bytes().to_vec(), vec![i as u8])).collect();
        assert_eq!(got, wanted);
        assert!(ledger.blocks.iter().flatten().count() <= 1);
    }

    #[test]
    fn a_large_payload_leaves_the_arena_with_its_outcome() {
        let arena = Arena::new(4096).unwrap();
        let failure = Failure { reason: Reason::Cancelled, message: String::new(), history: Vec::new() };
        for end in 0..3 {
            for with_payloads in [true, false] {
                let mut ledger = Ledger::new(with_payloads);
                ledger.push(b"small");
                let mut extent = arena.take(4096).unwrap();
                extent.fill(7);
                ledger.push_large(extent);
                assert_eq!((ledger.unsent_large(), ledger.payload(TaskId(1))), (1, &[7; 4096][..]));
                let mut out = OutcomeBatch::new();
                match end {
                    0 => ledger.settle(TaskId(1), META, Ok(b"b"), &mut out),
                    1 => ledger.settle_long(TaskId(1), META, vec![0; 100_000], &mut out),
                    _ => ledger.settle(TaskId(1), META, Err(&failure), &mut out),
                }
                assert!(arena.take(4096).is_some(), "{end}");
                assert_eq!(ledger.unsent_large(), 0);
                let payload = if with_payloads { &[7; 4096][..] } else { &[] };
                assert_eq!(out.get(0).unwrap().payload, payload);
            }
        }
    }

    #[test]
    fn long_values_leave_as_the_others_do() {
        let mut ledger = Ledger::new(true);
        (0..3).for_each(|_| ledger.push(b"payload"));
        let mut out = OutcomeBatch::new();
        ledger.settle_long(TaskId(2), META, vec![2; 100_000], &mut out);
        ledger.settle(TaskId(1), META, Ok(&[1]), &mut out);
        ledger.settle_long(TaskId(0), META, vec![0; 100_000], &mut out);
        let got: Vec<(u64, usize)> = out.iter().map(|o| (o.task.0, o.result.unwrap().len())).collect();
        assert_eq!(got, [(2, 100_000), (1, 1), (0, 100_000)]);
        assert!(out.total_bytes() > 200_000 && out.iter().all(|o| o.payload == b"payload"));
    }

    #[test]
    fn blocks_go_with_their_last_task() {
        let mut ledger = Ledger::new(true);
        let mut out = OutcomeBatch::new();
        for task in 0..100_000u64 {
            ledger.push(b"payload");
            if task > 0 {
                ledger.settle(TaskId(task), META, Ok(b""), &mut out);
            }
        }
        let kept = ledger.blocks.iter().flatten().count();
        assert!(kept <= 2, "{kept} blocks kept for one unfinished task");
    }
}
