//! The arena as a worker sees it: handed over once on the stream, mapped when its first payload is wanted.

use std::io;

use crate::Large;
use crate::handed::Handed;
use crate::shm::View;

/// What a worker knows of its coordinator's arena.
#[derive(Debug)]
pub(crate) struct Lent {
    arena: Option<Handed>,
    view: Option<View>,
    whole: bool,
}

impl Lent {
    /// `whole`: the arena may be mapped as a whole, once for all tasks; otherwise each payload is mapped alone, so
    /// that an address space with a limit is not filled with what the task does not need.
    pub(crate) fn new(whole: bool) -> Self {
        Self { arena: None, view: None, whole }
    }

    /// The payload of a task, which stays as it is until the task's outcome has been sent.
    ///
    /// `arena` waits for it, where it has not been handed over yet.
    ///
    /// # Errors
    /// The arena does not come, the payload is not within it, or it can't be mapped.
    pub(crate) fn payload(
        &mut self,
        arena: impl FnOnce() -> io::Result<Handed>,
        large: &Large,
    ) -> io::Result<&[u8]> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "a payload that is not in the arena");
        let (file, size) = match self.arena.take() {
            Some(arena) => self.arena.insert(arena),
            None => self.arena.insert(arena()?),
        };
        let start = usize::try_from(large.offset).map_err(|_| invalid())?;
        let length = usize::try_from(large.length).map_err(|_| invalid())?;
        let range = start..start.checked_add(length).filter(|end| end <= size).ok_or_else(invalid)?;
        if range.is_empty() {
            return Ok(&[]);
        }
        let view = match self.view.take() {
            Some(view) if view.covers(&range) => view,
            _ => {
                let all = self.whole.then(|| View::new(&*file, 0..*size)).and_then(Result::ok);
                self.whole = all.is_some();
                all.map_or_else(|| View::new(&*file, range.clone()), Ok)?
            }
        };
        self.view.insert(view).bytes(range).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Arena;

    /// The arena, as it is handed over.
    fn hand_over(arena: &Arena) -> impl FnOnce() -> io::Result<Handed> {
        || Ok((std::os::fd::AsFd::as_fd(arena).try_clone_to_owned()?, arena.capacity()))
    }

    fn large(offset: usize, length: usize) -> Large {
        Large { batch: 0, task: 0, attempt: 1, offset: offset as u64, length: length as u64 }
    }

    #[test]
    fn payloads_are_read_where_they_lie_mapped_as_a_whole_or_alone() {
        for whole in [true, false] {
            let arena = Arena::new(1 << 20).unwrap();
            let mut lent = Lent::new(whole);
            let mut parts: Vec<_> = (0..3).map(|_| arena.take(100_000).unwrap()).collect();
            for (number, part) in parts.iter_mut().enumerate() {
                part.fill(number as u8);
                let payload = lent.payload(hand_over(&arena), &large(part.offset(), part.len())).unwrap();
                assert!(payload.len() == 100_000 && payload.iter().all(|byte| *byte == number as u8));
            }
            assert!(lent.payload(hand_over(&arena), &large(0, 0)).unwrap().is_empty());
        }
    }

    #[test]
    fn a_payload_beyond_the_arena_is_refused() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut lent = Lent::new(true);
        for wrong in [large(1 << 20, 1), large(0, (1 << 20) + 1), large(usize::MAX, 2), large(4096, 1 << 20)]
        {
            assert!(lent.payload(hand_over(&arena), &wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_arena_that_does_not_come_is_an_error() {
        let gone = || Err(io::ErrorKind::BrokenPipe.into());
        assert!(Lent::new(true).payload(gone, &large(0, 1)).is_err());
    }

    #[test]
    fn what_is_not_an_arena_is_refused() {
        let other = || Ok((std::fs::File::open("/dev/null")?.into(), 4096));
        assert!(Lent::new(true).payload(other, &large(0, 1)).is_err());
    }
}
