//! How much a running process takes of memory and files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The most that a process took while it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Peak {
    /// Open descriptors.
    pub descriptors: usize,
    /// Resident memory, in KiB.
    pub resident_kib: u64,
}

/// Looks at a process a few hundred times a second.
#[derive(Debug)]
pub struct Gauge {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Peak>,
}

impl Gauge {
    /// Begins to look at this process.
    pub fn of(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut peak = Peak::default();
            while !stopped.load(Ordering::Relaxed) {
                let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
                peak.descriptors = peak.descriptors.max(descriptors);
                peak.resident_kib = peak.resident_kib.max(high_water(pid).unwrap_or(0));
                thread::sleep(Duration::from_millis(3));
            }
            peak
        });
        Self { stop, thread }
    }

    /// The most that it took, up to now.
    pub fn peak(self) -> Peak {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// What the kernel remembers as the most, in KiB.
fn high_water(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
