//! Waiting for all workers at once.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::link::Link;
use super::token::Token;
use super::wait::Waits;
use crate::pool::Waker;

/// What the kernel tells of all links, deaths, printed lines and requests.
pub(super) struct Poll {
    epoll: Epoll,
    waits: Waits,
    events: [EpollEvent; 64],
    // Invariant: next <= ready <= 64; those between have yet to be heard of.
    next: usize,
    ready: usize,
}

impl Poll {
    pub(super) fn new(waker: &Waker) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(waker.fd(), EpollEvent::new(EpollFlags::EPOLLIN, Token::Wake.pack()))?;
        Ok(Self { epoll, waits: Waits::default(), events: [EpollEvent::empty(); 64], next: 0, ready: 0 })
    }

    /// From now on, everything about this worker is told.
    pub(super) fn watch(&self, link: &Link) -> io::Result<()> {
        let worker = link.peer.worker;
        if let Some(frames) = link.peer.frames() {
            self.add(frames, Token::Frames(worker))?;
        }
        self.add(link.process.pidfd(), Token::Death(worker))?;
        self.add(link.process.output(), Token::Output(worker))
    }

    fn add(&self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        Ok(self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token.pack()))?)
    }

    pub(super) fn unwatch(&self, fd: BorrowedFd<'_>) {
        // It may be unwatched already.
        let _ = self.epoll.delete(fd);
    }

    /// Waits until something is ready, for no longer than `patience`, while so many workers have something to do.
    pub(super) fn wait(&mut self, patience: Option<Duration>, working: usize) -> io::Result<()> {
        self.next = 0;
        self.ready = match self.waits.wait(&self.epoll, &mut self.events, timeout(patience), working) {
            Ok(ready) => ready,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }

    /// The next thing that is ready.
    pub(super) fn next(&mut self) -> Option<Token> {
        let event = self.events.get(self.next..self.ready)?.first()?;
        self.next += 1;
        Some(Token::unpack(event.data()))
    }
}

fn timeout(patience: Option<Duration>) -> EpollTimeout {
    let Some(patience) = patience else { return EpollTimeout::NONE };
    // Rounded up: waking before a deadline would only mean to wait again.
    let millis = patience.as_micros().div_ceil(1000);
    EpollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(EpollTimeout::ZERO)
}
