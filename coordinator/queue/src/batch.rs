//! A batch in a worker's hands.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ids::TaskId;

use super::holds::{Sound, holds};
use super::{BatchId, Leases};

/// A batch in a worker's hands. Its places count from 0, a task a place, in the order in which it was sent.
///
/// A place is taken while its task is leased as part of this batch, and empty from then on, so that a later lease of
/// the same task to the same worker is not mistaken for this one.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: BatchId,
    pub(super) recalled: bool,
    // As sent.
    runs: Vec<Leases>,
    // Invariant: all places before `next` and from `end` on are empty; `next` is taken, or is `end`.
    next: usize,
    end: usize,
    // Where `next` is: which run, and which of its tasks.
    run: usize,
    offset: u32,
    // Empty places between `next` and `end`: few, since honest workers report in order.
    gone: BTreeSet<usize>,
}

impl Batch {
    pub(super) fn new(id: BatchId, runs: Vec<Leases>) -> Self {
        let end = runs.iter().map(|run| run.run.count as usize).sum();
        Self { id, recalled: false, runs, next: 0, end, run: 0, offset: 0, gone: BTreeSet::new() }
    }

    /// How many tasks are still leased.
    pub(super) fn outstanding(&self) -> usize {
        self.end - self.next - self.gone.len()
    }

    /// The tasks that are still leased, in the order in which they were sent.
    pub(super) fn leased(&self) -> impl Iterator<Item = TaskId> {
        self.taken_from(self.next).map(|(_, task)| task)
    }

    /// The same with the attempt that each is.
    pub(super) fn attempts(&self) -> impl Iterator<Item = (TaskId, u32)> {
        let attempts = self.runs.iter().flat_map(|run| run.tasks().map(|_| run.attempt));
        let attempts: Vec<u32> = attempts.collect();
        self.taken_from(self.next).filter_map(move |(place, task)| Some((task, *attempts.get(place)?)))
    }

    /// Every taken place from `start` on, with its task.
    fn taken_from(&self, start: usize) -> impl Iterator<Item = (usize, TaskId)> {
        let tasks = self.runs.iter().flat_map(Leases::tasks);
        let places = (0..).zip(tasks).take(self.end).skip(start.max(self.next));
        places.filter(|(place, _)| !self.gone.contains(place))
    }

    /// True where a task is here.
    pub(super) fn holds(&self, task: TaskId) -> bool {
        self.place(task).is_some()
    }

    /// The taken place of a task.
    fn place(&self, task: TaskId) -> Option<usize> {
        let mut before = self.next - self.offset as usize;
        for run in self.runs.get(self.run..).unwrap_or_default() {
            let place = run.run.place(task).map(|place| before + place as usize);
            let is_taken =
                |place: &usize| (self.next..self.end).contains(place) && !self.gone.contains(place);
            if let Some(place) = place.filter(is_taken) {
                return Some(place);
            }
            before += run.run.count as usize;
        }
        None
    }

    /// Takes out a task that has ended; false where it is not here.
    pub(super) fn settle(&mut self, task: TaskId) -> bool {
        let Some(place) = self.place(task) else { return false };
        self.gone.insert(place);
        self.skip_gone();
        true
    }

    /// How many tasks with consecutive ids come next, this one first; 0 where it does not.
    pub(super) fn next_in_a_row(&self, task: TaskId) -> usize {
        let Some(run) = self.runs.get(self.run).filter(|_| self.next < self.end) else { return 0 };
        if run.run.first.0 + u64::from(self.offset) != task.0 {
            return 0;
        }
        let until = self.gone.first().map_or(self.end, |place| self.end.min(*place));
        (until - self.next).min((run.run.count - self.offset) as usize)
    }

    /// Takes out the next `count` tasks, at most as many as come in a row.
    pub(super) fn settle_next(&mut self, count: usize) {
        self.step(count);
        self.skip_gone();
    }

    fn step(&mut self, count: usize) {
        self.next += count;
        // It is at most what is left of the run.
        self.offset += count as u32;
        if self.runs.get(self.run).is_some_and(|run| self.offset >= run.run.count) {
            self.run += 1;
            self.offset = 0;
        }
    }

    fn skip_gone(&mut self) {
        while self.gone.first() == Some(&self.next) {
            self.gone.pop_first();
            self.step(1);
        }
    }

    /// Takes out everything behind the first `started` tasks that were sent.
    pub(super) fn take_back(&mut self, started: usize) -> Vec<TaskId> {
        let taken = self.taken_from(started).map(|(_, task)| task).collect();
        self.end = self.end.min(started.max(self.next));
        self.gone.split_off(&self.end);
        taken
    }

