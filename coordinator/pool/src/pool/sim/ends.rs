//! The two ends of a simulated pool, and its audience.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::truth::Left;
use super::world::{World, payload, value};
use crate::outcome::{Outcome, OutcomeBatch};
use crate::pool::{Incoming, InputError, Observer, Offer, PoolEvent, Sink, Source, Supply};
use protocol::TaskId;
use queue::{Fate, Time};

/// Where the tasks come from: in chunks, with pauses, and with the outcomes of some that are done already.
pub(super) struct Spring {
    world: Rc<RefCell<World>>,
    next: u64,
}

impl Spring {
    pub(super) fn new(world: Rc<RefCell<World>>) -> Self {
        Self { world, next: 0 }
    }
}

impl Source for Spring {
    fn take(&mut self, max: usize, into: &mut Incoming) -> Supply {
        let world = &mut *self.world.borrow_mut();
        if self.next == world.scenario.tasks {
            if !world.scenario.bad_input {
                return Supply::End;
            }
            world.met.insert("bad input");
            return Supply::Failed(InputError("the last input is bad".to_owned()));
        }
        if world.rng.chance(200) {
            world.wake_soon();
            return Supply::Pending;
        }
        let left = world.scenario.tasks - self.next;
        for _ in 0..world.rng.range(1, left.min(max as u64)) {
            let task = TaskId(self.next);
            into.payloads.push(&payload(task));
            if world.rng.chance(world.scenario.restored) {
                world.restored.insert(task);
                world.met.insert("restored");
                let value = value(task);
                into.done.push(Outcome {
                    task,
                    payload: &[],
                    attempts: 2,
                    worker: 1,
                    micros: 7,
                    slow: false,
                    result: Ok(&value),
                });
            }
            self.next += 1;
        }
        world.planned = self.next;
        Supply::Some
    }
}

/// Where the outcomes go.
pub(super) struct Drain(pub(super) Rc<RefCell<World>>);

impl Sink for Drain {
    fn offer(&mut self, mut batch: OutcomeBatch) -> Offer {
        let world = &mut *self.0.borrow_mut();
        if world.sink.closed {
            world.met.insert("sink closed");
            world.sink.refused = true;
            return Offer::Closed;
        }
        if world.sink.full {
            world.met.insert("congested");
            world.sink.refused = true;
            return Offer::Full(batch);
        }
        world.sink.refused = false;
        for outcome in batch.iter() {
            world.leaves(&outcome);
        }
        batch.clear();
        Offer::Taken(batch)
    }
}

impl World {
    fn leaves(&mut self, outcome: &Outcome<'_>) {
        let task = outcome.task;
        self.note(|| format!("  task {task} leaves: {:?}", outcome.result.map(<[u8]>::len)));
        let wanted: &[u8] = if self.scenario.options.payloads_in_outcomes { &payload(task) } else { &[] };
        if outcome.payload != wanted {
            self.complain(format!("task {task} leaves with another payload"));
        }
        if outcome.result.is_ok_and(|got| got != value(task)) {
            self.complain(format!("task {task} leaves with another value"));
        }
        let failed = outcome.result.err().map(|failure| (failure.reason, failure.history.clone()));
        let left = Left { attempts: outcome.attempts, worker: outcome.worker, failed };
        if self.truth.left.insert(task, left).is_some() {
            self.complain(format!("task {task} has two outcomes"));
        }
    }
}

/// Hears what the pool tells.
pub(super) struct Audience(pub(super) Rc<RefCell<World>>);

impl Observer for Audience {
    fn on_event(&mut self, _: Time, event: &PoolEvent<'_>) {
        let world = &mut *self.0.borrow_mut();
        let told = &mut world.truth.told;
        match *event {
            PoolEvent::Done { tasks, .. } => told.ok += tasks.len() as u64,
            PoolEvent::Failed { task, record, fate, .. } => {
                *told.failures.entry(task).or_default() += 1;
                let failed = u64::from(fate == Fate::Failed);
                told.failed += failed;
                told.retried += 1 - failed;
                let by_death = record.signal.is_some() || record.exit_code.is_some();
                world.met.insert(if by_death { "charged by a death" } else { "charged by a report" });
                world.met.extend((failed > 0).then_some("dead letter"));
                world.note(|| format!("  failed: {record:?}, {fate:?}"));
            }
            PoolEvent::Cancelled { task, attempts } => {
                world.met.insert("cancelled");
                let twice = told.cancelled.insert(task, attempts).is_some();
                world.complain_if(twice, || format!("task {task} is told to be cancelled twice"));
            }
            PoolEvent::Started { .. } => told.started += 1,
            PoolEvent::Died { worker, pid, .. } => {
                told.died += 1;
                let made = world.truth.made.get(&pid);
                let wrong = made.is_none_or(|made| made.worker != worker || made.exit.is_none());
                world.complain_if(wrong, || format!("{worker}'s process {pid} is told to be dead"));
            }
            PoolEvent::Progress { worker, task, .. } => {
                // The order to send it may still be on its way, to a liar that guesses well.
                let holder = world.truth.holders.get(&task);
                let another = holder.is_some_and(|holder| *holder != worker);
                world.complain_if(another, || format!("{worker} speaks for task {task}, which another has"));
            }
            PoolEvent::Printed { .. } => told.lines += 1,
            PoolEvent::Running { task: Some(running), .. } => {
                let (task, shown) = (running.task, running.payload);
                let wrong = task.0 < world.planned && !shown.is_empty() && shown != payload(task);
                world.complain_if(wrong, || format!("task {task} runs with another payload"));
            }
            _ => {}
        }
    }

    fn look_every(&self) -> Option<Duration> {
        self.0.borrow().scenario.look
    }
}
