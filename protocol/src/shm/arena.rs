//! Large payloads: parts of one shared memory, handed out, filled, lent to workers and used again.
//!
//! Fresh memory costs a page fault for every 4 KiB, about 1 GB/s; memory that is used again costs none. So a
//! part is taken from as low an address as possible, and what was touched once is touched again.

use std::io;
use std::ops::{Deref, DerefMut, Range};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Memory;
use super::copy::copy_past_cache;
use super::free::{FreeParts, GRAIN};

/// A payload of so many bytes is copied past the processor's cache: most of it would not stay there.
const PAST_CACHE: usize = 4 << 20;

/// Shared memory that large payloads are taken from. Clones are the same memory.
///
/// Its size bounds what all payloads that are on their way take; memory that was never used takes none.
///
/// ```
/// use protocol::Arena;
///
/// let arena = Arena::new(1 << 20)?;
/// assert_eq!(arena.capacity(), 1 << 20);
/// let mut part = arena.take(1000).expect("there is room");
/// part.fill(7);
/// assert!(arena.take(1 << 20).is_none(), "not while that part is in use");
/// drop(part);
/// assert!(arena.wait(1 << 20).is_some());
/// assert!(arena.wait(2 << 20).is_none(), "it will never fit");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Arena {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    memory: Memory,
    free: Mutex<Free>,
    freed: Condvar,
}

/// A part of an [`Arena`], owned until it is dropped. Fill it before it is sent; whoever has sent it must not
/// change it before the task's outcome is there.
///
/// ```
/// let arena = protocol::Arena::new(1 << 20)?;
/// let mut extent = arena.take(5).expect("there is room");
/// extent.copy_from_slice(b"large");
/// assert_eq!((&extent[..], extent.offset()), (b"large".as_slice(), 0));
/// assert!(extent.is_of(&arena) && extent.is_of(&extent.arena()));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Extent {
    shared: Arc<Shared>,
    // Invariant: within the memory, and nobody else's as long as this lives.
    range: Range<usize>,
    length: usize,
}

impl Arena {
    /// An arena of `bytes` bytes, rounded up to whole pages.
    ///
    /// # Errors
    /// No address space, or no more descriptors.
    pub fn new(bytes: usize) -> io::Result<Self> {
        let size = bytes.max(1).checked_next_multiple_of(GRAIN).ok_or(io::ErrorKind::InvalidInput)?;
        let free = Free { parts: FreeParts::new(size), next_ticket: 0, served: 0 };
        let shared = Shared { memory: Memory::new(size)?, free: Mutex::new(free), freed: Condvar::new() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// How many bytes it has.
    pub fn capacity(&self) -> usize {
        self.shared.memory.len()
    }

    /// Takes a part of `length` bytes, with whatever was in it before, where there is room and nobody waits.
    pub fn take(&self, length: usize) -> Option<Extent> {
        let mut free = self.lock();
        // Who waits is served first.
        if free.served != free.next_ticket {
            return None;
        }
        let range = free.parts.take(length)?;
        drop(free);
        Some(self.extent(range, length))
    }

    /// Waits for room and takes a part of `length` bytes; `None`: the arena is smaller than that. Those who wait
    /// are served in the order in which they came.
    pub fn wait(&self, length: usize) -> Option<Extent> {
        if length > self.capacity() {
            return None;
        }
        let mut free = self.lock();
        let ticket = free.next_ticket;
        free.next_ticket += 1;
        loop {
            if free.served == ticket
                && let Some(range) = free.parts.take(length)
            {
                free.served += 1;
                drop(free);
                // The next who waits may find room too.
                self.shared.freed.notify_all();
                return Some(self.extent(range, length));
            }
            free = self.shared.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.shared.lock()
    }

    fn extent(&self, range: Range<usize>, length: usize) -> Extent {
        Extent { shared: Arc::clone(&self.shared), range, length }
    }
}

impl Shared {
    // No panic can leave it half changed.
    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Arena {
    /// What a worker maps to read; nobody can write through it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.memory.as_fd()
    }
}

impl Extent {
    /// The arena it is a part of.
    pub fn arena(&self) -> Arena {
        Arena { shared: Arc::clone(&self.shared) }
    }

    /// True where it is a part of this arena.
    pub fn is_of(&self, arena: &Arena) -> bool {
        Arc::ptr_eq(&self.shared, &arena.shared)
    }

    /// Fills it with a copy of as many bytes. Faster than other ways of writing all of a payload that is too long for
    /// the processor's cache.
    ///
    /// ```
    /// let arena = protocol::Arena::new(1 << 20)?;
    /// let mut extent = arena.take(5).expect("there is room");
    /// extent.fill_from(b"large");
    /// assert_eq!(&extent[..], b"large");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// `payload` is longer or shorter.
    pub fn fill_from(&mut self, payload: &[u8]) {
        if payload.len() < PAST_CACHE {
            return self.copy_from_slice(payload);
        }
        let into: &mut [u8] = self;
        assert_eq!(into.len(), payload.len(), "a payload of another length");
        // SAFETY: two slices of one length; one is borrowed mutably, so they don't overlap.
        unsafe { copy_past_cache(payload.as_ptr(), into.as_mut_ptr(), into.len()) };
    }

    /// Where it begins in the arena, in bytes.
    pub fn offset(&self) -> usize {
        self.range.start
    }
}

impl Deref for Extent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let range = self.range.start..self.range.start + self.length;
        // SAFETY: the range is this extent's alone, and writing it takes `&mut self`.
        unsafe { self.shared.memory.bytes(range) }
    }
}

impl DerefMut for Extent {
    fn deref_mut(&mut self) -> &mut [u8] {
        let range = self.range.start..self.range.start + self.length;
        // SAFETY: the range is this extent's alone, and `&mut self` its only borrow.
        unsafe { self.shared.memory.bytes_mut(range) }
    }
}

impl Drop for Extent {
    fn drop(&mut self) {
        self.shared.lock().parts.give_back(self.range.clone());
        self.shared.freed.notify_all();
    }
}

/// What nobody has, and who waits for it.
#[derive(Debug)]
struct Free {
    parts: FreeParts,
    // Those from `served` on, below `next_ticket`, wait.
    next_ticket: u64,
    served: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_overlap_and_come_back() {
        let arena = Arena::new(10 * GRAIN).unwrap();
        let mut parts: Vec<Extent> = (0..10).map(|_| arena.take(GRAIN - 5).unwrap()).collect();
        assert!(arena.take(1).is_none());
        for (number, part) in parts.iter_mut().enumerate() {
            part.fill(number as u8);
        }
        for (number, part) in parts.iter().enumerate() {
            assert!(part.len() == GRAIN - 5 && part.iter().all(|byte| *byte == number as u8));
        }
        // In an order that joins them on either side, on both, and on none.
        for _ in 0..3 {
            parts.swap_remove(4);
        }
        parts.clear();
        assert!(arena.lock().parts.is_all_of(10 * GRAIN));
    }

