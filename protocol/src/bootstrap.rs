//! How a coordinator and a new worker process find each other.
//!
//! The coordinator makes a one-shot server, a stream socket and a status cell, puts the [welcome](crate::welcome)
//! with the cell's descriptor on the stream, and starts the worker with the stream as its standard input and
//! the server's name as an argument. The worker takes the cell, connects to the server, sends the sending
//! half of its channel, and only then says hello on the stream. So once the hello has been read, everything
//! that [`Bootstrap::accept`] needs is already there, and the coordinator waits for nothing but readiness of
//! the stream and the death of the child. This is the only time that anything of a worker's is received over
//! `ipc-channel`, before it has seen its first task.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ipc_channel::IpcError;
use ipc_channel::ipc::{IpcBytesSender, IpcOneShotServer, bytes_channel};
use nix::sys::signal::SigSet;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::directory::fits_a_socket;
use crate::link::stream_pair;
use crate::{CoordinatorEnd, PROTOCOL_VERSION, StatusCell, TaskSender, welcome};

/// The hidden first argument that makes a program a worker; the second is the server's name.
///
/// ```
/// let arguments = ["program", "__worker", "/tmp/private/socket"];
/// assert_eq!(arguments.get(1), Some(&protocol::WORKER_FLAG));
/// ```
pub const WORKER_FLAG: &str = "__worker";

/// How long an honest worker's channel may be on its way after its hello: it is there already.
const PATIENCE: Duration = Duration::from_secs(1);

type Server = IpcOneShotServer<IpcBytesSender>;

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
    server: Server,
    name: String,
    stream: UnixStream,
    child_stdin: Option<OwnedFd>,
    cell: StatusCell,
    /// For the accepted connection and the channel that comes over it.
    spare: [OwnedFd; 2],
}

/// Descriptors held for what `ipc-channel` will need: without one, it panics or loses what was sent. So where
/// they are scarce, a link fails when it is made, and not when its worker has come up.
struct Spare {
    server: OwnedFd,
    accepted: [OwnedFd; 2],
}

/// Why a worker's channel could not be taken.
///
/// ```
/// use protocol::BootstrapError;
///
/// fn advice(error: &BootstrapError) -> &'static str {
///     match error {
///         BootstrapError::NoChannel | BootstrapError::NotAChannel => "kill that worker",
///         BootstrapError::Io(_) => "try again when there are descriptors",
///     }
/// }
/// assert_eq!(advice(&BootstrapError::NoChannel), "kill that worker");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The worker said hello without having sent its channel.
    #[error("the worker said hello without having sent its channel")]
    NoChannel,
    /// What the worker sent is not a channel.
    #[error("what the worker sent is not a channel")]
    NotAChannel,
    /// The system did not let us.
    #[error("the worker's channel could not be taken: {0}")]
    Io(#[from] io::Error),
}

