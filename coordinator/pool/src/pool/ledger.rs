//! What goes with each task through the pool: its payload on the way in, its outcome on the way out.
//!
//! The queue decides by ids; the bytes are kept here, in blocks, so that a tiny task costs no allocation and
//! one task that takes for ever does not keep the others' bytes in memory. Outcomes leave as they come.

use ids::{BLOCK, Blocks, parts};
use protocol::{Extent, Payloads, TaskId};

use super::large::LargePayloads;
use crate::outcome::{Failure, Meta, Outcome, OutcomeBatch, Strings};

#[derive(Debug, Default)]
struct Block {
    payloads: Payloads,
    released: usize,
}

impl Block {
    /// All of it has left; a block that held large payloads is not worth keeping.
    fn recycle(&mut self) -> bool {
        self.payloads.clear();
        self.released = 0;
        self.payloads.capacity() <= 1 << 20
    }
}

#[derive(Debug)]
pub(super) struct Ledger {
    blocks: Blocks<Block>,
    // Outcomes leave with their payloads.
    with_payloads: bool,
    // Payloads in the arena; their tasks have an empty one in their block.
    large: LargePayloads,
}

impl Ledger {
    pub(super) fn new(with_payloads: bool) -> Self {
        Self { blocks: Blocks::default(), with_payloads, large: LargePayloads::default() }
    }

    /// Keeps the payload of the next task.
    pub(super) fn push(&mut self, payload: &[u8]) {
        self.blocks.open(Block::default).0.payloads.push(payload);
        self.blocks.added(1);
    }

    /// Keeps the payloads of the next tasks.
    pub(super) fn push_all(&mut self, payloads: &Payloads) {
        let mut next = 0;
        while next < payloads.len() {
            let (block, room) = self.blocks.open(Block::default);
            let count = room.min(payloads.len() - next);
            block.payloads.append(payloads.part(next..next + count));
            self.blocks.added(count);
            next += count;
        }
    }

    /// Keeps the payload of the next task, which stays where it lies.
    pub(super) fn push_large(&mut self, payload: Extent) {
        self.large.insert(self.blocks.next(), payload);
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
        self.blocks.get(task).and_then(|(block, place)| block.payloads.get(place)).unwrap_or_default()
    }

    /// The payloads of tasks with consecutive ids, in parts: each with its first task.
    pub(super) fn payloads(
        &self,
        first: TaskId,
        count: usize,
    ) -> impl Iterator<Item = (TaskId, Strings<'_>)> {
        parts(first, count).filter_map(|(task, places)| {
            let (block, _) = self.blocks.get(task)?;
            Some((task, block.payloads.part(places)))
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
        for (task, payloads) in self.payloads(first, values.len()) {
            let until = done + payloads.len();
            out.push_run(task, meta, Some(payloads), values.part(done..until));
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
        for (task, places) in parts(first, count) {
            let Some((block, _)) = self.blocks.get_mut(task) else {
                debug_assert!(false, "{} tasks from {task} on leave twice", places.len());
                continue;
            };
            block.released += places.len();
            debug_assert!(
                block.released <= block.payloads.len(),
                "more has left the block of {task} than came"
            );
            if block.released >= BLOCK {
                self.blocks.end(task, Block::recycle);
            }
        }
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
        assert!(ledger.blocks.iter().filter_map(|(_, block)| block).count() <= 1);
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
        let kept = ledger.blocks.iter().filter_map(|(_, block)| block).count();
        assert!(kept <= 2, "{kept} blocks kept for one unfinished task");
    }
}
