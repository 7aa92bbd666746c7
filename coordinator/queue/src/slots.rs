//! What is known of each task, in blocks that are dropped when all their tasks have ended: one task that
//! takes for ever must not keep a million finished ones in memory.

use alloc::vec::Vec;
use core::ops::Range;

use ids::{BLOCK, Blocks, TaskId, TaskRun};

use super::holds::{Sound, holds};
use super::{Leases, WorkerId};

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// In a lane, to be leased.
    Ready,
    /// In this worker's hands.
    Leased(WorkerId),
    /// Waiting for its next attempt.
    Waiting,
    /// It has its outcome.
    Done,
}

/// What is known of a task.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) state: State,
    /// Attempts that have failed.
    pub(super) attempts: u32,
    pub(super) bytes: u32,
    pub(super) priority: i32,
    /// Workers that died of it.
    pub(super) kills: u8,
    /// Workers that died with it in front of them and nothing to blame.
    pub(super) suspicions: u8,
    /// An attempt has passed the soft limit.
    pub(super) slow: bool,
    /// Nobody wants it any more; it ends when it leaves the hands that it is in.
    pub(super) cancelled: bool,
}

impl Slot {
    pub(super) fn new(bytes: u32, priority: i32) -> Self {
        Self {
            state: State::Ready,
            attempts: 0,
            bytes,
            priority,
            kills: 0,
            suspicions: 0,
            slow: false,
            cancelled: false,
        }
    }

    fn cost(&self) -> usize {
        self.bytes as usize + TASK_COST
    }

    /// True if this worker has it in its hands.
    pub(super) fn is_leased_by(&self, worker: WorkerId) -> bool {
        self.state == State::Leased(worker)
    }

    /// True if this worker has it in its hands, for this attempt.
    pub(super) fn is_attempt_of(&self, worker: WorkerId, attempt: u32) -> bool {
        self.is_leased_by(worker) && self.attempts.saturating_add(1) == attempt
    }

    /// A task that seems to kill workers runs alone, so that the next death is certainly its own.
    pub(super) fn is_quarantined(&self) -> bool {
        self.kills >= 2 || self.suspicions >= 2
    }
}

#[derive(Debug)]
struct Block {
    slots: Vec<Slot>,
    finished: usize,
}

/// What a run of tasks adds to a message beside its tasks, in bytes, at most.
const HEAD_COST: usize = 24;
/// What a task adds to a message beside its payload, in bytes, at most.
const TASK_COST: usize = 3;

/// What came of leasing.
#[derive(Debug)]
pub(super) enum Leasing {
    /// These, which cost so many bytes of a message.
    Leased(Leases, usize),
    /// The first is no longer there to be had.
    Stale,
    /// The first does not fit.
    Full,
}

/// All tasks from the oldest block with unfinished ones on.
#[derive(Debug, Default)]
pub(super) struct Slots {
    blocks: Blocks<Block>,
    unfinished: u64,
    // Tasks that were done when they came.
    skipped: u64,
}

impl Slots {
    pub(super) fn push(&mut self, slot: Slot) -> TaskId {
        let task = self.blocks.next();
        self.blocks.open(Block::new).0.slots.push(slot);
        self.added(1);
        task
    }

    fn added(&mut self, count: usize) {
        self.blocks.added(count);
        self.unfinished += count as u64;
    }

    /// Adds a task that is done already.
    pub(super) fn skip(&mut self) -> TaskId {
        let task = self.push(Slot::new(0, 0));
        self.finish_if(task, |_| true);
        self.skipped += 1;
        task
    }

