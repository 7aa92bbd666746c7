//! What a run tells after its greeting: every frame is an [`Observation`].

use serde::Serialize;

use crate::frame::framed;
use crate::{DecodeError, MAX_FRAME, TaskId, codec};

/// Something that is told of a run.
///
/// As JSON (`serde`), an observation is an object whose first key, `event`, names it.
///
/// ```
/// use protocol::TaskId;
/// use protocol::observe::Observation;
///
/// let slow = Observation::Slow { worker: "worker-1".into(), task: TaskId(7) };
/// assert!(slow.is_event());
/// let frame = slow.to_frame();
/// // A frame begins with its length, in four bytes.
/// assert!(matches!(Observation::decode(&frame[4..])?, Observation::Slow { task: TaskId(7), .. }));
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, bincode::Encode, bincode::Decode)]
#[serde(tag = "event", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Observation {
    /// How the run stands: told at once to whoever connects, and a few times a second while it changes.
    Snapshot(Snapshot),
    /// A worker process was started.
    Started {
        /// The worker's name: `worker-1` and so on.
        worker: String,
        /// The process.
        pid: u32,
        /// Which process of this worker, from 1: a higher one is a restart.
        incarnation: u32,
    },
    /// A worker process has ended.
    Died {
        /// The worker's name.
        worker: String,
        /// The process.
        pid: u32,
        /// It had been told to, or had said goodbye.
        orderly: bool,
        /// How it ended, in words that go on behind its name.
        how: String,
    },
    /// A task has failed for good.
    Failed {
        /// Which task.
        task: TaskId,
        /// Why, as results name it: `error`, `panic`, `signal`, `exit`, `timeout`, `memory`, `protocol`, `cancelled`.
        reason: String,
        /// What happened, in a sentence.
        message: String,
        /// How many attempts were made.
        attempts: u32,
    },
    /// A task runs past its soft limit.
    Slow {
        /// The worker that runs it.
        worker: String,
        /// Which task.
        task: TaskId,
    },
    /// The run was asked to stop.
    Interrupted {
        /// Running tasks may not even finish.
        at_once: bool,
    },
    /// Events that came before the next one and were dropped, since this observer read too slowly.
    Lost {
        /// How many.
        events: u64,
    },
    /// The run is over. Nothing follows.
    End(Ending),
}

/// What a run is, told once.
///
/// ```
/// # fn example(observer: &mut protocol::observe::Observer) -> Result<(), protocol::observe::ObserveError> {
/// let run = observer.run();
/// println!("{} ({}), {} workers, {:?} tasks", run.job, run.kind, run.workers, run.planned);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, bincode::Encode, bincode::Decode)]
pub struct RunInfo {
    /// The run's id.
    pub run_id: String,
    /// The job's name.
    pub job: String,
    /// The job's kind.
    pub kind: String,
    /// How many workers it has.
    pub workers: u32,
    /// How many tasks it has; none where that is not known yet.
    pub planned: Option<u64>,
}

/// How a run stands at a moment.
///
/// ```
/// # fn example(observer: &mut protocol::observe::Observer) -> Result<(), protocol::observe::ObserveError> {
/// use protocol::observe::Observation;
///
/// for observation in observer {
///     if let Observation::Snapshot(now) = observation? {
///         println!("{} of {:?} done, {} running", now.ok + now.failed, now.planned, now.running);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, bincode::Encode, bincode::Decode)]
pub struct Snapshot {
    /// How long it has gone on, pauses left out.
    pub elapsed_seconds: f64,
    /// How many tasks it has; none where that is not known yet.
    pub planned: Option<u64>,
    /// Tasks that an earlier session had done: in none of the other counts.
    pub skipped: u64,
    /// Tasks that ended well.
    pub ok: u64,
    /// Tasks that failed for good.
    pub failed: u64,
    /// Attempts that failed and were followed by another.
    pub retried: u64,
    /// How many times a worker was started again.
    pub restarts: u32,
    /// Workers in the middle of a task.
    pub running: u32,
    /// Tasks a second, lately above all; none before the first has ended.
    pub tasks_per_second: Option<f64>,
    /// How much longer it takes, as far as can be foretold.
    pub remaining_seconds: Option<f64>,
    /// What each worker is at, in the order of their numbers; at most [`MAX_LISTED`](super::MAX_LISTED).
    pub workers: Vec<WorkerView>,
}

/// What a worker is at.
///
/// ```
/// # fn example(snapshot: &protocol::observe::Snapshot) {
/// for worker in &snapshot.workers {
///     println!("{} is process {}, number {} of its kind", worker.name, worker.pid, worker.incarnation);
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, bincode::Encode, bincode::Decode)]
pub struct WorkerView {
    /// Its name.
    pub name: String,
    /// Its process, or the last one that it had.
    pub pid: u32,
    /// Which process that is, from 1.
    pub incarnation: u32,
    /// What it does.
    #[serde(flatten)]
    pub state: WorkerState,
}

