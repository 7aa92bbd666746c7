//! Finds out that this thread did not run though it could have: the whole process was stopped, or frozen with its cgroup.
//!
//! A thread that waits for its turn on a busy machine did not run either, but then the kernel counts how long it waited
//! (`/proc/thread-self/schedstat`), and that time excuses nobody: otherwise a machine that is always busy would have no time
//! limits. Suspending the machine is not seen here: `CLOCK_MONOTONIC` stands still meanwhile.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// Where there is a deadline, the thread is awake this often.
pub(super) const BEAT: Duration = Duration::from_millis(100);
/// So much more than a beat is a stop.
const STOP: Duration = Duration::from_millis(200);
/// The same where the kernel does not tell how long the thread waited for its turn.
const UNTOLD_STOP: Duration = Duration::from_secs(2);

/// The pulse of the pool's thread.
#[derive(Debug)]
pub(super) struct Pulse {
    last: u64,
    schedule: Option<File>,
    // How long it had run and waited for its turn, in nanoseconds.
    busy: u64,
    // Where it was skipped, `busy` is of an earlier time.
    stale: bool,
}

impl Pulse {
    /// Begins now, for the calling thread.
    pub(super) fn new(now: u64) -> Self {
        let mut pulse = Self {
            last: now,
            schedule: File::open("/proc/thread-self/schedstat").ok(),
            busy: 0,
            stale: false,
        };
        pulse.busy = pulse.read().unwrap_or(0);
        pulse
    }

    /// A beat, at least one each [`BEAT`] where time matters: returns from when to when the thread was stopped since the
    /// last one.
    pub(super) fn beat(&mut self, now: u64) -> Option<(u64, u64)> {
        let gap = now.saturating_sub(self.last);
        // Where it beats as it should, nothing is read.
        if gap < nanos(BEAT) / 2 {
            return None;
        }
        let read = self.read();
        let busy = read.map(|busy| busy.saturating_sub(std::mem::replace(&mut self.busy, busy)));
        let stop = stop(self.last, now, busy).filter(|_| !self.stale);
        (self.last, self.stale) = (now, false);
        stop
    }

    /// It was stopped until now, as is known already, or slept with nothing to wake it.
    pub(super) fn skip(&mut self, now: u64) {
        (self.last, self.stale) = (now, true);
    }

    fn read(&self) -> Option<u64> {
        let mut bytes = [0; 80];
        let length = self.schedule.as_ref()?.read_at(&mut bytes, 0).ok()?;
        let mut fields = std::str::from_utf8(bytes.get(..length)?).ok()?.split_ascii_whitespace();
        let (ran, waited): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(ran.saturating_add(waited))
    }
}

/// From when to when a thread was stopped that beat at these times and was busy or waited for its turn so long.
fn stop(last: u64, now: u64, busy: Option<u64>) -> Option<(u64, u64)> {
    let gap = now.saturating_sub(last).saturating_sub(busy.unwrap_or(0));
    let limit = nanos(BEAT) + nanos(if busy.is_some() { STOP } else { UNTOLD_STOP });
    // The whole gap: when in it the stop began is not known.
    (gap > limit).then(|| (now.saturating_sub(gap), now))
}

const fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_gap_in_which_the_thread_neither_ran_nor_waited_is_a_stop() {
        assert_eq!(stop(SECOND, 4 * SECOND, Some(0)), Some((SECOND, 4 * SECOND)));
        assert_eq!(stop(SECOND, SECOND + SECOND / 10, Some(0)), None);
    }

    #[test]
    fn a_busy_machine_excuses_nobody() {
        assert_eq!(stop(SECOND, 4 * SECOND, Some(3 * SECOND)), None);
        assert_eq!(stop(SECOND, 4 * SECOND, Some(2_900_000_000)), None);
        // Of a stop on a busy machine, only what was one counts.
        assert_eq!(stop(SECOND, 4 * SECOND, Some(SECOND)), Some((2 * SECOND, 4 * SECOND)));
    }

    #[test]
    fn where_the_kernel_does_not_tell_only_a_long_gap_is_a_stop() {
        assert_eq!(stop(SECOND, 2 * SECOND, None), None);
        assert_eq!(stop(SECOND, 4 * SECOND, None), Some((SECOND, 4 * SECOND)));
    }

    #[test]
    fn a_pulse_that_is_skipped_has_no_gap() {
        let mut pulse = Pulse { last: 0, schedule: None, busy: 0, stale: false };
        pulse.skip(100 * SECOND);
        assert_eq!(pulse.beat(100 * SECOND + 1), None);
        // What the kernel says of this one began before.
        assert_eq!(pulse.beat(110 * SECOND), None);
        assert!(pulse.beat(200 * SECOND).is_some());
        assert_eq!(pulse.beat(200 * SECOND + 1), None);
    }
}
