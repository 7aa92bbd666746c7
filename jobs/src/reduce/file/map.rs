//! Maps a slice of a file into memory: no copy, and no more address space than the slice.
#![expect(unsafe_code, reason = "a memory map is shared with whoever may write the file")]

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Advice, Mmap, MmapOptions};

/// A slice of a file, mapped for reading.
pub(in crate::reduce) struct Mapped(Mmap);

impl Mapped {
    /// Maps `len` bytes from `offset`, which the caller has just checked to be there.
    ///
    /// # Errors
    /// What the system says: no address space left (the worker's memory limit), no such operation.
    pub(in crate::reduce) fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        let mut options = MmapOptions::new();
        options.offset(offset).len(len);
        // SAFETY: the map is private to this value, read-only, and lives as long as every slice of it. What
        // the compiler can't see is another process that writes the file meanwhile. The bytes are only ever
        // read as plain numbers, each once or twice, and no index, length or pointer is made of them
        // unchecked, so that any change leaves some value in place of another; the caller compares length
        // and time of change before and after and throws the result away where they differ. If the file is
        // cut, touching a page that is gone raises SIGBUS, which `watch` turns into zeros (and where it does
        // not look, ends this worker process; the coordinator maps no files itself).
        let map = unsafe { options.map(file) }?;
        // A hint: what is not in memory yet is read ahead.
        let _ = map.advise(Advice::Sequential);
        Ok(Self(map))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
