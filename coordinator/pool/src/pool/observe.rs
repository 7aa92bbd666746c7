//! What happens in a pool, as it happens, for whoever wants to show or record it.

use std::time::Duration;

use protocol::{TaskId, TaskRun};

use crate::outcome::AttemptRecord;
use queue::{Fate, KillReason, Leases, Time, WorkerId};

/// Is told what happens in a pool: once a batch or frame, never once a task.
///
/// It is called on the pool's thread, so it must return at once: it notes and counts, and leaves showing and
/// writing to another thread.
pub trait Observer {
    /// Something happened at `at`, in the pool's time: monotonic nanoseconds (`protocol::monotonic_nanos`), from
    /// which the pauses that [`PoolEvent::Resumed`] tells of are left out.
    fn on_event(&mut self, at: Time, event: &PoolEvent<'_>);

    /// How often it wants to hear what each worker is running ([`PoolEvent::Running`]); asked once, at the start.
    fn look_every(&self) -> Option<Duration> {
        None
    }
}

/// Nobody looks.
impl Observer for () {
    fn on_event(&mut self, _: Time, _: &PoolEvent<'_>) {}
}

impl<O: Observer + ?Sized> Observer for &mut O {
    fn on_event(&mut self, at: Time, event: &PoolEvent<'_>) {
        (**self).on_event(at, event);
    }

    fn look_every(&self) -> Option<Duration> {
        (**self).look_every()
    }
}

impl<O: Observer + ?Sized> Observer for Box<O> {
    fn on_event(&mut self, at: Time, event: &PoolEvent<'_>) {
        (**self).on_event(at, event);
    }

    fn look_every(&self) -> Option<Duration> {
        (**self).look_every()
    }
}

/// Several observers as one: each hears of everything, in the order in which they were added. This is the one way in
/// which observers are put together.
#[derive(Default)]
pub struct Observers<'a>(Vec<Box<dyn Observer + 'a>>);

impl<'a> Observers<'a> {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// These, and one more; or none more.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = impl Observer + 'a>) -> Self {
        self.0.extend(more.into_iter().map(|observer| Box::new(observer) as Box<dyn Observer + 'a>));
        self
    }
}

impl Observer for Observers<'_> {
    fn on_event(&mut self, at: Time, event: &PoolEvent<'_>) {
        self.0.iter_mut().for_each(|observer| observer.on_event(at, event));
    }

    /// As often as the one that wants it most often.
    fn look_every(&self) -> Option<Duration> {
        self.0.iter().filter_map(|observer| observer.look_every()).min()
    }
}

/// Something that happened in a pool.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolEvent<'a> {
    /// More tasks have been planned.
    Planned {
        /// How many there are now, those included that an earlier session has done.
        tasks: u64,
        /// How many of them an earlier session has done.
        skipped: u64,
        /// There will be no more.
        all: bool,
    },
    /// A worker process has been started.
    Started {
        /// Which worker.
        worker: WorkerId,
        /// Which process of it, from 1.
        incarnation: u32,
        /// The process.
        pid: u32,
    },
    /// A worker has greeted: it takes tasks from now on.
    Greeted {
        /// Which worker.
        worker: WorkerId,
    },
    /// Tasks have been sent to a worker, in one message.
    Sent {
        /// Which worker.
        worker: WorkerId,
        /// What it is to run.
        tasks: &'a [Leases],
    },
    /// Tasks of a worker ended well, and their outcomes count.
    Done {
        /// Which worker.
        worker: WorkerId,
        /// The tasks, in the order in which they ended.
        tasks: Done<'a>,
    },
    /// An attempt failed.
    Failed {
        /// Which worker.
        worker: WorkerId,
        /// Whose attempt.
        task: TaskId,
        /// How it failed.
        record: &'a AttemptRecord,
        /// Whether it is tried again or has failed for good.
        fate: Fate,
    },
    /// A task was cancelled that nobody ran.
    Cancelled {
        /// Which task.
        task: TaskId,
        /// How many attempts had failed before.
        attempts: u32,
    },
    /// A running task says how far it has come.
    Progress {
        /// Which worker.
        worker: WorkerId,
        /// Which task.
        task: TaskId,
        /// So much is done.
        done: u64,
        /// Of so much.
        total: u64,
    },
    /// A worker has printed a line.
    Printed {
        /// Which worker.
        worker: WorkerId,
        /// What it was running then.
        task: Option<TaskId>,
        /// The line, without its end.
        line: &'a str,
    },
    /// A task has run past its soft limit.
    Slow {
        /// Which worker.
        worker: WorkerId,
        /// Which task.
        task: TaskId,
    },
    /// A worker was killed.
    Killed {
        /// Which worker.
        worker: WorkerId,
        /// The process.
        pid: u32,
        /// Why.
        reason: KillReason,
    },
    /// A worker process has ended.
    Died {
        /// Which worker.
        worker: WorkerId,
        /// The process.
        pid: u32,
        /// It had been told to, or said goodbye.
        orderly: bool,
        /// How it ended, without the worker's name.
        how: &'a str,
    },
    /// What a worker is running at this moment: told as often as the observer has asked for.
    Running {
        /// Which worker.
        worker: WorkerId,
        /// The task; none where it has none, or has just finished one.
        task: Option<RunningTask<'a>>,
    },
    /// The pool was asked to stop.
    Stopping {
        /// Running tasks may not even finish.
        at_once: bool,
    },
    /// From now on, something else keeps the pool from going faster.
    Limited(Limit),
    /// The run was suspended, and goes on.
    Resumed {
        /// For how long it stood still.
        paused: Duration,
    },
}

