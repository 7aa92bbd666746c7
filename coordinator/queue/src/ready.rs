//! Tasks that wait: in lanes by priority, alone, or for their next attempt.

use alloc::collections::{BTreeMap, BinaryHeap, VecDeque};
use core::cmp::Reverse;

use ids::{TaskId, TaskRun};

use super::Time;
use super::holds::{Sound, cannot_happen, holds};

/// A lane that has been passed over this often counts as one priority higher.
const AGE: u32 = 64;

#[derive(Debug, Default)]
struct Lane {
    // Consecutive ids stand together. Invariant: none is empty; `length` is the sum of their lengths.
    runs: VecDeque<TaskRun>,
    length: usize,
    // How many of them are no longer there to be had: cancelled ones are not searched for.
    stale: usize,
    passed: u32,
}

impl Lane {
    fn is_empty(&self) -> bool {
        self.length == self.stale
    }

    fn push_back(&mut self, run: TaskRun) {
        self.length += run.len();
        if !self.runs.back_mut().is_some_and(|last| last.join(run)) {
            self.runs.push_back(run);
        }
    }

    fn push_front(&mut self, task: TaskId) {
        self.length += 1;
        let mut run = TaskRun::one(task);
        match self.runs.front_mut() {
            Some(first) if run.join(*first) => *first = run,
            _ => self.runs.push_front(run),
        }
    }

    /// Takes the first `count` tasks off, all of the first run.
    fn pop(&mut self, count: u32) {
        let Some(run) = self.runs.front_mut() else { return };
        run.take_front(count);
        if run.is_empty() {
            self.runs.pop_front();
        }
        self.length -= count as usize;
    }

    /// Drops what is no longer there to be had.
    fn tidy_up(&mut self, is_stale: impl Fn(TaskId) -> bool) {
        self.length = 0;
        self.stale = 0;
        for run in core::mem::take(&mut self.runs) {
            for task in run.tasks().filter(|task| !is_stale(*task)) {
                self.push_back(TaskRun::one(task));
            }
        }
    }

    /// The invariants above; `is_here` knows whether a task is there to be had.
    fn check(&self, is_here: impl Fn(TaskId) -> bool) -> Sound {
        holds!(!self.runs.iter().any(TaskRun::is_empty), "an empty run in {:?}", self.runs);
        let length: usize = self.runs.iter().map(TaskRun::len).sum();
        holds!(length == self.length, "{length} tasks counted as {}", self.length);
        let stale = self.runs.iter().flat_map(TaskRun::tasks).filter(|task| !is_here(*task)).count();
        holds!(stale == self.stale, "{stale} stale tasks counted as {}", self.stale);
        Ok(())
    }
}

/// What a taker says of the tasks at the front of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// It takes so many of them.
    Taken(u32),
    /// The first is no longer there to be had.
    Stale,
    /// It wants no more.
    Enough,
}

/// A lane is tidied up once it holds more than this many stale tasks, and more of them than of others.
const STALE: usize = 64;

/// Everything that is not in a worker's hands.
#[derive(Debug, Default)]
pub(super) struct Ready {
    // Highest priority first. Invariant: no lane is empty; `count` is the sum of their lengths, stale tasks
    // left out.
    lanes: BTreeMap<Reverse<i32>, Lane>,
    count: usize,
    // Tasks that must be alone in a worker's hands.
    lone: VecDeque<TaskId>,
    waiting: BinaryHeap<Reverse<(Time, TaskId)>>,
}

impl Ready {
    pub(super) fn push_back(&mut self, priority: i32, task: TaskId) {
        self.lanes.entry(Reverse(priority)).or_default().push_back(TaskRun::one(task));
        self.count += 1;
    }

    /// All tasks from `first` on, before `last`.
    pub(super) fn push_back_all(&mut self, priority: i32, first: TaskId, last: TaskId) {
        let mut next = first;
        while next < last {
            let run = TaskRun::new(next, u32::try_from(last.0 - next.0).unwrap_or(u32::MAX));
            self.lanes.entry(Reverse(priority)).or_default().push_back(run);
            self.count += run.len();
            next = run.next();
        }
    }

    pub(super) fn push_front(&mut self, priority: i32, task: TaskId) {
        self.lanes.entry(Reverse(priority)).or_default().push_front(task);
        self.count += 1;
    }

    pub(super) fn push_lone(&mut self, task: TaskId) {
        self.lone.push_front(task);
    }

    pub(super) fn push_waiting(&mut self, until: Time, task: TaskId) {
        self.waiting.push(Reverse((until, task)));
    }

