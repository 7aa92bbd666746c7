//! What the pool's thread and the thread for observers share. The pool's thread never waits here: it counts, and puts
//! events into a bounded channel, out of which the oldest falls where it is full.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use nix::sys::eventfd::{EfdFlags, EventFd};
use protocol::observe::Observation;

use super::board::Board;

/// Something told, as it goes over the wire; the same for every observer.
pub(super) type Frame = Arc<[u8]>;

/// How many events may be on their way to the thread for observers.
const EVENTS: usize = 4096;

#[derive(Debug)]
pub(super) struct Feed {
    pub(super) board: Arc<Board>,
    watched: AtomicBool,
    events: Sender<Frame>,
    waiting: Receiver<Frame>,
    lost: AtomicU64,
    // One entry a worker; touched only when a process starts or ends, and when somebody looks.
    processes: Mutex<Vec<Process>>,
    wake: EventFd,
    called: AtomicBool,
}

/// A worker's process, or the last one that it had.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) incarnation: u32,
    pub(super) alive: bool,
}

impl Feed {
    pub(super) fn new(total: Option<u64>) -> io::Result<Self> {
        let (events, waiting) = bounded(EVENTS);
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Self {
            board: Arc::new(Board::new(total)),
            watched: AtomicBool::new(false),
            events,
            waiting,
            lost: AtomicU64::new(0),
            processes: Mutex::default(),
            wake: EventFd::from_value_and_flags(0, flags)?,
            called: AtomicBool::new(false),
        })
    }

    /// Somebody observes: only then are events made.
    pub(super) fn is_watched(&self) -> bool {
        self.watched.load(Acquire)
    }

    pub(super) fn set_watched(&self, watched: bool) {
        self.watched.store(watched, Release);
    }

    /// Hands an event over. Events wait for the next look of the other thread, unless there are many.
    pub(super) fn tell(&self, event: &Observation) {
        let mut frame = Frame::from(event.to_frame());
        while let Err(TrySendError::Full(again)) = self.events.try_send(frame) {
            if self.waiting.try_recv().is_ok() {
                self.lost.fetch_add(1, Relaxed);
            }
            frame = again;
        }
        if self.events.len() >= EVENTS / 2 && !self.called.swap(true, AcqRel) {
            self.wake();
        }
    }

    /// What has been handed over: how many events fell out before, and the others.
    pub(super) fn take(&self) -> (u64, Vec<Frame>) {
        self.called.store(false, Release);
        // As many as there are now: the pool may go on faster than they are taken.
        let events = self.waiting.try_iter().take(EVENTS).collect();
        (self.lost.swap(0, Relaxed), events)
    }

    pub(super) fn processes(&self) -> MutexGuard<'_, Vec<Process>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the thread for observers.
    pub(super) fn wake(&self) {
        // A counter at its limit wakes too.
        let _ = self.wake.write(1);
    }

    pub(super) fn woken(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    pub(super) fn reset(&self) {
        let _ = self.wake.read();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_takes_them_the_oldest_events_fall_out_and_are_counted() {
        let feed = Feed::new(None).unwrap();
        let event = |events| Observation::Lost { events };
        for number in 0..EVENTS as u64 + 7 {
            feed.tell(&event(number));
        }
        let (lost, events) = feed.take();
        assert_eq!((lost, events.len()), (7, EVENTS));
        assert_eq!(events[0][..], event(7).to_frame());
        assert_eq!(feed.take(), (0, vec![]));
    }
}
