//! The memory of an outbox: one worker writes it, and the coordinator only reads.
//!
//! The worker may have been hijacked, and writes when it likes. So the coordinator never borrows from this memory
//! and never looks at it twice: it copies once, into memory of its own, and believes nothing of what came.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr;

use rustix::fs::{SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate};
use rustix::mm::{MapFlags, ProtFlags};

use super::copy::copy_past_cache;
use super::file::memfd;
use super::memory::Mapping;

/// Sealed against shrinking (reading past the end of a file that shrank would be a `SIGBUS`), growing (a worker
/// could fill the machine's memory with it), and lifting the seals.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// The coordinator's side: to be copied from.
#[derive(Debug)]
pub(crate) struct OutboxMemory {
    // Readable only.
    mapping: Mapping,
    length: usize,
}

impl OutboxMemory {
    /// Makes an outbox of `length` bytes, and the descriptor for its worker; the mapping stays without it.
    ///
    /// # Errors
    /// No address space, or no more descriptors.
    pub(crate) fn new(length: usize) -> io::Result<(Self, OwnedFd)> {
        let file = memfd("coordinator-outbox")?;
        ftruncate(&file, length as u64)?;
        fcntl_add_seals(&file, SEALS)?;
        let mapping = Mapping::new(&file, 0..length, ProtFlags::READ, MapFlags::empty())?;
        Ok((Self { mapping, length }, file))
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Appends a copy of what stands there now to `into`; false, and nothing, where it is not within the memory.
    /// `past_cache`: it is a part of something that is too long for the processor's cache.
    pub(crate) fn append(&self, range: &Range<usize>, into: &mut Vec<u8>, past_cache: bool) -> bool {
        let Some(start) = self.mapping.part(range) else { return false };
        let length = range.len();
        into.reserve(length);
        let before = into.len();
        // SAFETY: the source is within the mapping, which lives as long as `self` and never shrinks (it is sealed);
        // the target is spare room of a vector, just reserved, which overlaps no mapping. No reference to the
        // source is made, so nothing assumes that it stays as it is: where the worker writes meanwhile, the copy
        // holds some mixture of bytes, and any bytes are valid ones. `length` bytes are initialised then.
        unsafe {
            let target = into.as_mut_ptr().add(before);
            if past_cache {
                copy_past_cache(start.as_ptr(), target, length);
            } else {
                ptr::copy_nonoverlapping(start.as_ptr(), target, length);
            }
            into.set_len(before + length);
        }
        true
    }
}

/// The worker's side: to be written.
#[derive(Debug)]
pub(crate) struct OutboxPages {
    mapping: Mapping,
}

impl OutboxPages {
    /// Maps `length` bytes of an outbox.
    ///
    /// # Errors
    /// The file is no outbox, or shorter, or there is no address space.
    pub(crate) fn new(file: impl AsFd, length: usize) -> io::Result<Self> {
        let long_enough = u64::try_from(fstat(&file)?.st_size).is_ok_and(|size| size >= length as u64);
        if !fcntl_get_seals(&file)?.contains(SEALS) || !long_enough || length == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what came is not an outbox"));
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        Ok(Self { mapping: Mapping::new(file, 0..length, access, MapFlags::empty())? })
    }

    /// Copies `bytes` to the place that begins at `at`; false, and nothing, where it is not within the memory.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) -> bool {
        let Some(range) = at.checked_add(bytes.len()).map(|end| at..end) else { return false };
        let Some(start) = self.mapping.part(&range) else { return false };
        // SAFETY: the target is within the mapping, which lives as long as `self`, is writable and never shrinks (it
        // is sealed); `&mut self` is this process's only way to it, so `bytes` can't overlap it. The coordinator
        // makes no reference to this memory, and reads only what has been offered to it and not taken.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), start.as_ptr(), bytes.len()) };
        true
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    const PAGE: usize = 4096;

    #[test]
    fn what_the_worker_writes_the_coordinator_copies() {
        let (memory, file) = OutboxMemory::new(4 * PAGE).unwrap();
        let mut pages = OutboxPages::new(&file, 4 * PAGE).unwrap();
        drop(file);
        assert!(pages.write(PAGE, b"abc") && pages.write(4 * PAGE - 1, b"z"));
        let mut copy = b"0".to_vec();
        assert!(memory.append(&(PAGE..PAGE + 3), &mut copy, false));
        assert!(memory.append(&(4 * PAGE - 1..4 * PAGE), &mut copy, true));
        assert!(pages.write(PAGE, b"xyz"));
        assert_eq!(copy, b"0abcz", "a copy stays as it is");
    }

    #[test]
    fn nothing_is_read_or_written_beyond_the_end() {
        let (memory, file) = OutboxMemory::new(PAGE).unwrap();
        let mut pages = OutboxPages::new(&file, PAGE).unwrap();
        assert!(!pages.write(PAGE, b"a") && !pages.write(PAGE - 1, b"ab") && !pages.write(usize::MAX, b"ab"));
        let mut copy = Vec::new();
        #[expect(clippy::reversed_empty_ranges, reason = "a liar's")]
        let wrong = [PAGE - 1..PAGE + 1, PAGE..PAGE + 1, usize::MAX - 1..usize::MAX, 2..1];
        assert!(wrong.iter().all(|range| !memory.append(range, &mut copy, true)));
        assert!(copy.is_empty() && copy.capacity() == 0);
    }

    #[test]
    fn an_outbox_can_be_neither_cut_nor_extended_by_its_worker() {
        let (_memory, file) = OutboxMemory::new(PAGE).unwrap();
        assert!(ftruncate(&file, 0).is_err());
        assert!(ftruncate(&file, 2 * PAGE as u64).is_err());
        assert!(fcntl_add_seals(&file, SealFlags::WRITE).is_err());
    }

    #[test]
    fn what_is_no_outbox_is_not_mapped() {
        let loose = memfd_create("loose", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&loose, PAGE as u64).unwrap();
        assert!(OutboxPages::new(&loose, PAGE).is_err());
        let (_memory, file) = OutboxMemory::new(PAGE).unwrap();
        assert!(OutboxPages::new(&file, 2 * PAGE).is_err());
        assert!(OutboxPages::new(&file, 0).is_err());
    }
}