    #[test]
    fn a_part_is_filled_from_a_slice_of_its_length() {
        let arena = Arena::new(2 * PAST_CACHE).unwrap();
        for length in [0, 5, PAST_CACHE - 1, PAST_CACHE, PAST_CACHE + 77] {
            let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut part = arena.take(length).unwrap();
            part.fill_from(&payload);
            assert!(*part == *payload, "{length} bytes");
        }
    }

    #[test]
    #[should_panic(expected = "a payload of another length")]
    fn a_part_is_not_filled_from_a_slice_of_another_length() {
        Arena::new(2 * PAST_CACHE).unwrap().take(PAST_CACHE).unwrap().fill_from(&[0; PAST_CACHE + 1]);
    }

    #[test]
    fn the_lowest_room_is_used_again() {
        let arena = Arena::new(10 * GRAIN).unwrap();
        let first = arena.take(GRAIN).unwrap();
        let second = arena.take(GRAIN).unwrap();
        assert_eq!((first.offset(), second.offset()), (0, GRAIN));
        drop(first);
        assert_eq!(arena.take(1).unwrap().offset(), 0);
    }

    #[test]
    fn who_wants_more_than_there_is_does_not_wait_for_ever() {
        let arena = Arena::new(GRAIN).unwrap();
        assert!(arena.wait(GRAIN + 1).is_none());
        assert!(arena.take(usize::MAX).is_none());
        assert!(arena.wait(usize::MAX).is_none());
    }

    #[test]
    fn those_who_wait_are_served_in_order_and_before_others() {
        let arena = Arena::new(4 * GRAIN).unwrap();
        let small = arena.take(GRAIN).unwrap();
        std::thread::scope(|scope| {
            let large = scope.spawn(|| arena.wait(4 * GRAIN).map(|extent| extent.len()));
            while arena.lock().next_ticket == 0 {
                std::thread::yield_now();
            }
            // There is room for it, but somebody waits for more.
            assert!(arena.take(GRAIN).is_none());
            let later = scope.spawn(|| arena.wait(GRAIN).map(|extent| extent.len()));
            drop(small);
            assert_eq!(large.join().unwrap(), Some(4 * GRAIN));
            assert_eq!(later.join().unwrap(), Some(GRAIN));
        });
        assert!(arena.take(4 * GRAIN).is_some());
    }
}
