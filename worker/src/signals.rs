//! Signals as a worker and its programs should find them, whatever the coordinator was started with.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::signal::{SigSet, Signal};

/// Lets all signals through, and ignores none but `SIGPIPE`, as Rust wants it: one that was ignored is taken from here on,
/// to no effect, and is as usual in the programs that this process starts.
///
/// Where `SIGCHLD` is ignored, the kernel throws the children's exit codes away.
pub(crate) fn reset() {
    let _ = SigSet::empty().thread_set_mask();
    let ignored = ignored();
    Signal::iterator().filter(|signal| ignored & bit(*signal) != 0).for_each(take);
}

/// Takes `SIGCHLD` if it is ignored, so that how children end can be known. Only for a program whose children are all
/// its own matter.
///
/// ```
/// worker::expect_children();
/// ```
pub fn expect_children() {
    if ignored() & bit(Signal::SIGCHLD) != 0 {
        take(Signal::SIGCHLD);
    }
}

fn take(signal: Signal) {
    let left_alone = [Signal::SIGPIPE, Signal::SIGSEGV, Signal::SIGFPE, Signal::SIGILL];
    // Each new program begins with signals as usual where there was a handler, and ignores them where there was none.
    if !left_alone.contains(&signal) {
        let _ = signal_hook::flag::register(signal as i32, Arc::new(AtomicBool::new(false)));
    }
}

const fn bit(signal: Signal) -> u64 {
    1 << (signal as u64 - 1)
}

/// The mask of signals that this process ignores.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
