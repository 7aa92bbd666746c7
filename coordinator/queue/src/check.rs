//! The invariants of the queue's own state, as a check.
//!
//! Nothing that comes in from outside can break them: whatever a worker says, they hold between two events. The
//! simulator checks all of them after each event. A debug build checks what costs little after each event, and the
//! whole state once in as many events as there are tasks in it, so that it stays as fast as it was but for a factor.

use ids::TaskId;

use super::batch::Batch;
use super::holds::{Sound, holds};
use super::slots::{Slot, State};
use super::worker::{CREDIT, Phase, Worker};
use super::{Queue, WorkerId};

/// The whole state is looked at once in so many events, and once in as many events as there are tasks in it.
const AT_LEAST: u64 = 64;

impl Queue {
    /// Checks every invariant of the queue's state. It goes through all tasks that the queue holds.
    ///
    /// # Errors
    /// What does not hold: a bug of the queue, since nobody else can bring it about.
    #[doc(hidden)]
    pub fn check(&self) -> Sound {
        self.check_counts()?;
        self.slots.check(self.held_bytes)?;
        self.check_ready()?;
        for (worker, state) in (0..).map(WorkerId).zip(&self.workers) {
            state.check().map_err(|wrong| alloc::format!("{worker}: {wrong}"))?;
            self.check_hands(worker, state)?;
        }
        self.check_places()
    }

    /// In debug builds, stops where an invariant does not hold.
    #[inline]
    pub(super) fn assert_sound(&mut self) {
        if !cfg!(debug_assertions) {
            return;
        }
        let whole = self.check_in == 0;
        let checked = if whole { self.check() } else { self.check_counts() };
        debug_assert!(checked.is_ok(), "the queue's state is broken: {checked:?}");
        self.check_in = if whole { self.slots.kept() + AT_LEAST } else { self.check_in - 1 };
    }

    /// What can be checked without a look at each task.
    fn check_counts(&self) -> Sound {
        let counts = self.counts;
        let ended = counts.ok + counts.failed + self.slots.skipped();
        holds!(
            counts.planned == ended + self.slots.unfinished(),
            "{} planned, {ended} ended, {} not",
            counts.planned,
            self.slots.unfinished()
        );
        holds!(
            counts.planned == self.slots.next().0,
            "{} planned, up to {}",
            counts.planned,
            self.slots.next()
        );
        holds!(
            counts.cancelled <= counts.failed,
            "{} of {} failures cancelled",
            counts.cancelled,
            counts.failed
        );
        let again =
            self.workers.iter().map(|state| u64::from(state.incarnation.saturating_sub(1))).sum::<u64>();
        holds!(counts.restarts == again, "{} restarts, {again} incarnations", counts.restarts);
        holds!(self.workers.len() == self.config.workers as usize, "{} workers", self.workers.len());
        let nobody = self.workers.iter().all(|state| state.phase == Phase::Gone);
        holds!(!self.run.joined || nobody, "joined before everybody had gone");
        Ok(())
    }

    /// Lanes hold tasks that are ready, under their priority; what must run alone stands apart.
    fn check_ready(&self) -> Sound {
        let ready = |task| self.slots.get(task).filter(|slot| slot.state == State::Ready);
        self.ready.check(|task, priority| {
            ready(task).is_some_and(|slot| slot.priority == priority && !slot.is_quarantined())
        })?;
        for task in self.ready.lone() {
            let alone = ready(task).is_some_and(Slot::is_quarantined);
            holds!(alone, "task {task} is to run alone, and is {:?}", self.slots.get(task));
        }
        Ok(())
    }

    /// What a worker's batches say that it has is leased to it, for this attempt.
    fn check_hands(&self, worker: WorkerId, state: &Worker) -> Sound {
        for (task, attempt) in state.batches.iter().flat_map(Batch::attempts) {
            let slot = self.slots.get(task);
            let its =
                slot.is_some_and(|slot| slot.state == State::Leased(worker) && slot.attempts + 1 == attempt);
            holds!(its, "{worker} has attempt {attempt} of task {task}, which is {slot:?}");
        }
        if state.lone {
            let lone = state
                .batches
                .iter()
                .flat_map(Batch::leased)
                .all(|task| self.slots.get(task).is_some_and(Slot::is_quarantined));
            holds!(lone && state.outstanding() <= 1, "{worker} has company for a task that must run alone");
        }
        let ids = state.batches.iter().map(|batch| batch.id);
        holds!(ids.clone().zip(ids.skip(1)).all(|(a, b)| a < b), "{worker} has batches out of turn");
        let drawn = state.batches.iter().all(|batch| batch.id.0 < self.next_batch);
        holds!(drawn, "{worker} has a batch that is still to be made");
        Ok(())
    }