/// A task in the middle of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningTask<'a> {
    /// Which task.
    pub task: TaskId,
    /// Which attempt.
    pub attempt: u32,
    /// When the attempt began.
    pub since: Time,
    /// What the plan said.
    pub payload: &'a [u8],
}

/// What keeps a pool from going faster at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// No worker is up.
    Starting,
    /// A worker has nothing to do, since the next tasks are still being planned.
    Planning,
    /// Every worker has tasks: the tasks themselves.
    Tasks,
    /// Outcomes can't leave fast enough, so that nothing new is leased.
    Output,
    /// Fewer tasks are left than there are workers.
    Ending,
}

impl Limit {
    /// All of them, in the order of a run.
    pub const ALL: [Self; 5] = [Self::Starting, Self::Planning, Self::Tasks, Self::Output, Self::Ending];

    /// Its name in summaries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Planning => "planning",
            Self::Tasks => "tasks",
            Self::Output => "output",
            Self::Ending => "ending",
        }
    }
}

/// Tasks that ended well.
#[derive(Debug, Clone, Copy)]
pub struct Done<'a> {
    runs: &'a [DoneRun],
    count: usize,
    busy: Duration,
}

/// Tasks with consecutive ids that ended well, and alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoneRun {
    /// The tasks.
    pub run: TaskRun,
    /// Which attempt of each.
    pub attempt: u32,
    /// How long each took, in whole microseconds.
    pub micros: u64,
}

impl<'a> Done<'a> {
    /// These, which kept a worker busy for so long.
    pub fn new(runs: &'a [DoneRun], busy: Duration) -> Self {
        Self { runs, count: runs.iter().map(|done| done.run.len()).sum(), busy }
    }

    /// How long the worker was busy with them, more exactly than the sum of whole microseconds.
    pub fn busy(&self) -> Duration {
        self.busy
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Those that follow each other and took equally long, together: of tiny tasks, there are few such runs.
    pub fn runs(&self) -> &'a [DoneRun] {
        self.runs
    }

    /// Each task with its attempt and how long that took, to the microsecond.
    pub fn iter(&self) -> impl Iterator<Item = (TaskId, u32, Duration)> + use<'a> {
        let one = |run: &DoneRun| {
            let DoneRun { run, attempt, micros } = *run;
            run.tasks().map(move |task| (task, attempt, Duration::from_micros(micros)))
        };
        self.runs.iter().flat_map(one)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    struct Named<'a>(&'static str, Option<u64>, &'a RefCell<Vec<&'static str>>);

    impl Observer for Named<'_> {
        fn on_event(&mut self, _: Time, _: &PoolEvent<'_>) {
            self.2.borrow_mut().push(self.0);
        }

        fn look_every(&self) -> Option<Duration> {
            self.1.map(Duration::from_millis)
        }
    }

    #[test]
    fn observers_together_hear_everything_in_turn_and_look_as_often_as_the_keenest() {
        let heard = RefCell::new(Vec::new());
        let mut lent = Named("lent", Some(70), &heard);
        let mut all = Observers::new()
            .with([Named("first", None, &heard)])
            .with(None::<Named<'_>>)
            .with([&mut lent])
            .with([Box::new(Named("boxed", Some(30), &heard)) as Box<dyn Observer>]);
        assert_eq!(all.look_every(), Some(Duration::from_millis(30)));
        all.on_event(Time(0), &PoolEvent::Stopping { at_once: false });
        drop(all);
        assert_eq!(*heard.borrow(), ["first", "lent", "boxed"]);
    }
}