    /// The invariants above.
    pub(super) fn check(&self) -> Sound {
        let Self { id, recalled: _, runs, next, end, run, offset, gone } = self;
        holds!(runs.iter().all(|run| run.run.count > 0), "{id:?} has an empty run");
        let places: usize = runs.iter().map(|run| run.run.count as usize).sum();
        holds!(next <= end && *end <= places, "{id:?} goes from {next} to {end} of {places}");
        let before: usize = runs.iter().take(*run).map(|run| run.run.count as usize).sum();
        holds!(before + *offset as usize == *next, "{id:?} is at task {offset} of run {run}, not at {next}");
        let inside = runs.get(*run).map_or(*offset == 0, |run| *offset < run.run.count);
        holds!(inside, "{id:?} is at task {offset} behind the end of run {run}");
        // The first empty place of them is behind `next`, which is taken.
        let apart =
            gone.first().is_none_or(|first| first > next) && gone.last().is_none_or(|last| last < end);
        holds!(apart, "{id:?} has {gone:?} empty of {next}..{end}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leases(first: u64, count: u32) -> Leases {
        Leases { run: ids::TaskRun::new(TaskId(first), count), attempt: 1 }
    }

    fn leased(batch: &Batch) -> Vec<u64> {
        batch.leased().map(|task| task.0).collect()
    }

    #[test]
    fn tasks_are_taken_out_in_any_order_and_once() {
        let mut batch = Batch::new(BatchId(0), vec![leases(10, 3), leases(5, 2)]);
        assert_eq!((leased(&batch), batch.outstanding()), (vec![10, 11, 12, 5, 6], 5));
        assert!(batch.settle(TaskId(12)) && !batch.settle(TaskId(12)) && !batch.settle(TaskId(13)));
        assert_eq!((batch.next_in_a_row(TaskId(10)), batch.next_in_a_row(TaskId(11))), (2, 0));
        batch.settle_next(2);
        assert_eq!((batch.next_in_a_row(TaskId(5)), batch.outstanding()), (2, 2));
        assert!(batch.settle(TaskId(5)));
        assert_eq!((leased(&batch), batch.holds(TaskId(5)), batch.holds(TaskId(6))), (vec![6], false, true));
    }

    #[test]
    fn what_is_taken_back_is_what_stands_behind() {
        let mut batch = Batch::new(BatchId(0), vec![leases(10, 3), leases(5, 2)]);
        assert!(batch.settle(TaskId(5)) && batch.settle(TaskId(10)));
        assert_eq!(batch.take_back(2), [TaskId(12), TaskId(6)]);
        assert_eq!((leased(&batch), batch.outstanding()), (vec![11], 1));
        assert_eq!(batch.next_in_a_row(TaskId(11)), 1);
        assert_eq!(batch.take_back(0), [TaskId(11)]);
        assert_eq!((batch.outstanding(), batch.next_in_a_row(TaskId(11))), (0, 0));
    }

    proptest! {
        /// Against a plain list of places.
        #[test]
        fn a_batch_is_a_list_of_places(
            runs in prop::collection::vec((0..4_u64, 1..6_u32), 1..5),
            steps in prop::collection::vec((0..3_u8, 0..30_usize), 0..40),
        ) {
            let mut id = 0;
            let runs: Vec<Leases> = runs.into_iter().map(|(gap, count)| {
                id += gap + 20;
                let run = leases(id, count);
                id += u64::from(count);
                run
            }).collect();
            let mut places: Vec<Option<TaskId>> = runs.iter().flat_map(Leases::tasks).map(Some).collect();
            let all: Vec<TaskId> = places.iter().copied().flatten().collect();
            let mut batch = Batch::new(BatchId(0), runs);
            for (what, at) in steps {
                let task = all[at % all.len()];
                match what {
                    0 => {
                        let place = places.iter_mut().find(|place| **place == Some(task));
                        prop_assert_eq!(batch.settle(task), place.is_some());
                        place.into_iter().for_each(|place| *place = None);
                    }
                    1 => {
                        let row = batch.next_in_a_row(task);
                        let next = places.iter().position(Option::is_some);
                        prop_assert_eq!(row > 0, next.is_some_and(|next| places[next] == Some(task)));
                        if let Some(next) = next.filter(|_| row > 0) {
                            let count = 1 + at % row;
                            for (place, id) in places[next..next + count].iter_mut().zip(task.0..) {
                                prop_assert_eq!(place.take(), Some(TaskId(id)));
                            }
                            batch.settle_next(count);
                        }
                    }
                    _ => {
                        let from = at.min(places.len());
                        let back: Vec<_> = places[from..].iter_mut().filter_map(Option::take).collect();
                        prop_assert_eq!(batch.take_back(at), back);
                    }
                }
                let left: Vec<TaskId> = places.iter().copied().flatten().collect();
                prop_assert_eq!(batch.check(), Ok(()));
                prop_assert_eq!(batch.outstanding(), left.len());
                prop_assert_eq!(batch.leased().collect::<Vec<_>>(), left.clone());
                prop_assert!(all.iter().all(|task| batch.holds(*task) == left.contains(task)));
            }
        }
    }
}
