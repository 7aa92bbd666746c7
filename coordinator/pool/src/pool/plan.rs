//! What goes in: tasks from the source into the queue, their payloads into the ledger.

use protocol::{MAX_MESSAGE, MAX_PAYLOAD};

use super::results::ResultQueue;
use super::{Incoming, Source, Supply};
use crate::outcome::{Meta, Outcome};
use queue::{Counts, Queue};

/// How many tasks are taken from the source at once.
const TAKE: usize = 4096;
/// What a payload in the arena counts in the queue, in bytes: more than a batch may have, so that it is sent
/// alone. The arena bounds its memory.
const LARGE_COST: usize = MAX_MESSAGE;

/// The source, and what it has had so far.
pub(super) struct Plan<'a> {
    source: &'a mut dyn Source,
    incoming: Incoming,
    // Of all its tasks.
    priority: i32,
    goes_on: bool,
    restored: Restored,
}

/// Counts of tasks that were done before.
#[derive(Debug, Clone, Copy, Default)]
struct Restored {
    ok: u64,
    failed: u64,
    retried: u64,
}

/// What came of asking for more.
#[derive(Debug)]
pub(super) enum Planned {
    /// There is nothing now, or no room.
    Nothing,
    /// Tasks were put.
    Some,
    /// There will be no more; or why the rest can't be had: what has been put is finished, and the run ends.
    End(Option<String>),
}

impl<'a> Plan<'a> {
    pub(super) fn new(source: &'a mut dyn Source, priority: i32) -> Self {
        let (incoming, restored) = (Incoming::default(), Restored::default());
        Self { source, incoming, priority, goes_on: true, restored }
    }

    /// True while there may be more tasks.
    pub(super) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// How many tasks were done before.
    pub(super) fn skipped(&self) -> u64 {
        self.restored.ok + self.restored.failed
    }

    /// The counts over this session and those before it.
    pub(super) fn add_restored(&self, counts: Counts) -> Counts {
        let Restored { ok, failed, retried } = self.restored;
        Counts {
            ok: counts.ok + ok,
            failed: counts.failed + failed,
            retried: counts.retried + retried,
            ..counts
        }
    }

    /// Puts what the source has now into the queue, as far as there is room.
    pub(super) fn take(&mut self, queue: &mut Queue, results: &mut ResultQueue<'_>) -> Planned {
        if !self.goes_on {
            return Planned::Nothing;
        }
        let room = if has_large_to_send(queue, results) { 0 } else { queue.room().min(TAKE) };
        if room == 0 || results.is_much() {
            return Planned::Nothing;
        }
        self.incoming.clear();
        match self.source.take(room, &mut self.incoming) {
            Supply::Some => self.put(queue, results),
            Supply::Pending => Planned::Nothing,
            Supply::End => self.end(None),
            Supply::Failed(error) => self.end(Some(error.0)),
        }
    }

    fn end(&mut self, why: Option<String>) -> Planned {
        self.goes_on = false;
        Planned::End(why)
    }

    fn put(&mut self, queue: &mut Queue, results: &mut ResultQueue<'_>) -> Planned {
        let Incoming { payloads, large, done } = &self.incoming;
        let too_long = payloads.lengths().enumerate().find(|(_, length)| *length > MAX_PAYLOAD);
        if too_long.is_none() && done.is_empty() && large.is_empty() {
            results.ledger.push_all(payloads);
            queue.put_all(payloads.lengths(), self.priority);
            return Planned::Some;
        }
        self.put_one_by_one(too_long.map_or(usize::MAX, |(place, _)| place), queue, results);
        let Some((_, length)) = too_long else { return Planned::Some };
        let task = queue.counts().planned;
        self.end(Some(format!("task {task} has an input of {length} bytes, and {MAX_PAYLOAD} are allowed")))
    }

    /// The first `count` tasks, some of which are done or have their payloads elsewhere.
    fn put_one_by_one(&mut self, count: usize, queue: &mut Queue, results: &mut ResultQueue<'_>) {
        let Self { incoming: Incoming { payloads, large, done }, priority, restored, .. } = self;
        let mut done = done.iter().peekable();
        let mut large = large.drain(..).peekable();
        for (place, payload) in payloads.iter().take(count).enumerate() {
            let cost = match large.next_if(|(at, _)| *at == place) {
                None => {
                    results.ledger.push(payload);
                    payload.len()
                }
                Some((_, extent)) => {
                    results.ledger.push_large(extent);
                    LARGE_COST
                }
            };
            match done.next_if(|outcome| outcome.task.0 == queue.counts().planned) {
                None => {
                    queue.put(cost, *priority);
                }
                Some(outcome) => restore(&outcome, restored, queue, results),
            }
        }
    }
}

/// True if there is a payload in the arena that no worker has room for yet. More would not be sent any
/// sooner, and would take memory that was never used, for which every page costs a fault, while some that
/// was is soon free.
fn has_large_to_send(queue: &mut Queue, results: &ResultQueue<'_>) -> bool {
    let unsent = results.ledger.unsent_large();
    unsent > 0 && unsent > queue.kept_back()
}

/// A task that an earlier session has done is not run: its outcome leaves at once.
fn restore(outcome: &Outcome<'_>, restored: &mut Restored, queue: &mut Queue, results: &mut ResultQueue<'_>) {
    let task = queue.skip();
    let Outcome { attempts, worker, micros, slow, result, .. } = *outcome;
    match result {
        Ok(_) => restored.ok += 1,
        Err(_) => restored.failed += 1,
    }
    restored.retried += u64::from(attempts.saturating_sub(1));
    let meta = Meta { attempts, worker, micros, slow };
    results.put(task, meta, result);
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use protocol::TaskId;
    use queue::{BatchSize, Decisions, Event, Order, QueueConfig, Time, WorkerId};

    use super::*;
    use crate::outcome::OutcomeBatch;
    use crate::pool::{Offer, PoolOptions, Sink};

    struct Two;

    impl Source for Two {
        fn take(&mut self, _: usize, into: &mut Incoming) -> Supply {
            (0..2).for_each(|_| into.payloads.push(b"payload"));
            Supply::Some
        }
    }

    struct Anything;

    impl Sink for Anything {
        fn offer(&mut self, batch: OutcomeBatch) -> Offer {
            Offer::Taken(batch)
        }
    }

    /// Which task a worker gets first if two of this priority come after one of priority 0.
    fn first_of(priority: i32) -> TaskId {
        let batch = BatchSize::Fixed(NonZeroU32::MIN);
        let mut queue = Queue::new(QueueConfig { batch, ..QueueConfig::default() });
        let (mut source, mut sink, mut decisions) = (Two, Anything, Decisions::default());
        queue.put(1, 0);
        let mut results = ResultQueue::new(&PoolOptions::default(), &mut sink);
        let planned = Plan::new(&mut source, priority).take(&mut queue, &mut results);
        assert!(matches!(planned, Planned::Some));
        for event in [Event::Tick, Event::Started { worker: WorkerId(0) }] {
            queue.handle(Time(0), event, &mut decisions);
        }
        let sent = decisions.orders.iter().find_map(|order| match order {
            Order::Send { tasks, .. } => tasks.first().map(|leases| leases.run.first),
            _ => None,
        });
        sent.unwrap()
    }

    #[test]
    fn the_tasks_of_a_run_have_its_priority() {
        assert_eq!([-1, 0, 1].map(first_of), [TaskId(0), TaskId(0), TaskId(1)]);
    }
}
