//! The welcome: the first thing that goes to the worker on the stream, with the status cell's descriptor.
//!
//! Its shape never changes: magic (8 bytes), version (`u32`, little endian), and one descriptor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::hand_over;

const MAGIC: [u8; 8] = *b"COORDWEL";
const LENGTH: usize = MAGIC.len() + size_of::<u32>();

/// Sends the welcome. The stream is new, so it never waits.
pub(crate) fn send(stream: impl AsFd, version: u32, cell: BorrowedFd<'_>) -> io::Result<()> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    hand_over::send(stream, &bytes, Some(cell))
}

/// Waits for the welcome and returns the coordinator's version and the cell's descriptor.
///
/// # Errors
/// `InvalidData` where what comes is not a welcome, `UnexpectedEof` where nothing comes, or the stream's own.
pub(crate) fn receive(stream: impl AsFd) -> io::Result<(u32, OwnedFd)> {
    let mut bytes = [0; LENGTH];
    let cell = hand_over::receive(stream, &mut bytes)?;
    match (bytes.strip_prefix(&MAGIC).and_then(|rest| rest.first_chunk()), cell) {
        (Some(&version), Some(cell)) => Ok((u32::from_le_bytes(version), cell)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "what came is not a coordinator's welcome")),
    }
}
