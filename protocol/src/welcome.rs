//! The welcome: the one thing that goes to the worker on the stream, with the status cell's descriptor.
//!
//! Its shape never changes: magic (8 bytes), version (`u32`, little endian), and one descriptor.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

const MAGIC: [u8; 8] = *b"COORDWEL";
const LENGTH: usize = MAGIC.len() + size_of::<u32>();

/// Sends the welcome. The stream is new, so it never waits.
pub(crate) fn send(stream: impl AsFd, version: u32, cell: BorrowedFd<'_>) -> io::Result<()> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let cells = [cell];
    control.push(SendAncillaryMessage::ScmRights(&cells));
    let sent =
        retry_on_intr(|| sendmsg(&stream, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL))?;
    if sent == LENGTH { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Waits for the welcome and returns the coordinator's version and the cell's descriptor.
///
/// # Errors
/// `InvalidData` where what comes is not a welcome, `UnexpectedEof` where nothing comes, or the stream's own.
pub(crate) fn receive(stream: impl AsFd) -> io::Result<(u32, OwnedFd)> {
    let mut bytes = [0; LENGTH];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut parts = [IoSliceMut::new(&mut bytes)];
        // It was sent in one piece, and so it comes in one.
        match recvmsg(&stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL) {
            Err(Errno::INTR) => {}
            other => break other?.bytes,
        }
    };
    let cell = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let version = bytes.strip_prefix(&MAGIC).and_then(|rest| rest.first_chunk());
    match (received, version, cell) {
        (0, ..) => Err(io::ErrorKind::UnexpectedEof.into()),
        (LENGTH, Some(&version), Some(cell)) => Ok((u32::from_le_bytes(version), cell)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "what came is not a coordinator's welcome")),
    }
}
