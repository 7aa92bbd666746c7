//! The two ends of a link: `ipc-channel` towards the worker, bounded frames and the status cell back.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, bytes_channel};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stdin, stdin};

use crate::message::check_version;
use crate::outbox::Outbox;
use crate::{
    Arena, Extent, FrameWriter, Hello, Large, PROTOCOL_VERSION, Piece, PieceError, StatusCell, TaskId,
    ToWorker, VersionMismatch, WorkerCell, handed, packet, welcome,
};

/// The coordinator's end of a link to one worker.
///
/// ```
/// use protocol::{Arena, TaskId, in_memory};
///
/// let (mut coordinator, _worker) = in_memory()?;
/// let arena = Arena::new(1 << 20)?;
/// let mut payload = arena.take(100_000).expect("there is room");
/// payload.fill(7);
/// coordinator.cell.open(0, 1);
/// coordinator.send_large(0, TaskId(0), 1, &payload)?;
/// coordinator.give_outbox(1 << 20)?; // for values that are as long
/// assert!(coordinator.outbox_bytes() >= 1 << 20);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct CoordinatorEnd {
    /// Where messages to the worker go.
    pub sender: TaskSender,
    /// Where the worker's frames come from; it does not block. Read it with a
    /// [`FrameReader`](crate::FrameReader).
    pub stream: UnixStream,
    /// What the worker is doing.
    pub cell: StatusCell,
    // What the worker has been told of.
    arena: Option<Arena>,
    outbox: Option<Outbox>,
}

impl CoordinatorEnd {
    pub(crate) fn new(sender: TaskSender, stream: UnixStream, cell: StatusCell) -> Self {
        Self { sender, stream, cell, arena: None, outbox: None }
    }

    /// Sends one task whose payload lies in an extent, as the batch with this number. The extent must stay as it
    /// is until the task's outcome is there or the worker is dead. Does not block within the worker's credit.
    ///
    /// # Errors
    /// As for [`TaskSender::send`]; `InvalidInput` where an earlier payload was of another arena.
    pub fn send_large(&mut self, batch: u64, task: TaskId, attempt: u32, payload: &Extent) -> io::Result<()> {
        match &self.arena {
            Some(arena) if payload.is_of(arena) => {}
            Some(_) => return Err(io::ErrorKind::InvalidInput.into()),
            None => {
                let arena = payload.arena();
                handed::send_arena(&self.stream, &arena)?;
                self.arena = Some(arena);
            }
        }
        let (offset, length) = (payload.offset() as u64, payload.len() as u64);
        let large = Large { batch, task: task.0, attempt, offset, length };
        self.sender.send(&ToWorker::Large(large).encode().map_err(io::Error::other)?)
    }

    /// Answers a worker that wants an outbox: with one of `bytes` bytes, or, where that is 0 or can't be had, with
    /// none; its long values then come in chunks. Call it once.
    ///
    /// # Errors
    /// The worker is gone.
    pub fn give_outbox(&mut self, bytes: usize) -> io::Result<()> {
        match Outbox::new(bytes) {
            Ok((outbox, file)) => {
                self.outbox = Some(outbox);
                handed::send_outbox(&self.stream, bytes, Some(file.as_fd()))
            }
            Err(_) => handed::send_outbox(&self.stream, 0, None),
        }
    }

    /// How many bytes the worker's outbox has; 0 where it has none.
    pub fn outbox_bytes(&self) -> usize {
        self.outbox.as_ref().map_or(0, Outbox::capacity)
    }

    /// Appends a copy of a piece to `value`. The worker may use the piece's place again once it has been
    /// [told](Self::return_pieces).
    ///
    /// ```
    /// # fn example(coordinator: &mut protocol::CoordinatorEnd, piece: &protocol::Piece) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut value = Vec::new();
    /// coordinator.take_piece(piece, &mut value)?; // a `FromWorker::Piece` told of it
    /// coordinator.return_pieces()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The piece is not one that an honest worker could have offered; `value` is as it was.
    pub fn take_piece(&mut self, piece: &Piece, value: &mut Vec<u8>) -> Result<(), PieceError> {
        self.outbox.as_mut().ok_or(PieceError::NoOutbox)?.take(piece, value)
    }

    /// Lets the worker know of all pieces that have been taken.
    ///
    /// ```
    /// # fn example(coordinator: &mut protocol::CoordinatorEnd, piece: &protocol::Piece) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut value = Vec::new();
    /// coordinator.take_piece(piece, &mut value)?; // a `FromWorker::Piece` told of it
    /// coordinator.return_pieces()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The worker is gone, or does not listen.
    pub fn return_pieces(&mut self) -> io::Result<()> {
        match self.outbox.as_mut().map_or(0, Outbox::return_pieces) {
            0 => Ok(()),
            pieces => handed::send_taken(&self.stream, pieces as u64),
        }
    }
}

/// Sends messages to one worker.
///
/// ```
/// let (coordinator, worker) = protocol::in_memory()?;
/// let pill = protocol::ToWorker::Pill.encode()?;
/// coordinator.sender.send(&pill)?;
/// drop(worker);
/// assert!(coordinator.sender.send(&pill).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TaskSender {
    channel: IpcBytesSender,
}

impl TaskSender {
    pub(crate) fn new(channel: IpcBytesSender) -> Self {
        Self { channel }
    }

