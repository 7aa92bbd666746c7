//! Notes what happens in a pool for those who observe it, on the pool's thread.

use std::sync::Arc;
use std::time::Duration;

use protocol::observe::{Observation, cut};

use super::board;
use super::feed::{Feed, Process};
use super::server::TICK;
use crate::outcome::Reason;
use crate::pool::{Observer, PoolEvent};
use queue::{Fate, Time, WorkerId};

pub(super) struct Noter {
    feed: Arc<Feed>,
    counts: board::Noter,
}

impl Noter {
    pub(super) fn new(feed: Arc<Feed>) -> Self {
        let counts = board::Noter { board: feed.board.clone(), look: TICK };
        Self { feed, counts }
    }

    fn started(&self, worker: WorkerId, pid: u32, incarnation: u32) {
        let mut processes = self.feed.processes();
        if processes.len() <= worker.index() {
            processes.resize(worker.index() + 1, Process::default());
        }
        if let Some(process) = processes.get_mut(worker.index()) {
            *process = Process { pid, incarnation, alive: true };
        }
    }

    /// Returns its process id.
    fn died(&self, worker: WorkerId) -> u32 {
        let mut processes = self.feed.processes();
        let Some(process) = processes.get_mut(worker.index()) else { return 0 };
        process.alive = false;
        process.pid
    }

    /// What is told of an event; nothing where it shows in the counts alone.
    fn told(&self, event: &PoolEvent<'_>) -> Option<Observation> {
        Some(match *event {
            PoolEvent::Started { worker, incarnation, pid } => {
                self.started(worker, pid, incarnation);
                Observation::Started { worker: worker.to_string(), pid, incarnation }
            }
            PoolEvent::Died { worker, orderly, how } => {
                let pid = self.died(worker);
                Observation::Died { worker: worker.to_string(), pid, orderly, how: cut(how).to_owned() }
            }
            PoolEvent::Failed { task, record, fate: Fate::Failed, .. } => Observation::Failed {
                task,
                reason: record.reason.name().to_owned(),
                message: cut(&record.message).to_owned(),
                attempts: record.attempt,
            },
            PoolEvent::Cancelled { task, attempts } => Observation::Failed {
                task,
                reason: Reason::Cancelled.name().to_owned(),
                message: "cancelled before it began".to_owned(),
                attempts,
            },
            PoolEvent::Slow { worker, task } => Observation::Slow { worker: worker.to_string(), task },
            PoolEvent::Stopping { at_once } => Observation::Interrupted { at_once },
            _ => return None,
        })
    }
}

impl Observer for Noter {
    fn on_event(&mut self, at: Time, event: &PoolEvent<'_>) {
        self.counts.on_event(at, event);
        let is_process = matches!(event, PoolEvent::Started { .. } | PoolEvent::Died { .. });
        let watched = self.feed.is_watched();
        if (is_process || watched)
            && let Some(observation) = self.told(event)
            && watched
        {
            self.feed.tell(&observation);
        }
    }

    fn look_every(&self) -> Option<Duration> {
        self.counts.look_every()
    }
}
