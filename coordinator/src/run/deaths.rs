//! Workers' deaths on their way into the store.

use std::time::Duration;

use crate::pool::{Observer, PoolEvent};
use crate::queue::{Time, WorkerId};
use crate::store::{Event, Notes};

use super::now;

/// The event that a worker has died.
const DIED: &str = "worker-died";
/// So many deaths of one session are noted: where more workers die, the dead letters tell the story.
const MOST: usize = 1000;

/// Notes every death that no one asked for, and lets another observer see everything.
pub(super) struct Deaths<'a> {
    inner: &'a mut dyn Observer,
    // `None` where the run is not stored.
    notes: Option<Notes>,
    // The process of each worker, by its index.
    pids: Vec<u32>,
    noted: usize,
}

impl<'a> Deaths<'a> {
    pub(super) fn new(notes: Option<Notes>, inner: &'a mut dyn Observer) -> Self {
        Self { inner, notes, pids: Vec::new(), noted: 0 }
    }

    fn started(&mut self, worker: WorkerId, pid: u32) {
        let index = worker.0 as usize;
        if index >= self.pids.len() {
            self.pids.resize(index + 1, 0);
        }
        self.pids[index] = pid;
    }

    fn died(&mut self, worker: WorkerId, how: &str) {
        let Some(notes) = self.notes.as_ref().filter(|_| self.noted < MOST) else { return };
        self.noted += 1;
        let pid = self.pids.get(worker.0 as usize).copied().unwrap_or_default();
        let more = if self.noted == MOST { "; further deaths are not noted" } else { "" };
        let detail = format!("{worker} (process {pid}) {how}{more}");
        notes.note(Event { at: now(), kind: DIED.to_owned(), detail });
    }
}

impl Observer for Deaths<'_> {
    fn on_event(&mut self, at: Time, event: &PoolEvent<'_>) {
        match event {
            PoolEvent::Started { worker, pid, .. } => self.started(*worker, *pid),
            PoolEvent::Died { worker, orderly: false, how } => self.died(*worker, how),
            _ => {}
        }
        self.inner.on_event(at, event);
    }

    fn look_every(&self) -> Option<Duration> {
        self.inner.look_every()
    }
}
