//! A run's outcomes, read back in input order.
//!
//! Blocks were stored in the order in which outcomes were committed, so those of neighbouring tasks may lie
//! in several blocks. Reading merges them: a block is opened when the merge reaches its first task and is
//! dropped after its last, and as no block spans more than 65,536 tasks, only those that overlap are in
//! memory.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};

use protocol::TaskId;
use rusqlite::{OptionalExtension, params};

use super::error::At;
use super::handle::Store;
use super::pack::{Block, read_tasks};
use super::{DeadLetter, RunInfo, StoreError, TaskSet};
use crate::outcome::Outcome;

/// How many dead letters are read at a time.
const LETTERS: u32 = 64;

impl Store {
    /// The tasks of a run whose outcomes are committed, good and bad.
    ///
    /// # Errors
    /// The store can't be read, or is damaged.
    pub fn done(&self, run: &RunInfo) -> Result<TaskSet, StoreError> {
        let mut set = TaskSet::new();
        let mut done = set.inserter();
        let sql = "SELECT first, data FROM blocks WHERE run = ?1 ORDER BY first";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let mut rows = statement.query([run.key]).at(&self.path)?;
        while let Some(row) = rows.next().at(&self.path)? {
            let data = row.get_ref(1).at(&self.path)?.as_blob().unwrap_or_default();
            read_tasks(data, |task| {
                done.insert(task);
            })
            .map_err(|bad| self.bad_block(run, row.get(0).unwrap_or(0), &bad))?;
        }
        self.each_failed_task(run, |task| {
            done.insert(task);
        })?;
        drop(done);
        Ok(set)
    }

    /// The outcomes of a run, good and bad, in input order.
    pub fn outcomes<'store>(&'store self, run: &RunInfo) -> Outcomes<'store> {
        Outcomes {
            store: self,
            run: run.clone(),
            blocks: Blocks { slots: Vec::new(), heap: BinaryHeap::new(), next: Next::From(0), spent: None },
            letters: Letters { page: VecDeque::new(), from: Some(TaskId(0)) },
            current: None,
            last: None,
            count: 0,
        }
    }

    fn block_from(&self, run: &RunInfo, first: u64) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let Ok(first) = i64::try_from(first) else { return Ok(None) };
        let sql = "SELECT first, data FROM blocks WHERE run = ?1 AND first >= ?2 ORDER BY first LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let row = statement.query_row(params![run.key, first], |row| Ok((row.get(0)?, row.get(1)?)));
        row.optional().at(&self.path)
    }

    fn bad_block(&self, run: &RunInfo, first: u64, bad: &dyn std::fmt::Display) -> StoreError {
        self.corrupt(format!("run {}, the block of task {first}: {bad}", run.id))
    }
}

/// Reads a run's outcomes in input order; see [`Store::outcomes`].
#[derive(Debug)]
pub struct Outcomes<'store> {
    store: &'store Store,
    run: RunInfo,
    blocks: Blocks,
    letters: Letters,
    // What was last handed out, kept until the next is asked for.
    current: Option<DeadLetter>,
    last: Option<TaskId>,
    // How many were handed out.
    count: u64,
}

#[derive(Debug)]
struct Blocks {
    // Open blocks and how far each was read; the empty ones are free.
    slots: Vec<Option<(Block, usize)>>,
    // The next task of each open block, with its slot.
    heap: BinaryHeap<Reverse<(TaskId, usize)>>,
    next: Next,
    // A block that was read to its end, but whose last outcome may still be lent.
    spent: Option<usize>,
}

/// The block that is opened next.
#[derive(Debug)]
enum Next {
    /// The first one that starts here or above; not read yet.
    From(u64),
    /// This one, which starts at this task.
    Read(u64, Vec<u8>),
    /// None.
    End,
}

#[derive(Debug)]
struct Letters {
    page: VecDeque<DeadLetter>,
    // Where the next page starts; `None` past the last.
    from: Option<TaskId>,
}

enum Source {
    Block(usize, usize),
    Letter,
}