    /// Each unfinished task stands in exactly one place, the one that its state names.
    fn check_places(&self) -> Sound {
        let first = self.slots.first_kept().0;
        let mut taken = alloc::vec![false; usize::try_from(self.slots.next().0 - first).unwrap_or(0)];
        let mut standing = 0;
        let is = |task: TaskId, state: State| self.slots.get(task).is_some_and(|slot| slot.state == state);
        let lanes = self.ready.in_lanes().filter(|task| is(*task, State::Ready)).chain(self.ready.lone());
        let waiting = self.ready.waiting().filter(|task| is(*task, State::Waiting));
        let hands = self.workers.iter().flat_map(|state| &state.batches).flat_map(Batch::leased);
        for task in lanes.chain(waiting).chain(hands) {
            let place = usize::try_from(task.0.saturating_sub(first)).ok().and_then(|at| taken.get_mut(at));
            let once = place.is_some_and(|taken| !core::mem::replace(taken, true));
            holds!(once, "task {task} stands in two places");
            standing += 1;
        }
        let unfinished = self.slots.unfinished();
        holds!(standing == unfinished, "{unfinished} tasks are unfinished, and {standing} stand somewhere");
        Ok(())
    }
}

impl Worker {
    /// What holds of a worker by itself.
    fn check(&self) -> Sound {
        for batch in &self.batches {
            batch.check()?;
        }
        holds!(self.batches.len() <= CREDIT, "{} batches", self.batches.len());
        holds!(
            self.batches.front().is_none_or(|batch| batch.outstanding() > 0),
            "a batch that is done comes first"
        );
        let empty = self.batches.is_empty();
        let may_have = matches!(self.phase, Phase::Running | Phase::Leaving | Phase::Killed(_));
        holds!(empty || may_have, "tasks in the hands of one that is {:?}", self.phase);
        let idle = !self.lone && self.watch.check_at.is_none() && self.condemned.is_empty();
        holds!(!empty || idle, "empty hands, and something in them to be watched");
        let outstanding = self.outstanding() as u64;
        holds!(outstanding <= self.leased_total, "{outstanding} of {} tasks", self.leased_total);
        holds!(self.incarnation > 0 || empty, "tasks in the hands of one that was never started");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchId, Event, Leases, QueueConfig, Time};

    /// Two workers with a task each, and some that wait.
    fn busy() -> Queue {
        let mut queue = Queue::new(QueueConfig { workers: 2, ..QueueConfig::default() });
        let mut out = Default::default();
        queue.handle(Time(0), Event::Tick, &mut out);
        (0..2)
            .for_each(|worker| queue.handle(Time(0), Event::Started { worker: WorkerId(worker) }, &mut out));
        (0..8).for_each(|_| _ = queue.put(8, 0));
        queue.handle(Time(0), Event::Tick, &mut out);
        assert_eq!(queue.check(), Ok(()));
        queue
    }

    #[test]
    fn whatever_is_broken_in_the_state_is_told() {
        type Break = fn(&mut Queue);
        let breaks: [(&str, Break); 14] = [
            ("bytes of nobody", |queue| queue.held_bytes += 1),
            ("a lost task", |queue| queue.workers[0].batches.clear()),
            ("a task in two hands", |queue| {
                let leases = Leases::one(TaskId(0), 1);
                queue.next_batch += 1;
                let id = BatchId(queue.next_batch - 1);
                queue.workers[1].batches.push_back(Batch::new(id, alloc::vec![leases]));
                queue.workers[1].leased_total += 1;
            }),
            ("a lease that no worker has", |queue| {
                queue.slots.get_mut(TaskId(7)).unwrap().state = State::Leased(WorkerId(0));
            }),
            ("another attempt than was sent", |queue| queue.slots.get_mut(TaskId(0)).unwrap().attempts = 1),
            ("a task in the wrong lane", |queue| queue.ready.push_back(3, TaskId(7))),
            ("a task that is done in a lane", |queue| {
                queue.slots.finish_if(TaskId(7), |_| true);
                queue.counts.ok += 1;
            }),
            ("a task alone without need", |queue| queue.ready.push_lone(TaskId(7))),
            ("a miscount", |queue| queue.counts.failed += 1),
            ("cancelled tasks that did not fail", |queue| queue.counts.cancelled += 1),
            ("a restart that was none", |queue| queue.counts.restarts += 1),
            ("tasks of a process that is gone", |queue| queue.workers[0].phase = Phase::Gone),
            ("an early join", |queue| queue.run.joined = true),
            ("a batch of the future", |queue| queue.next_batch = 0),
        ];
        for (what, breaks) in breaks {
            let mut queue = busy();
            breaks(&mut queue);
            assert!(queue.check().is_err(), "{what} goes unnoticed");
        }
    }

    #[test]
    #[should_panic(expected = "the queue's state is broken")]
    fn a_debug_build_stops_at_a_broken_state() {
        let mut queue = busy();
        queue.counts.failed += 1;
        queue.handle(Time(0), Event::Tick, &mut Default::default());
    }
}
