//! Memory that one process writes and others only read.
//!
//! It is a memfd, sealed against shrinking (reading past the end of a file that shrank would be a `SIGBUS`) and
//! against being written by anybody but who made it: its one writable mapping is older than that seal.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::fs::{SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::file::memfd;

const SEALS: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE).union(SealFlags::SEAL);

/// A mapping. Unmapped when dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    // Invariant: a live mapping of `length` bytes, unmapped only by `drop`.
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: a mapping belongs to the process and not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: `&Mapping` gives out nothing but what its owners vouch for.
unsafe impl Sync for Mapping {}

impl Mapping {
    pub(super) fn new(
        file: impl AsFd,
        range: Range<usize>,
        access: ProtFlags,
        flags: MapFlags,
    ) -> io::Result<Self> {
        let length = range.end.saturating_sub(range.start);
        let flags = MapFlags::SHARED | flags;
        // SAFETY: a new mapping at an address that the kernel chooses overlaps nothing of ours.
        let address = unsafe { mmap(ptr::null_mut(), length, access, flags, file, range.start as u64)? };
        let base = NonNull::new(address.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { base, length })
    }

    /// The start of a part of it, where it is within the mapping.
    pub(super) fn part(&self, range: &Range<usize>) -> Option<NonNull<u8>> {
        let within = range.start <= range.end && range.end <= self.length;
        // SAFETY: the offset is within the mapping.
        within.then(|| unsafe { self.base.add(range.start) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `new` made this mapping with this length; no borrow of it outlives `self`.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok());
    }
}

/// Memory that this process writes and others can only read, zero at first. No page of it is taken before it
/// is written.
#[derive(Debug)]
pub(crate) struct Memory {
    mapping: Mapping,
    file: OwnedFd,
}

impl Memory {
    /// Makes memory of `length` bytes.
    ///
    /// # Errors
    /// No address space, or no more descriptors.
    pub(crate) fn new(length: usize) -> io::Result<Self> {
        let file = memfd("coordinator-payloads")?;
        ftruncate(&file, length as u64)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let mapping = Mapping::new(&file, 0..length, access, MapFlags::NORESERVE)?;
        fcntl_add_seals(&file, SEALS)?;
        Ok(Self { mapping, file })
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.mapping.length
    }

    /// The bytes of `range`; nothing where it is not within the memory.
    ///
    /// # Safety
    /// Nobody may write them while they are borrowed.
    pub(crate) unsafe fn bytes(&self, range: Range<usize>) -> &[u8] {
        match self.mapping.part(&range) {
            // SAFETY: within the mapping, which lives as long as `self` and never shrinks (it is sealed); the
            // caller sees to it that nobody writes.
            Some(start) => unsafe { std::slice::from_raw_parts(start.as_ptr(), range.len()) },
            None => &[],
        }
    }

    /// The bytes of `range`, to be written; nothing where it is not within the memory.
    ///
    /// # Safety
    /// Nobody else in this process may borrow any of them meanwhile. (No other process can write them.)
    #[allow(clippy::mut_from_ref, reason = "the caller vouches for it that each part has one owner")]
    pub(crate) unsafe fn bytes_mut(&self, range: Range<usize>) -> &mut [u8] {
        match self.mapping.part(&range) {
            // SAFETY: within the mapping, which lives as long as `self` and never shrinks (it is sealed); the
            // caller sees to it that nobody else borrows it.
            Some(start) => unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), range.len()) },
            None => &mut [],
        }
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Another process's [`Memory`], or a part of it, to be read.
#[derive(Debug)]
pub(crate) struct View {
    mapping: Mapping,
    start: usize,
}

impl View {
    /// Maps `range` of the memory; its start must be a multiple of a page's size.
    ///
    /// # Errors
    /// The file is no such memory, or is shorter, or can't be mapped.
    pub(crate) fn new(file: impl AsFd, range: Range<usize>) -> io::Result<Self> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        if !fcntl_get_seals(&file)?.contains(SEALS) {
            return Err(invalid("the shared memory is not sealed"));
        }
        if range.is_empty() || u64::try_from(fstat(&file)?.st_size).is_ok_and(|size| size < range.end as u64)
        {
            return Err(invalid("the shared memory is shorter than was said"));
        }
        let start = range.start;
        Ok(Self { mapping: Mapping::new(file, range, ProtFlags::READ, MapFlags::empty())?, start })
    }

    /// True where it holds these bytes of the memory.
    pub(crate) fn covers(&self, range: &Range<usize>) -> bool {
        self.start <= range.start && range.end <= self.start.saturating_add(self.mapping.length)
    }

    /// The bytes of `range` of the memory; `None` where it is not within the view.
    ///
    /// The process that made the memory must not write them meanwhile: the protocol's promise for as long as it
    /// awaits the outcome of the task that they belong to, which is as long as the worker's handler runs.
    pub(crate) fn bytes(&self, range: Range<usize>) -> Option<&[u8]> {
        let within = range.start.checked_sub(self.start)?..range.end.checked_sub(self.start)?;
        let length = within.len();
        // SAFETY: within the mapping, which lives as long as `self` and never shrinks (it is sealed). Nobody
        // but the coordinator can write, and it does not, as the protocol says; the worker trusts it.
        self.mapping.part(&within).map(|start| unsafe { std::slice::from_raw_parts(start.as_ptr(), length) })
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    const PAGE: usize = 4096;

    #[test]
    fn what_the_maker_writes_the_reader_sees() {
        let memory = Memory::new(4 * PAGE).unwrap();
        // SAFETY: the only borrow.
        unsafe { memory.bytes_mut(PAGE + 10..PAGE + 13) }.copy_from_slice(b"abc");
        let view = View::new(&memory, PAGE..2 * PAGE).unwrap();
        assert_eq!(view.bytes(PAGE + 10..PAGE + 13).unwrap(), b"abc");
        assert_eq!(view.bytes(2 * PAGE..2 * PAGE + 1), None);
        assert_eq!(view.bytes(0..1), None);
        assert!(view.covers(&(PAGE..2 * PAGE)) && !view.covers(&(0..PAGE)));
    }

    #[test]
    fn nobody_else_can_write_or_cut_it() {
        let memory = Memory::new(PAGE).unwrap();
        let writable = Mapping::new(&memory, 0..PAGE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::empty());
        assert!(writable.is_err());
        assert!(rustix::io::write(&memory, b"x").is_err());
        assert!(ftruncate(&memory, 0).is_err());
    }

    #[test]
    fn memory_that_could_shrink_or_is_too_short_is_refused() {
        let file = memfd_create("loose", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, PAGE as u64).unwrap();
        assert!(View::new(&file, 0..PAGE).is_err());
        let memory = Memory::new(PAGE).unwrap();
        assert!(View::new(&memory, 0..2 * PAGE).is_err());
        assert!(View::new(&memory, PAGE..PAGE).is_err());
    }

    #[test]
    fn parts_beyond_the_end_are_empty() {
        let memory = Memory::new(PAGE).unwrap();
        // SAFETY: nothing is borrowed mutably.
        assert!(unsafe { memory.bytes(PAGE - 1..PAGE + 1) }.is_empty());
    }
}
