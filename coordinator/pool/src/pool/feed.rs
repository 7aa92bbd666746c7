//! What goes in and what goes out: tasks from the source into the queue, outcomes from the ledger to the sink.

use protocol::{MAX_MESSAGE, MAX_PAYLOAD};

use super::driver::Driver;
use super::report::End;
use super::{Incoming, Offer, PoolEvent, Supply};
use crate::outcome::{Meta, Outcome};
use queue::Event;

/// How many outcomes are handed to the sink at once, at most.
const OUTBOX: usize = 8192;
const OUTBOX_BYTES: usize = 1 << 20;
/// How many tasks are taken from the source at once.
const TAKE: usize = 4096;
/// What a payload in the arena counts in the queue, in bytes: more than a batch may have, so that it is sent
/// alone. The arena bounds its memory.
const LARGE_COST: usize = MAX_MESSAGE;
/// Counts of tasks that were done before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Restored {
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) retried: u64,
}

impl Driver<'_> {
    /// Puts what the source has into the queue, as far as there is room.
    pub(super) fn feed(&mut self) {
        while self.planning {
            // Tasks that are done take no room in the queue: their outcomes have to leave.
            self.flush_if_much();
            let room = if self.has_large_to_send() { 0 } else { self.queue.room().min(TAKE) };
            if room == 0 || self.is_much() {
                return;
            }
            self.incoming.clear();
            match self.source.take(room, &mut self.incoming) {
                Supply::Some => self.put_incoming(),
                Supply::Pending => return,
                Supply::End => {
                    self.planning = false;
                    self.tell_planning();
                    self.handle(Event::PlanEnded);
                }
                Supply::Failed(error) => self.fail_planning(error.0),
            }
        }
    }

    /// True where there is a payload in the arena that no worker has room for yet. More would not be sent any
    /// sooner, and would take memory that was never used, for which every page costs a fault, where some that
    /// was is soon free.
    fn has_large_to_send(&mut self) -> bool {
        let unsent = self.ledger.unsent_large();
        unsent > 0 && unsent > self.queue.kept_back()
    }

    fn put_incoming(&mut self) {
        let mut incoming = std::mem::take(&mut self.incoming);
        let too_long = incoming.payloads.lengths().position(|length| length > MAX_PAYLOAD);
        if too_long.is_none() && incoming.done.is_empty() && incoming.large.is_empty() {
            self.ledger.push_all(&incoming.payloads);
            self.queue.put_all(incoming.payloads.lengths(), 0);
        } else {
            self.put_one_by_one(&mut incoming, too_long.unwrap_or(usize::MAX));
        }
        let too_long = too_long.and_then(|place| incoming.payloads.get(place)).map(<[u8]>::len);
        self.incoming = incoming;
        if let Some(length) = too_long {
            let task = self.queue.counts().planned;
            let why = format!("task {task} has an input of {length} bytes, and {MAX_PAYLOAD} are allowed");
            return self.fail_planning(why);
        }
        self.tell_planning();
        self.handle(Event::Tick);
    }

    /// The first `count` tasks, some of which are done or have their payloads elsewhere.
    fn put_one_by_one(&mut self, incoming: &mut Incoming, count: usize) {
        let mut done = incoming.done.iter().peekable();
        let mut large = incoming.large.drain(..).peekable();
        for (place, payload) in incoming.payloads.iter().take(count).enumerate() {
            let cost = match large.next_if(|(at, _)| *at == place) {
                None => {
                    self.ledger.push(payload);
                    payload.len()
                }
                Some((_, extent)) => {
                    self.ledger.push_large(extent);
                    LARGE_COST
                }
            };
            match done.next_if(|outcome| outcome.task.0 == self.queue.counts().planned) {
                None => {
                    self.queue.put(cost, 0);
                }
                Some(outcome) => self.restore(&outcome),
            }
        }
    }

    fn tell_planning(&mut self) {
        let skipped = self.restored.ok + self.restored.failed;
        let (tasks, all) = (self.queue.counts().planned, !self.planning);
        self.tell(&PoolEvent::Planned { tasks, skipped, all });
    }

    /// A task that an earlier session has done is not run: its outcome leaves at once.
    fn restore(&mut self, outcome: &Outcome<'_>) {
        let task = self.queue.skip();
        let Outcome { attempts, worker, micros, slow, result, .. } = *outcome;
        match result {
            Ok(_) => self.restored.ok += 1,
            Err(_) => self.restored.failed += 1,
        }
        self.restored.retried += u64::from(attempts.saturating_sub(1));
        let meta = Meta { attempts, worker, micros, slow };
        self.ledger.settle(task, meta, result, &mut self.outbox);
    }

    /// The rest of the input can't be had: what has been planned is finished, and the run ends.
    fn fail_planning(&mut self, why: String) {
        self.planning = false;
        self.end.get_or_insert(End::BadInput(why));
        self.tell_planning();
        self.handle(Event::PlanEnded);
    }

    /// Hands outcomes on; where they can't leave, nothing new is leased until they can.
    pub(super) fn flush(&mut self) {
        if !self.outbox.is_empty() {
            match self.sink.offer(std::mem::take(&mut self.outbox)) {
                Offer::Taken(spare) => self.outbox = spare,
                Offer::Full(batch) => self.outbox = batch,
                Offer::Closed => {
                    if self.end.is_none() {
                        self.end = Some(End::SinkClosed);
                        self.handle(Event::Abort);
                    }
                    self.outbox.clear();
                }
            }
        }
        let full = !self.outbox.is_empty();
        if full != self.congested {
            self.congested = full;
            self.handle(Event::Congested(full));
        }
    }

    /// Hands on what there is when it has become much.
    pub(super) fn flush_if_much(&mut self) {
        if self.is_much() {
            self.flush();
        }
    }

    fn is_much(&self) -> bool {
        self.outbox.len() >= OUTBOX || self.outbox.total_bytes() >= OUTBOX_BYTES
    }
}
