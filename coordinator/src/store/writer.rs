//! The one thread that writes a run's outcomes.
//!
//! Outcomes come in batches over a bounded channel and are committed in groups: a group ends when it has a
//! thousand outcomes or is ten milliseconds old, and then takes along what has come in by then, so that under
//! load groups grow instead of queues. An outcome counts once its group is committed, and only then does
//! its batch go on, to the output. An error ends the writer; what was committed stays committed, and the
//! rest was never announced.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, TrySendError, after, bounded, select};
use protocol::TaskId;

use super::commit::{Committer, Group, RunEnd};
use super::handle::Store;
use super::lock::RunLock;
use super::{ClaimedRun, Event, Seen, StoreError};
use crate::outcome::OutcomeBatch;
use crate::summary::Summary;

/// A group takes no more than this along, so that the newest of it need not wait for long.
const LARGEST_GROUP: usize = 1 << 16;
/// Nor more than this many bytes, which bounds memory. A single batch may have more.
const LARGEST_GROUP_BYTES: usize = 4 << 20;
/// Events that wait for the next commit; more than these are dropped.
const MOST_EVENTS: usize = 10_000;

/// How the writer groups what it gets.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// A group of this many outcomes is committed at once.
    pub group: usize,
    /// A smaller one when its first outcome has waited for this long.
    pub delay: Duration,
    /// How many batches may wait for the writer.
    pub queue: usize,
    /// Where rows get their times from.
    pub clock: fn() -> SystemTime,
}

impl Default for WriterOptions {
    #[expect(clippy::disallowed_methods, reason = "the writer is an edge: its rows say when they changed")]
    fn default() -> Self {
        Self { group: 1000, delay: Duration::from_millis(10), queue: 64, clock: SystemTime::now }
    }
}

/// What the writer calls, from its own thread.
pub struct Hooks {
    /// There is room again after a batch was refused, or the writer has ended. Must not block.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// This batch is committed; batches come in the order in which they were sent. It may write output. The
    /// writer waits for it, and so, once the queue is full, does the run.
    pub committed: Box<dyn FnMut(OutcomeBatch) + Send>,
}

/// Why a batch was not taken. It is given back.
#[derive(Debug)]
pub enum Refused {
    /// The writer is behind: try again after [`Hooks::wake`].
    Full(OutcomeBatch),
    /// The writer has ended: [`Writer::finish`] says why.
    Ended(OutcomeBatch),
}

/// Stores the outcomes of a run. The run stays claimed until the writer is finished or dropped; one that is
/// dropped stores what it was sent and leaves the run interrupted.
#[derive(Debug)]
pub struct Writer {
    // Gone once there is nothing more to send.
    messages: Option<Sender<Message>>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
    shared: Arc<Shared>,
    // Released last: after the thread has ended.
    _lock: RunLock,
}

enum Message {
    Outcomes(OutcomeBatch),
    End(RunEnd, Option<Box<Summary>>),
}

#[derive(Debug, Default)]
struct Shared {
    planned: AtomicU64,
    committed: AtomicU64,
    // A batch was refused since the last wake-up.
    starved: AtomicBool,
    events: Mutex<Vec<Event>>,
    seen: Mutex<Vec<(TaskId, Seen)>>,
}

