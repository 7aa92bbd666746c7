//! What workers say: read without waiting, believed in nothing.

use std::time::Duration;

use protocol::{Filled, FromWorker, Hello, Outcomes, monotonic_nanos};
use tracing::debug;

use super::peer::Peer;
use super::processes::{Desk, Local};
use super::start::Start;
use crate::pool::workers::{Ear, Frame, Heard};
use queue::WorkerId;

/// How long a worker's outbox is, in bytes: room for a few pieces, and short enough for the processor's cache.
const OUTBOX: usize = 2 << 20;
/// How much all outboxes may take; a worker that asks for one beyond that sends its long values in chunks.
const ALL_OUTBOXES: usize = 256 << 20;
/// How many helpings of a dead worker's output and frames are read: all that a pipe or socket can hold.
const LAST_HELPINGS: usize = 64;

impl Local<'_> {
    /// Hears what has come, at most one bounded helping: others wait too.
    pub(super) fn hear_frames(&mut self, worker: WorkerId, ear: &mut impl Ear) {
        let Self { links, poll, start, desk, .. } = self;
        let Some(link) = links.get_mut(worker.index()).and_then(Option::as_mut) else { return };
        let peer = &mut link.peer;
        let filled = peer.fill(&mut link.reader);
        hear_all(&mut link.reader, peer, start, desk, ear);
        peer.return_pieces();
        match filled {
            Ok(Filled::Closed) => {
                if peer.end_link(monotonic_nanos()) {
                    peer.frames().into_iter().for_each(|fd| poll.unwatch(fd));
                }
            }
            Ok(Filled::Bytes(_) | Filled::WouldBlock) => {}
            Err(error) => peer.set_broke(format!("reading from it failed: {error}")),
        }
        if peer.broke.is_some() && peer.killed.is_none() {
            ear.hear(monotonic_nanos(), Heard::Broke(worker));
        }
    }

    pub(super) fn hear_of_death(&mut self, worker: WorkerId, ear: &mut impl Ear) {
        if self.link(worker).is_some_and(|link| link.process.exit().is_some()) {
            ear.hear(monotonic_nanos(), Heard::Ended(worker));
        }
    }

    /// Everything that a dead worker had said and printed.
    pub(super) fn hear_last_words(&mut self, worker: WorkerId, ear: &mut impl Ear) {
        let Self { links, start, desk, .. } = self;
        let Some(link) = links.get_mut(worker.index()).and_then(Option::as_mut) else { return };
        for _ in 0..LAST_HELPINGS {
            let filled = link.peer.fill(&mut link.reader);
            hear_all(&mut link.reader, &mut link.peer, start, desk, ear);
            if !matches!(filled, Ok(Filled::Bytes(_))) || link.peer.broke.is_some() {
                break;
            }
        }
        self.hear_last_output(worker, LAST_HELPINGS, ear);
    }
}

/// All complete frames, up to the first that makes no sense.
fn hear_all(
    reader: &mut protocol::FrameReader,
    peer: &mut Peer,
    start: &Start<'_>,
    desk: &mut Desk,
    ear: &mut impl Ear,
) {
    while peer.broke.is_none() {
        let said = match reader.next_frame() {
            Ok(Some(frame)) => hear(peer, frame, start, desk, ear),
            Ok(None) => break,
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = said {
            peer.set_broke(why);
        }
    }
}

fn hear(
    peer: &mut Peer,
    frame: &[u8],
    start: &Start<'_>,
    desk: &mut Desk,
    ear: &mut impl Ear,
) -> Result<(), String> {
    let worker = peer.worker;
    if !peer.greeted() {
        return hear_greeting(peer, frame, start, ear);
    }
    match FromWorker::decode(frame).map_err(|error| error.to_string())? {
        FromWorker::Ready => debug!(%worker, "ready"),
        FromWorker::Refused { message } => peer.refused = Some(message.to_owned()),
        FromWorker::Chunk { task, attempt, bytes } => {
            let length = bytes.len() as u64;
            let value = peer.long.extend((task, attempt), length, None, |length| ear.room_for(length))?;
            value.extend_from_slice(bytes);
        }
        FromWorker::Piece(piece) => peer.keep_piece(&piece, |length| ear.room_for(length))?,
        FromWorker::WantsOutbox => give_outbox(peer, desk)?,
        FromWorker::Outcomes(outcomes) => hear_outcomes(peer, frame, &outcomes, desk, ear)?,
        FromWorker::Progress { task, attempt, done, total } => {
            ear.hear(monotonic_nanos(), Heard::Progress { worker, task, attempt, done, total });
        }
        FromWorker::Goodbye { tasks, why, .. } => {
            debug!(%worker, tasks, ?why, "said goodbye");
            peer.goodbye = true;
        }
    }
    Ok(())
}

/// The first frame: who is there, and does it speak our version?
fn hear_greeting(peer: &mut Peer, frame: &[u8], start: &Start<'_>, ear: &mut impl Ear) -> Result<(), String> {
    let hello = Hello::decode(frame).map_err(|error| error.to_string())?;
    hello.check().map_err(|mismatch| mismatch.to_string())?;
    let name = peer.worker.to_string();
    peer.accept(&start.message(peer.worker, &name, peer.incarnation))?;
    ear.hear(monotonic_nanos(), Heard::Greeted(peer.worker));
    Ok(())
}

fn hear_outcomes(
    peer: &mut Peer,
    bytes: &[u8],
    outcomes: &Outcomes<'_>,
    desk: &mut Desk,
    ear: &mut impl Ear,
) -> Result<(), String> {
    desk.parsed.read(&mut peer.long, bytes, outcomes)?;
    peer.reported = peer.reported.saturating_add(desk.parsed.count() as u64);
    let busy = Duration::from_nanos(outcomes.busy_nanos);
    let Peer { worker, pid, lines, .. } = peer;
    let frame = Frame { worker: *worker, pid: *pid, busy, said: &desk.parsed, bytes, lines };
    ear.hear(monotonic_nanos(), Heard::Outcomes(frame));
    Ok(())
}

/// A worker has its first long value.
fn give_outbox(peer: &mut Peer, desk: &mut Desk) -> Result<(), String> {
    let before = peer.outbox_bytes();
    peer.give_outbox(if desk.outboxes + OUTBOX <= ALL_OUTBOXES { OUTBOX } else { 0 })?;
    desk.outboxes += peer.outbox_bytes().saturating_sub(before);
    Ok(())
}
