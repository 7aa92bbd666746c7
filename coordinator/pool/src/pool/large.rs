//! Payloads that lie in shared memory.

use std::collections::HashMap;

use protocol::{Extent, TaskId};

/// The payloads in shared memory of the tasks that have no outcome yet.
#[derive(Debug, Default)]
pub(super) struct LargePayloads {
    payloads: HashMap<TaskId, Large>,
    // How many of them have `sent` unset.
    unsent: usize,
}

#[derive(Debug)]
struct Large {
    extent: Extent,
    sent: bool,
}

impl LargePayloads {
    pub(super) fn insert(&mut self, task: TaskId, extent: Extent) {
        self.payloads.insert(task, Large { extent, sent: false });
        self.unsent += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    pub(super) fn get(&self, task: TaskId) -> Option<&Extent> {
        // Nearly always, there are none.
        if self.is_empty() { None } else { self.payloads.get(&task).map(|large| &large.extent) }
    }

    /// The payload of a task that is about to be sent.
    pub(super) fn send(&mut self, task: TaskId) -> Option<&Extent> {
        if self.is_empty() {
            return None;
        }
        let large = self.payloads.get_mut(&task)?;
        if !std::mem::replace(&mut large.sent, true) {
            self.unsent -= 1;
        }
        Some(&large.extent)
    }

    pub(super) fn remove(&mut self, task: TaskId) {
        if self.payloads.remove(&task).is_some_and(|large| !large.sent) {
            self.unsent -= 1;
        }
    }

    /// How many have yet to be sent to a worker for the first time.
    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }
}

#[cfg(test)]
mod tests {
    use protocol::Arena;

    use super::*;

    #[test]
    fn a_payload_is_unsent_until_it_is_sent_or_its_task_has_gone() {
        let arena = Arena::new(1 << 16).unwrap();
        let mut large = LargePayloads::default();
        (0..3).for_each(|task| large.insert(TaskId(task), arena.take(4096).unwrap()));
        assert_eq!(large.unsent(), 3);
        assert_eq!(large.get(TaskId(1)).map(|extent| extent.len()), Some(4096));
        // Once more after a worker's death.
        assert!(large.send(TaskId(1)).is_some() && large.send(TaskId(1)).is_some());
        assert!(large.send(TaskId(7)).is_none());
        assert_eq!(large.unsent(), 2);
        large.remove(TaskId(1));
        assert_eq!(large.unsent(), 2);
        // Cancelled before they were sent.
        large.remove(TaskId(0));
        assert_eq!(large.unsent(), 1);
        large.remove(TaskId(2));
        assert!(large.unsent() == 0 && large.is_empty());
    }
}