impl Bootstrap {
    /// Makes one worker's link: a socket in the temporary directory, a stream, a status cell.
    ///
    /// # Errors
    /// The temporary directory is missing, not writable or has too long a name (see
    /// [`private_directory`](crate::private_directory)), or there are no more descriptors.
    pub fn new() -> io::Result<Self> {
        if !fits_a_socket(&tempfile::env::temp_dir()) {
            let message = "the temporary directory's name is too long for a socket, or not UTF-8: \
                           set TMPDIR to a short one";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let (stream, child_stdin) = stream_pair()?;
        let cell = StatusCell::new()?;
        let spare = Spare::new(&cell)?;
        warm_up()?;
        welcome::send(&stream, PROTOCOL_VERSION, cell.as_fd())?;
        let Spare { server: for_server, accepted } = spare;
        drop(for_server);
        let (server, name) = Server::new()?;
        Ok(Self { server, name, stream, child_stdin: Some(child_stdin), cell, spare: accepted })
    }

    /// The worker's standard input; to be taken once. Drop it as soon as the worker is started, or the
    /// stream will not close when the worker dies.
    pub fn child_stdin(&mut self) -> Option<OwnedFd> {
        self.child_stdin.take()
    }

    /// The worker's arguments.
    pub fn arguments(&self) -> [String; 2] {
        [WORKER_FLAG.to_owned(), self.name.clone()]
    }

    /// Where the worker's hello will come from; it does not block.
    pub fn stream(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// What the worker is doing.
    pub fn cell(&self) -> &StatusCell {
        &self.cell
    }

    /// Takes the worker's channel. Call it once the worker's [`Hello`](crate::Hello) has been read and
    /// checked: then it returns at once. The stream stays the same descriptor.
    ///
    /// # Errors
    /// The worker has not sent its channel; this takes a second to find out. Kill such a worker: where it
    /// connected and sent nothing, a thread waits for it until it is dead.
    pub fn accept(self) -> Result<CoordinatorEnd, BootstrapError> {
        let Self { server, name, stream, cell, spare, .. } = self;
        drop(spare);
        let channel = accept_within(server, &name, PATIENCE)?;
        Ok(CoordinatorEnd::new(TaskSender::new(channel), stream, cell))
    }
}

impl Spare {
    fn new(cell: &StatusCell) -> io::Result<Self> {
        let spare = || cell.as_fd().try_clone_to_owned();
        Ok(Self { server: spare()?, accepted: [spare()?, spare()?] })
    }
}

/// Has `ipc-channel` find out how long a message may be. It does so once, on a pair of sockets, and panics then
/// and ever after where it gets none.
fn warm_up() -> io::Result<()> {
    static WARM: Mutex<bool> = Mutex::new(false);
    let mut warm = WARM.lock().unwrap_or_else(PoisonError::into_inner);
    if !*warm {
        let (sender, _receiver) = bytes_channel()?;
        let room = stream_pair()?;
        drop(room);
        sender.send(&[])?;
        *warm = true;
    }
    Ok(())
}

/// Accepts on a thread of its own, since `ipc-channel` has no deadline and panics on some nonsense.
fn accept_within(server: Server, name: &str, patience: Duration) -> Result<IpcBytesSender, BootstrapError> {
    let (done, outcome) = mpsc::sync_channel(1);
    let accept = move || {
        // An interrupted accept would be a failed one; signals are for other threads.
        let _ = SigSet::all().thread_block();
        // The accepted descriptor would pass to programs started later: it is dropped here and now.
        let accepted = server.accept().map(|(_receiver, channel)| channel);
        // Nobody waits any more where it came too late.
        let _ = done.send(accepted);
    };
    thread::Builder::new().name("accept".to_owned()).spawn(accept)?;
    match outcome.recv_timeout(patience) {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(IpcError::Io(error))) => Err(error.into()),
        Ok(Err(IpcError::Disconnected)) => Err(BootstrapError::NoChannel),
        Ok(Err(IpcError::SerializationError(_))) | Err(RecvTimeoutError::Disconnected) => {
            Err(BootstrapError::NotAChannel)
        }
        Err(RecvTimeoutError::Timeout) => {
            unblock(name);
            Err(BootstrapError::NoChannel)
        }
    }
}

/// Ends a waiting accept by connecting to it and leaving at once.
fn unblock(name: &str) {
    let connected = SocketAddrUnix::new(name).and_then(|address| {
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        connect(&socket, &address)
    });
    // Where it fails, the server is gone, and with it the one who waited.
    let _ = connected;
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{ConnectError, Filled, FrameReader, FrameWriter, Hello, ToWorker, WorkerLink, serve};

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
        Path::new(&boot.name).parent().unwrap()
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
        let worker = WorkerLink::connect_over(stdin, &name, &[]).unwrap();
        worker.cell.begin(crate::TaskId(5), 1, 2);
        assert_eq!(boot.cell().running().unwrap().task, crate::TaskId(5));
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
    fn a_hello_without_a_channel_is_an_error_and_leaves_no_directory() {
        let mut boot = Bootstrap::new().unwrap();
        let mut liar = FrameWriter::new(boot.child_stdin().unwrap());
        liar.write(|out| Hello { version: PROTOCOL_VERSION, build: "", kinds: vec![] }.encode(out)).unwrap();
        let Bootstrap { server, name, .. } = boot;
        let error = accept_within(server, &name, Duration::from_millis(1)).unwrap_err();
        assert!(matches!(error, BootstrapError::NoChannel));
    }

    #[test]
    fn what_is_not_a_channel_is_an_error_and_no_panic_of_ours() {
        let boot = Bootstrap::new().unwrap();
        let liar = ipc_channel::ipc::IpcSender::connect(boot.name.clone()).unwrap();
        // An index of a channel that was not sent along.
        liar.send(3_u64).unwrap();
        let Bootstrap { server, name, .. } = boot;
        // Patient: printing a panic with its backtrace can take longer than an honest worker may.
        let error = accept_within(server, &name, Duration::from_secs(600)).unwrap_err();
        assert!(matches!(error, BootstrapError::NotAChannel), "{error}");
    }

    #[test]
    fn a_worker_that_connects_and_leaves_is_an_error() {
        let boot = Bootstrap::new().unwrap();
        unblock(&boot.name);
        assert!(matches!(boot.accept(), Err(BootstrapError::NoChannel)));
    }

    #[test]
    fn a_worker_refuses_a_coordinator_of_another_version_and_lets_it_know() {
        let (ours, theirs) = stream_pair().unwrap();
        let cell = StatusCell::new().unwrap();
        welcome::send(&ours, PROTOCOL_VERSION + 7, cell.as_fd()).unwrap();
        let error = WorkerLink::connect_over(theirs, "nowhere", &[]).unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.contains("worker speaks version 3") && sentence.contains("version 10"),
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
