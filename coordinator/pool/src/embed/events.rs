//! What happens in a pool, for whoever wants to watch.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use protocol::TaskId;

use super::inbox::Shared;
use crate::outcome::AttemptRecord;
use crate::pool::{Observer, PoolEvent};
use queue::{Fate, Leases, Time, WorkerId};

/// How many events may wait to be read before they are dropped.
const EVENTS: usize = 8192;

/// Something that happened in a pool. Workers are numbered from 1, as in their names.
///
/// ```
/// use unhurt::Event;
///
/// fn show(event: &Event) {
///     match event {
///         Event::Started { worker, pid, .. } => println!("worker-{worker} is process {pid}"),
///         Event::Finished { worker, tasks } => println!("worker-{worker} finished {} tasks", tasks.len()),
///         Event::Failed { task, attempt, again, .. } => println!("{task}: {} (again: {again})", attempt.message),
///         Event::Progress { task, done, total, .. } => println!("{task}: {done} of {total}"),
///         Event::Lost(events) => println!("{events} events were lost"),
///         _ => {}
///     }
/// }
/// # show(&Event::Lost(7));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A worker process was started.
    Started {
        /// Which worker.
        worker: u32,
        /// Which process of it, from 1: a higher one is a restart.
        incarnation: u32,
        /// The process.
        pid: u32,
    },
    /// A worker process has ended.
    Died {
        /// Which worker.
        worker: u32,
        /// It had been told to.
        orderly: bool,
        /// How it ended, in words.
        how: String,
    },
    /// Tasks were sent to a worker; they will run in this order.
    Sent {
        /// Which worker.
        worker: u32,
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// Tasks ended well.
    Finished {
        /// Which worker ran them.
        worker: u32,
        /// Each task, and how long it took.
        tasks: Vec<(TaskId, Duration)>,
    },
    /// An attempt failed.
    Failed {
        /// Which worker made it.
        worker: u32,
        /// The task.
        task: TaskId,
        /// What happened.
        attempt: AttemptRecord,
        /// True where the task will be tried again.
        again: bool,
    },
    /// A task was cancelled that no worker ran.
    Cancelled {
        /// The task.
        task: TaskId,
    },
    /// A running task said how far it has come.
    Progress {
        /// Which worker runs it.
        worker: u32,
        /// The task.
        task: TaskId,
        /// So much is done.
        done: u64,
        /// Of so much.
        total: u64,
    },
    /// A worker printed a line.
    Printed {
        /// Which worker.
        worker: u32,
        /// What it was running.
        task: Option<TaskId>,
        /// The line.
        line: String,
    },
    /// A task has run past the soft time limit.
    Slow {
        /// Which worker runs it.
        worker: u32,
        /// The task.
        task: TaskId,
    },
    /// So many events were dropped here, because nobody read them in time.
    Lost(u64),
}

/// The events of a pool from the moment of asking on: an iterator that ends with the pool.
///
/// Up to 8192 events wait to be read; beyond that they are dropped, and [`Event::Lost`] says how many. A watcher
/// never slows a pool down.
///
/// ```standalone_crate
/// use std::time::Duration;
///
/// use unhurt::Pool;
///
/// fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// fn main() -> Result<(), unhurt::Error> {
///     unhurt::worker().function(double).serve();
///     let pool = Pool::builder().workers(1).function(double)?;
///     let events = pool.events();
///     pool.submit(21_u64)?.wait()?;
///     if let Some(event) = events.next_timeout(Duration::from_secs(60)) {
///         println!("the first: {event:?}");
///     }
///     while let Some(event) = events.try_next() {
///         println!("up to now: {event:?}");
///     }
///     pool.close();
///     for event in events {
///         println!("until the end: {event:?}");
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Events(Receiver<Event>);

impl Events {
    /// The next event; `None`: none now.
    pub fn try_next(&self) -> Option<Event> {
        self.0.try_recv().ok()
    }

    /// The next event, waited for no longer than this.
    pub fn next_timeout(&self, limit: Duration) -> Option<Event> {
        self.0.recv_timeout(limit).ok()
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.0.recv().ok()
    }
}

/// Those who watch a pool.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    list: Mutex<Option<Vec<Watcher>>>,
    count: AtomicUsize,
}