impl Outcomes<'_> {
    /// The next outcome; `None` past the last. The payload is there only where the task failed: that of a
    /// good outcome is not stored, the plan has it.
    ///
    /// # Errors
    /// The store can't be read, or is damaged.
    // Not an iterator: what it returns is borrowed from it.
    #[expect(clippy::should_implement_trait, reason = "the outcome is lent, which an iterator cannot do")]
    pub fn next(&mut self) -> Result<Option<Outcome<'_>>, StoreError> {
        let source = loop {
            let Some((task, source)) = self.advance()? else { return Ok(None) };
            // The writer stores a task once. Should a file say otherwise, its first outcome is the one.
            if self.last.is_none_or(|last| last < task) {
                self.last = Some(task);
                self.count += 1;
                break source;
            }
        };
        Ok(match source {
            Source::Letter => self.current.as_ref().map(DeadLetter::outcome),
            Source::Block(slot, index) => {
                let block = self.blocks.slots.get(slot).and_then(Option::as_ref);
                block.and_then(|(block, _)| block.get(index))
            }
        })
    }

    /// Fails where there were fewer outcomes than were committed, once all have been read.
    ///
    /// # Errors
    /// [`StoreError::Lacking`].
    pub fn check_all_there(&self) -> Result<(), StoreError> {
        let (counted, found) = (self.run.ok + self.run.failed, self.count);
        // A run at work may have stored more meanwhile.
        if found >= counted {
            return Ok(());
        }
        let (path, run) = (self.store.path.clone(), self.run.id.to_string());
        Err(StoreError::Lacking { path, run, counted, found })
    }

    /// Moves on by one outcome, be it new or not, and says where it is.
    fn advance(&mut self) -> Result<Option<(TaskId, Source)>, StoreError> {
        let letter = self.letters.peek(self.store, &self.run)?;
        let good = self.blocks.peek(self.store, &self.run, letter)?;
        match (good, letter) {
            (Some(good), letter) if letter.is_none_or(|letter| good <= letter) => {
                let step = self.blocks.step();
                Ok(step.map(|(slot, index)| (good, Source::Block(slot, index))))
            }
            (_, Some(letter)) => {
                self.current = self.letters.page.pop_front();
                Ok(Some((letter, Source::Letter)))
            }
            (_, None) => Ok(None),
        }
    }
}

impl Blocks {
    /// The first task in any block, as far as it is not above `limit`; opens the blocks that might have it.
    fn peek(
        &mut self,
        store: &Store,
        run: &RunInfo,
        limit: Option<TaskId>,
    ) -> Result<Option<TaskId>, StoreError> {
        if let Some(free) = self.spent.take().and_then(|slot| self.slots.get_mut(slot)) {
            *free = None;
        }
        loop {
            if let Next::From(first) = self.next {
                self.next = match store.block_from(run, first)? {
                    Some((first, data)) => Next::Read(first, data),
                    None => Next::End,
                };
            }
            let head = self.heap.peek().map(|Reverse((task, _))| *task);
            let first = match &self.next {
                Next::Read(first, _) => TaskId(*first),
                _ => return Ok(head),
            };
            if head.is_some_and(|head| head < first) || limit.is_some_and(|limit| limit < first) {
                return Ok(head);
            }
            let Next::Read(_, data) =
                std::mem::replace(&mut self.next, Next::From(first.0.saturating_add(1)))
            else {
                return Ok(head);
            };
            let block = Block::read(data).map_err(|bad| store.bad_block(run, first.0, &bad))?;
            if block.task(0) != Some(first) {
                return Err(store.bad_block(run, first.0, &"it begins with another task"));
            }
            self.open(block, first);
        }
    }

    fn open(&mut self, block: Block, task: TaskId) {
        let free = self.slots.iter().position(Option::is_none);
        let slot = free.unwrap_or(self.slots.len());
        match self.slots.get_mut(slot) {
            Some(free) => *free = Some((block, 0)),
            None => self.slots.push(Some((block, 0))),
        }
        self.heap.push(Reverse((task, slot)));
    }

    /// Moves the block with the first task on by one, and says where that task is: in which slot, at which
    /// index.
    fn step(&mut self) -> Option<(usize, usize)> {
        let mut top = self.heap.peek_mut()?;
        let Reverse((_, slot)) = *top;
        let (block, index) = self.slots.get_mut(slot)?.as_mut()?;
        let lent = *index;
        *index += 1;
        match block.task(*index) {
            Some(task) => *top = Reverse((task, slot)),
            None => {
                PeekMut::pop(top);
                self.spent = Some(slot);
            }
        }
        Some((slot, lent))
    }
}

impl Letters {
    fn peek(&mut self, store: &Store, run: &RunInfo) -> Result<Option<TaskId>, StoreError> {
        if let (true, Some(from)) = (self.page.is_empty(), self.from) {
            self.page = store.dead_letters(run, from, LETTERS)?.into();
            self.from = self.page.back().and_then(|last| last.task.0.checked_add(1)).map(TaskId);
        }
        Ok(self.page.front().map(|letter| letter.task))
    }
}
