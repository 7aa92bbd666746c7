//! Signals to the command: a first request to stop lets running tasks finish, a second one ends at once, and
//! a suspended run resumes as if nothing had been.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::sys::signal::{SigSet, Signal};

use crate::pool::{Control, Request};

/// Which signals are taken, held back from this thread and all that it starts.
#[derive(Debug)]
pub struct Signals {
    set: SigSet,
    received: Arc<AtomicI32>,
}

impl Signals {
    /// Holds the signals back. Call it before any thread is started.
    ///
    /// # Errors
    /// The system refuses.
    pub fn block() -> io::Result<Self> {
        let ignored = ignored_signals();
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP] {
            // Whoever started us with a signal ignored (`nohup`) wants it ignored.
            if ignored & (1 << (signal as u64 - 1)) == 0 {
                set.add(signal);
            }
        }
        set.thread_block()?;
        Ok(Self { set, received: Arc::default() })
    }

    /// Passes the signals on to a pool, from a thread of its own.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn forward(&self, control: Control) -> io::Result<()> {
        let (set, received) = (self.set, self.received.clone());
        let forward = move || {
            while let Ok(signal) = set.wait() {
                if signal == Signal::SIGTSTP {
                    crate::show::cover();
                    control.request(Request::Suspend);
                    continue;
                }
                let first =
                    received.compare_exchange(0, signal as i32, Ordering::SeqCst, Ordering::SeqCst).is_ok();
                tracing::debug!(%signal, first, "signal");
                crate::output::stop_waiting(signal as i32);
                control.request(if first { Request::Stop } else { Request::Abort });
                if first {
                    announce(signal);
                }
            }
        };
        std::thread::Builder::new().name("signals".into()).spawn(forward)?;
        Ok(())
    }

    /// The first signal that asked to stop.
    pub fn received(&self) -> Option<Signal> {
        Signal::try_from(self.received.load(Ordering::SeqCst)).ok()
    }
}

/// Holds back the signal that tells of a file which would become longer than it may (`ulimit -f`): the write fails then
/// with "File too large", and that can be told. Whoever is started from here gets the signal as ever. Call it before any
/// thread is started.
///
/// # Errors
/// The system refuses.
pub fn tell_of_long_files() -> io::Result<()> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGXFSZ);
    Ok(set.thread_block()?)
}

fn announce(signal: Signal) {
    // A closed standard error is no reason not to stop.
    use std::io::Write;
    let again = if signal == Signal::SIGINT { "Ctrl-C again" } else { "the signal again" };
    let line = format!(
        "{}: starting nothing new and waiting for running tasks; {again} to end at once\n",
        signal.as_str()
    );
    let _ = crate::show::Stderr.write_all(line.as_bytes());
}

/// The mask of ignored signals that this process was started with.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
