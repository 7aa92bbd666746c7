//! The arena as a worker sees it: announced once on the stream, mapped when its first payload is wanted.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::shm::View;
use crate::{Arena, Large, hand_over};

const MAGIC: [u8; 8] = *b"COORDMEM";
const LENGTH: usize = MAGIC.len() + size_of::<u64>();

/// Tells a worker of the arena: magic (8 bytes), its size (`u64`, little endian), and its descriptor.
pub(crate) fn announce(stream: impl AsFd, arena: &Arena) -> io::Result<()> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(arena.capacity() as u64).to_le_bytes());
    hand_over::send(stream, &bytes, arena.as_fd())
}

/// What a worker knows of its coordinator's arena.
#[derive(Debug)]
pub(crate) struct Lent {
    arena: Option<(OwnedFd, usize)>,
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
    /// # Errors
    /// No arena was announced on `stream`, the payload is not within it, or it can't be mapped.
    pub(crate) fn payload(&mut self, stream: BorrowedFd<'_>, large: &Large) -> io::Result<&[u8]> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "a payload that is not in the arena");
        let (file, size) = match self.arena.take() {
            Some(arena) => self.arena.insert(arena),
            None => self.arena.insert(receive(stream)?),
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

fn receive(stream: BorrowedFd<'_>) -> io::Result<(OwnedFd, usize)> {
    let mut bytes = [0; LENGTH];
    let file = hand_over::receive(stream, &mut bytes)?;
    let size = bytes.strip_prefix(&MAGIC).and_then(|rest| rest.first_chunk());
    let size = size.and_then(|size| usize::try_from(u64::from_le_bytes(*size)).ok());
    size.map(|size| (file, size))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what came is not an arena"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::stream_pair;

    fn large(offset: usize, length: usize) -> Large {
        Large { batch: 0, task: 0, attempt: 1, offset: offset as u64, length: length as u64 }
    }

    #[test]
    fn payloads_are_read_where_they_lie_mapped_as_a_whole_or_alone() {
        for whole in [true, false] {
            let arena = Arena::new(1 << 20).unwrap();
            let (ours, theirs) = stream_pair().unwrap();
            announce(&ours, &arena).unwrap();
            let mut lent = Lent::new(whole);
            let mut parts: Vec<_> = (0..3).map(|_| arena.take(100_000).unwrap()).collect();
            for (number, part) in parts.iter_mut().enumerate() {
                part.fill(number as u8);
                let payload = lent.payload(theirs.as_fd(), &large(part.offset(), part.len())).unwrap();
                assert!(payload.len() == 100_000 && payload.iter().all(|byte| *byte == number as u8));
            }
            assert!(lent.payload(theirs.as_fd(), &large(0, 0)).unwrap().is_empty());
        }
    }

    #[test]
    fn a_payload_beyond_the_arena_is_refused() {
        let arena = Arena::new(1 << 20).unwrap();
        let (ours, theirs) = stream_pair().unwrap();
        announce(&ours, &arena).unwrap();
        let mut lent = Lent::new(true);
        for wrong in [large(1 << 20, 1), large(0, (1 << 20) + 1), large(usize::MAX, 2), large(4096, 1 << 20)]
        {
            assert!(lent.payload(theirs.as_fd(), &wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_not_an_arena_is_refused() {
        let (ours, theirs) = stream_pair().unwrap();
        hand_over::send(&ours, &[0; LENGTH], ours.as_fd()).unwrap();
        assert!(Lent::new(true).payload(theirs.as_fd(), &large(0, 1)).is_err());
        drop(ours);
        assert!(Lent::new(true).payload(theirs.as_fd(), &large(0, 1)).is_err());
    }
}
