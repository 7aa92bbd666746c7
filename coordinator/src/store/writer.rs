//! The one thread that writes a run's outcomes.
//!
//! Outcomes come in batches over a bounded channel and are committed in groups: a group ends when it has a
//! thousand outcomes or is ten milliseconds old, and then takes along what has come in by then, so that under
//! load groups grow instead of queues. An outcome counts once its group is committed. Nothing else waits for that, the
//! output neither: a result may be on the screen a group before it is safe. Who needs it to be safe asks for a
//! [barrier](Writer::barrier), as a run does before its files take their places. An error ends the writer; what was
//! committed stays committed.

use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, after, bounded, select};
use protocol::TaskId;

use super::commit::{Committer, Group, RunEnd};
use super::handle::Store;
use super::lock::RunLock;
use super::{ClaimedRun, Event, Seen, StoreError};
use crate::outcome::SharedBatch;
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

/// The writer takes nothing more: [`Writer::finish`] says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended;

/// Stores the outcomes of a run. The run stays claimed until the writer is finished or dropped; one that is
/// dropped stores what it was sent and leaves the run interrupted.
#[derive(Debug)]
pub struct Writer {
    // Gone once there is nothing more to send.
    messages: Option<Sender<Message>>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
    // Nothing comes from it; it is closed once the thread has ended.
    alive: Receiver<()>,
    shared: Arc<Shared>,
    // Released last: after the thread has ended.
    _lock: RunLock,
}

enum Message {
    Outcomes(SharedBatch, Vec<(TaskId, Seen)>),
    Barrier(Sender<()>),
    End(RunEnd, Option<Box<Summary>>),
}

#[derive(Debug, Default)]
struct Shared {
    planned: AtomicU64,
    events: Mutex<Vec<Event>>,
}

impl Writer {
    /// Starts writing the outcomes of `run` to `store`. Who needs the store besides opens it
    /// [again](Store::again).
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(store: Store, run: ClaimedRun, options: WriterOptions) -> Result<Self, StoreError> {
        let Store { path, connection } = store;
        let shared = Arc::new(Shared { planned: AtomicU64::new(run.info.planned), ..Shared::default() });
        let (committer, lock) = Committer::new(path.clone(), connection, run, options.clock);
        let (messages, inbox) = bounded(options.queue);
        let (life, alive) = bounded(0);
        let work = Work { inbox, committer, shared: Arc::clone(&shared), options, _life: life };
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || work.run());
        let thread =
            thread.map_err(|error| StoreError::Io { path, detail: format!("no thread: {error}") })?;
        Ok(Self { messages: Some(messages), thread: Some(thread), alive, shared, _lock: lock })
    }

    /// Hands over a batch, and waits for room where the writer is behind; `seen` says how the files look that the
    /// tasks have written. Outcomes of tasks that are done already are dropped; so are those of cancelled tasks,
    /// which a resumed run does.
    ///
    /// # Errors
    /// The writer has ended.
    pub fn send(&self, batch: SharedBatch, seen: Vec<(TaskId, Seen)>) -> Result<(), Ended> {
        self.tell(Message::Outcomes(batch, seen))
    }

    /// Has everything committed that was sent and noted before, and waits for that.
    ///
    /// # Errors
    /// The writer has ended.
    pub fn barrier(&self) -> Result<(), Ended> {
        let (passed, wait) = bounded(1);
        self.tell(Message::Barrier(passed))?;
        passed_or_ended(&wait, &self.alive)
    }

    fn tell(&self, message: Message) -> Result<(), Ended> {
        self.messages.as_ref().ok_or(Ended)?.send(message).map_err(|_| Ended)
    }

    /// Notes an event; it is stored with the next commit. Returns false where too many wait already.
    pub fn note(&self, event: Event) -> bool {
        self.notes().note(event)
    }

    /// Somewhere to note events while the writer is at work elsewhere.
    pub fn notes(&self) -> Notes {
        Notes(Arc::clone(&self.shared))
    }

    /// Says how many tasks were planned so far; it is stored with the next commit.
    pub fn set_planned(&self, planned: u64) {
        self.shared.planned.store(planned, Ordering::Relaxed);
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
            Some(Err(panic)) => panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

/// Waits for a barrier to be passed. One that the thread never came to stays in the channel, with its sender, for as long
/// as somebody may send: only the thread's own end tells of that.
fn passed_or_ended(wait: &Receiver<()>, alive: &Receiver<()>) -> Result<(), Ended> {
    select! {
        recv(wait) -> passed => if passed.is_ok() {
            return Ok(());
        },
        recv(alive) -> _ => {}
    }
    // Once this returns, the writer takes nothing more in: `_life` goes after the inbox.
    let _ = alive.recv();
    wait.try_recv().map_err(|_| Ended)
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

struct Work {
    inbox: Receiver<Message>,
    committer: Committer,
    shared: Arc<Shared>,
    options: WriterOptions,
    // Closed with the thread, however it ends, and after the inbox: it stands last.
    _life: Sender<()>,
}

impl Work {
    fn run(mut self) -> Result<(), StoreError> {
        loop {
            let mut group = self.collect();
            group.events = self.events();
            self.committer.counts.planned = self.shared.planned.load(Ordering::Relaxed);
            self.committer.commit(&group)?;
            for barrier in group.barriers {
                // Who no longer waits needs no answer.
                let _ = barrier.try_send(());
            }
            if group.end.is_some() {
                return Ok(());
            }
        }
    }

    fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.shared.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for the first batch, then for more until the group is large or old enough, then takes along
    /// what is there.
    fn collect(&self) -> Group {
        let mut group = Group::default();
        take(&mut group, self.inbox.recv().ok());
        let too_old = after(self.options.delay);
        while !group.is_urgent() && group.outcomes < self.options.group && group.bytes < LARGEST_GROUP_BYTES {
            select! {
                recv(self.inbox) -> message => take(&mut group, message.ok()),
                recv(too_old) -> _ => break,
            }
        }
        while group.end.is_none() && group.outcomes < LARGEST_GROUP && group.bytes < LARGEST_GROUP_BYTES {
            let Ok(message) = self.inbox.try_recv() else { break };
            take(&mut group, Some(message));
        }
        group
    }
}

fn take(group: &mut Group, message: Option<Message>) {
    match message {
        Some(Message::Outcomes(batch, seen)) => group.add(batch, seen),
        Some(Message::Barrier(barrier)) => group.barriers.push(barrier),
        Some(Message::End(end, summary)) => group.end = Some((end, summary)),
        // Dropped without an end.
        None => group.end = Some((RunEnd::Interrupted, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_that_a_failed_writer_never_came_to_is_no_wait_for_ever() {
        let (messages, inbox) = bounded(4);
        let (life, alive) = bounded(0);
        let (passed, wait) = bounded(1);
        messages.send(Message::Barrier(passed)).unwrap();
        // As where a commit fails: the thread ends with the barrier in the channel, which the writer still holds.
        drop((life, inbox));
        assert!(passed_or_ended(&wait, &alive).is_err());
        drop(messages);
    }

    #[test]
    fn a_barrier_that_was_passed_just_before_the_end_was_passed() {
        let (passed, wait) = bounded(1);
        let (life, alive) = bounded::<()>(0);
        passed.send(()).unwrap();
        drop(life);
        assert!(passed_or_ended(&wait, &alive).is_ok());
    }
}
