//! A set of task ids that costs little where ids are dense: what a run has already done.

use std::collections::BTreeMap;

use protocol::TaskId;

/// Ids are kept in chunks of this many bits' worth.
const CHUNK_BITS: u32 = 16;
const CHUNK_IDS: u32 = 1 << CHUNK_BITS;
const WORDS: usize = CHUNK_IDS as usize / 64;

/// A set of task ids.
///
/// Chunks of 65,536 ids that are all in are only a range's ends; any other chunk that has an id is a bitmap
/// of 8 KiB. So 10⁸ ids in order cost one bitmap, and in the worst order 12.5 MB.
#[derive(Debug, Clone, Default)]
pub struct TaskSet {
    // First chunk to last chunk. Invariant: disjoint, not adjacent, and none of them in `partial`.
    full: BTreeMap<u64, u64>,
    // Invariant: none is empty, none is full.
    partial: BTreeMap<u64, Box<Chunk>>,
    len: u64,
}

#[derive(Debug, Clone)]
struct Chunk {
    ones: u32,
    words: [u64; WORDS],
}

impl TaskSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many ids are in.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True where none is in.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// True where `task` is in.
    pub fn contains(&self, task: TaskId) -> bool {
        let (chunk, offset) = split(task);
        match self.partial.get(&chunk) {
            Some(partial) => partial.contains(offset),
            None => self.full_range(chunk).is_some(),
        }
    }

    /// Puts `task` in; false where it was in already.
    pub fn insert(&mut self, task: TaskId) -> bool {
        self.inserter().insert(task)
    }

    /// Takes `task` out; false where it was not in.
    pub fn remove(&mut self, task: TaskId) -> bool {
        let (chunk, offset) = split(task);
        if let Some((first, last)) = self.full_range(chunk) {
            self.full.remove(&first);
            if first < chunk {
                self.full.insert(first, chunk - 1);
            }
            if chunk < last {
                self.full.insert(chunk + 1, last);
            }
            self.partial.insert(chunk, Box::new(Chunk::with(u64::MAX, CHUNK_IDS)));
        }
        let Some(partial) = self.partial.get_mut(&chunk) else { return false };
        let removed = partial.remove(offset);
        if partial.ones == 0 {
            self.partial.remove(&chunk);
        }
        self.len -= u64::from(removed);
        removed
    }

    /// The smallest id from `from` on that is not in, so that a plan can step over what is done. `None`
    /// where all the rest are in.
    pub fn first_missing(&self, from: TaskId) -> Option<TaskId> {
        let (mut chunk, mut offset) = split(from);
        loop {
            if let Some(partial) = self.partial.get(&chunk) {
                if let Some(missing) = partial.first_missing(offset) {
                    return Some(TaskId((chunk << CHUNK_BITS) | u64::from(missing)));
                }
                chunk += 1;
            } else if let Some((_, last)) = self.full_range(chunk) {
                chunk = last + 1;
            } else {
                return Some(TaskId((chunk << CHUNK_BITS) | u64::from(offset)));
            }
            if chunk > u64::MAX >> CHUNK_BITS {
                return None;
            }
            offset = 0;
        }
    }

    /// For putting in many ids: quick where neighbours come one after the other.
    pub fn inserter(&mut self) -> Inserter<'_> {
        Inserter { set: self, chunk: 0, held: None }
    }

    fn full_range(&self, chunk: u64) -> Option<(u64, u64)> {
        let (&first, &last) = self.full.range(..=chunk).next_back()?;
        (chunk <= last).then_some((first, last))
    }

    fn join_full(&mut self, chunk: u64) {
        let last = self.full.remove(&(chunk + 1)).unwrap_or(chunk);
        let before = self.full.range_mut(..chunk).next_back().filter(|(_, end)| **end + 1 == chunk);
        match before {
            Some((_, end)) => *end = last,
            None => {
                self.full.insert(chunk, last);
            }
        }
    }
}

fn split(task: TaskId) -> (u64, u32) {
    // The mask leaves sixteen bits.
    (task.0 >> CHUNK_BITS, (task.0 & u64::from(CHUNK_IDS - 1)) as u32)
}

/// Puts ids in; see [`TaskSet::inserter`].
#[derive(Debug)]
pub struct Inserter<'set> {
    set: &'set mut TaskSet,
    // The chunk of the last id, taken out of `set.partial`.
    chunk: u64,
    held: Option<Box<Chunk>>,
}

impl Inserter<'_> {
    /// Puts `task` in; false where it was in already.
    #[inline]
    pub fn insert(&mut self, task: TaskId) -> bool {
        let (chunk, offset) = split(task);
        match &mut self.held {
            Some(held) if self.chunk == chunk => {
                let added = held.insert(offset);
                self.set.len += u64::from(added);
                added
            }
            _ => self.turn_to(chunk) && self.insert(task),
        }
    }

    /// Holds another chunk; false where that is full already.
    #[cold]
    fn turn_to(&mut self, chunk: u64) -> bool {
        self.put_back();
        if !self.set.partial.contains_key(&chunk) && self.set.full_range(chunk).is_some() {
            return false;
        }
        let held = self.set.partial.remove(&chunk);
        self.held = Some(held.unwrap_or_else(|| Box::new(Chunk::with(0, 0))));
        self.chunk = chunk;
        true
    }

    fn put_back(&mut self) {
        let Some(held) = self.held.take() else { return };
        if held.ones == CHUNK_IDS {
            self.set.join_full(self.chunk);
        } else {
            self.set.partial.insert(self.chunk, held);
        }
    }
}