    /// How many tasks stand in lanes.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn has_lone(&self) -> bool {
        !self.lone.is_empty()
    }

    pub(super) fn pop_lone(&mut self) -> Option<TaskId> {
        self.lone.pop_front()
    }

    /// A task that stands in a lane, or alone, is no longer there to be had; `is_stale` knows it already.
    pub(super) fn forget(&mut self, priority: i32, task: TaskId, is_stale: impl Fn(TaskId) -> bool) {
        if let Some(place) = self.lone.iter().position(|lone| *lone == task) {
            self.lone.remove(place);
            return;
        }
        let Some(lane) = self.lanes.get_mut(&Reverse(priority)) else {
            return cannot_happen!("ready task {task} stands nowhere");
        };
        self.count = self.count.saturating_sub(1);
        lane.stale += 1;
        debug_assert!(lane.stale <= lane.length, "{} of {} tasks are stale", lane.stale, lane.length);
        if lane.stale > STALE && lane.stale * 2 > lane.length {
            lane.tidy_up(is_stale);
        }
        if lane.is_empty() {
            self.lanes.remove(&Reverse(priority));
        }
    }

    /// Takes tasks from the front of the lane whose turn it is, as long as `take` agrees, which is offered
    /// consecutive ids.
    pub(super) fn pop_while(&mut self, mut take: impl FnMut(TaskRun) -> Pick) {
        let Some(turn) = self.turn() else { return };
        for (priority, lane) in &mut self.lanes {
            lane.passed = if *priority == turn { 0 } else { lane.passed.saturating_add(1) };
        }
        let Some(lane) = self.lanes.get_mut(&turn) else { return };
        while let Some(run) = lane.runs.front() {
            match take(*run) {
                Pick::Taken(count) => {
                    self.count = self.count.saturating_sub(count as usize);
                    lane.pop(count);
                }
                Pick::Stale => {
                    debug_assert!(lane.stale > 0, "a task in a lane is neither ready nor cancelled");
                    lane.stale = lane.stale.saturating_sub(1);
                    lane.pop(1);
                }
                Pick::Enough => break,
            }
        }
        if lane.is_empty() {
            self.lanes.remove(&turn);
        }
    }

    /// The lane with the highest priority, age included; of equals the truly higher one.
    fn turn(&self) -> Option<Reverse<i32>> {
        let rank = |(priority, lane): &(&Reverse<i32>, &Lane)| {
            (i64::from(priority.0) + i64::from(lane.passed / AGE), priority.0)
        };
        self.lanes.iter().max_by_key(rank).map(|(priority, _)| *priority)
    }

    /// The next task whose waiting is over.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<TaskId> {
        let Reverse((until, task)) = *self.waiting.peek()?;
        if until > now {
            return None;
        }
        self.waiting.pop();
        Some(task)
    }

    /// When the next task's waiting is over.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.waiting.peek().map(|Reverse((until, _))| *until)
    }

    /// Everything that stands in a lane, stale tasks included.
    pub(super) fn in_lanes(&self) -> impl Iterator<Item = TaskId> {
        self.lanes.values().flat_map(|lane| lane.runs.iter().flat_map(TaskRun::tasks))
    }

    /// Everything that must be alone.
    pub(super) fn lone(&self) -> impl Iterator<Item = TaskId> {
        self.lone.iter().copied()
    }

    /// Everything that waits, and what was cancelled meanwhile.
    pub(super) fn waiting(&self) -> impl Iterator<Item = TaskId> {
        self.waiting.iter().map(|Reverse((_, task))| *task)
    }

    /// The invariants above; `is_here` knows whether a task is to be had in the lane of this priority.
    pub(super) fn check(&self, is_here: impl Fn(TaskId, i32) -> bool) -> Sound {
        for (Reverse(priority), lane) in &self.lanes {
            holds!(!lane.is_empty(), "the lane of {priority} is empty, and still there");
            lane.check(|task| is_here(task, *priority))
                .map_err(|wrong| alloc::format!("the lane of {priority}: {wrong}"))?;
        }
        let count: usize = self.lanes.values().map(|lane| lane.length - lane.stale).sum();
        holds!(count == self.count, "{count} tasks in lanes counted as {}", self.count);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pop(ready: &mut Ready) -> Option<u64> {
        let mut got = None;
        ready.pop_while(|run| match got {
            None => {
                got = Some(run.first.0);
                Pick::Taken(1)
            }
            Some(_) => Pick::Enough,
        });
        got
    }

    #[test]
    fn higher_priorities_go_first_and_equals_keep_their_order() {
        let mut ready = Ready::default();
        for (priority, task) in [(0, 1), (5, 2), (0, 3), (5, 4)] {
            ready.push_back(priority, TaskId(task));
        }
        let order: Vec<_> = core::iter::from_fn(|| pop(&mut ready)).collect();
        assert_eq!(order, [2, 4, 1, 3]);
    }

    #[test]
    fn a_low_priority_does_not_starve() {
        let mut ready = Ready::default();
        ready.push_back(-3, TaskId(0));
        for task in 1..=1000 {
            ready.push_back(0, TaskId(task));
        }
        let place = core::iter::from_fn(|| pop(&mut ready)).position(|task| task == 0);
        assert!(place.is_some_and(|place| place <= 4 * AGE as usize), "{place:?}");
    }
}
