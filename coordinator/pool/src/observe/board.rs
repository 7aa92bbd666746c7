//! How a run stands: counts that the pool's thread writes, and that a thread which shows or tells them reads.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::{TaskId, monotonic_nanos};

use super::pace::{Pace, Sample};
use crate::pool::{Observer, PoolEvent};
use queue::{Fate, Time, WorkerId};

/// How a run stands. Written once a frame of outcomes, not once a task.
#[derive(Debug)]
pub struct Board {
    started: u64,
    total: Option<u64>,
    planned: AtomicU64,
    all_planned: AtomicBool,
    skipped: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    retried: AtomicU64,
    restarts: AtomicU32,
    busy_nanos: AtomicU64,
    paused_nanos: AtomicU64,
    // One entry a worker; touched only when a worker's state or its look changes.
    desks: Mutex<Vec<Desk>>,
}

/// What a worker is at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Desk {
    /// Its process has not greeted yet, or there is none.
    #[default]
    Starting,
    /// Between tasks.
    Waiting,
    /// In the middle of a task.
    Task { task: TaskId, attempt: u32, since: Time, payload: Vec<u8> },
}

/// How a run stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// How many tasks there will be; none while that is not known.
    pub total: Option<u64>,
    /// Tasks that were done before this session.
    pub skipped: u64,
    pub ok: u64,
    pub failed: u64,
    pub retried: u64,
    pub restarts: u32,
    /// Time in attempts that have ended.
    pub busy: Duration,
    /// How long the session has gone on, pauses left out.
    pub elapsed: Duration,
}

impl Board {
    /// A board for a run of `total` tasks, where that is known.
    pub fn new(total: Option<u64>) -> Self {
        Self {
            started: monotonic_nanos(),
            total,
            planned: AtomicU64::new(0),
            all_planned: AtomicBool::new(false),
            skipped: AtomicU64::new(0),
            ok: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            restarts: AtomicU32::new(0),
            busy_nanos: AtomicU64::new(0),
            paused_nanos: AtomicU64::new(0),
            desks: Mutex::default(),
        }
    }

    /// Pool time, now.
    pub fn now(&self) -> Time {
        Time(monotonic_nanos().saturating_sub(self.paused_nanos.load(Relaxed)))
    }

    /// How the run stands now.
    pub fn standing(&self) -> Standing {
        let planned = self.all_planned.load(Relaxed).then(|| self.planned.load(Relaxed));
        Standing {
            total: planned.or(self.total),
            skipped: self.skipped.load(Relaxed),
            ok: self.ok.load(Relaxed),
            failed: self.failed.load(Relaxed),
            retried: self.retried.load(Relaxed),
            restarts: self.restarts.load(Relaxed),
            busy: Duration::from_nanos(self.busy_nanos.load(Relaxed)),
            elapsed: self.now().since(Time(self.started)),
        }
    }

    /// What each worker is at.
    fn desks(&self) -> Vec<Desk> {
        self.lock_desks().clone()
    }

    /// Takes in how things stand, and how fast they go.
    pub fn measure(&self, pace: &mut Pace) -> (Standing, Vec<Desk>) {
        let (standing, desks, now) = (self.standing(), self.desks(), self.now());
        let running: Vec<f64> = desks
            .iter()
            .filter_map(|desk| match desk {
                Desk::Task { since, .. } => Some(now.since(*since).as_secs_f64()),
                Desk::Starting | Desk::Waiting => None,
            })
            .collect();
        pace.observe(&Sample {
            at: standing.elapsed.as_secs_f64(),
            ended: standing.ok + standing.failed,
            busy: standing.busy.as_secs_f64(),
            running: &running,
        });
        (standing, desks)
    }

    fn lock_desks(&self) -> MutexGuard<'_, Vec<Desk>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_desk(&self, worker: WorkerId, desk: Desk) {
        let mut desks = self.lock_desks();
        if desks.len() <= worker.index() {
            desks.resize(worker.index() + 1, Desk::Starting);
        }
        if let Some(place) = desks.get_mut(worker.index()) {
            *place = desk;
        }
    }

    fn add_busy(&self, busy: Duration) {
        self.busy_nanos.fetch_add(u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

/// Writes what happens in a pool onto a board.
#[derive(Debug)]
pub struct Noter {
    pub board: Arc<Board>,
    /// How often the workers' running tasks are looked at.
    pub look: Duration,
}

impl Observer for Noter {
    fn on_event(&mut self, _: Time, event: &PoolEvent<'_>) {
        let board = &*self.board;
        match *event {
            PoolEvent::Planned { tasks, skipped, all } => {
                board.planned.store(tasks, Relaxed);
                board.skipped.store(skipped, Relaxed);
                board.all_planned.store(all, Relaxed);
            }
            PoolEvent::Done { tasks, .. } => {
                board.ok.fetch_add(tasks.len() as u64, Relaxed);
                board.add_busy(tasks.busy());
            }
            PoolEvent::Failed { record, fate, .. } => {
                board.add_busy(Duration::from_micros(record.micros));
                let count = if fate == Fate::Failed { &board.failed } else { &board.retried };
                count.fetch_add(1, Relaxed);
            }
            PoolEvent::Started { worker, incarnation, .. } => {
                board.restarts.fetch_add(u32::from(incarnation > 1), Relaxed);
                board.set_desk(worker, Desk::Starting);
            }
            PoolEvent::Greeted { worker } => board.set_desk(worker, Desk::Waiting),
            PoolEvent::Died { worker, .. } => board.set_desk(worker, Desk::Starting),
            PoolEvent::Running { worker, task } => {
                let mut desks = board.lock_desks();
                let Some(desk) = desks.get_mut(worker.index()).filter(|desk| **desk != Desk::Starting) else {
                    return;
                };
                let Some(running) = task else {
                    *desk = Desk::Waiting;
                    return;
                };
                let known = matches!(desk, Desk::Task { task, since, .. } if (*task, *since) == (running.task, running.since));
                if !known {
                    *desk = Desk::Task {
                        task: running.task,
                        attempt: running.attempt,
                        since: running.since,
                        payload: running.payload.to_vec(),
                    };
                }
            }
            PoolEvent::Resumed { paused } => {
                let nanos = u64::try_from(paused.as_nanos()).unwrap_or(u64::MAX);
                board.paused_nanos.fetch_add(nanos, Relaxed);
            }
            _ => {}
        }
    }

    fn look_every(&self) -> Option<Duration> {
        Some(self.look)
    }
}
