//! What a worker can do wrong.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use protocol::{
    FromWorker, Hello, MAX_FRAME, MAX_PIECES, MAX_VALUE, PROTOCOL_VERSION, Piece, Task, TaskId,
    monotonic_nanos,
};
use rustix::event::{PollFd, PollFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketAddrUnix, SocketFlags, SocketType, connect, recvmsg, sendmsg, socket_with,
};

use crate::frames::{announced, encoded, framed, outcome, run, status};
use crate::mutants::{Mutant, Nature};

/// How many descriptors are attached to one message.
const DESCRIPTORS: usize = 64;
/// How long a sinner waits for what it has earned.
const WAIT: Duration = Duration::from_secs(30);
/// How long one that need not have earned anything waits.
const GLANCE: Duration = Duration::from_millis(20);
/// The note of one that did not.
const LIVES_ON: &str = "lives on";
/// How often it notes meanwhile that it still lives.
const HEARTBEAT: Duration = Duration::from_micros(500);
/// No task of any test.
const NOBODY: u64 = 1 << 40;

macro_rules! sins {
    ($($variant:ident = $name:literal, $about:literal;)*) => {
        /// One thing that a worker does wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Sin {
            $(#[doc = $about] $variant,)*
        }

        impl Sin {
            /// Reads its name.
            pub(crate) fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

sins! {
    Magic = "magic", "A greeting with the wrong first bytes.";
    Version = "version", "A greeting of another version.";
    EmptyHello = "empty-hello", "A frame of length 0 for a greeting.";
    NoChannel = "no-channel", "A greeting without a connection.";
    Leave = "leave", "A greeting by one that has connected and left.";
    Talk = "talk", "Messages over the connection that nothing good would come of, and a greeting.";
    Crowd = "crowd", "As many connections as can be had, and a greeting.";
    NoHello = "no-hello", "No greeting, and no end.";
    HelloAgain = "hello-again", "A second greeting.";
    Empty = "empty", "A frame of length 0.";
    Huge = "huge", "A frame of 4 GiB.";
    Long = "long", "A frame a byte longer than allowed.";
    Tag = "tag", "A frame with an unknown tag.";
    Why = "why", "A goodbye for an unknown reason.";
    Trailing = "trailing", "A frame with a byte behind its end.";
    CutSilence = "cut-silence", "The beginning of a frame, then silence.";
    CutExit = "cut-exit", "The beginning of a frame, then the end.";
    HalfValue = "half-value", "The beginning of a long value, then silence.";
    Drip = "drip", "A frame that comes byte by byte and never ends.";
    Status = "status", "An outcome with an unknown status.";
    Lengths = "lengths", "An outcome longer than its frame.";
    NoTasks = "no-tasks", "An outcome of no task.";
    ManyTasks = "many-tasks", "Outcomes of more tasks than a batch has, in one frame.";
    FailedRun = "failed-run", "One error for two tasks.";
    Text = "text", "An error that is not UTF-8.";
    Chunks = "chunks", "More pieces of a value than allowed.";
    TwoValues = "two-values", "Pieces of two values at once.";
    NoChunks = "no-chunks", "A value in pieces that were never sent.";
    AskTwice = "ask-twice", "A second wish for an outbox.";
    PieceWithout = "piece-without", "A piece in an outbox that it does not have.";
    PieceOutside = "piece-outside", "A piece beyond the end of the outbox.";
    PieceEmpty = "piece-empty", "A piece without a byte.";
    PiecesOver = "pieces-over", "A piece over another one.";
    PiecesMany = "pieces-many", "More pieces at a time than allowed.";
    PieceClaim = "piece-claim", "A piece of a value that would be too long.";
    Deaf = "deaf", "Pieces without end, and no ear for what is said about them.";
    UnknownTask = "unknown-task", "An outcome of a task that there is not.";
    OthersTasks = "others-tasks", "Outcomes of tasks that others have, or nobody.";
    OtherAttempt = "other-attempt", "An outcome of another attempt.";
    Duplicate = "duplicate", "An outcome twice.";
    Goodbye = "goodbye", "A goodbye, and no end.";
    Descriptors = "descriptors", "Descriptors attached to frames, with every task.";
    Mutant = "mutant", "A frame that chance has changed.";
    Die = "die", "Death in the first attempt of every fifth task, with the times noted.";
    Starts = "starts", "None: the time at which each task begins is noted.";
}

impl Sin {
    /// True where it comes instead of the greeting.
    pub(crate) fn is_greeting(self) -> bool {
        use Sin::*;
        [Magic, Version, EmptyHello, NoChannel, Leave, Talk, Crowd, NoHello].contains(&self)
    }

    /// True where a process does it once, false where it does it with every task.
    pub(crate) fn comes_once(self) -> bool {
        !matches!(self, Self::Descriptors | Self::Die | Self::Starts)
    }

    /// True where the coordinator must end the worker for it at once.
    fn is_deadly(self) -> bool {
        use Sin::*;
        let harmless =
            [UnknownTask, OthersTasks, OtherAttempt, Duplicate, Goodbye, Descriptors, Mutant, Die, Starts];
        // These are for a time limit, or their own end.
        let slow = [CutSilence, HalfValue, CutExit, Drip];
        !harmless.contains(&self) && !slow.contains(&self)
    }
}

/// Greets wrongly, and waits.
pub(crate) fn greet(sin: Sin) -> io::Result<()> {
    let stdin = io::stdin();
    let link = stdin.as_fd();
    // What the coordinator has put there is read first: closing an unread stream would look like a crash.
    read_welcome(link)?;
    let hello = |version| {
        let mut bytes = Vec::new();
        Hello { version, build: "hostile", kinds: vec!["primes"] }.encode(&mut bytes);
        bytes
    };
    match sin {
        Sin::Magic => {
            let mut bytes = hello(PROTOCOL_VERSION);
            bytes.splice(..8, *b"GET / HT");
            write(link, &framed(&bytes))?;
        }
        Sin::Version => write(link, &framed(&hello(PROTOCOL_VERSION + 6)))?,
        Sin::EmptyHello => write(link, &announced(0))?,
        Sin::NoChannel => write(link, &framed(&hello(PROTOCOL_VERSION)))?,
        Sin::Leave => {
            drop(connected()?);
            write(link, &framed(&hello(PROTOCOL_VERSION)))?;
        }
        Sin::Talk => {
            let connection = connected()?;
            talk(&connection)?;
            write(link, &framed(&hello(PROTOCOL_VERSION)))?;
            // It has been taken on: it ends without having been of use.
            hear(&connection)?;
            return Ok(());
        }
        Sin::Crowd => {
            let first = connected()?;
            let more: Vec<_> = (0..100).map_while(|_| connected().ok()).collect();
            write(link, &framed(&hello(PROTOCOL_VERSION)))?;
            hear(&first)?;
            drop(more);
            return Ok(());
        }
        _ => {}
    }
    std::thread::sleep(WAIT);
    Ok(())
}

/// A connection to the coordinator, which does not wait.
fn connected() -> io::Result<OwnedFd> {
    let path = std::env::args().nth(2).ok_or_else(|| io::Error::other("there is no socket"))?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// Says what ends, hangs or misleads a receiver that believes it: `ipc-channel`'s header is the length of the packet and
/// of the whole message, and further parts come over a channel that is sent along.
fn talk(connection: &OwnedFd) -> io::Result<()> {
    let headers: [&[u64]; 4] = [&[24, 1 << 44, 7], &[0, 8], &[u64::MAX, 8, 0], &[24, 8, u64::MAX]];
    for header in headers {
        let bytes: Vec<u8> = header.iter().flat_map(|number| number.to_ne_bytes()).collect();
        for descriptors in [&[][..], &[connection.as_fd()][..], &[connection.as_fd(); 2][..]] {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !descriptors.is_empty() {
                control.push(SendAncillaryMessage::ScmRights(descriptors));
            }
            sendmsg(connection, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
        }
    }
    rustix::net::send(connection, b"\xff", SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits until something has come over the connection, or its end.
fn hear(connection: &OwnedFd) -> io::Result<()> {
    let patience = rustix::event::Timespec { tv_sec: WAIT.as_secs() as i64, tv_nsec: 0 };
    rustix::event::poll(&mut [PollFd::new(connection, PollFlags::IN)], Some(&patience))?;
    Ok(())
}

fn read_welcome(link: BorrowedFd<'_>) -> io::Result<()> {
    let mut bytes = [0; 64];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(link, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::empty())?;
    Ok(())
}

/// A task in the middle of which something is done.
#[derive(Debug)]
pub(crate) struct Act<'a> {
    pub(crate) task: &'a Task<'a>,
    /// The task's true value.
    pub(crate) value: &'a [u8],
    pub(crate) turn: u64,
    pub(crate) clock: Option<&'a Path>,
}

impl Act<'_> {
    /// Does it; returns where the worker is to go on as if nothing had been.
    pub(crate) fn commit(&self, sin: Sin) -> io::Result<()> {
        let link = self.task.context.link.ok_or_else(|| io::Error::other("there is no link"))?;
        match sin {
            Sin::Die => return self.die(),
            Sin::Starts => return Ok(()),
            Sin::Mutant => return self.mutate(link),
            _ => self.write(sin, link)?,
        }
        if sin.is_deadly() {
            self.wait_for_the_end()?;
        }
        Ok(())
    }

    fn write(&self, sin: Sin, link: BorrowedFd<'_>) -> io::Result<()> {
        let (id, attempt) = (self.task.id.0, self.task.attempt);
        let send = |frame: &[u8]| write(link, &framed(frame));
        match sin {
            Sin::HelloAgain => {
                let mut bytes = Vec::new();
                Hello { version: PROTOCOL_VERSION, build: "", kinds: vec![] }.encode(&mut bytes);
                send(&bytes)
            }
            Sin::Empty => write(link, &announced(0)),
            Sin::Huge => write(link, &announced(u32::MAX)),
            Sin::Long => write(link, &announced(MAX_FRAME as u32 + 1)),
            Sin::Tag => send(&[77]),
            Sin::Why => send(&[4, 0, 0, 9]),
            Sin::Trailing => send(&[0, 0]),
            Sin::CutSilence => {
                write(link, &cut())?;
                std::thread::sleep(WAIT);
                Ok(())
            }
            Sin::HalfValue => {
                self.offer(link, &[(0, 1 << 20, 1 << 20)], 1)?;
                std::thread::sleep(WAIT);
                Ok(())
            }
            Sin::CutExit => {
                write(link, &cut())?;
                std::process::exit(0)
            }
            Sin::Drip => drip(link),
            Sin::Status => send(&outcome(id, attempt, status::UNKNOWN, 0, b"")),
            Sin::Lengths => send(&outcome(id, attempt, status::OK, 100, b"short")),
            Sin::NoTasks => send(&run(id, 0, attempt, status::OK, 0, b"")),
            Sin::ManyTasks => send(&run(id, 1 << 40, attempt, status::OK, 0, b"")),
            Sin::FailedRun => send(&run(id, 2, attempt, status::ERROR, 1, b"ab")),
            Sin::Text => send(&outcome(id, attempt, status::ERROR, 2, b"\xff\xfe")),
            Sin::Chunks => self.send_too_many_chunks(link),
            Sin::TwoValues => {
                send(&chunk(self.task.id, attempt, b"one"))?;
                send(&chunk(TaskId(NOBODY), attempt, b"two"))
            }
            Sin::NoChunks => send(&outcome(id, attempt, status::CHUNKED, 5, b"")),
            Sin::AskTwice => self.offer(link, &[], 2),
            Sin::PieceWithout => self.offer(link, &[(0, 1, 0)], 0),
            Sin::PieceOutside => self.offer(link, &[((8 << 20) - 1, 2, 0)], 1),
            Sin::PieceEmpty => self.offer(link, &[(0, 0, 0)], 1),
            Sin::PiecesOver => self.offer(link, &[(0, 1 << 20, 0), ((1 << 20) - 1, 4096, 0)], 1),
            Sin::PiecesMany => {
                let many: Vec<_> = (0..=MAX_PIECES as u64).map(|at| (at, 1, 0)).collect();
                self.offer(link, &many, 1)
            }
            Sin::PieceClaim => self.offer(link, &[(0, 1, MAX_VALUE)], 1),
            Sin::Deaf => {
                self.offer(link, &[], 1)?;
                // One at a time, so that each is answered; the last ones find nobody any more.
                while self.offer(link, &[(0, 1, 0)], 0).is_ok() {
                    std::thread::sleep(HEARTBEAT);
                }
                Ok(())
            }
            Sin::UnknownTask => send(&outcome(NOBODY, 1, status::OK, 3, b"lie")),
            Sin::OthersTasks => (100..200)
                .flat_map(|step| [id + step, id.saturating_sub(step)])
                .filter(|other| other.abs_diff(id) >= 100)
                .try_for_each(|other| send(&outcome(other, 1, status::OK, 3, b"lie"))),
            Sin::OtherAttempt => send(&outcome(id, attempt + 1, status::OK, 3, b"lie")),
            // The true one; the worker itself reports it again.
            Sin::Duplicate => send(&outcome(id, attempt, status::OK, self.value.len() as u64, self.value)),
            Sin::Goodbye => {
                let why = protocol::Why::Pill;
                send(&encoded(&FromWorker::Goodbye { tasks: 0, busy_nanos: 0, why }))
            }
            Sin::Descriptors => attach_descriptors(link, &framed(&outcome(NOBODY, 1, status::OK, 0, b""))),
            _ => Err(io::Error::other("this sin is not one of the middle of a task")),
        }
    }

    /// Writes beyond the limit, if that is not stopped before.
    fn send_too_many_chunks(&self, link: BorrowedFd<'_>) -> io::Result<()> {
        let bytes = vec![0; MAX_FRAME - 64];
        let frame = framed(&chunk(self.task.id, self.task.attempt, &bytes));
        (0..=MAX_VALUE / bytes.len() as u64 + 1).try_for_each(|_| write(link, &frame))
    }

    /// Writes a mutant, and what is missing of it, and notes what that is and what comes of it.
    fn mutate(&self, link: BorrowedFd<'_>) -> io::Result<()> {
        let mutant = Mutant::new(tests::number("HOSTILE_SEED", 0), self.turn);
        let mut note = self.note("mutant")?;
        writeln!(note, "{}", mutant.nature.name())?;
        write(link, &mutant.beginning)?;
        let begin = monotonic_nanos();
        write(link, &mutant.rest)?;
        let patience = if mutant.nature == Nature::Malformed { WAIT } else { GLANCE };
        beat(&mut note, begin, patience)?;
        writeln!(note, "{LIVES_ON}")
    }

    /// Wants so many outboxes and offers pieces (offset, length, what follows), all in one breath.
    fn offer(&self, link: BorrowedFd<'_>, pieces: &[(u64, u64, u64)], wishes: usize) -> io::Result<()> {
        let mut bytes = framed(&encoded(&FromWorker::WantsOutbox)).repeat(wishes);
        let (task, attempt) = (self.task.id, self.task.attempt);
        for &(offset, length, more) in pieces {
            let piece = Piece { task, attempt, offset, length, more };
            bytes.extend(framed(&encoded(&FromWorker::Piece(piece))));
        }
        write(link, &bytes)
    }

    /// Notes how long it lives after its sin, until it is killed.
    fn wait_for_the_end(&self) -> io::Result<()> {
        beat(&mut self.note("sin")?, monotonic_nanos(), WAIT)
    }

    /// A file for what is to be known of this turn.
    fn note(&self, what: &str) -> io::Result<fs::File> {
        let folder = self.clock.ok_or_else(|| io::Error::other("there is no clock"))?;
        fs::File::create(folder.join(format!("{what}-{}", self.turn)))
    }

    fn die(&self) -> io::Result<()> {
        if !self.task.id.0.is_multiple_of(5) || self.task.attempt > 2 {
            return Ok(());
        }
        if let Some(folder) = self.clock {
            let name = format!("task-{}-{}", self.task.id, self.task.attempt);
            fs::write(folder.join(name), monotonic_nanos().to_string())?;
        }
        if self.task.attempt == 1 {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)?;
        }
        Ok(())
    }
}

/// Notes every now and then how long ago `begin` was, until that is `patience`.
fn beat(note: &mut fs::File, begin: u64, patience: Duration) -> io::Result<()> {
    loop {
        let lived = monotonic_nanos() - begin;
        writeln!(note, "{lived}")?;
        if u128::from(lived) > patience.as_nanos() {
            return Ok(());
        }
        std::thread::sleep(HEARTBEAT);
    }
}

/// Notes when a task began.
pub(crate) fn note_start(task: &Task<'_>, clock: &Path) -> io::Result<()> {
    let now = monotonic_nanos();
    fs::write(clock.join(format!("start-{}-{}", task.id, task.attempt)), now.to_string())
}

fn chunk(task: TaskId, attempt: u32, bytes: &[u8]) -> Vec<u8> {
    encoded(&FromWorker::Chunk { task, attempt, bytes })
}

/// The beginning of a frame.
fn cut() -> Vec<u8> {
    let mut bytes = announced(1000);
    bytes.extend_from_slice(&[2; 10]);
    bytes
}

fn drip(link: BorrowedFd<'_>) -> io::Result<()> {
    write(link, &announced(MAX_FRAME as u32))?;
    loop {
        write(link, &[2])?;
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn attach_descriptors(link: BorrowedFd<'_>, frame: &[u8]) -> io::Result<()> {
    let null = fs::File::open("/dev/null")?;
    let descriptors = [null.as_fd(); DESCRIPTORS];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(link, &[IoSlice::new(frame)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn write(link: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(link, bytes))?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}
