//! What is on its way into a pool: filled by any thread, emptied by the pool's.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use protocol::Payloads;

use super::Error;
use super::stats::Stats;
use super::stream::Stream;
use super::ticket::Ticket;
use crate::pool::{Control, PoolReport, Request};

/// How many tasks and bytes are handed to the queue in one lot.
const LOT: usize = 4096;
const LOT_BYTES: usize = 256 * 1024;
/// How many bytes of submitted inputs a pool holds, beyond one task.
const HELD_BYTES: usize = 64 << 20;

/// What the threads of a pool share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) control: Control,
    inbox: Mutex<Inbox>,
    // Something has ended: there may be room, or nothing left to wait for.
    changed: Condvar,
    capacity: usize,
}

/// Tasks with one destination, in the order of their ids.
#[derive(Debug)]
pub(super) struct Lot {
    pub(super) payloads: Payloads,
    pub(super) to: Destination,
}

#[derive(Debug)]
pub(super) enum Destination {
    /// A ticket a payload.
    Tickets(VecDeque<Arc<Ticket>>),
    /// A map, which counts these tasks from this number on.
    Stream(Arc<Stream>, u64),
}

#[derive(Debug, Default)]
struct Inbox {
    lots: VecDeque<Lot>,
    // The pool's thread found nothing and must be woken.
    asleep: bool,
    // Nothing more is taken in, for this reason.
    closed: Option<Error>,
    ended: Option<Ended>,
    // Taken in and not ended: all tasks; those with a ticket, and their bytes.
    open: u64,
    held: usize,
    held_bytes: usize,
    // Invariant: at every moment, submitted ≥ stats.ok + stats.failed; the difference has not ended.
    submitted: u64,
    // How many threads wait for `changed`, and the tasks that wait for room.
    waiting: usize,
    wakers: Vec<Waker>,
    stats: Stats,
}

#[derive(Debug, Clone)]
struct Ended {
    report: Option<PoolReport>,
    error: Error,
}

/// Tasks that have ended, to be counted off.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gone {
    pub(super) tasks: u64,
    pub(super) tickets: usize,
    pub(super) bytes: usize,
}

/// Where a submission stands when it can't be made now.
pub(super) enum Refused {
    Full,
    Never(Error),
}