    /// Sends one encoded message. Does not block while at most four of the longest are unread.
    ///
    /// The host must ignore `SIGPIPE`, as every Rust program does unless told otherwise.
    ///
    /// # Errors
    /// `BrokenPipe` or `ConnectionReset` where the worker is gone.
    pub fn send(&self, message: &[u8]) -> io::Result<()> {
        loop {
            match self.channel.send(message) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

/// A worker's end of its link to the coordinator.
///
/// ```no_run
/// use protocol::{Handler, Task, TaskError, WorkerLink};
///
/// struct Upper;
///
/// impl Handler for Upper {
///     fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
///         value.extend(task.payload.to_ascii_uppercase());
///         Ok(())
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let socket = std::env::args().nth(2).ok_or("only a coordinator starts this program")?;
///     let link = WorkerLink::connect(&socket, &["upper"])?;
///     protocol::serve(link, |_| Ok(Box::new(Upper)))?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct WorkerLink {
    pub(crate) receiver: IpcBytesReceiver,
    pub(crate) writer: FrameWriter,
    pub(crate) cell: WorkerCell,
}

/// Why a worker could not connect to its coordinator.
///
/// ```
/// use protocol::{ConnectError, VersionMismatch};
///
/// let error = ConnectError::Version(VersionMismatch { worker: 2, coordinator: 1 });
/// match &error {
///     ConnectError::NotACoordinator(_) => println!("do not start this by hand: {error}"),
///     ConnectError::Version(mismatch) => assert_eq!(error.to_string(), mismatch.to_string()),
///     ConnectError::Unreachable(_) => println!("it is dead: {error}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Standard input is not what a coordinator gives its workers.
    #[error("standard input is not a coordinator's: {0} (only a coordinator starts workers)")]
    NotACoordinator(io::Error),
    /// The coordinator is of another version.
    #[error(transparent)]
    Version(#[from] VersionMismatch),
    /// The coordinator's socket can't be reached: most likely the coordinator is dead.
    #[error("the coordinator can't be reached: {0}")]
    Unreachable(io::Error),
}

impl WorkerLink {
    /// Connects a worker process to the coordinator that started it: by what its standard input is, and by
    /// the socket's name that was its second argument. `kinds` are what it knows. Waits until the coordinator has
    /// accepted it.
    ///
    /// Standard input is `/dev/null` afterwards. No descriptor of the link passes to programs that the
    /// worker starts.
    ///
    /// # Errors
    /// The process was not started by a coordinator, by one of another version (which is told so), or by one
    /// that is dead.
    pub fn connect(socket_path: &str, kinds: &[&str]) -> Result<Self, ConnectError> {
        let stream = take_stdin().map_err(ConnectError::NotACoordinator)?;
        Self::connect_over(stream, socket_path, kinds)
    }

    pub(crate) fn connect_over(
        stream: OwnedFd,
        socket_path: &str,
        kinds: &[&str],
    ) -> Result<Self, ConnectError> {
        let (version, cell) = welcome::receive(&stream).map_err(ConnectError::NotACoordinator)?;
        let mut writer = FrameWriter::new(stream);
        let hello =
            Hello { version: PROTOCOL_VERSION, build: env!("CARGO_PKG_VERSION"), kinds: kinds.to_vec() };
        let mut say_hello = || writer.write(|out| hello.encode(out)).map_err(ConnectError::Unreachable);
        if let Err(mismatch) = check_version(PROTOCOL_VERSION, version) {
            // The greeting's shape never changes: the coordinator can tell its user as well.
            say_hello()?;
            return Err(mismatch.into());
        }
        let cell = WorkerCell::open(cell).map_err(ConnectError::NotACoordinator)?;
        let connection = packet::connect(socket_path).map_err(ConnectError::Unreachable)?;
        // Only now: the coordinator looks for the connection as soon as it has read this.
        say_hello()?;
        let receiver = packet::receive(&connection).map_err(ConnectError::Unreachable)?;
        Ok(Self { receiver, writer, cell })
    }
}

/// Moves standard input out of the way of programs that the worker starts, and out of the reach of whoever
/// reads standard input.
fn take_stdin() -> io::Result<OwnedFd> {
    let stream = fcntl_dupfd_cloexec(stdin(), 3)?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(stream)
}

/// Makes a link within one process, for tests and for programs that serve on a thread. No greeting is
/// exchanged on it.
///
/// ```
/// let (coordinator, worker) = protocol::in_memory()?;
/// coordinator.sender.send(&protocol::ToWorker::Pill.encode()?)?;
/// // A pill before the start: there is nothing to do, and nothing is asked for.
/// let served = protocol::serve(worker, |_| Err(protocol::TaskError::new("it knows nothing")))?;
/// assert_eq!(served, protocol::Served::Pill);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// No memory, or no more descriptors.
pub fn in_memory() -> io::Result<(CoordinatorEnd, WorkerLink)> {
    let (channel, receiver) = bytes_channel()?;
    let (stream, theirs) = stream_pair()?;
    let cell = StatusCell::new()?;
    let worker_cell = cell.worker()?;
    let link = WorkerLink { receiver, writer: FrameWriter::new(theirs), cell: worker_cell };
    Ok((CoordinatorEnd::new(TaskSender::new(channel), stream, cell), link))
}

/// A stream whose first end does not block and whose second does. Neither passes to programs by itself.
pub(crate) fn stream_pair() -> io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((ours, theirs.into()))
}
