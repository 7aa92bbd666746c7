//! The worker side: takes batches, runs them task by task, and reports.
//!
//! A tiny task costs no allocation, no lock and no system call here. Outcomes leave in frames: at the end
//! of a batch, and in a long one about every four milliseconds.

mod error;
mod meter;
mod outgoing;
mod panics;
mod session;

use std::io;
use std::sync::Arc;

use ipc_channel::IpcError;
use ipc_channel::ipc::IpcBytesReceiver;

pub use self::error::ServeError;
use self::outgoing::Outgoing;
use self::session::{After, Session};
use crate::lent::Lent;
use crate::{
    FrameWriter, FromWorker, Handler, MAX_TEXT, Start, TaskError, TaskHead, TaskId, ToWorker, Why, WorkerLink,
};

/// How serving ended, in an orderly way.
///
/// ```
/// use protocol::Served;
///
/// fn exit_code(served: Served) -> u8 {
///     match served {
///         Served::Pill | Served::Recycled | Served::CoordinatorGone => 0,
///         Served::Refused => 1,
///     }
/// }
/// assert_eq!(exit_code(Served::Pill), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// The pill came; everything before it is done and reported.
    Pill,
    /// A task panicked; everything that was started is reported, and a fresh process should go on.
    Recycled,
    /// The handler could not be made; the coordinator knows why.
    Refused,
    /// The coordinator is gone, and nobody is interested any more.
    CoordinatorGone,
}

/// Serves one coordinator until the pill, a panic, or the coordinator's end. The first message makes the
/// handler, through `make`.
///
/// A panic of the handler is caught, reported and ends the serving; see [`Served::Recycled`]. For that, the
/// process's panic hook is replaced by one that records the panics that will be caught, and hands all
/// others on.
///
/// ```
/// # struct Upper;
/// # impl protocol::Handler for Upper {
/// #     fn run(&mut self, task: &protocol::Task<'_>, value: &mut Vec<u8>) -> Result<(), protocol::TaskError> {
/// #         value.extend(task.payload.to_ascii_uppercase());
/// #         Ok(())
/// #     }
/// # }
/// let (coordinator, link) = protocol::in_memory()?;
/// drop(coordinator);
/// let served = protocol::serve(link, |_| Ok(Box::new(Upper)))?;
/// assert_eq!(served, protocol::Served::CoordinatorGone);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The coordinator breaks the protocol, or the link fails otherwise than by the coordinator's end.
pub fn serve(
    link: WorkerLink,
    make: impl FnOnce(&Start<'_>) -> Result<Box<dyn Handler>, TaskError>,
) -> Result<Served, ServeError> {
    match serve_until_end(link, make) {
        Err(ServeError::Link(error)) if is_gone(&error) => Ok(Served::CoordinatorGone),
        other => other,
    }
}

fn serve_until_end(
    link: WorkerLink,
    make: impl FnOnce(&Start<'_>) -> Result<Box<dyn Handler>, TaskError>,
) -> Result<Served, ServeError> {
    panics::install_hook();
    let WorkerLink { receiver, mut writer, cell } = link;
    let Some(message) = receive(&receiver)? else { return Ok(Served::CoordinatorGone) };
    let cell = Arc::new(cell);
    let (worker, mut handler, unlimited) = match ToWorker::decode(&message)? {
        ToWorker::Start(start) => match make_handler(make, &start) {
            Ok(handler) => (start.worker.to_owned(), handler, start.limits.memory.is_none()),
            Err(reason) => return refuse(&mut writer, &reason),
        },
        ToWorker::Batch(_) | ToWorker::Large(_) => {
            return Err(ServeError::OutOfTurn("tasks before the start"));
        }
        ToWorker::Pill => {
            writer
                .write(|out| FromWorker::Goodbye { tasks: 0, busy_nanos: 0, why: Why::Pill }.encode(out))?;
            return Ok(Served::Pill);
        }
    };
    handler.attach(Arc::clone(&cell));
    writer.write(|out| FromWorker::Ready.encode(out))?;
    // Where address space has a limit, it is the tasks'.
    let mut lent = Lent::new(unlimited);
    let mut session = Session::new(worker, handler, writer, cell, Outgoing::new(unlimited));
    loop {
        let Some(message) = receive(&receiver)? else { return Ok(Served::CoordinatorGone) };
        let after = match ToWorker::decode(&message)? {
            ToWorker::Batch(batch) => session.run(batch.batch, batch.tasks())?,
            ToWorker::Large(large) => {
                let payload = lent.payload(|| session.arena(), &large)?;
                let task = TaskHead { id: TaskId(large.task), attempt: large.attempt, payload };
                session.run(large.batch, std::iter::once(Ok(task)))?
            }
            ToWorker::Pill => {
                session.say_goodbye(Why::Pill)?;
                return Ok(Served::Pill);
            }
            ToWorker::Start(_) => return Err(ServeError::OutOfTurn("a second start")),
        };
        if after == After::Recycle {
            session.say_goodbye(Why::Recycle)?;
            return Ok(Served::Recycled);
        }
    }
}

fn make_handler(
    make: impl FnOnce(&Start<'_>) -> Result<Box<dyn Handler>, TaskError>,
    start: &Start<'_>,
) -> Result<Box<dyn Handler>, String> {
    match panics::catch(|| make(start)) {
        Ok(made) => made.map_err(|error| error.message),
        Err(panic) => Err(format!("panic: {panic}")),
    }
}

fn refuse(writer: &mut FrameWriter, reason: &str) -> Result<Served, ServeError> {
    let message = reason.get(..reason.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
    writer.write(|out| FromWorker::Refused { message }.encode(out))?;
    Ok(Served::Refused)
}

/// The next message; `None`: the coordinator has closed its end.
fn receive(receiver: &IpcBytesReceiver) -> Result<Option<Vec<u8>>, ServeError> {
    loop {
        match receiver.recv() {
            Ok(message) => return Ok(Some(message)),
            Err(IpcError::Disconnected) => return Ok(None),
            Err(IpcError::Io(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(IpcError::Io(error)) => return Err(error.into()),
            // Bytes are not serialised: it does not happen.
            Err(error @ IpcError::SerializationError(_)) => return Err(io::Error::other(error).into()),
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}
