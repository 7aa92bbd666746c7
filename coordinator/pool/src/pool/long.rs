//! Long values: they come before their outcomes, in chunks on the stream or in pieces through the worker's outbox,
//! and are put together here. What a worker says about them is believed only as far as it has been counted.

use protocol::{MAX_VALUE, Piece, TaskId};

use super::driver::Driver;
use super::link::Link;

/// How long a worker's outbox is, in bytes: room for a few pieces, and short enough for the processor's cache.
const OUTBOX: usize = 2 << 20;
/// How much all outboxes may take; who asks for one beyond that sends its long values in chunks.
const ALL_OUTBOXES: usize = 256 << 20;

/// A value on its way.
#[derive(Debug)]
pub(super) struct LongValue {
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

impl Driver<'_> {
    /// A worker has its first long value.
    pub(super) fn give_outbox(&self, link: &mut Link) -> Result<(), String> {
        if link.asked_for_outbox {
            return Err("it asked for an outbox twice".into());
        }
        link.asked_for_outbox = true;
        let given: usize = self.links.iter().flatten().map(Link::outbox_bytes).sum();
        link.give_outbox(if given + OUTBOX <= ALL_OUTBOXES { OUTBOX } else { 0 });
        Ok(())
    }

    /// A part of a long value has come on the stream.
    pub(super) fn keep_chunk(
        &mut self,
        link: &mut Link,
        task: TaskId,
        attempt: u32,
        bytes: &[u8],
    ) -> Result<(), String> {
        let mut value = self.long_value(link, task, attempt, link.long_value);
        value.check(task, attempt, bytes.len() as u64)?;
        value.bytes.extend_from_slice(bytes);
        link.long = Some(value);
        Ok(())
    }

    /// A part of a long value lies in the worker's outbox.
    pub(super) fn keep_piece(&mut self, link: &mut Link, piece: &Piece) -> Result<(), String> {
        let Piece { task, attempt, length, more, .. } = *piece;
        let whole = length.saturating_add(more);
        let mut value = self.long_value(link, task, attempt, usize::try_from(whole).unwrap_or(usize::MAX));
        value.check(task, attempt, whole)?;
        link.take_piece(piece, &mut value.bytes)?;
        link.long = Some(value);
        Ok(())
    }

    /// The value that is on its way, or a new one that will have about `length` bytes.
    fn long_value(&mut self, link: &mut Link, task: TaskId, attempt: u32, length: usize) -> LongValue {
        if let Some(value) = link.long.take() {
            return value;
        }
        let limit = usize::try_from(MAX_VALUE).unwrap_or(usize::MAX);
        LongValue { task, attempt, bytes: self.outbox.room_for(length.min(limit)) }
    }
}

/// The value that an outcome says came before it.
pub(super) fn take_long(link: &mut Link, task: TaskId, attempt: u32, length: u64) -> Result<Vec<u8>, String> {
    match link.long.take() {
        Some(value) if (value.task, value.attempt, value.bytes.len() as u64) == (task, attempt, length) => {
            link.long_value = value.bytes.len();
            Ok(value.bytes)
        }
        _ => Err("it spoke of a value in pieces that it did not send".into()),
    }
}
