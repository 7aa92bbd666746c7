//! Something about each task, in blocks that go when all their tasks have ended: one task that takes for ever must not
//! keep a million finished ones in memory.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::ops::Range;

use crate::TaskId;

/// How many tasks a block is about.
///
/// ```
/// assert_eq!(ids::BLOCK, 1024);
/// ```
pub const BLOCK: usize = 1024;

/// A block for every [`BLOCK`] tasks, from the first one that is still needed on.
///
/// The owner says when a block has ended; its memory is kept for the next one.
///
/// ```
/// use ids::{BLOCK, Blocks, TaskId};
///
/// let mut blocks: Blocks<Vec<char>> = Blocks::default();
/// for letter in ['a', 'b'] {
///     let (block, _room) = blocks.open(Vec::new);
///     block.push(letter);
///     blocks.added(1);
/// }
/// assert_eq!(blocks.next(), TaskId(2));
/// let (block, offset) = blocks.get(TaskId(1)).unwrap();
/// assert_eq!(block[offset], 'b');
/// assert!(blocks.get(TaskId(5000)).is_none());
/// ```
#[derive(Debug)]
pub struct Blocks<B> {
    // Invariant: blocks[i] holds the ids from (first + i) * BLOCK on; None: it has ended. The first has not ended.
    blocks: VecDeque<Option<Box<B>>>,
    first: u64,
    next: u64,
    spare: Option<Box<B>>,
}

impl<B> Default for Blocks<B> {
    fn default() -> Self {
        Self { blocks: VecDeque::new(), first: 0, next: 0, spare: None }
    }
}

impl<B> Blocks<B> {
    /// The id that the next task gets.
    ///
    /// ```
    /// assert_eq!(ids::Blocks::<u8>::default().next(), ids::TaskId(0));
    /// ```
    #[inline]
    pub fn next(&self) -> TaskId {
        TaskId(self.next)
    }

    /// The block for the next task, and how many tasks it has room for; `new` makes one if there is no memory to use
    /// again.
    ///
    /// ```
    /// let mut blocks = ids::Blocks::<u8>::default();
    /// assert_eq!(blocks.open(|| 7), (&mut 7, ids::BLOCK));
    /// ```
    #[inline]
    pub fn open(&mut self, new: impl FnOnce() -> B) -> (&mut B, usize) {
        let used = (self.next % BLOCK as u64) as usize;
        let is_open = used > 0 && matches!(self.blocks.back(), Some(Some(_)));
        if !is_open {
            debug_assert!(used == 0, "the block of {} has gone before it was full", self.next);
            self.blocks.push_back(None);
        }
        let spare = &mut self.spare;
        let make = || spare.take().unwrap_or_else(|| Box::new(new()));
        // A place was pushed where there was none.
        let place = match self.blocks.back_mut() {
            Some(place) => place,
            None => unreachable!("a place has just been pushed"),
        };
        (place.get_or_insert_with(make), BLOCK - used)
    }

    /// So many tasks have been added to the open block.
    ///
    /// ```
    /// let mut blocks = ids::Blocks::<u8>::default();
    /// blocks.open(|| 7);
    /// blocks.added(3);
    /// assert_eq!(blocks.next(), ids::TaskId(3));
    /// ```
    #[inline]
    pub fn added(&mut self, count: usize) {
        self.next += count as u64;
    }

    /// A task's block, unless it has ended, and the task's place in it.
    ///
    /// ```
    /// assert_eq!(ids::Blocks::<u8>::default().get(ids::TaskId(0)), None);
    /// ```
    #[inline]
    pub fn get(&self, task: TaskId) -> Option<(&B, usize)> {
        let block = self.blocks.get(self.index(task)?)?.as_deref()?;
        Some((block, offset(task)))
    }

    /// The same, to be changed.
    ///
    /// ```
    /// assert_eq!(ids::Blocks::<u8>::default().get_mut(ids::TaskId(0)), None);
    /// ```
    #[inline]
    pub fn get_mut(&mut self, task: TaskId) -> Option<(&mut B, usize)> {
        let index = self.index(task)?;
        let block = self.blocks.get_mut(index)?.as_deref_mut()?;
        Some((block, offset(task)))
    }