impl Drop for Inserter<'_> {
    fn drop(&mut self) {
        self.put_back();
    }
}

impl Chunk {
    fn with(word: u64, ones: u32) -> Self {
        Self { ones, words: [word; WORDS] }
    }

    // An offset is below 65,536, so its word is below 1,024.
    fn contains(&self, offset: u32) -> bool {
        self.words[(offset / 64) as usize] & (1 << (offset % 64)) != 0
    }

    fn insert(&mut self, offset: u32) -> bool {
        let added = !self.contains(offset);
        self.words[(offset / 64) as usize] |= 1 << (offset % 64);
        self.ones += u32::from(added);
        added
    }

    fn remove(&mut self, offset: u32) -> bool {
        let removed = self.contains(offset);
        self.words[(offset / 64) as usize] &= !(1 << (offset % 64));
        self.ones -= u32::from(removed);
        removed
    }

    fn first_missing(&self, from: u32) -> Option<u32> {
        let start = (from / 64) as usize;
        let below = (1_u64 << (from % 64)) - 1;
        let mut mask = below;
        for (index, word) in self.words.iter().enumerate().skip(start) {
            let zeros = !(word | mask);
            if zeros != 0 {
                return u32::try_from(index).ok().map(|index| index * 64 + zeros.trailing_zeros());
            }
            mask = 0;
        }
        None
    }
}

impl Extend<TaskId> for TaskSet {
    fn extend<I: IntoIterator<Item = TaskId>>(&mut self, tasks: I) {
        let mut inserter = self.inserter();
        for task in tasks {
            inserter.insert(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_in_order_cost_one_bitmap() {
        let mut set = TaskSet::new();
        set.extend((0..1_000_000).map(TaskId));
        assert_eq!(set.len(), 1_000_000);
        assert_eq!(set.full, BTreeMap::from([(0, 14)]));
        assert_eq!(set.partial.len(), 1);
        assert_eq!(set.first_missing(TaskId(0)), Some(TaskId(1_000_000)));
    }

    #[test]
    fn full_chunks_join_whatever_the_order_in_which_they_fill() {
        let mut set = TaskSet::new();
        for chunk in [3_u64, 1, 5, 2, 4, 0] {
            let first = chunk << CHUNK_BITS;
            set.extend((first..first + u64::from(CHUNK_IDS)).rev().map(TaskId));
        }
        assert_eq!(set.full, BTreeMap::from([(0, 5)]));
        assert!(set.partial.is_empty());
        assert!(set.remove(TaskId(3 << CHUNK_BITS)));
        assert_eq!(set.full, BTreeMap::from([(0, 2), (4, 5)]));
        assert_eq!(set.first_missing(TaskId(7)), Some(TaskId(3 << CHUNK_BITS)));
        assert!(set.insert(TaskId(3 << CHUNK_BITS)));
        assert_eq!(set.full, BTreeMap::from([(0, 5)]));
    }

    #[test]
    fn the_last_id_is_an_id_like_any_other() {
        let mut set = TaskSet::new();
        assert!(set.insert(TaskId(u64::MAX)));
        assert!(!set.insert(TaskId(u64::MAX)));
        assert_eq!(set.len(), 1);
        assert_eq!(set.first_missing(TaskId(u64::MAX)), None);
        assert_eq!(set.first_missing(TaskId(u64::MAX - 1)), Some(TaskId(u64::MAX - 1)));
    }

    proptest! {
        #[test]
        fn it_does_as_a_tree_of_ids_does(steps in prop::collection::vec((any::<bool>(), 0_u64..3, 0_u64..70), 0..200)) {
            let mut set = TaskSet::new();
            let mut model = BTreeSet::new();
            let first: Vec<_> = steps.iter().map(|(_, chunk, offset)| (chunk << CHUNK_BITS) + offset).collect();
            set.extend(first.iter().copied().map(TaskId));
            model.extend(first);
            for (insert, chunk, offset) in steps {
                let id = (chunk << CHUNK_BITS) + offset;
                if insert {
                    prop_assert_eq!(set.insert(TaskId(id)), model.insert(id));
                } else {
                    prop_assert_eq!(set.remove(TaskId(id)), model.remove(&id));
                }
            }
            prop_assert_eq!(set.len(), model.len() as u64);
            for from in (0..3).flat_map(|chunk| (0..72).map(move |offset| (chunk << CHUNK_BITS) + offset)) {
                prop_assert_eq!(set.contains(TaskId(from)), model.contains(&from));
                let missing = (from..).find(|id| !model.contains(id)).map(TaskId);
                prop_assert_eq!(set.first_missing(TaskId(from)), missing);
            }
        }
    }
}
