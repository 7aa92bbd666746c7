//! Waiting for workers: awake for a moment, where an answer comes soon and a core is free.
//!
//! To wake a thread that sleeps on an idle core costs some 20 µs and more in a virtual machine, which is most of a
//! round trip. A thread that looks again and again costs a core's time, which nobody else must want.

use std::cell::OnceCell;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};
use protocol::monotonic_nanos;

/// For so long the thread stays awake: about what waking it up costs, so that at most twice the time is lost.
const AWAKE: Duration = Duration::from_micros(50);
/// An answer within this time, waking up included, makes it likely that the next one comes while awake.
const SOON: Duration = Duration::from_micros(100);

/// What is known of the waits so far.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// The last one was short.
    soon: bool,
    cores: OnceCell<usize>,
}

impl Waits {
    /// Waits for events, for no longer than `patience`, while so many workers have something to do.
    pub(super) fn wait(
        &mut self,
        epoll: &Epoll,
        events: &mut [EpollEvent],
        patience: EpollTimeout,
        working: usize,
    ) -> Result<usize, Errno> {
        // Without an answer to come, nothing is learnt.
        if working == 0 || patience == EpollTimeout::ZERO {
            return epoll.wait(events, patience);
        }
        let began = monotonic_nanos();
        let waited = || Duration::from_nanos(monotonic_nanos().saturating_sub(began));
        let awake = self.awake(working, num_cpus::get);
        let mut ready = 0;
        while ready == 0 && waited() < awake {
            ready = epoll.wait(events, EpollTimeout::ZERO)?;
        }
        if ready == 0 {
            ready = epoll.wait(events, patience)?;
        }
        self.soon = waited() < SOON;
        Ok(ready)
    }

    /// How long to stay awake; nothing, where the workers that have something to do want all cores.
    fn awake(&self, working: usize, cores: impl FnOnce() -> usize) -> Duration {
        // To count cores means to read files: not before it matters.
        if self.soon && working < *self.cores.get_or_init(cores) { AWAKE } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::sys::epoll::{EpollCreateFlags, EpollFlags};
    use nix::sys::eventfd::EventFd;

    use super::*;

    #[test]
    fn it_stays_awake_where_answers_come_soon_and_a_core_is_free() {
        let mut waits = Waits::default();
        assert_eq!(waits.awake(1, || panic!("not before it matters")), Duration::ZERO);
        waits.soon = true;
        assert_eq!(waits.awake(1, || 2), AWAKE);
        // Counted once.
        assert_eq!(waits.awake(1, || 1), AWAKE);
        assert_eq!(waits.awake(2, || 3), Duration::ZERO);
    }

    #[test]
    fn whether_awake_or_asleep_it_sees_what_comes_and_when_nothing_does() {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let event = EventFd::new().unwrap();
        epoll.add(event.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, 7)).unwrap();
        let mut events = [EpollEvent::empty(); 4];
        for soon in [false, true] {
            let mut waits = Waits { soon, cores: OnceCell::from(64) };
            assert_eq!(waits.wait(&epoll, &mut events, EpollTimeout::from(1_u8), 1), Ok(0));
            assert!(!waits.soon, "a millisecond is not soon");
            waits.soon = soon;
            event.write(1).unwrap();
            assert_eq!(waits.wait(&epoll, &mut events, EpollTimeout::NONE, 1), Ok(1));
            assert_eq!(events[0].data(), 7);
            event.read().unwrap();
        }
    }
}
