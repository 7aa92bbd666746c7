//! How a coordinator and a new worker process find each other.
//!
//! The coordinator makes a socket to connect to (the [door](crate::door)), a stream socket and a status cell, puts the
//! [welcome](crate::welcome) with the cell's descriptor on the stream, and starts the worker with the stream as its
//! standard input and the door's path as an argument. The worker takes the cell, connects to the door, and only then
//! says hello on the stream. So once the hello has been read, the connection is there, and [`Bootstrap::accept`] waits
//! for nothing: it sends the receiving end of the worker's channel over it. Nothing of a worker's is ever received over
//! `ipc-channel`, which believes what it receives.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use ipc_channel::ipc::bytes_channel;

use crate::door::Door;
use crate::link::stream_pair;
use crate::packet::Packet;
use crate::{CoordinatorEnd, PROTOCOL_VERSION, StatusCell, TaskSender, welcome};

/// The hidden first argument that makes a program a worker; the second is the path of the socket to connect to.
///
/// ```
/// let arguments = ["program", "__worker", "/tmp/private/socket"];
/// assert_eq!(arguments.get(1), Some(&protocol::WORKER_FLAG));
/// ```
pub const WORKER_FLAG: &str = "__worker";

/// A link whose worker has not said hello yet. Dropping it leaves no file and no descriptor behind.
///
/// ```no_run
/// use std::process::Command;
///
/// use protocol::{Bootstrap, Filled, FrameReader, Hello, ToWorker};
///
/// let mut bootstrap = Bootstrap::new()?;
/// let stdin = bootstrap.child_stdin().expect("it was not taken before");
/// let mut child = Command::new("target/debug/worker").args(bootstrap.arguments()).stdin(stdin).spawn()?;
///
/// let mut frames = FrameReader::new();
/// while frames.fill(bootstrap.stream())? != Filled::Closed {
///     if let Some(frame) = frames.next_frame()? {
///         Hello::decode(frame)?.check()?;
///         assert_eq!(bootstrap.cell().running(), None);
///         let worker = bootstrap.accept()?;
///         worker.sender.send(&ToWorker::Pill.encode()?)?;
///         break;
///     }
///     // A coordinator with more to do would wait for the stream by `epoll`.
/// }
/// child.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Bootstrap {
    door: Door,
    stream: UnixStream,
    child_stdin: Option<OwnedFd>,
    cell: StatusCell,
    sender: TaskSender,
    /// What goes to the worker once it has connected.
    packet: Packet,
    /// For the connection: where descriptors are scarce, a link fails when it is made, and not when its worker has come
    /// up.
    spare: OwnedFd,
}

/// Why a worker could not be given its channel.
///
/// ```
/// use protocol::BootstrapError;
///
/// fn advice(error: &BootstrapError) -> &'static str {
///     match error {
///         BootstrapError::NotConnected => "kill that worker",
///         BootstrapError::Io(_) => "try again when there are descriptors",
///     }
/// }
/// assert_eq!(advice(&BootstrapError::NotConnected), "kill that worker");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The worker said hello and is not connected.
    #[error("the worker said hello without having connected")]
    NotConnected,
    /// The system did not let us.
    #[error("the worker's channel could not be handed over: {0}")]
    Io(#[from] io::Error),
}

impl Bootstrap {
    /// Makes one worker's link: a socket in this process's private directory or beside it, a stream, a status cell.
    ///
    /// # Errors
    /// No folder for a socket can be made where [`private_directory`](crate::private_directory) would make one, shared
    /// memory is refused, or there are no more descriptors.
    pub fn new() -> io::Result<Self> {
        let (stream, child_stdin) = stream_pair()?;
        let cell = StatusCell::new()?;
        welcome::send(&stream, PROTOCOL_VERSION, cell.as_fd())?;
        let (door, spare) = (Door::new()?, cell.as_fd().try_clone_to_owned()?);
        let (channel, receiver) = bytes_channel()?;
        let (sender, packet) = (TaskSender::new(channel), Packet::wrap(receiver)?);
        Ok(Self { door, stream, child_stdin: Some(child_stdin), cell, sender, packet, spare })
    }

