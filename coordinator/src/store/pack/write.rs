//! Packs good outcomes, in ascending order of their ids.

use protocol::TaskId;

use super::column::{Column, push_varint};
use super::format::{BLOCK_TASKS, FORMAT};
use crate::outcome::Outcome;

/// Values of this many bytes end a block, so that reading needs little memory at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// Builds one block after another; keeps its memory.
#[derive(Debug, Default)]
pub(in crate::store) struct BlockBuilder {
    first: u64,
    last: u64,
    count: u64,
    ids: Column,
    attempts: Column,
    workers: Column,
    micros: Column,
    lengths: Column,
    values: Vec<u8>,
    packed: Vec<u8>,
}

/// A block that is ready to be stored.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Packed<'a> {
    pub(in crate::store) first: TaskId,
    pub(in crate::store) last: TaskId,
    pub(in crate::store) count: u64,
    pub(in crate::store) data: &'a [u8],
}

impl BlockBuilder {
    /// True where `task` needs a new block: this one must be finished first.
    pub(in crate::store) fn is_full_for(&self, task: TaskId) -> bool {
        let crosses = task.0 / BLOCK_TASKS != self.last / BLOCK_TASKS;
        self.count > 0 && (crosses || task.0 <= self.last || self.values.len() >= BLOCK_BYTES)
    }

    /// Appends a good outcome, for which the block must not be full.
    pub(in crate::store) fn push(&mut self, outcome: &Outcome<'_>, value: &[u8]) {
        let task = outcome.task.0;
        if self.count == 0 {
            self.first = task;
            self.last = task;
        }
        self.ids.push(task - self.last);
        self.attempts.push(u64::from(outcome.attempts));
        self.workers.push(u64::from(outcome.worker) * 2 + u64::from(outcome.slow));
        self.micros.push(outcome.micros);
        self.lengths.push(value.len() as u64);
        self.values.extend_from_slice(value);
        self.last = task;
        self.count += 1;
    }

    /// Packs what was pushed and starts anew; `None` where nothing was.
    pub(in crate::store) fn finish(&mut self) -> Option<Packed<'_>> {
        if self.count == 0 {
            return None;
        }
        let packed = &mut self.packed;
        packed.clear();
        packed.push(FORMAT);
        push_varint(packed, self.count);
        push_varint(packed, self.first);
        let columns =
            [&mut self.ids, &mut self.attempts, &mut self.workers, &mut self.micros, &mut self.lengths];
        for column in columns {
            column.finish(packed);
        }
        packed.extend_from_slice(&self.values);
        self.values.clear();
        let crc = crc32fast::hash(packed);
        packed.extend_from_slice(&crc.to_le_bytes());
        let count = std::mem::take(&mut self.count);
        Some(Packed { first: TaskId(self.first), last: TaskId(self.last), count, data: packed })
    }
}
