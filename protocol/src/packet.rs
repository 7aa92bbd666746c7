//! Turns the receiving end of a channel into a packet that can be sent without waiting, and a socket that
//! `ipc-channel` knows as a sender into a receiver.
//!
//! `ipc-channel` sends and receives over its own sockets only, and those that it makes by `connect` may wait for ever,
//! or leak when they fail. So what is to go to a worker is sent within this process first, over a connection both of
//! whose ends are ours, and comes out of it as bytes and a descriptor.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ipc_channel::IpcError;
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcReceiver, IpcSender, bytes_channel};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

use crate::door::Door;

/// Far longer than a packet that holds one channel.
const MAX_PACKET: usize = 1024;

/// One message of `ipc-channel` that holds one channel, as it goes over a socket.
#[derive(Debug)]
pub(crate) struct Packet {
    bytes: Vec<u8>,
    descriptor: OwnedFd,
    // The connection that it came over goes with the last packet: once all workers are up, no descriptor of it is left.
    _way: Arc<Mutex<Loop>>,
}

/// A connection from this process to itself.
#[derive(Debug)]
struct Loop {
    // Invariant: nothing is on its way while nobody holds the lock of `LOOP`.
    into: IpcSender<IpcBytesReceiver>,
    out: OwnedFd,
    // A process that was forked off has the same sockets, and must not use them.
    process: u32,
}

/// The connection that packets which are still to be sent came over, for the next one.
static LOOP: Mutex<Weak<Mutex<Loop>>> = Mutex::new(Weak::new());

impl Packet {
    /// Wraps the receiving end of a channel.
    ///
    /// # Errors
    /// There are no more descriptors, or the temporary directory is not to be used.
    pub(crate) fn wrap(receiver: IpcBytesReceiver) -> io::Result<Self> {
        let mut guard = LOOP.lock().unwrap_or_else(PoisonError::into_inner);
        // Forgotten meanwhile, so that one that failed in the middle is not used again.
        let way = match mem::take(&mut *guard).upgrade() {
            Some(way) if lock(&way).process == process::id() => way,
            _ => Arc::new(Mutex::new(Loop::new()?)),
        };
        lock(&way).into.send(receiver).map_err(plain)?;
        let (bytes, descriptor) = lock(&way).receive()?;
        *guard = Arc::downgrade(&way);
        Ok(Self { bytes, descriptor, _way: way })
    }

    /// Sends it over a new connection, without waiting.
    ///
    /// # Errors
    /// `BrokenPipe` or `ConnectionReset` where the other end is closed.
    pub(crate) fn send(&self, connection: &OwnedFd) -> io::Result<()> {
        let descriptors = [self.descriptor.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        retry_on_intr(|| sendmsg(connection, &[IoSlice::new(&self.bytes)], &mut control, flags))?;
        Ok(())
    }
}

fn lock(way: &Mutex<Loop>) -> MutexGuard<'_, Loop> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loop {
    /// Makes it, and has `ipc-channel` find out how long a message may be: it does so once, on a pair of sockets, and
    /// panics then and ever after where it gets none.
    fn new() -> io::Result<Self> {
        let door = Door::new()?;
        // Nobody else knows the door, so there is room for this.
        let into = IpcSender::connect(door.name().to_owned()).map_err(scarce)?;
        let out = door.accept()?.ok_or(io::ErrorKind::ConnectionAborted)?;
        drop(door);
        let (warm, _kept) = bytes_channel()?;
        let room = UnixStream::pair()?;
        drop(room);
        warm.send(&[])?;
        Ok(Self { into, out, process: process::id() })
    }

    fn receive(&self) -> io::Result<(Vec<u8>, OwnedFd)> {
        let mut bytes = vec![0; MAX_PACKET];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let length = loop {
            match recvmsg(&self.out, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags) {
                Err(Errno::INTR) => {}
                received => break received?.bytes,
            }
        };
        bytes.truncate(length);
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        // The kernel leaves out what there is no room for in the table of descriptors.
        let descriptor = descriptor.ok_or(Errno::MFILE)?;
        Ok((bytes, descriptor))
    }
}

/// Connects to a door, for what will be sent over it.
///
/// `ipc-channel` makes a sender of every socket that it connects. A channel in a message has no direction until it is
/// read, so a message within this process turns the sender round.
///
/// # Errors
/// Nobody listens there, or there are no more descriptors.
pub(crate) fn connect(door: &str) -> io::Result<IpcReceiver<IpcBytesReceiver>> {
    if door.contains('\0') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let connected = IpcSender::<IpcBytesReceiver>::connect(door.to_owned()).map_err(scarce)?;
    let (into, out) = ipc::channel::<IpcSender<IpcBytesReceiver>>()?;
    into.send(connected).map_err(plain)?;
    out.to_opaque().to::<IpcReceiver<IpcBytesReceiver>>().recv().map_err(plain)
}

/// Waits for the channel that comes over a connection to a door.
///
/// # Errors
/// `BrokenPipe` where the coordinator is gone, or has not accepted us.
pub(crate) fn receive(connection: &IpcReceiver<IpcBytesReceiver>) -> io::Result<IpcBytesReceiver> {
    loop {
        match connection.recv() {
            Err(IpcError::Io(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            received => return received.map_err(plain),
        }
    }
}

/// `ipc-channel` connects whatever the system gave it for a socket, and where there are no more descriptors that is
/// none.
fn scarce(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) { Errno::MFILE.into() } else { error }
}

fn plain(error: IpcError) -> io::Error {
    match error {
        IpcError::Io(error) => error,
        IpcError::Disconnected => io::ErrorKind::BrokenPipe.into(),
        error @ IpcError::SerializationError(_) => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_goes_through_a_door_and_works_in_its_direction() {
        let door = Door::new().unwrap();
        let connection = connect(door.name()).unwrap();
        let (sender, receiver) = bytes_channel().unwrap();
        let packet = Packet::wrap(receiver).unwrap();
        packet.send(&door.accept().unwrap().unwrap()).unwrap();
        drop((door, packet));
        let receiver = receive(&connection).unwrap();
        sender.send(b"hello").unwrap();
        assert_eq!(receiver.recv().unwrap(), b"hello");
        drop(sender);
        assert!(matches!(receiver.recv(), Err(IpcError::Disconnected)));
    }

    #[test]
    fn packets_that_many_threads_wrap_at_once_are_not_mixed_up() {
        let wrap = |number: u8| {
            let (sender, receiver) = bytes_channel().unwrap();
            let packet = Packet::wrap(receiver).unwrap();
            sender.send(&[number]).unwrap();
            let door = Door::new().unwrap();
            let connection = connect(door.name()).unwrap();
            packet.send(&door.accept().unwrap().unwrap()).unwrap();
            assert_eq!(receive(&connection).unwrap().recv().unwrap(), [number]);
        };
        std::thread::scope(|scope| {
            (0..8).for_each(|number| drop(scope.spawn(move || (0..20).for_each(|_| wrap(number)))));
        });
    }

    #[test]
    fn a_door_that_closes_is_the_end_for_whoever_waits_at_it() {
        let door = Door::new().unwrap();
        let connection = connect(door.name()).unwrap();
        let name = door.name().to_owned();
        drop(door);
        let gone = [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset];
        assert!(gone.contains(&receive(&connection).unwrap_err().kind()));
        assert!(connect(&name).is_err() && connect("a\0b").is_err());
    }
}
