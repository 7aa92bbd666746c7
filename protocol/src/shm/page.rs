//! One page of memory that two processes share.
//!
//! Every word of the page is an atomic, so whatever the other process does to it at the same time is a
//! race that the memory model allows: a word may hold any value, and reading it is never undefined.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

use rustix::fs::{SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::file::memfd;

/// The page's size, in bytes. Smaller than or equal to a page of every machine.
const SIZE: usize = 4096;
/// How many words it has.
pub(crate) const WORDS: usize = SIZE / size_of::<AtomicU64>();

/// A page that stays as long as it is: sealed against shrinking (reading past the end of a file that
/// shrank would be a `SIGBUS`), growing, and lifting the seals.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// One mapped page, zero at first.
#[derive(Debug)]
pub(crate) struct Page {
    // Invariant: a live mapping of WORDS atomics, made by `map`, unmapped only by `drop`.
    words: NonNull<AtomicU64>,
    file: OwnedFd,
}

// SAFETY: a `Page` owns its mapping, which belongs to the process and not to a thread.
unsafe impl Send for Page {}
// SAFETY: all that `&Page` gives out are atomics and a borrowed descriptor.
unsafe impl Sync for Page {}

impl Page {
    /// Makes a page of zeros in a sealed memfd.
    pub(crate) fn new() -> io::Result<Self> {
        let file = memfd("coordinator-status")?;
        ftruncate(&file, SIZE as u64)?;
        fcntl_add_seals(&file, SEALS)?;
        Self::map(file)
    }

    /// Maps a page that another process made.
    ///
    /// # Errors
    /// The file is not a sealed page, or it can't be mapped.
    pub(crate) fn open(file: OwnedFd) -> io::Result<Self> {
        let sealed = fcntl_get_seals(&file)?.contains(SEALS);
        if !sealed || fstat(&file)?.st_size != SIZE as i64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the status cell is not a sealed page"));
        }
        Self::map(file)
    }

    fn map(file: OwnedFd) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses overlaps nothing of ours.
        let address = unsafe { mmap(ptr::null_mut(), SIZE, access, MapFlags::SHARED, &file, 0)? };
        let words = NonNull::new(address.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { words, file })
    }

    /// The word at `index`, counted from 0.
    #[inline]
    pub(crate) fn word<const INDEX: usize>(&self) -> &AtomicU64 {
        const { assert!(INDEX < WORDS) };
        // SAFETY: the index is within the mapping.
        unsafe { self.at(INDEX) }
    }

    /// The word at `index`, where there is one.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&AtomicU64> {
        // SAFETY: the index is within the mapping.
        (index < WORDS).then(|| unsafe { self.at(index) })
    }

    /// # Safety
    /// `index` must be less than `WORDS`.
    #[inline]
    unsafe fn at(&self, index: usize) -> &AtomicU64 {
        // SAFETY: the mapping is page-aligned, holds WORDS words, lives as long as `self`, never shrinks
        // (it is sealed), and any bit pattern is an `AtomicU64`.
        unsafe { self.words.add(index).as_ref() }
    }
}

impl AsFd for Page {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: `map` made this mapping with this size; no borrow of a word outlives `self`.
        let unmapped = unsafe { munmap(self.words.as_ptr().cast(), SIZE) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    #[test]
    fn two_mappings_of_a_page_are_one_memory() {
        let page = Page::new().unwrap();
        let other = Page::open(page.as_fd().try_clone_to_owned().unwrap()).unwrap();
        page.word::<{ WORDS - 1 }>().store(7, Relaxed);
        assert_eq!(other.get(WORDS - 1).unwrap().load(Relaxed), 7);
        assert!(other.get(WORDS).is_none());
    }

    #[test]
    fn a_page_can_be_neither_cut_nor_extended() {
        let page = Page::new().unwrap();
        assert!(ftruncate(&page, 0).is_err());
        assert!(ftruncate(&page, 2 * SIZE as u64).is_err());
        assert!(fcntl_add_seals(&page, SealFlags::WRITE).is_err());
    }

    #[test]
    fn a_file_that_could_shrink_is_refused() {
        let file = memfd_create("loose", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, SIZE as u64).unwrap();
        assert!(Page::open(file).is_err());
    }
}