#[derive(Debug)]
struct Watcher {
    events: Sender<Event>,
    lost: u64,
}

impl Watchers {
    pub(super) fn new() -> Self {
        Self { list: Mutex::new(Some(Vec::new())), count: AtomicUsize::new(0) }
    }

    pub(super) fn subscribe(&self) -> Events {
        let (sender, receiver) = bounded(EVENTS);
        // Of a pool that has ended, there is nothing to be seen.
        if let Some(list) = self.list.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            list.push(Watcher { events: sender, lost: 0 });
            self.count.store(list.len(), Release);
        }
        Events(receiver)
    }

    /// The pool has ended, and with it everybody's events.
    pub(super) fn end(&self) {
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn tell(&self, event: &Event) {
        if let Some(list) = self.list.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            list.retain_mut(|watcher| watcher.tell(event));
            self.count.store(list.len(), Release);
        }
    }
}

impl Watcher {
    /// False where nobody watches any more.
    fn tell(&mut self, event: &Event) -> bool {
        if self.lost > 0 {
            match self.events.try_send(Event::Lost(self.lost)) {
                Ok(()) => self.lost = 0,
                Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        match self.events.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.lost += 1;
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

/// Counts, and tells those who watch.
#[derive(Debug)]
pub(super) struct Lookout {
    shared: Arc<Shared>,
    watchers: Arc<Watchers>,
}

impl Lookout {
    pub(super) fn new(shared: Arc<Shared>, watchers: Arc<Watchers>) -> Self {
        Self { shared, watchers }
    }

    fn count(&self, event: &PoolEvent<'_>) {
        match event {
            PoolEvent::Done { tasks, .. } => self.shared.count(|stats| stats.ok += tasks.len() as u64),
            PoolEvent::Failed { fate: Fate::Failed, .. } | PoolEvent::Cancelled { .. } => {
                self.shared.count(|stats| stats.failed += 1);
            }
            PoolEvent::Failed { .. } => self.shared.count(|stats| stats.retried += 1),
            PoolEvent::Started { .. } => self.shared.count(|stats| {
                stats.started += 1;
                stats.workers += 1;
            }),
            PoolEvent::Died { orderly, .. } => self.shared.count(|stats| {
                stats.died += u64::from(!orderly);
                stats.workers = stats.workers.saturating_sub(1);
            }),
            _ => {}
        }
    }
}

impl Observer for Lookout {
    fn on_event(&mut self, _: Time, event: &PoolEvent<'_>) {
        self.count(event);
        if self.watchers.count.load(Acquire) > 0
            && let Some(event) = owned(event)
        {
            self.watchers.tell(&event);
        }
    }
}

fn owned(event: &PoolEvent<'_>) -> Option<Event> {
    let number = |worker: &WorkerId| worker.number();
    Some(match event {
        PoolEvent::Started { worker, incarnation, pid } => {
            Event::Started { worker: number(worker), incarnation: *incarnation, pid: *pid }
        }
        PoolEvent::Died { worker, orderly, how, .. } => {
            Event::Died { worker: number(worker), orderly: *orderly, how: (*how).to_owned() }
        }
        PoolEvent::Sent { worker, tasks } => {
            Event::Sent { worker: number(worker), tasks: tasks.iter().flat_map(Leases::tasks).collect() }
        }
        PoolEvent::Done { worker, tasks } => {
            let tasks = tasks.iter().map(|(task, _, took)| (task, took)).collect();
            Event::Finished { worker: number(worker), tasks }
        }
        PoolEvent::Failed { worker, task, record, fate } => Event::Failed {
            worker: number(worker),
            task: *task,
            attempt: (*record).clone(),
            again: *fate != Fate::Failed,
        },
        PoolEvent::Cancelled { task, .. } => Event::Cancelled { task: *task },
        PoolEvent::Progress { worker, task, done, total } => {
            Event::Progress { worker: number(worker), task: *task, done: *done, total: *total }
        }
        PoolEvent::Printed { worker, task, line } => {
            Event::Printed { worker: number(worker), task: *task, line: (*line).to_owned() }
        }
        PoolEvent::Slow { worker, task } => Event::Slow { worker: number(worker), task: *task },
        _ => return None,
    })
}
