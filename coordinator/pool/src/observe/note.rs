//! Tells those that observe a pool what happens in it, on the pool's thread.

use std::sync::Arc;

use protocol::observe::{Observation, cut};

use super::feed::{Feed, Process};
use crate::outcome::Reason;
use crate::pool::{Observer, PoolEvent};
use queue::{Fate, Time, WorkerId};

pub(super) struct Noter {
    feed: Arc<Feed>,
}

impl Noter {
    pub(super) fn new(feed: Arc<Feed>) -> Self {
        Self { feed }
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

    fn died(&self, worker: WorkerId) {
        if let Some(process) = self.feed.processes().get_mut(worker.index()) {
            process.alive = false;
        }
    }

    /// What is told of an event; nothing where it shows in the counts alone.
    fn told(&self, event: &PoolEvent<'_>) -> Option<Observation> {
        Some(match *event {
            PoolEvent::Started { worker, incarnation, pid } => {
                self.started(worker, pid, incarnation);
                Observation::Started { worker: worker.to_string(), pid, incarnation }
            }
            PoolEvent::Died { worker, pid, orderly, how } => {
                self.died(worker);
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
    fn on_event(&mut self, _: Time, event: &PoolEvent<'_>) {
        let is_process = matches!(event, PoolEvent::Started { .. } | PoolEvent::Died { .. });
        let watched = self.feed.is_watched();
        if (is_process || watched)
            && let Some(observation) = self.told(event)
            && watched
        {
            self.feed.tell(&observation);
        }
    }
}
