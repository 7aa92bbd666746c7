//! Bytes, with a descriptor or without, from the coordinator to a worker over the stream: never in the other direction.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// Sends `bytes` and a descriptor in one piece. The stream has room for some dozens of such, so it never waits.
pub(crate) fn send(stream: impl AsFd, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptor.as_slice().is_empty() {
        control.push(SendAncillaryMessage::ScmRights(descriptor.as_slice()));
    }
    let sent = retry_on_intr(|| sendmsg(&stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL))?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Waits for as many bytes as there is room for, and their descriptor where they have one.
///
/// # Errors
/// `UnexpectedEof` where nothing comes, `InvalidData` where less comes, or the stream's own.
pub(crate) fn receive(stream: impl AsFd, bytes: &mut [u8]) -> io::Result<Option<OwnedFd>> {
    let wanted = bytes.len();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut parts = [IoSliceMut::new(bytes)];
        // It was sent in one piece, and so it comes in one.
        match recvmsg(&stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL) {
            Err(Errno::INTR) => {}
            other => break other?.bytes,
        }
    };
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    match received {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ if received == wanted => Ok(descriptor),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "what came is not from a coordinator")),
    }
}