impl Writer {
    /// Starts writing the outcomes of `run` to `store`. Who needs the store besides opens it
    /// [again](Store::again).
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        store: Store,
        run: ClaimedRun,
        options: WriterOptions,
        hooks: Hooks,
    ) -> Result<Self, StoreError> {
        let Store { path, connection } = store;
        let shared = Arc::new(Shared { planned: AtomicU64::new(run.info.planned), ..Shared::default() });
        let (committer, lock) = Committer::new(path.clone(), connection, run, options.clock);
        let (messages, inbox) = bounded(options.queue);
        let wake = Arc::clone(&hooks.wake);
        let work = Work { inbox, committer, shared: Arc::clone(&shared), options, hooks };
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || {
            // The inbox is gone when `run` returns, so whoever wakes now is told that the writer has ended.
            let result = work.run();
            wake();
            result
        });
        let thread =
            thread.map_err(|error| StoreError::Io { path, detail: format!("no thread: {error}") })?;
        Ok(Self { messages: Some(messages), thread: Some(thread), shared, _lock: lock })
    }

    /// Hands over a batch, without waiting. Outcomes of tasks that are done already are dropped; so are
    /// those of cancelled tasks, which a resumed run does. All are announced as committed nevertheless. An empty
    /// batch has everything that was sent before it committed at once.
    ///
    /// # Errors
    /// The batch, where it can't be taken now, or not any more.
    pub fn try_send(&self, batch: OutcomeBatch) -> Result<(), Refused> {
        let Some(messages) = &self.messages else { return Err(Refused::Ended(batch)) };
        let refused = match messages.try_send(Message::Outcomes(batch)) {
            Err(TrySendError::Full(refused)) => {
                // Say so first, then look again: room that was made in between would wake nobody.
                self.shared.starved.store(true, Ordering::SeqCst);
                messages.try_send(refused)
            }
            result => result,
        };
        match refused {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(Message::Outcomes(batch))) => Err(Refused::Full(batch)),
            Err(TrySendError::Disconnected(Message::Outcomes(batch))) => Err(Refused::Ended(batch)),
            // Only outcomes were sent.
            Err(TrySendError::Full(Message::End(..)) | TrySendError::Disconnected(Message::End(..))) => {
                Ok(())
            }
        }
    }

    /// Notes an event; it is stored with the next commit. Returns false where too many wait already.
    pub fn note(&self, event: Event) -> bool {
        self.notes().note(event)
    }

    /// Somewhere to note events while the writer is at work elsewhere.
    pub fn notes(&self) -> Notes {
        Notes(Arc::clone(&self.shared))
    }

    /// Says how the files look that tasks have written. To be called before their outcomes are sent, with which
    /// it is stored at the latest.
    pub fn saw(&self, outputs: Vec<(TaskId, Seen)>) {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(outputs);
    }

    /// Says how many tasks were planned so far; it is stored with the next commit.
    pub fn set_planned(&self, planned: u64) {
        self.shared.planned.store(planned, Ordering::Relaxed);
    }

    /// How many batches are committed, of those that were sent.
    pub fn committed(&self) -> u64 {
        self.shared.committed.load(Ordering::Acquire)
    }

    /// Stores what is left and how the run ended, and lets go of the run.
    ///
    /// # Errors
    /// Why the writer ended, now or earlier.
    pub fn finish(mut self, end: RunEnd, summary: Option<&Summary>) -> Result<(), StoreError> {
        if let Some(messages) = self.messages.take() {
            // Where the writer has ended already, it says why.
            let _ = messages.send(Message::End(end, summary.cloned().map(Box::new)));
        }
        self.join()
    }

    fn join(&mut self) -> Result<(), StoreError> {
        self.messages = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            // A hook's panic is its owner's.
            Some(Err(panic)) => panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

/// Where events of a run are noted. What is noted after the run's last commit is not stored.
#[derive(Debug, Clone)]
pub struct Notes(Arc<Shared>);

impl Notes {
    /// Notes an event; it is stored with the next commit. Returns false where too many wait already.
    pub fn note(&self, event: Event) -> bool {
        let mut events = self.0.events.lock().unwrap_or_else(PoisonError::into_inner);
        let room = events.len() < MOST_EVENTS;
        if room {
            events.push(event);
        }
        room
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            // Nobody is there to be told; the run is resumable either way.
            let _ = thread.join();
        }
    }
}

fn taken<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Work {
    inbox: Receiver<Message>,
    committer: Committer,
    shared: Arc<Shared>,
    options: WriterOptions,
    hooks: Hooks,
}

impl Work {
    fn run(mut self) -> Result<(), StoreError> {
        loop {
            let mut group = self.collect();
            group.events = taken(&self.shared.events);
            group.seen = taken(&self.shared.seen);
            self.committer.counts.planned = self.shared.planned.load(Ordering::Relaxed);
            self.committer.commit(&group)?;
            self.shared.committed.fetch_add(group.batches.len() as u64, Ordering::Release);
            group.batches.into_iter().for_each(&mut self.hooks.committed);
            if group.end.is_some() {
                return Ok(());
            }
        }
    }

    /// Waits for the first batch, then for more until the group is large or old enough, then takes along
    /// what is there.
    fn collect(&self) -> Group {
        let mut group = Group::default();
        self.take(&mut group, self.inbox.recv().ok());
        let too_old = after(self.options.delay);
        while !group.is_urgent() && group.outcomes < self.options.group && group.bytes < LARGEST_GROUP_BYTES {
            select! {
                recv(self.inbox) -> message => self.take(&mut group, message.ok()),
                recv(too_old) -> _ => break,
            }
        }
        while group.end.is_none() && group.outcomes < LARGEST_GROUP && group.bytes < LARGEST_GROUP_BYTES {
            let Ok(message) = self.inbox.try_recv() else { break };
            self.take(&mut group, Some(message));
        }
        group
    }

    fn take(&self, group: &mut Group, message: Option<Message>) {
        match message {
            Some(Message::Outcomes(batch)) => group.add(batch),
            Some(Message::End(end, summary)) => group.end = Some((end, summary)),
            // Dropped without an end.
            None => group.end = Some((RunEnd::Interrupted, None)),
        }
        if self.shared.starved.swap(false, Ordering::SeqCst) {
            (self.hooks.wake)();
        }
    }
}