    /// All tasks of this one's block have ended: `recycle` says whether its memory is used again, and empties it.
    ///
    /// ```
    /// let mut blocks = ids::Blocks::<u8>::default();
    /// blocks.open(|| 7);
    /// blocks.added(ids::BLOCK);
    /// blocks.end(ids::TaskId(3), |block| {
    ///     *block = 9;
    ///     true
    /// });
    /// assert_eq!(blocks.get(ids::TaskId(3)), None);
    /// assert_eq!(blocks.open(|| 7), (&mut 9, ids::BLOCK), "its memory is used again");
    /// ```
    pub fn end(&mut self, task: TaskId, recycle: impl FnOnce(&mut B) -> bool) {
        let place = self.index(task).and_then(|index| self.blocks.get_mut(index));
        if let Some(mut block) = place.and_then(Option::take) {
            let useful = recycle(&mut block);
            self.spare = useful.then_some(block);
        }
        while let Some(None) = self.blocks.front() {
            self.blocks.pop_front();
            self.first += 1;
        }
    }

    /// The blocks, from the first needed one on: which tasks each is about, and the block unless it has ended.
    ///
    /// ```
    /// assert_eq!(ids::Blocks::<u8>::default().iter().count(), 0);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (Range<u64>, Option<&B>)> {
        self.blocks.iter().zip(self.first..).map(|(block, number)| {
            let start = number * BLOCK as u64;
            (start..self.next.min(start + BLOCK as u64), block.as_deref())
        })
    }

    /// The memory to be used again.
    ///
    /// ```
    /// assert_eq!(ids::Blocks::<u8>::default().spare(), None);
    /// ```
    pub fn spare(&self) -> Option<&B> {
        self.spare.as_deref()
    }

    /// How many places for blocks there are, ended ones between others included.
    ///
    /// ```
    /// assert_eq!(ids::Blocks::<u8>::default().places(), 0);
    /// ```
    pub fn places(&self) -> usize {
        self.blocks.len()
    }

    /// The first task of the first block.
    ///
    /// ```
    /// assert_eq!(ids::Blocks::<u8>::default().first_kept(), ids::TaskId(0));
    /// ```
    pub fn first_kept(&self) -> TaskId {
        TaskId(self.first * BLOCK as u64)
    }

    /// Whether the blocks are where they should be.
    ///
    /// ```
    /// assert!(ids::Blocks::<u8>::default().is_sound());
    /// ```
    pub fn is_sound(&self) -> bool {
        let places = self.next.div_ceil(BLOCK as u64).saturating_sub(self.first);
        let first = self.blocks.front().is_none_or(Option::is_some);
        let last_is_open =
            self.next.is_multiple_of(BLOCK as u64) || matches!(self.blocks.back(), Some(Some(_)));
        places == self.blocks.len() as u64 && first && last_is_open
    }

    #[inline]
    fn index(&self, task: TaskId) -> Option<usize> {
        usize::try_from((task.0 / BLOCK as u64).checked_sub(self.first)?).ok()
    }
}

#[inline]
const fn offset(task: TaskId) -> usize {
    (task.0 % BLOCK as u64) as usize
}

/// Tasks with consecutive ids by their blocks: the first task of each part, and the part's places in its block.
///
/// ```
/// use ids::{TaskId, parts};
///
/// let parts: Vec<_> = parts(TaskId(1000), 100).collect();
/// assert_eq!(parts, [(TaskId(1000), 1000..1024), (TaskId(1024), 0..76)]);
/// ```
pub fn parts(first: TaskId, count: usize) -> impl Iterator<Item = (TaskId, Range<usize>)> {
    let (mut task, mut left) = (first, count);
    core::iter::from_fn(move || {
        let start = offset(task);
        let length = left.min(BLOCK - start);
        let part = (task, start..start + length);
        task = TaskId(task.0.wrapping_add(length as u64));
        left -= length;
        (length > 0).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_go_in_any_order_and_their_places_with_the_oldest() {
        let mut blocks = Blocks::<u64>::default();
        for number in 0..4 {
            *blocks.open(|| 0).0 = number;
            blocks.added(BLOCK);
        }
        let task = |block: u64| TaskId(block * BLOCK as u64 + 5);
        blocks.end(task(1), |_| true);
        assert_eq!((blocks.places(), blocks.get(task(1)), blocks.get(task(2))), (4, None, Some((&2, 5))));
        blocks.end(task(0), |_| false);
        assert_eq!((blocks.places(), blocks.first_kept()), (2, TaskId(2 * BLOCK as u64)));
        assert!(blocks.is_sound() && blocks.spare().is_none());
        blocks.end(task(0), |_| true);
        assert_eq!((blocks.places(), blocks.get(task(3))), (2, Some((&3, 5))), "what has gone is gone");
    }
}