impl Shared {
    pub(super) fn new(control: Control, capacity: usize) -> Self {
        Self { control, inbox: Mutex::default(), changed: Condvar::new(), capacity }
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, mut inbox: MutexGuard<'a, Inbox>) -> MutexGuard<'a, Inbox> {
        inbox.waiting += 1;
        let mut inbox = self.changed.wait(inbox).unwrap_or_else(PoisonError::into_inner);
        inbox.waiting -= 1;
        inbox
    }

    /// Takes a task in, and waits for room where `patient`.
    pub(super) fn submit(&self, payload: &[u8], patient: bool) -> Result<Arc<Ticket>, Refused> {
        let mut inbox = self.lock();
        loop {
            if let Some(error) = inbox.refusal() {
                return Err(Refused::Never(error));
            }
            if inbox.has_room(self.capacity) {
                break;
            }
            if !patient {
                return Err(Refused::Full);
            }
            inbox = self.wait(inbox);
        }
        let ticket = inbox.put(payload);
        self.wake(inbox);
        Ok(ticket)
    }

    /// Has `waker` woken once there may be room.
    #[cfg(feature = "async")]
    pub(super) fn wake_on_change(&self, waker: &Waker) {
        let mut inbox = self.lock();
        if inbox.has_room(self.capacity) || inbox.refusal().is_some() {
            drop(inbox);
            waker.wake_by_ref();
        } else if !inbox.wakers.iter().any(|known| known.will_wake(waker)) {
            inbox.wakers.push(waker.clone());
        }
    }

    /// Takes a map's tasks in. A map bounds itself.
    pub(super) fn send(&self, lot: Lot) -> Result<(), Error> {
        let mut inbox = self.lock();
        if let Some(error) = inbox.refusal() {
            return Err(error);
        }
        let tasks = lot.payloads.len() as u64;
        inbox.open += tasks;
        inbox.submitted += tasks;
        inbox.lots.push_back(lot);
        self.wake(inbox);
        Ok(())
    }

    fn wake(&self, mut inbox: MutexGuard<'_, Inbox>) {
        let asleep = std::mem::take(&mut inbox.asleep);
        drop(inbox);
        if asleep {
            self.control.waker().wake();
        }
    }

    /// The next lot, for the pool's thread; `Err(true)`: nothing more will come.
    pub(super) fn take(&self) -> Result<Lot, bool> {
        let mut inbox = self.lock();
        inbox.lots.pop_front().ok_or_else(|| {
            inbox.asleep = true;
            inbox.closed.is_some()
        })
    }

    /// Counts tasks off, and tells those who wait.
    pub(super) fn count_off(&self, gone: Gone) {
        let mut inbox = self.lock();
        inbox.open = inbox.open.saturating_sub(gone.tasks);
        inbox.held = inbox.held.saturating_sub(gone.tickets);
        inbox.held_bytes = inbox.held_bytes.saturating_sub(gone.bytes);
        self.tell(inbox);
    }

    fn tell(&self, mut inbox: MutexGuard<'_, Inbox>) {
        let wakers = std::mem::take(&mut inbox.wakers);
        let waiting = inbox.waiting > 0;
        drop(inbox);
        if waiting {
            self.changed.notify_all();
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.lock().stats);
    }

    pub(super) fn stats(&self) -> Stats {
        let inbox = self.lock();
        let Stats { ok, failed, .. } = inbox.stats;
        // A task is counted as ended before its outcome is where it belongs, and `open` only behind that.
        Stats {
            submitted: inbox.submitted,
            unfinished: inbox.submitted.saturating_sub(ok + failed),
            ..inbox.stats
        }
    }

    /// Takes nothing more in.
    pub(super) fn close(&self) {
        self.lock().closed.get_or_insert(Error::closed());
        self.control.waker().wake();
    }

    /// Takes nothing more in, and asks for the end.
    pub(super) fn end(&self, request: Request) {
        self.lock().closed = Some(Error::stopped());
        self.control.request(request);
    }

    /// The pool's thread has ended: returns what it never came to.
    pub(super) fn set_ended(&self, report: Option<PoolReport>, error: Error) -> VecDeque<Lot> {
        let mut inbox = self.lock();
        inbox.closed.get_or_insert_with(|| error.clone());
        inbox.ended = Some(Ended { report, error });
        inbox.open = 0;
        // Whoever waits for the others gets an error.
        inbox.stats.failed = inbox.submitted.saturating_sub(inbox.stats.ok);
        let left = std::mem::take(&mut inbox.lots);
        self.tell(inbox);
        left
    }

    /// Waits until no task is left and, where the pool is closed, until its thread has ended; false: it has not
    /// come to that within the limit.
    pub(super) fn join(&self, limit: Option<Duration>) -> bool {
        let mut inbox = self.lock();
        let began = protocol::monotonic_nanos();
        while !inbox.is_joined() {
            let passed = Duration::from_nanos(protocol::monotonic_nanos().saturating_sub(began));
            inbox = match limit.map(|limit| limit.saturating_sub(passed)) {
                None => self.wait(inbox),
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    inbox.waiting += 1;
                    let waited = self.changed.wait_timeout(inbox, left);
                    let (mut inbox, _) = waited.unwrap_or_else(PoisonError::into_inner);
                    inbox.waiting -= 1;
                    inbox
                }
            };
        }
        true
    }

    /// What the pool's run came to, once it has ended.
    pub(super) fn end_of_run(&self) -> Option<(Option<PoolReport>, Error)> {
        self.lock().ended.clone().map(|ended| (ended.report, ended.error))
    }
}

impl Inbox {
    fn refusal(&self) -> Option<Error> {
        match &self.ended {
            Some(ended) => Some(ended.error.clone()),
            None => self.closed.clone(),
        }
    }

    fn has_room(&self, capacity: usize) -> bool {
        self.held == 0 || (self.held < capacity && self.held_bytes < HELD_BYTES)
    }

    fn is_joined(&self) -> bool {
        self.ended.is_some() || (self.open == 0 && self.closed.is_none())
    }

    fn put(&mut self, payload: &[u8]) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::new(payload.len()));
        self.open += 1;
        self.held += 1;
        self.held_bytes += payload.len();
        self.submitted += 1;
        match self.lots.back_mut() {
            Some(Lot { payloads, to: Destination::Tickets(tickets) })
                if payloads.len() < LOT && payloads.total_bytes() + payload.len() <= LOT_BYTES =>
            {
                payloads.push(payload);
                tickets.push_back(Arc::clone(&ticket));
            }
            _ => {
                let mut payloads = Payloads::new();
                payloads.push(payload);
                let to = Destination::Tickets(VecDeque::from([Arc::clone(&ticket)]));
                self.lots.push_back(Lot { payloads, to });
            }
        }
        ticket
    }
}
