//! Workers' deaths on their way into the store.

use crate::pool::{Observer, PoolEvent};
use crate::queue::Time;
use crate::store::{Event, Notes};

use super::now;

/// The event that a worker has died.
const DIED: &str = "worker-died";
/// So many deaths of one session are noted: where more workers die, the dead letters tell the story.
const MOST: usize = 1000;

/// Notes every death that no one asked for.
pub(super) struct Deaths {
    notes: Notes,
    noted: usize,
}

impl Deaths {
    pub(super) fn new(notes: Notes) -> Self {
        Self { notes, noted: 0 }
    }
}

impl Observer for Deaths {
    fn on_event(&mut self, _: Time, event: &PoolEvent<'_>) {
        let PoolEvent::Died { worker, pid, orderly: false, how } = event else { return };
        if self.noted == MOST {
            return;
        }
        self.noted += 1;
        let more = if self.noted == MOST { "; further deaths are not noted" } else { "" };
        let detail = format!("{worker} (process {pid}) {how}{more}");
        self.notes.note(Event { at: now(), kind: DIED.to_owned(), detail });
    }
}
