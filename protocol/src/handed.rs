//! What comes to a worker on the stream, after the welcome: shared memory, and room in it.
//!
//! Each item has 16 bytes, magic and a number (`u64`, little endian), and where it hands memory over, a descriptor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::{Arena, hand_over};

const ARENA: [u8; 8] = *b"COORDMEM";
const OUTBOX: [u8; 8] = *b"COORDOUT";
const TAKEN: [u8; 8] = *b"COORDTAK";
pub(crate) const LENGTH: usize = 16;

/// Memory that another process has made, and its size in bytes.
pub(crate) type Handed = (OwnedFd, usize);

/// One item.
#[derive(Debug)]
pub(crate) enum Item {
    /// The arena, which payloads lie in.
    Arena(Handed),
    /// The outbox that was asked for; `None`: there is none to be had.
    Outbox(Option<Handed>),
    /// So many pieces have been taken from the outbox, the oldest first.
    Taken(u64),
}

/// Tells a worker of the arena.
pub(crate) fn send_arena(stream: impl AsFd, arena: &Arena) -> io::Result<()> {
    send(stream, ARENA, arena.capacity() as u64, Some(arena.as_fd()))
}

/// Answers a worker that wants an outbox; without a descriptor, there is none.
pub(crate) fn send_outbox(stream: impl AsFd, size: usize, file: Option<BorrowedFd<'_>>) -> io::Result<()> {
    send(stream, OUTBOX, size as u64, file)
}

/// Lets a worker know how many pieces have been taken since it was told last.
pub(crate) fn send_taken(stream: impl AsFd, pieces: u64) -> io::Result<()> {
    send(stream, TAKEN, pieces, None)
}

fn send(stream: impl AsFd, magic: [u8; 8], number: u64, file: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut bytes = magic.to_vec();
    bytes.extend_from_slice(&number.to_le_bytes());
    hand_over::send(stream, &bytes, file)
}

/// Waits for the next item.
///
/// # Errors
/// `BrokenPipe` where the coordinator is gone, `InvalidData` where something else comes, or the stream's own.
pub(crate) fn receive(stream: BorrowedFd<'_>) -> io::Result<Item> {
    let mut bytes = [0; LENGTH];
    let file = hand_over::receive(stream, &mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => io::ErrorKind::BrokenPipe.into(),
        _ => error,
    })?;
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let (magic, number) = bytes.split_first_chunk().ok_or_else(|| invalid("what came is too short"))?;
    let number = number.first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
    let memory = |file| Some((file?, usize::try_from(number).ok()?));
    match *magic {
        ARENA => memory(file).map(Item::Arena).ok_or_else(|| invalid("what came is not an arena")),
        // Its descriptor is lost where this process may open no more: then there is none.
        OUTBOX => Ok(Item::Outbox(memory(file))),
        TAKEN => Ok(Item::Taken(number)),
        _ => Err(invalid("what came is not from a coordinator")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::stream_pair;

    #[test]
    fn items_come_as_they_were_sent_one_by_one() {
        let (ours, theirs) = stream_pair().unwrap();
        let arena = Arena::new(1 << 20).unwrap();
        send_taken(&ours, 7).unwrap();
        send_outbox(&ours, 8192, Some(arena.as_fd())).unwrap();
        send_outbox(&ours, 0, None).unwrap();
        send_arena(&ours, &arena).unwrap();
        send_taken(&ours, u64::MAX).unwrap();
        assert!(matches!(receive(theirs.as_fd()).unwrap(), Item::Taken(7)));
        assert!(matches!(receive(theirs.as_fd()).unwrap(), Item::Outbox(Some((_, 8192)))));
        assert!(matches!(receive(theirs.as_fd()).unwrap(), Item::Outbox(None)));
        assert!(matches!(receive(theirs.as_fd()).unwrap(), Item::Arena((_, 0x10_0000))));
        assert!(matches!(receive(theirs.as_fd()).unwrap(), Item::Taken(u64::MAX)));
        drop(ours);
        assert_eq!(receive(theirs.as_fd()).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn what_is_not_a_coordinators_is_refused() {
        let (ours, theirs) = stream_pair().unwrap();
        hand_over::send(&ours, &[0; LENGTH], Some(ours.as_fd())).unwrap();
        assert_eq!(receive(theirs.as_fd()).unwrap_err().kind(), io::ErrorKind::InvalidData);
        send(&ours, ARENA, 4096, None).unwrap();
        assert_eq!(receive(theirs.as_fd()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
