//! One observer: what it is still to be told, in bounded memory.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use protocol::monotonic_nanos;
use protocol::observe::Observation;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::feed::Frame;

/// How many events may wait for an observer.
const EVENTS: usize = 1024;
/// How much is written at once, about, in bytes.
const PIECE: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Client {
    stream: OwnedFd,
    // Whole frames that are being written: everything from `sent` on is still to go.
    piece: Vec<u8>,
    sent: usize,
    // Only the latest is of use.
    snapshot: Option<Frame>,
    // Invariant: at most `EVENTS`.
    events: VecDeque<Frame>,
    lost: u64,
    // Since when it has taken nothing, though there is something to be taken.
    stuck_since: Option<u64>,
}

impl Client {
    /// An observer that is told this first.
    pub(super) fn new(stream: OwnedFd, greeting: &[u8]) -> Self {
        Self {
            stream,
            piece: greeting.to_vec(),
            sent: 0,
            snapshot: None,
            events: VecDeque::new(),
            lost: 0,
            stuck_since: None,
        }
    }

    /// How the run stands now.
    pub(super) fn show(&mut self, snapshot: Frame) {
        self.snapshot = Some(snapshot);
    }

    /// Something has happened. Where too much waits, the oldest event is lost.
    pub(super) fn tell(&mut self, event: Frame) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
            self.lost += 1;
        }
        self.events.push_back(event);
    }

    /// So many events were lost on the way.
    pub(super) fn lose(&mut self, events: u64) {
        self.lost += events;
    }

    /// The last thing that it is told.
    pub(super) fn tell_end(&mut self, end: Frame) {
        self.snapshot = None;
        self.tell(end);
    }

    /// Writes what it takes without waiting. False where it has gone.
    pub(super) fn write(&mut self) -> bool {
        loop {
            if self.sent >= self.piece.len() {
                self.next_piece();
            }
            let rest = self.piece.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                return true;
            }
            match send(&self.stream, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(sent) => {
                    self.sent += sent;
                    self.stuck_since = None;
                }
                Err(Errno::AGAIN) => {
                    self.stuck_since.get_or_insert_with(monotonic_nanos);
                    return true;
                }
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Something waits for it to read.
    pub(super) fn is_behind(&self) -> bool {
        self.stuck_since.is_some()
    }

    /// Since when it has taken nothing.
    pub(super) fn stuck_since(&self) -> Option<u64> {
        self.stuck_since
    }

    fn next_piece(&mut self) {
        self.piece.clear();
        self.sent = 0;
        // First, so that an observer that can't keep up with the events still sees how the run stands.
        if let Some(snapshot) = self.snapshot.take() {
            self.piece.extend_from_slice(&snapshot);
        }
        if self.lost > 0 {
            let events = std::mem::take(&mut self.lost);
            self.piece.extend_from_slice(&Observation::Lost { events }.to_frame());
        }
        while self.piece.len() < PIECE
            && let Some(event) = self.events.pop_front()
        {
            self.piece.extend_from_slice(&event);
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use protocol::{Filled, FrameReader};

    use super::*;

    fn event(events: u64) -> Frame {
        Observation::Slow { worker: "x".repeat(1000), task: protocol::TaskId(events) }.to_frame().into()
    }

    #[test]
    fn a_slow_observer_loses_the_oldest_events_and_is_told_how_many() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut client = Client::new(ours.into(), &event(0));
        let count = 10_000;
        for number in 1..count {
            client.tell(event(number));
            assert!(client.write());
            assert!(client.events.len() <= EVENTS && client.piece.capacity() <= 2 * PIECE);
        }
        assert!(client.is_behind() && client.lost > 0);
        theirs.set_nonblocking(true).unwrap();
        let (mut frames, mut seen, mut lost) = (FrameReader::new(), Vec::new(), 0);
        loop {
            assert!(client.write());
            match frames.fill(&theirs).unwrap() {
                Filled::Bytes(_) => {}
                _ if !client.is_behind() => break,
                _ => {}
            }
            while let Some(frame) = frames.next_frame().unwrap() {
                match Observation::decode(frame).unwrap() {
                    Observation::Slow { task, .. } => seen.push(task.0),
                    Observation::Lost { events } => lost += events,
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(seen.len() as u64 + lost, count);
        assert!(seen.is_sorted() && seen.first() == Some(&0) && seen.last() == Some(&(count - 1)));
    }

    #[test]
    fn of_snapshots_that_wait_only_the_latest_is_told() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut client = Client::new(ours.into(), &event(0));
        client.show(event(1));
        client.show(event(2));
        client.tell(event(3));
        assert!(client.write());
        let mut frames = FrameReader::new();
        frames.fill(&theirs).unwrap();
        let mut seen = Vec::new();
        while let Some(frame) = frames.next_frame().unwrap() {
            let Observation::Slow { task, .. } = Observation::decode(frame).unwrap() else { panic!() };
            seen.push(task.0);
        }
        assert_eq!(seen, [0, 2, 3]);
    }

    #[test]
    fn an_observer_that_has_gone_is_noticed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert!(!Client::new(ours.into(), &event(0)).write());
    }
}
