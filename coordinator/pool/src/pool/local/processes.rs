//! The worker processes, and what the driver has them do.

use std::io;
use std::time::Duration;

use protocol::{Running, TaskId, TaskRun, monotonic_nanos};
use tracing::debug;

use super::link::Link;
use super::poll::Poll;
use super::start::Start;
use super::token::Token;
use crate::pool::frames::Parsed;
use crate::pool::ledger::Ledger;
use crate::pool::workers::{Ear, Heard, Obituary, Workers};
use crate::pool::{PoolOptions, Waker, Work};
use crate::supervisor::{Guard, with_advice};
use queue::{BatchId, KillReason, Leases, WorkerId};

/// The worker processes of this machine.
pub(in crate::pool) struct Local<'a> {
    // Dropped before the guard: what it has on its list then is dead and reaped.
    pub(super) links: Vec<Option<Link>>,
    guard: Option<Guard>,
    pub(super) start: Start<'a>,
    pub(super) poll: Poll,
    pub(super) desk: Desk,
}

/// What is used for one worker after the other, so that its memory is there already.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) parsed: Parsed,
    pub(super) printed: Vec<u8>,
    /// How much memory all outboxes take.
    pub(super) outboxes: usize,
}

impl<'a> Local<'a> {
    /// Nobody has been started yet.
    ///
    /// # Errors
    /// The machine has no more files or processes.
    pub(in crate::pool) fn new(options: &'a PoolOptions, work: &'a Work, waker: &Waker) -> io::Result<Self> {
        Ok(Self {
            links: (0..options.workers.get()).map(|_| None).collect(),
            guard: options.guard.then(Guard::start).transpose()?,
            start: Start::new(options, work),
            poll: Poll::new(waker)?,
            desk: Desk::default(),
        })
    }

    pub(super) fn link(&self, worker: WorkerId) -> Option<&Link> {
        self.links.get(worker.index())?.as_ref()
    }

    fn link_mut(&mut self, worker: WorkerId) -> Option<&mut Link> {
        self.links.get_mut(worker.index())?.as_mut()
    }

    /// A link that has ended long ago, though its worker lives on.
    fn hear_of_ended(&mut self, ear: &mut impl Ear) -> bool {
        let now = monotonic_nanos();
        for link in self.links.iter_mut().flatten() {
            if link.peer.has_outlived_its_link(&link.process, now) {
                ear.hear(now, Heard::Broke(link.peer.worker));
                return true;
            }
        }
        false
    }
}

impl Workers for Local<'_> {
    fn now(&self) -> u64 {
        monotonic_nanos()
    }

    fn start(&mut self, worker: WorkerId, incarnation: u32) -> Result<u32, String> {
        let told = |error: io::Error| with_advice(&error);
        let link = self.start.start(worker, incarnation).map_err(told)?;
        self.poll.watch(&link).map_err(told)?;
        let pid = link.process.id();
        if let Some(guard) = &mut self.guard {
            guard.watch(pid);
        }
        if let Some(place) = self.links.get_mut(worker.index()) {
            *place = Some(link);
        }
        Ok(pid)
    }

    fn send(&mut self, worker: WorkerId, batch: BatchId, tasks: &[Leases], ledger: &mut Ledger) {
        let Some(link) = self.link_mut(worker) else { return };
        let sent = match tasks {
            [Leases { run: TaskRun { first, count: 1 }, attempt }]
                if let Some(payload) = ledger.send_large(*first) =>
            {
                link.peer.send_large(batch, *first, *attempt, payload)
            }
            _ => link.peer.send_batch(batch, tasks, ledger),
        };
        if let Err(error) = sent {
            debug!(%worker, %error, "sending failed");
        }
    }

    fn recall(&mut self, worker: WorkerId, batch: BatchId, keep: usize) -> Option<usize> {
        self.link_mut(worker)?.peer.recall(batch, keep)
    }

    fn running(&self, worker: WorkerId) -> Option<Running> {
        self.link(worker)?.peer.running()
    }

    fn send_pill(&mut self, worker: WorkerId) {
        if let Some(Err(error)) = self.link(worker).map(|link| link.peer.send_pill()) {
            debug!(%worker, %error, "sending the poison pill failed");
        }
    }

    fn warn(&mut self, worker: WorkerId, task: TaskId) {
        if let Some(link) = self.link(worker) {
            link.peer.warn(task);
        }
    }

    fn kill(&mut self, worker: WorkerId, reason: KillReason) -> Option<u32> {
        let link = self.link_mut(worker)?;
        link.peer.killed = Some(reason);
        link.process.kill();
        Some(link.process.id())
    }

    fn growth(&mut self, worker: WorkerId) -> u64 {
        self.link_mut(worker).map_or(0, Link::memory_growth)
    }

    fn pause(&mut self) {
        self.links.iter().flatten().for_each(|link| link.process.suspend());
        // Everybody in this process stops here, this thread included.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP);
        let now = monotonic_nanos();
        for link in self.links.iter_mut().flatten() {
            link.process.resume();
            link.peer.paused(now);
        }
    }

    fn wait(&mut self, patience: Option<Duration>, working: usize) -> io::Result<()> {
        let now = monotonic_nanos();
        let lingering = self.links.iter().flatten().filter_map(|link| link.peer.lingers_until());
        let lingering = lingering.map(|until| Duration::from_nanos(until.saturating_sub(now)));
        self.poll.wait(lingering.chain(patience).min(), working)
    }

    fn next(&mut self, ear: &mut impl Ear) -> bool {
        match self.poll.next() {
            Some(Token::Wake) => ear.hear(monotonic_nanos(), Heard::Woken),
            Some(Token::Frames(worker)) => self.hear_frames(worker, ear),
            Some(Token::Output(worker)) => self.hear_output(worker, ear),
            Some(Token::Death(worker)) => self.hear_of_death(worker, ear),
            None => return self.hear_of_ended(ear),
        }
        true
    }

    fn last_words(&mut self, worker: WorkerId, ear: &mut impl Ear) {
        self.hear_last_words(worker, ear);
    }

    fn obituary(&self, worker: WorkerId) -> Option<Obituary<'_>> {
        let link = self.link(worker)?;
        link.obituary(&self.start.options.limits)
    }

    fn bury(&mut self, worker: WorkerId) {
        let Some(link) = self.links.get_mut(worker.index()).and_then(Option::take) else { return };
        self.desk.outboxes = self.desk.outboxes.saturating_sub(link.peer.outbox_bytes());
        if let Some(guard) = &mut self.guard {
            guard.unwatch(link.process.id());
        }
        // Here it is reaped, and what it left behind is killed.
        drop(link);
    }
}
