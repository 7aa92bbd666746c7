//! What is known of each task, in blocks that are dropped when all their tasks have ended: one task that
//! takes for ever must not keep a million finished ones in memory.

use std::collections::VecDeque;

use protocol::TaskId;

use super::WorkerId;

const BLOCK: usize = 1024;

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

/// All tasks from the oldest block with unfinished ones on.
#[derive(Debug, Default)]
pub(super) struct Slots {
    // Invariant: blocks[i] holds the ids from (first + i) * BLOCK on; None: all have ended.
    blocks: VecDeque<Option<Block>>,
    first: u64,
    next: u64,
    // Invariant: oldest <= next, and every task before oldest is done.
    oldest: u64,
    unfinished: u64,
    // A dropped block's memory, to be used again.
    spare: Option<Vec<Slot>>,
}

impl Slots {
    pub(super) fn push(&mut self, slot: Slot) -> TaskId {
        let task = TaskId(self.next);
        if self.next.is_multiple_of(BLOCK as u64) {
            let slots = self.spare.take().unwrap_or_else(|| Vec::with_capacity(BLOCK));
            self.blocks.push_back(Some(Block { slots, finished: 0 }));
        }
        // The last block is there: it is dropped only once it is full.
        if let Some(Some(block)) = self.blocks.back_mut() {
            block.slots.push(slot);
        }
        self.next += 1;
        self.unfinished += 1;
        task
    }

    /// The task, where it has been put and its block has not been dropped.
    pub(super) fn get_mut(&mut self, task: TaskId) -> Option<&mut Slot> {
        if task.0 < self.first * BLOCK as u64 {
            return None;
        }
        let (index, offset) = self.locate(task);
        self.blocks.get_mut(index)?.as_mut()?.slots.get_mut(offset)
    }

    pub(super) fn get(&self, task: TaskId) -> Option<&Slot> {
        if task.0 < self.first * BLOCK as u64 {
            return None;
        }
        let (index, offset) = self.locate(task);
        self.blocks.get(index)?.as_ref()?.slots.get(offset)
    }

    /// Marks a task as done where it was not yet and `may` agrees; returns what was known of it.
    #[inline]
    pub(super) fn finish_if(&mut self, task: TaskId, may: impl FnOnce(&Slot) -> bool) -> Option<Slot> {
        if task.0 < self.first * BLOCK as u64 {
            return None;
        }
        let (index, offset) = self.locate(task);
        let place = self.blocks.get_mut(index)?;
        let block = place.as_mut()?;
        let slot = block.slots.get_mut(offset)?;
        if slot.state == State::Done || !may(slot) {
            return None;
        }
        let known = *slot;
        slot.state = State::Done;
        self.unfinished -= 1;
        block.finished += 1;
        if block.finished == BLOCK {
            self.spare = place.take().map(|mut block| {
                block.slots.clear();
                block.slots
            });
        }
        if task.0 == self.oldest {
            self.advance();
        }
        Some(known)
    }

    /// Moves `oldest` over what is done, and drops the blocks in front of it.
    fn advance(&mut self) {
        while self.oldest < self.next {
            let (index, offset) = self.locate(TaskId(self.oldest));
            match self.blocks.get(index) {
                Some(Some(block)) => match block.slots.get(offset) {
                    Some(slot) if slot.state == State::Done => self.oldest += 1,
                    _ => break,
                },
                Some(None) => self.oldest = (self.first + index as u64 + 1) * BLOCK as u64,
                None => break,
            }
        }
        while let Some(None) = self.blocks.front() {
            self.blocks.pop_front();
            self.first += 1;
        }
    }

    fn locate(&self, task: TaskId) -> (usize, usize) {
        let block = (task.0 / BLOCK as u64).saturating_sub(self.first);
        (usize::try_from(block).unwrap_or(usize::MAX), (task.0 % BLOCK as u64) as usize)
    }

    /// The id that the next task will get.
    pub(super) fn next(&self) -> TaskId {
        TaskId(self.next)
    }

    pub(super) fn oldest(&self) -> TaskId {
        TaskId(self.oldest)
    }

    pub(super) fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// How many tasks there are from the oldest unfinished one on.
    pub(super) fn span(&self) -> u64 {
        self.next - self.oldest
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
        assert_eq!(slots.oldest(), TaskId(0));
        assert_eq!(slots.span(), 100_000);
        let kept: usize = slots.blocks.iter().flatten().map(|block| block.slots.len()).sum();
        assert!(kept <= 2 * BLOCK, "{kept} slots kept");
        assert!(slots.finish_if(TaskId(0), |_| true).is_some());
        assert_eq!(slots.oldest(), TaskId(100_000));
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
