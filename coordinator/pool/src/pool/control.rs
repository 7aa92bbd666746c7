//! What may be asked of a running pool from other threads, and how its thread is woken for it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use nix::sys::eventfd::{EfdFlags, EventFd};
use protocol::TaskId;

/// Something asked of a running pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Start nothing more, let running tasks finish within the grace, end.
    Stop,
    /// Kill everything and end.
    Abort,
    /// This task is no longer wanted: it ends as cancelled now, unless it has ended otherwise before that.
    Cancel(TaskId),
    /// Stop all processes, this one included; go on, without a time limit having run, when it is continued.
    Suspend,
}

/// Asks things of a running pool. Clones ask the same pool.
#[derive(Debug, Clone)]
pub struct Control {
    requests: Sender<Request>,
    waker: Waker,
}

impl Control {
    /// A control and the pool's end of it.
    ///
    /// # Errors
    /// There are no more files to be had.
    pub fn new() -> io::Result<(Self, Controlled)> {
        let (sender, requests) = unbounded();
        let waker = Waker::new()?;
        Ok((Self { requests: sender, waker: waker.clone() }, Controlled { requests, waker }))
    }

    /// Asks; a pool that has ended does not mind.
    pub fn request(&self, request: Request) {
        let _ = self.requests.send(request);
        self.waker.wake();
    }

    /// Wakes the pool's thread, to look at its source and its sink again.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// The pool's end of a [`Control`].
#[derive(Debug)]
pub struct Controlled {
    requests: Receiver<Request>,
    waker: Waker,
}

impl Controlled {
    pub(super) fn next(&self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }
}

/// Wakes the pool's thread.
#[derive(Debug, Clone)]
pub struct Waker(Arc<EventFd>);

impl Waker {
    fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Self(Arc::new(EventFd::from_value_and_flags(0, flags)?)))
    }

    /// Wakes it, now or the next time that it would sleep.
    pub fn wake(&self) {
        // A counter at its limit wakes too.
        let _ = self.0.write(1);
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Goes back to sleep.
    pub(super) fn reset(&self) {
        let _ = self.0.read();
    }
}
