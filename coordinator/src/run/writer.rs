//! Writing on a thread of its own.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};

use crate::outcome::{OutcomeBatch, SharedBatch};
use crate::pool::{Offer, Sink, Waker};

/// How many batches may wait to be written.
const BATCHES: usize = 8;

/// What the writing thread does with a batch; the first error ends it.
pub(super) trait OutcomeWriter: Send {
    /// Takes in a batch.
    ///
    /// # Errors
    /// It can't be written, or nobody reads any more.
    fn write(&mut self, batch: SharedBatch) -> anyhow::Result<()>;

    /// Goes on with what has been taken in, for a bounded time; false where there is nothing left to do. Batches that
    /// come meanwhile are taken in first.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    fn go_on(&mut self) -> anyhow::Result<bool>;
}

/// Writes on a thread of its own, so that a slow disk or reader never holds up the pool.
#[derive(Debug)]
pub(super) struct Writer<W> {
    batches: Option<Sender<OutcomeBatch>>,
    spare: Receiver<OutcomeBatch>,
    thread: Option<JoinHandle<(W, anyhow::Result<()>)>>,
}

impl<W: OutcomeWriter + 'static> Writer<W> {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn spawn(write: W, waker: Waker) -> std::io::Result<Self> {
        let (sender, batches) = bounded(BATCHES);
        let (give_back, spare) = bounded(BATCHES);
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || run(write, batches, give_back, &waker))?;
        Ok(Self { batches: Some(sender), spare, thread: Some(thread) })
    }

    /// Waits until everything is written, and returns what wrote it and how that went.
    pub(super) fn finish(mut self) -> anyhow::Result<(W, anyhow::Result<()>)> {
        self.batches = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(end)) => Ok(end),
            _ => Err(anyhow::anyhow!("writing stopped in the middle (a bug)")),
        }
    }
}

impl<W> Sink for Writer<W> {
    fn offer(&mut self, batch: OutcomeBatch) -> Offer {
        let Some(batches) = &self.batches else { return Offer::Closed };
        match batches.try_send(batch) {
            Ok(()) => Offer::Taken(match self.spare.try_recv() {
                Ok(spare) => spare,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => OutcomeBatch::new(),
            }),
            Err(TrySendError::Full(batch)) => Offer::Full(batch),
            Err(TrySendError::Disconnected(_)) => Offer::Closed,
        }
    }
}

/// The thread's end of the channels.
struct Desk<'a> {
    batches: Receiver<OutcomeBatch>,
    home: Sender<OutcomeBatch>,
    waker: &'a Waker,
}

impl Desk<'_> {
    /// Writes until no more batches come and all are written.
    fn serve(&self, write: &mut impl OutcomeWriter) -> anyhow::Result<()> {
        let mut busy = false;
        loop {
            let next = match busy {
                true => self.batches.try_recv(),
                false => self.batches.recv().map_err(|_| TryRecvError::Disconnected),
            };
            match next {
                Ok(batch) => {
                    // Whoever found no room may try again.
                    if self.batches.len() + 1 >= BATCHES {
                        self.waker.wake();
                    }
                    write.write(SharedBatch::lent(batch, self.home.clone()))?;
                }
                Err(TryRecvError::Disconnected) if !busy => return Ok(()),
                Err(_) => {}
            }
            busy = write.go_on()?;
        }
    }
}

fn run<W: OutcomeWriter>(
    mut write: W,
    batches: Receiver<OutcomeBatch>,
    home: Sender<OutcomeBatch>,
    waker: &Waker,
) -> (W, anyhow::Result<()>) {
    let desk = Desk { batches, home, waker };
    let written = desk.serve(&mut write);
    // Only who is woken after the end can see it.
    drop(desk);
    waker.wake();
    (write, written)
}