    /// The worker's standard input; to be taken once. Drop it as soon as the worker is started, or the
    /// stream will not close when the worker dies.
    pub fn child_stdin(&mut self) -> Option<OwnedFd> {
        self.child_stdin.take()
    }

    /// The worker's arguments.
    pub fn arguments(&self) -> [String; 2] {
        [WORKER_FLAG.to_owned(), self.door.name().to_owned()]
    }

    /// Where the worker's hello will come from; it does not block.
    pub fn stream(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// What the worker is doing.
    pub fn cell(&self) -> &StatusCell {
        &self.cell
    }

    /// Gives the worker its channel. Call it once the worker's [`Hello`](crate::Hello) has been read and checked. It
    /// returns at once. The stream stays the same descriptor.
    ///
    /// # Errors
    /// The worker has not connected, or has closed its end: kill it.
    pub fn accept(self) -> Result<CoordinatorEnd, BootstrapError> {
        let Self { door, stream, cell, sender, packet, spare, .. } = self;
        drop(spare);
        let connection = door.accept()?.ok_or(BootstrapError::NotConnected)?;
        packet.send(&connection).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => BootstrapError::NotConnected,
            _ => error.into(),
        })?;
        Ok(CoordinatorEnd::new(sender, stream, cell))
    }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;
    use std::path::Path;
    use std::thread;

    use rustix::net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
        SocketType, connect, sendmsg, socket_with,
    };

    use super::*;
    use crate::{ConnectError, Filled, FrameReader, Hello, ToWorker, WorkerLink, serve};

    /// Reads the stream until the worker's first frame is there.
    fn read_hello(boot: &Bootstrap) -> Vec<u8> {
        boot.stream.set_nonblocking(false).unwrap();
        let mut reader = FrameReader::new();
        loop {
            assert!(matches!(reader.fill(boot.stream()).unwrap(), Filled::Bytes(_)));
            if let Some(frame) = reader.next_frame().unwrap() {
                return frame.to_vec();
            }
        }
    }

    fn directory_of(boot: &Bootstrap) -> &Path {
        Path::new(boot.door.name()).parent().unwrap()
    }

    /// A connection as a liar makes it.
    fn connected(boot: &Bootstrap) -> OwnedFd {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        connect(&socket, &SocketAddrUnix::new(boot.door.name()).unwrap()).unwrap();
        socket
    }

    #[test]
    fn a_worker_whose_coordinator_dies_after_its_hello_finds_it_unreachable() {
        let mut boot = Bootstrap::new().unwrap();
        let (stdin, [_, name]) = (boot.child_stdin().unwrap(), boot.arguments());
        let worker = thread::spawn(move || WorkerLink::connect_over(stdin, &name, &[]).unwrap_err());
        read_hello(&boot);
        drop(boot);
        let error = worker.join().unwrap();
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    }

    #[test]
    fn a_worker_connects_says_hello_and_can_be_accepted() {
        let mut boot = Bootstrap::new().unwrap();
        let (stdin, [flag, name]) = (boot.child_stdin().unwrap(), boot.arguments());
        assert_eq!(flag, WORKER_FLAG);
        assert!(boot.child_stdin().is_none());
        let worker = thread::spawn(move || {
            let link = WorkerLink::connect_over(stdin, &name, &["primes", "sleep"]).unwrap();
            serve(link, |_| unreachable!("no start was sent")).unwrap()
        });
        let frame = read_hello(&boot);
        let hello = Hello::decode(&frame).unwrap();
        hello.check().unwrap();
        assert_eq!(hello.kinds, ["primes", "sleep"]);
        let directory = directory_of(&boot).to_owned();
        let end = boot.accept().unwrap();
        assert!(!directory.exists());
        end.sender.send(&ToWorker::Pill.encode().unwrap()).unwrap();
        assert_eq!(worker.join().unwrap(), crate::Served::Pill);
        drop(end);
    }

    #[test]
    fn a_worker_and_its_coordinator_share_the_cell() {
        let mut boot = Bootstrap::new().unwrap();
        let (stdin, [_, name]) = (boot.child_stdin().unwrap(), boot.arguments());
        let worker = thread::spawn(move || WorkerLink::connect_over(stdin, &name, &[]).unwrap());
        read_hello(&boot);
        let end = boot.accept().unwrap();
        worker.join().unwrap().cell.begin(crate::TaskId(5), 1, 2);
        assert_eq!(end.cell.running().unwrap().task, crate::TaskId(5));
    }

    #[test]
    fn a_bootstrap_that_is_dropped_leaves_no_directory() {
        let boot = Bootstrap::new().unwrap();
        let directory = directory_of(&boot).to_owned();
        assert!(directory.exists());
        drop(boot);
        assert!(!directory.exists());
    }

    #[test]
    fn a_hello_without_a_connection_is_an_error_at_once_and_leaves_no_directory() {
        let boot = Bootstrap::new().unwrap();
        let directory = directory_of(&boot).to_owned();
        assert!(matches!(boot.accept(), Err(BootstrapError::NotConnected)));
        assert!(!directory.exists());
    }

    #[test]
    fn nothing_that_is_said_over_the_connection_is_read() {
        let boot = Bootstrap::new().unwrap();
        let liar = connected(&boot);
        // As `ipc-channel` begins a message of 16 TiB in several parts: whoever believes it allocates that.
        let mut header = 24_u64.to_ne_bytes().to_vec();
        header.extend_from_slice(&(1_u64 << 44).to_ne_bytes());
        header.extend_from_slice(&[7; 8]);
        let descriptors = [liar.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        sendmsg(&liar, &[io::IoSlice::new(&header)], &mut control, SendFlags::empty()).unwrap();
        let end = boot.accept().unwrap();
        end.sender.send(b"the first message").unwrap();
    }

    #[test]
    fn a_worker_that_connects_and_leaves_is_an_error() {
        let boot = Bootstrap::new().unwrap();
        drop(connected(&boot));
        assert!(matches!(boot.accept(), Err(BootstrapError::NotConnected)));
    }

    #[test]
    fn a_worker_that_connects_again_and_again_waits_and_nobody_else() {
        let boot = Bootstrap::new().unwrap();
        let _first = connected(&boot);
        let second =
            socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::NONBLOCK, None).unwrap();
        let address = SocketAddrUnix::new(boot.door.name()).unwrap();
        assert_eq!(connect(&second, &address), Err(rustix::io::Errno::AGAIN));
        boot.accept().unwrap();
    }

    #[test]
    fn a_worker_refuses_a_coordinator_of_another_version_and_lets_it_know() {
        let (ours, theirs) = stream_pair().unwrap();
        let cell = StatusCell::new().unwrap();
        welcome::send(&ours, PROTOCOL_VERSION + 7, cell.as_fd()).unwrap();
        let error = WorkerLink::connect_over(theirs, "nowhere", &[]).unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.contains("worker speaks version 4") && sentence.contains("version 11"),
            "{sentence}"
        );
        let mut reader = FrameReader::new();
        reader.fill(&ours).unwrap();
        let frame = reader.next_frame().unwrap().unwrap();
        assert_eq!(Hello::decode(frame).unwrap().version, PROTOCOL_VERSION);
    }

    #[test]
    fn what_is_not_a_coordinator_is_refused() {
        let (ours, theirs) = stream_pair().unwrap();
        rustix::net::send(&ours, b"GET / HTTP/1.1", rustix::net::SendFlags::empty()).unwrap();
        let error = WorkerLink::connect_over(theirs, "nowhere", &[]).unwrap_err();
        assert!(matches!(error, ConnectError::NotACoordinator(_)));
        let file = std::fs::File::open("/dev/null").unwrap();
        let error = WorkerLink::connect_over(file.into(), "nowhere", &[]).unwrap_err();
        assert!(matches!(error, ConnectError::NotACoordinator(_)), "{error}");
    }

    #[test]
    fn a_dead_coordinator_is_unreachable() {
        let mut boot = Bootstrap::new().unwrap();
        let (stdin, [_, name]) = (boot.child_stdin().unwrap(), boot.arguments());
        drop(boot);
        let error = WorkerLink::connect_over(stdin, &name, &[]).unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    }
}