/// What a worker does.
///
/// ```
/// use protocol::observe::WorkerState;
///
/// fn words(state: &WorkerState) -> &'static str {
///     match state {
///         WorkerState::Running { .. } => "at work",
///         WorkerState::Waiting => "waiting",
///         _ => "not there",
///     }
/// }
/// assert_eq!(words(&WorkerState::Waiting), "waiting");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, bincode::Encode, bincode::Decode)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum WorkerState {
    /// Its process has not greeted yet.
    Starting,
    /// It is between tasks.
    Waiting,
    /// It is in the middle of a task.
    Running {
        /// Which task.
        task: TaskId,
        /// Which attempt, from 1.
        attempt: u32,
        /// For how long.
        seconds: f64,
    },
    /// It has no process.
    Gone,
}

/// How a run ended: the numbers of its summary.
///
/// ```
/// # fn example(observer: &mut protocol::observe::Observer) -> Result<(), protocol::observe::ObserveError> {
/// use protocol::observe::Observation;
///
/// for observation in observer {
///     if let Observation::End(end) = observation? {
///         println!("{} ok, {} failed in {} s", end.ok, end.failed, end.wall_seconds);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, bincode::Encode, bincode::Decode)]
pub struct Ending {
    /// What the command exits with; none where the run is a library's.
    pub exit_code: Option<u8>,
    /// The run was stopped before its end.
    pub interrupted: bool,
    /// Tasks that were planned.
    pub planned: u64,
    /// Tasks that ended well, those included that an earlier session had done.
    pub ok: u64,
    /// Tasks that failed for good, those included of an earlier session.
    pub failed: u64,
    /// Attempts after a task's first.
    pub retried: u64,
    /// Tasks that an earlier session had done.
    pub skipped: u64,
    /// How many times a worker was started again after a death.
    pub restarts: u64,
    /// How long the run took.
    pub wall_seconds: f64,
    /// Processor time of the coordinator and all its workers.
    pub cpu_seconds: f64,
    /// Tasks that ended, per second.
    pub tasks_per_second: f64,
    /// What each worker did, in the order of their numbers; at most [`MAX_LISTED`](super::MAX_LISTED).
    pub workers: Vec<WorkerEnding>,
}

/// What one worker did, over all its processes.
///
/// ```
/// # fn example(end: &protocol::observe::Ending) {
/// for worker in &end.workers {
///     println!("{}: {} tasks in {} s", worker.name, worker.tasks, worker.busy_seconds);
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, bincode::Encode, bincode::Decode)]
pub struct WorkerEnding {
    /// Its name.
    pub name: String,
    /// Its last process.
    pub pid: u32,
    /// How many processes it has been.
    pub incarnations: u32,
    /// Tasks that it ended.
    pub tasks: u64,
    /// Time that it spent in tasks.
    pub busy_seconds: f64,
}

impl Observation {
    /// Decodes a frame, without its length.
    ///
    /// # Errors
    /// The bytes do not follow the protocol.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        codec::decode::<_, MAX_FRAME>(frame)
    }

    /// The frame, with its length: what goes over the wire. For runs of one's own making, which keep texts at
    /// [`MAX_WORDS`](super::MAX_WORDS) and lists at
    /// [`MAX_LISTED`](super::MAX_LISTED).
    pub fn to_frame(&self) -> Vec<u8> {
        framed(|out| codec::encode(self, out))
    }

    /// True of what is one of the run's events, rather than its state or its end.
    pub fn is_event(&self) -> bool {
        !matches!(self, Self::Snapshot(_) | Self::End(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{MAX_LISTED, MAX_WORDS, cut};

    #[test]
    fn the_longest_snapshot_and_the_longest_ending_fit_into_a_frame() {
        let name = || format!("worker-{}", u32::MAX);
        let state = WorkerState::Running { task: TaskId(u64::MAX), attempt: u32::MAX, seconds: f64::MAX };
        let worker = |_| WorkerView { name: name(), pid: u32::MAX, incarnation: u32::MAX, state };
        let snapshot = Observation::Snapshot(Snapshot {
            elapsed_seconds: f64::MAX,
            planned: Some(u64::MAX),
            skipped: u64::MAX,
            ok: u64::MAX,
            failed: u64::MAX,
            retried: u64::MAX,
            restarts: u32::MAX,
            running: u32::MAX,
            tasks_per_second: Some(f64::MAX),
            remaining_seconds: Some(f64::MAX),
            workers: (0..MAX_LISTED).map(worker).collect(),
        });
        let worker = |_| WorkerEnding {
            name: name(),
            pid: u32::MAX,
            incarnations: u32::MAX,
            tasks: u64::MAX,
            busy_seconds: f64::MAX,
        };
        let workers = (0..MAX_LISTED).map(worker).collect();
        let end = Observation::End(Ending { workers, ..Ending::default() });
        for observation in [snapshot, end] {
            let frame = observation.to_frame();
            assert_eq!(Observation::decode(&frame[4..]), Ok(observation));
        }
    }

    #[test]
    fn an_observation_cut_anywhere_is_refused() {
        let text = "é".repeat(MAX_WORDS);
        let how = cut(&text).to_owned();
        assert_eq!(how.len(), MAX_WORDS);
        let died = Observation::Died { worker: "worker-1".into(), pid: 7, orderly: false, how };
        let frame = died.to_frame();
        for end in 4..frame.len() {
            assert_eq!(Observation::decode(&frame[4..end]), Err(DecodeError::Format), "{end}");
        }
    }
}
