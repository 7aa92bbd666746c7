//! Reading a mapped file that somebody may cut meanwhile: where its pages are gone there are zeros, and the
//! reader is told, so that the task fails in a sentence instead of the worker by SIGBUS.
#![expect(unsafe_code, reason = "a signal handler that puts zeros where a map has lost its file")]

use std::cell::Cell;
use std::ops::Range;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::libc::{c_int, c_void, siginfo_t};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

thread_local! {
    // Without a destructor and of a constant: the handler, on the same thread, makes nothing by looking.
    static WATCHED: Cell<Watched> = const { Cell::new(Watched { from: 0, to: 0, page: 1, lost: false }) };
}

/// The map that this thread reads, in whole pages; nothing where both ends are 0.
#[derive(Clone, Copy)]
struct Watched {
    from: usize,
    to: usize,
    // Bytes.
    page: usize,
    // True once a page was gone.
    lost: bool,
}

/// Calls `read` with the bytes of a map; also returns true where some of them were gone and zeros in their
/// place.
///
/// # Errors
/// The system takes no signal handler.
pub(super) fn watched<T>(map: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<(T, bool), Errno> {
    static INSTALLED: OnceLock<Result<(), Errno>> = OnceLock::new();
    (*INSTALLED.get_or_init(install))?;
    let watch = Watch::new(map.as_ptr_range());
    let value = read(map);
    Ok((value, watch.end()))
}

/// Forgets the map when it is dropped, also by a panic of the reader.
struct Watch;

impl Watch {
    fn new(map: Range<*const u8>) -> Self {
        let page = rustix::param::page_size();
        let (from, to) = (map.start.addr() & !(page - 1), map.end.addr().next_multiple_of(page));
        WATCHED.set(Watched { from, to, page, lost: false });
        Self
    }

    fn end(self) -> bool {
        WATCHED.get().lost
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        WATCHED.set(Watched { from: 0, to: 0, page: 1, lost: false });
    }
}

fn install() -> Result<(), Errno> {
    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK;
    let action = SigAction::new(SigHandler::SigAction(on_bus_error), flags, SigSet::empty());
    // SAFETY: the handler does only what signal handlers may: it looks at its own thread's constant-made cell
    // and makes system calls. The handler that it replaces, the standard library's, tells overflows of the
    // stack, which on Linux are SIGSEGV.
    unsafe { sigaction(Signal::SIGBUS, &action) }.map(drop)
}

/// Puts zeros from the page that is gone to the map's end (the file was cut there, and what was read is thrown
/// away). Any other SIGBUS ends the process as if there were no handler.
extern "C" fn on_bus_error(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel calls a SA_SIGINFO handler with a valid siginfo.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr().addr()) };
    let watched = WATCHED.get();
    // Positive codes are the kernel's; others are somebody's kill(2), with no address.
    if code > 0 && (watched.from..watched.to).contains(&address) {
        let page = address & !(watched.page - 1);
        // SAFETY: these are pages of the map that this thread is reading: it borrows the map, which is
        // read-only, so that nobody unmaps or writes them meanwhile; they are mapped anew with the same
        // protection, and unmapped with the rest.
        let zeros = unsafe {
            let place = std::ptr::with_exposed_provenance_mut(page);
            mmap_anonymous(place, watched.to - page, ProtFlags::READ, MapFlags::PRIVATE | MapFlags::FIXED)
        };
        if zeros.is_ok() {
            WATCHED.set(Watched { lost: true, ..watched });
            return;
        }
    }
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action is no handler of ours.
    let _ = unsafe { sigaction(Signal::SIGBUS, &default) };
    // Blocked until this function returns, and then the end.
    let _ = raise(Signal::SIGBUS);
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::reduce::file::Mapped;

    /// A file of ones, mapped.
    fn ones(length: usize) -> (tempfile::NamedTempFile, Mapped) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![1; length]).unwrap();
        let mapped = Mapped::new(&File::open(file.path()).unwrap(), 0, length).unwrap();
        (file, mapped)
    }

    fn sum(bytes: &[u8]) -> u64 {
        bytes.iter().map(|byte| u64::from(*byte)).sum()
    }

    #[test]
    fn what_a_file_has_lost_reads_as_zeros_and_the_reader_is_told() {
        let page = rustix::param::page_size();
        let (file, mapped) = ones(9 * page);
        let cut = |bytes: &[u8]| {
            let before = sum(bytes);
            file.as_file().set_len(2 * page as u64).unwrap();
            (before, sum(bytes))
        };
        assert_eq!(watched(&mapped, cut), Ok(((9 * page as u64, 2 * page as u64), true)));
        // The next map is another one.
        let (_file, mapped) = ones(3 * page);
        assert_eq!(watched(&mapped, sum), Ok((3 * page as u64, false)));
    }

    #[test]
    fn a_panic_of_the_reader_ends_the_watch() {
        let (_file, mapped) = ones(10);
        let panicked = std::panic::catch_unwind(|| watched(&mapped, |_| panic!("on purpose")));
        assert!(panicked.is_err());
        assert_eq!(WATCHED.get().to, 0);
    }
}
