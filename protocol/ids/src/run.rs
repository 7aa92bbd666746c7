//! Tasks with consecutive ids, as one thing.

use crate::TaskId;

/// Tasks with consecutive ids: the first, and how many.
///
/// Runs may come from outside, so nothing here panics: ids wrap around behind the last one that there can be.
///
/// ```
/// use ids::{TaskId, TaskRun};
///
/// let mut run = TaskRun::new(TaskId(5), 2);
/// assert!(run.join(TaskRun::one(TaskId(7))), "it follows directly");
/// assert!(run.tasks().eq([TaskId(5), TaskId(6), TaskId(7)]));
/// assert_eq!((run.place(TaskId(6)), run.place(TaskId(8)), run.next()), (Some(1), None, TaskId(8)));
///
/// let front = run.take_front(1);
/// assert_eq!((front, run), (TaskRun::one(TaskId(5)), TaskRun::new(TaskId(6), 2)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskRun {
    /// The first task.
    pub first: TaskId,
    /// How many tasks.
    pub count: u32,
}

impl TaskRun {
    /// `count` tasks from `first` on.
    ///
    /// ```
    /// assert_eq!(ids::TaskRun::new(ids::TaskId(3), 2).next(), ids::TaskId(5));
    /// ```
    pub const fn new(first: TaskId, count: u32) -> Self {
        Self { first, count }
    }

    /// One task.
    ///
    /// ```
    /// assert_eq!(ids::TaskRun::one(ids::TaskId(3)).len(), 1);
    /// ```
    pub const fn one(task: TaskId) -> Self {
        Self::new(task, 1)
    }

    /// How many tasks.
    ///
    /// ```
    /// assert_eq!(ids::TaskRun::new(ids::TaskId(3), 9).len(), 9);
    /// ```
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// True if there is none.
    ///
    /// ```
    /// assert!(ids::TaskRun::new(ids::TaskId(3), 0).is_empty());
    /// ```
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The task at `place`, from 0.
    ///
    /// ```
    /// assert_eq!(ids::TaskRun::new(ids::TaskId(3), 9).at(2), ids::TaskId(5));
    /// ```
    #[inline]
    pub const fn at(&self, place: u32) -> TaskId {
        TaskId(self.first.0.wrapping_add(place as u64))
    }

    /// The id behind the last one.
    ///
    /// ```
    /// assert_eq!(ids::TaskRun::one(ids::TaskId(3)).next(), ids::TaskId(4));
    /// ```
    #[inline]
    pub const fn next(&self) -> TaskId {
        self.at(self.count)
    }

    /// The tasks, in order.
    ///
    /// ```
    /// assert_eq!(ids::TaskRun::new(ids::TaskId(3), 2).tasks().last(), Some(ids::TaskId(4)));
    /// ```
    #[inline]
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = TaskId> + Clone + use<> {
        let run = *self;
        (0..self.count).map(move |place| run.at(place))
    }

    /// Which of them a task is, from 0.
    ///
    /// ```
    /// assert_eq!(ids::TaskRun::new(ids::TaskId(3), 2).place(ids::TaskId(4)), Some(1));
    /// ```
    #[inline]
    pub fn place(&self, task: TaskId) -> Option<u32> {
        let place = u32::try_from(task.0.checked_sub(self.first.0)?).ok()?;
        (place < self.count).then_some(place)
    }

    /// Takes in the run that follows directly; false if it does not.
    ///
    /// ```
    /// let mut run = ids::TaskRun::one(ids::TaskId(3));
    /// assert!(!run.join(ids::TaskRun::one(ids::TaskId(5))));
    /// ```
    #[inline]
    pub fn join(&mut self, next: Self) -> bool {
        let count = self.count.checked_add(next.count).filter(|_| self.next() == next.first);
        self.count = count.unwrap_or(self.count);
        count.is_some()
    }

    /// Takes off the first `count` tasks, or all if there are fewer.
    ///
    /// ```
    /// let mut run = ids::TaskRun::new(ids::TaskId(3), 2);
    /// assert_eq!((run.take_front(9).len(), run.len()), (2, 0));
    /// ```
    #[inline]
    pub fn take_front(&mut self, count: u32) -> Self {
        let front = Self::new(self.first, self.count.min(count));
        *self = Self::new(front.next(), self.count - front.count);
        front
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_at_the_end_of_all_ids_wraps_around_and_harms_nobody() {
        let run = TaskRun::new(TaskId(u64::MAX), 2);
        assert!(run.tasks().eq([TaskId(u64::MAX), TaskId(0)]));
        assert_eq!(
            (run.next(), run.place(TaskId(u64::MAX)), run.place(TaskId(0))),
            (TaskId(1), Some(0), None)
        );
    }

    #[test]
    fn a_run_that_would_grow_too_long_stays_as_it_is() {
        let mut run = TaskRun::new(TaskId(0), u32::MAX);
        assert!(!run.join(TaskRun::one(run.next())));
        assert_eq!(run, TaskRun::new(TaskId(0), u32::MAX));
    }
}
