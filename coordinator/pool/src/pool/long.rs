//! Long values: they come before their outcomes, in chunks on the stream or in pieces through the worker's outbox,
//! and are put together here. What a worker says about them is believed only as far as it has been counted.

use protocol::{MAX_VALUE, TaskId};

/// A value on its way.
#[derive(Debug)]
struct LongValue {
    task: TaskId,
    attempt: u32,
    bytes: Vec<u8>,
}

impl LongValue {
    /// Fails where `task` and `attempt` are not whose value it is, or it becomes too long with `more` bytes.
    fn check(&self, task: TaskId, attempt: u32, more: u64) -> Result<(), String> {
        if (self.task, self.attempt) != (task, attempt) {
            return Err("it sent pieces of two values at once".into());
        }
        if more > MAX_VALUE.saturating_sub(self.bytes.len() as u64) {
            return Err(format!("it sent a value of more than {MAX_VALUE} bytes"));
        }
        Ok(())
    }
}

/// The long values of one worker: one on its way at a time.
#[derive(Debug, Default)]
pub(super) struct LongValues {
    coming: Option<LongValue>,
    // How long the last one was.
    last: usize,
}

impl LongValues {
    /// The value that is on its way, or a new one in what `room` gives, with `more` bytes to come now of about `length`
    /// in all.
    ///
    /// # Errors
    /// It is another task's, or it becomes too long.
    pub(super) fn extend(
        &mut self,
        (task, attempt): (TaskId, u32),
        more: u64,
        length: Option<usize>,
        room: impl FnOnce(usize) -> Vec<u8>,
    ) -> Result<&mut Vec<u8>, String> {
        let limit = usize::try_from(MAX_VALUE).unwrap_or(usize::MAX);
        let length = length.unwrap_or(self.last).min(limit);
        let value = self.coming.get_or_insert_with(|| LongValue { task, attempt, bytes: room(length) });
        value.check(task, attempt, more)?;
        Ok(&mut value.bytes)
    }

    /// The value that an outcome says came before it.
    ///
    /// # Errors
    /// It did not come.
    pub(super) fn take(&mut self, task: TaskId, attempt: u32, length: u64) -> Result<Vec<u8>, String> {
        match self.coming.take() {
            Some(value)
                if (value.task, value.attempt, value.bytes.len() as u64) == (task, attempt, length) =>
            {
                self.last = value.bytes.len();
                Ok(value.bytes)
            }
            _ => Err("it spoke of a value in pieces that it did not send".into()),
        }
    }
}
