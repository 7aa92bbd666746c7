//! A worker's outbox as the coordinator sees it: shared memory that long values come through.
//!
//! What lies there is copied once, before anything looks at it, since the worker could change it at any time. A
//! worker can offer no more at a time than its outbox holds, nor the same place twice: a few bytes on the stream
//! must not make the coordinator copy without end.

use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;

use crate::shm::OutboxMemory;
use crate::{MAX_PIECES, Piece};

/// A value of so many bytes is copied past the processor's cache: most of it would not stay there.
const PAST_CACHE: u64 = 4 << 20;

/// Why a piece can't be an honest worker's.
///
/// ```
/// use protocol::{Piece, PieceError, TaskId};
///
/// let (mut coordinator, _worker) = protocol::in_memory()?;
/// let piece = Piece { task: TaskId(0), attempt: 1, offset: 0, length: 100, more: 0 };
/// assert_eq!(coordinator.take_piece(&piece, &mut Vec::new()), Err(PieceError::NoOutbox));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PieceError {
    /// The worker has no outbox.
    #[error("a piece in an outbox that it does not have")]
    NoOutbox,
    /// The piece is empty, or not within the outbox.
    #[error("a piece that is not within its outbox")]
    Outside,
    /// The piece overlaps one that the worker had no leave to write over.
    #[error("a piece over another one in its outbox")]
    Overlapping,
    /// There are more pieces than may be.
    #[error("more than {MAX_PIECES} pieces in its outbox")]
    TooMany,
}

/// The coordinator's side of an outbox.
#[derive(Debug)]
pub(crate) struct Outbox {
    memory: OutboxMemory,
    // Pieces that were taken and not returned. Invariant: disjoint, and at most MAX_PIECES.
    taken: Vec<Range<usize>>,
}

impl Outbox {
    /// Makes an outbox of `bytes` bytes, and the descriptor for its worker.
    ///
    /// # Errors
    /// `bytes` is 0, or there is no address space, or no descriptor.
    pub(crate) fn new(bytes: usize) -> io::Result<(Self, OwnedFd)> {
        let (memory, file) = OutboxMemory::new(bytes)?;
        Ok((Self { memory, taken: Vec::new() }, file))
    }

    pub(crate) fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// Appends a copy of a piece to `value`.
    pub(crate) fn take(&mut self, piece: &Piece, value: &mut Vec<u8>) -> Result<(), PieceError> {
        let range = within(piece, self.memory.len()).ok_or(PieceError::Outside)?;
        if self.taken.iter().any(|other| range.start < other.end && other.start < range.end) {
            return Err(PieceError::Overlapping);
        }
        if self.taken.len() >= MAX_PIECES {
            return Err(PieceError::TooMany);
        }
        let whole = (value.len() + range.len()) as u64;
        let past_cache = whole.saturating_add(piece.more) >= PAST_CACHE;
        if !self.memory.append(&range, value, past_cache) {
            return Err(PieceError::Outside);
        }
        self.taken.push(range);
        Ok(())
    }

    /// How many pieces were taken since the last call; the worker is about to be told.
    pub(crate) fn return_pieces(&mut self) -> usize {
        let pieces = self.taken.len();
        self.taken.clear();
        pieces
    }
}

fn within(piece: &Piece, size: usize) -> Option<Range<usize>> {
    let start = usize::try_from(piece.offset).ok()?;
    let end = start.checked_add(usize::try_from(piece.length).ok()?)?;
    (start < end && end <= size).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskId;
    use crate::shm::OutboxPages;

    const SIZE: usize = 64 << 10;

    fn piece(offset: usize, length: usize) -> Piece {
        Piece { task: TaskId(0), attempt: 1, offset: offset as u64, length: length as u64, more: 0 }
    }

    #[test]
    fn pieces_are_copied_and_appended_in_the_order_in_which_they_are_taken() {
        let (mut outbox, file) = Outbox::new(SIZE).unwrap();
        let mut pages = OutboxPages::new(&file, SIZE).unwrap();
        assert!(pages.write(0, b"first") && pages.write(SIZE - 6, b"second"));
        let mut value = Vec::new();
        outbox.take(&piece(SIZE - 6, 6), &mut value).unwrap();
        outbox.take(&piece(0, 5), &mut value).unwrap();
        assert_eq!((value.as_slice(), outbox.return_pieces()), (b"secondfirst".as_slice(), 2));
        assert_eq!(outbox.return_pieces(), 0);
    }

    #[test]
    fn pieces_outside_are_refused() {
        let (mut outbox, _file) = Outbox::new(SIZE).unwrap();
        let mut value = Vec::new();
        for (offset, length) in
            [(0, 0), (SIZE, 1), (0, SIZE + 1), (SIZE - 1, 2), (usize::MAX, 2), (5, usize::MAX)]
        {
            let refused = outbox.take(&piece(offset, length), &mut value);
            assert_eq!(refused, Err(PieceError::Outside), "{offset} {length}");
        }
        assert!(value.is_empty());
    }

    #[test]
    fn a_place_is_not_offered_twice_before_it_was_returned() {
        let (mut outbox, _file) = Outbox::new(SIZE).unwrap();
        let mut value = Vec::new();
        outbox.take(&piece(100, 100), &mut value).unwrap();
        for (offset, length) in [(100, 100), (199, 1), (50, 51), (0, SIZE), (150, 1)] {
            let refused = outbox.take(&piece(offset, length), &mut value);
            assert_eq!(refused, Err(PieceError::Overlapping), "{offset} {length}");
        }
        outbox.take(&piece(200, 1), &mut value).unwrap();
        outbox.return_pieces();
        outbox.take(&piece(0, SIZE), &mut value).unwrap();
        assert_eq!(value.len(), 101 + SIZE);
    }

    #[test]
    fn only_so_many_pieces_are_taken_at_a_time() {
        let (mut outbox, _file) = Outbox::new(SIZE).unwrap();
        let mut value = Vec::new();
        (0..MAX_PIECES).for_each(|at| outbox.take(&piece(at, 1), &mut value).unwrap());
        assert_eq!(outbox.take(&piece(MAX_PIECES, 1), &mut value), Err(PieceError::TooMany));
        assert_eq!(outbox.return_pieces(), MAX_PIECES);
    }

    #[test]
    fn there_is_no_outbox_of_nothing() {
        assert!(Outbox::new(0).is_err());
    }
}
