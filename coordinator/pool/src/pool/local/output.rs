//! What workers print, on its way to the log and the observers.

use nix::errno::Errno;
use protocol::monotonic_nanos;

use super::link::Link;
use super::processes::{Desk, Local};
use crate::pool::workers::{Ear, Heard};
use queue::WorkerId;

/// How much printed output is read at once.
const HELPING: usize = 64 * 1024;

impl Local<'_> {
    /// Hears what a worker has printed.
    pub(super) fn hear_output(&mut self, worker: WorkerId, ear: &mut impl Ear) {
        let Self { links, poll, desk, .. } = self;
        let Some(link) = links.get_mut(worker.index()).and_then(Option::as_mut) else { return };
        if print(link, desk, ear) == Printed::End {
            poll.unwatch(link.process.output());
        }
    }

    /// Hears the rest of what a dead worker has printed.
    pub(super) fn hear_last_output(&mut self, worker: WorkerId, helpings: usize, ear: &mut impl Ear) {
        let Self { links, desk, .. } = self;
        let Some(link) = links.get_mut(worker.index()).and_then(Option::as_mut) else { return };
        for _ in 0..helpings {
            if print(link, desk, ear) != Printed::Some {
                break;
            }
        }
        let at = monotonic_nanos();
        link.peer.lines.finish(|line| ear.hear(at, Heard::Printed { worker, running: None, line }));
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Printed {
    Some,
    Nothing,
    End,
}

fn print(link: &mut Link, desk: &mut Desk, ear: &mut impl Ear) -> Printed {
    desk.printed.resize(HELPING, 0);
    let read = match nix::unistd::read(link.process.output(), &mut desk.printed) {
        Ok(0) => return Printed::End,
        Ok(read) => read,
        Err(Errno::EAGAIN | Errno::EINTR) => return Printed::Nothing,
        Err(_) => return Printed::End,
    };
    let running = link.peer.running().map(|running| (running.task, running.attempt));
    let (at, worker) = (monotonic_nanos(), link.peer.worker);
    let bytes = desk.printed.get(..read).unwrap_or_default();
    let task = running.map(|(task, _)| task);
    link.peer.lines.feed(task, bytes, |line| ear.hear(at, Heard::Printed { worker, running, line }));
    Printed::Some
}