    /// Adds a task for each of these payload lengths, and returns the sum of those.
    pub(super) fn push_all(&mut self, lengths: impl Iterator<Item = usize>, priority: i32) -> usize {
        let mut lengths = lengths.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX)).peekable();
        let mut total = 0;
        while lengths.peek().is_some() {
            let (block, room) = self.blocks.open(Block::new);
            let before = block.slots.len();
            block.slots.extend(lengths.by_ref().take(room).map(|bytes| {
                total += bytes as usize;
                Slot::new(bytes, priority)
            }));
            let added = block.slots.len() - before;
            self.added(added);
        }
        total
    }

    /// The task, where it has been put and its block has not been dropped.
    pub(super) fn get_mut(&mut self, task: TaskId) -> Option<&mut Slot> {
        let (block, offset) = self.blocks.get_mut(task)?;
        block.slots.get_mut(offset)
    }

    pub(super) fn get(&self, task: TaskId) -> Option<&Slot> {
        let (block, offset) = self.blocks.get(task)?;
        block.slots.get(offset)
    }

    /// Marks a task as done where it was not yet and `may` agrees; returns what was known of it.
    #[inline]
    pub(super) fn finish_if(&mut self, task: TaskId, may: impl FnOnce(&Slot) -> bool) -> Option<Slot> {
        let (block, offset) = self.blocks.get_mut(task)?;
        let slot = block.slots.get_mut(offset)?;
        if slot.state == State::Done || !may(slot) {
            return None;
        }
        let known = *slot;
        slot.state = State::Done;
        self.unfinished -= 1;
        block.finished += 1;
        if block.finished == BLOCK {
            self.blocks.end(task, Block::recycle);
        }
        Some(known)
    }

    /// Marks tasks from `first` on as done, up to `most` of them, as long as `may` agrees; returns how many those are
    /// and the bytes of their payloads.
    pub(super) fn finish_while(
        &mut self,
        first: TaskId,
        most: usize,
        may: impl Fn(&Slot) -> bool,
    ) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        for (task, places) in ids::parts(first, most) {
            let Some((block, _)) = self.blocks.get_mut(task) else { break };
            let slots = block.slots.iter_mut().skip(places.start).take(places.len());
            let mut ended = 0;
            for slot in slots.take_while(|slot| slot.state != State::Done && may(slot)) {
                slot.state = State::Done;
                bytes += slot.bytes as usize;
                ended += 1;
            }
            block.finished += ended;
            if block.finished == BLOCK {
                self.blocks.end(task, Block::recycle);
            }
            count += ended;
            if ended < places.len() {
                break;
            }
        }
        self.unfinished -= count as u64;
        (count, bytes)
    }

    /// Leases tasks with consecutive ids, those of `run`, to a worker: up to `most`, as far as `room` for what they
    /// cost in a message lasts; `alone`: the first of them whatever it costs.
    pub(super) fn lease(
        &mut self,
        run: TaskRun,
        worker: WorkerId,
        most: usize,
        room: usize,
        alone: bool,
    ) -> Leasing {
        let Some((block, offset)) = self.blocks.get_mut(run.first) else { return Leasing::Stale };
        let mut slots = block.slots.iter_mut().skip(offset).take(run.len().min(most));
        let Some(first) = slots.next().filter(|slot| slot.state == State::Ready) else {
            return Leasing::Stale;
        };
        let mut cost = HEAD_COST + first.cost();
        if cost > room && !alone {
            return Leasing::Full;
        }
        first.state = State::Leased(worker);
        let attempts = first.attempts;
        let mut count = 1;
        for slot in slots {
            let more = cost + slot.cost();
            if slot.state != State::Ready || slot.attempts != attempts || more > room {
                break;
            }
            slot.state = State::Leased(worker);
            cost = more;
            count += 1;
        }
        let leases = Leases { run: TaskRun::new(run.first, count), attempt: attempts.saturating_add(1) };
        Leasing::Leased(leases, cost)
    }

    /// The id that the next task will get.
    pub(super) fn next(&self) -> TaskId {
        self.blocks.next()
    }

    pub(super) fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// How many tasks were skipped.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many tasks something is known of, at most.
    pub(super) fn kept(&self) -> u64 {
        (self.blocks.places() * BLOCK) as u64
    }

    /// The first task that something is known of.
    pub(super) fn first_kept(&self) -> TaskId {
        self.blocks.first_kept()
    }

    /// The invariants above; `bytes`: of all payloads of tasks that have not ended.
    pub(super) fn check(&self, bytes: usize) -> Sound {
        holds!(self.blocks.is_sound(), "blocks are not where they should be: up to {}", self.next());
        let mut left = Tally::default();
        for (ids, block) in self.blocks.iter() {
            match block {
                Some(block) => block.check(&ids, &mut left)?,
                None => {
                    holds!(ids.end - ids.start == BLOCK as u64, "the block of {ids:?} has gone too early")
                }
            }
        }
        let Tally { unfinished, bytes: sum } = left;
        holds!(unfinished == self.unfinished, "{unfinished} unfinished tasks counted as {}", self.unfinished);
        holds!(sum == bytes, "{sum} bytes held, counted as {bytes}");
        holds!(
            self.blocks.spare().is_none_or(|block| block.slots.is_empty() && block.finished == 0),
            "memory to be used again is not empty"
        );
        Ok(())
    }
}

/// What a look at all slots finds.
#[derive(Debug, Default)]
struct Tally {
    unfinished: u64,
    bytes: usize,
}

impl Block {
    fn new() -> Self {
        Self { slots: Vec::with_capacity(BLOCK), finished: 0 }
    }

    /// All of it has ended, and its memory is used again.
    fn recycle(&mut self) -> bool {
        self.slots.clear();
        self.finished = 0;
        true
    }

    // A plain loop: a debug build goes through it often.
    fn check(&self, ids: &Range<u64>, left: &mut Tally) -> Sound {
        let (start, ids) = (ids.start, (ids.end - ids.start) as usize);
        holds!(
            self.slots.len() == ids,
            "the block of {start} has {} slots for {ids} tasks",
            self.slots.len()
        );
        let mut done = ids;
        for slot in &self.slots {
            if slot.state != State::Done {
                done -= 1;
                left.unfinished += 1;
                left.bytes += slot.bytes as usize;
            }
        }
        holds!(done == self.finished, "{done} done in the block of {start}, counted as {}", self.finished);
        holds!(done < BLOCK, "the block of {start} is kept though all is done");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unfinished_task_does_not_keep_the_finished_ones() {
        let mut slots = Slots::default();
        for _ in 0..100_000 {
            slots.push(Slot::new(0, 0));
        }
        for task in 1..100_000 {
            assert!(slots.finish_if(TaskId(task), |_| true).is_some());
        }
        assert_eq!(slots.unfinished(), 1);
        let kept: usize =
            slots.blocks.iter().filter_map(|(_, block)| block).map(|block| block.slots.len()).sum();
        assert!(kept <= 2 * BLOCK, "{kept} slots kept");
        assert!(slots.finish_if(TaskId(0), |_| true).is_some());
        assert!(slots.blocks.places() <= 1 && slots.next() == TaskId(100_000));
    }

    #[test]
    fn a_task_is_finished_once() {
        let mut slots = Slots::default();
        let task = slots.push(Slot::new(0, 0));
        assert!(slots.finish_if(task, |_| false).is_none());
        assert!(slots.finish_if(task, |_| true).is_some());
        assert!(slots.finish_if(task, |_| true).is_none());
        assert!(slots.finish_if(TaskId(7), |_| true).is_none());
        assert_eq!(slots.push(Slot::new(0, 0)), TaskId(1));
    }
}
