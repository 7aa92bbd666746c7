//! What a run came to, for people (standard error) and programs (`--summary-json`).
//!
//! ```no_run
//! let text = std::fs::read_to_string("summary.json")?; // of `coordinator run … --summary-json summary.json`
//! let summary: coordinator::summary::Summary = serde_json::from_str(&text)?;
//! assert_eq!(summary.tasks.failed, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use serde::{Deserialize, Serialize};

/// What a run came to. Serialised, its keys and their order are a contract.
///
/// ```
/// use coordinator::summary::Summary;
///
/// let text = serde_json::to_string(&Summary::default())?;
/// let summary: Summary = serde_json::from_str(&text)?;
/// println!("{}: {} tasks a second", summary.job, summary.tasks_per_second);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// The run's id.
    pub run_id: String,
    /// The job's name.
    pub job: String,
    /// The job's kind.
    pub kind: String,
    /// How many workers there were.
    pub workers: u32,
    /// Counts of tasks.
    pub tasks: TaskCounts,
    /// How many times a worker was started again after a death.
    pub restarts: u64,
    /// From the start of planning to the last worker's end.
    pub wall_seconds: f64,
    /// Processor time of the coordinator and all its workers.
    pub cpu_seconds: f64,
    /// Tasks that ended, per second of wall time.
    pub tasks_per_second: f64,
    /// The combined value, for kinds that have one and where no task failed.
    pub result: Option<serde_json::Value>,
    /// One entry a worker.
    pub per_worker: Vec<WorkerSummary>,
    /// True where the run was stopped before its end.
    pub interrupted: bool,
    /// What the time was spent on.
    #[serde(default)]
    pub time: TimeSummary,
    /// How it went over time: stored, for reports, and left out of `--summary-json`.
    #[doc(hidden)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Digest>,
}

/// What the time of a run was spent on, in seconds.
///
/// `starting` to `ending` follow each other and make up the time of the pool; `writing` and `storing` happen
/// beside them.
///
/// ```
/// # fn example(summary: &coordinator::summary::Summary) {
/// let time = summary.time;
/// println!("tasks ran for {} s, and waited for output for {} s", time.tasks, time.output);
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimeSummary {
    /// No worker was up.
    pub starting: f64,
    /// A worker had nothing to do, since the next tasks were still being planned.
    pub planning: f64,
    /// All workers had tasks.
    pub tasks: f64,
    /// Nothing new was started, since outcomes came faster than they could be written or stored.
    pub output: f64,
    /// Fewer tasks were left than there were workers; and the workers' ends.
    pub ending: f64,
    /// Writing results, and combining them.
    pub writing: f64,
    /// Handing outcomes to the store, and waiting for it.
    pub storing: f64,
    /// Combining the values into one result; a part of `writing`.
    #[serde(default)]
    pub combining: f64,
}

/// Counts of tasks.
///
/// ```
/// # fn example(summary: &coordinator::summary::Summary) {
/// let tasks = summary.tasks;
/// assert_eq!(tasks.planned, tasks.ok + tasks.failed, "all have ended");
/// println!("{} of them in this session", tasks.ok + tasks.failed - tasks.skipped);
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskCounts {
    /// Tasks that the plan made.
    pub planned: u64,
    /// Tasks that ended well, those that an earlier session had done among them.
    pub ok: u64,
    /// Tasks that failed for good.
    pub failed: u64,
    /// Attempts after a task's first.
    pub retried: u64,
    /// Tasks that an earlier session had done; `ok` has them, too.
    pub skipped: u64,
}

/// What one worker did, over all its incarnations.
///
/// ```
/// # fn example(summary: &coordinator::summary::Summary) {
/// for worker in &summary.per_worker {
///     println!("{}: {} tasks in {} s", worker.name, worker.tasks, worker.busy_seconds);
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerSummary {
    /// `worker-1` and so on.
    pub name: String,
    /// The process id of its last incarnation.
    pub pid: u32,
    /// How many processes it has been.
    pub incarnations: u32,
    /// Tasks that it ended.
    pub tasks: u64,
    /// Time that it spent in tasks.
    pub busy_seconds: f64,
}

/// How a run went over time. All times are in seconds since its start, pauses left out.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Digest {
    /// The length of a slot.
    pub slot_seconds: f64,
    /// When the last thing happened.
    pub end_seconds: f64,
    /// Tasks that ended well, by slot.
    pub ok: Vec<u64>,
    /// Failed attempts, by slot.
    pub failed: Vec<u64>,
    /// For the first workers: how much of each slot they spent in tasks, in hundredths.
    pub busy: Vec<Vec<u8>>,
    /// How many workers have no row.
    pub more_workers: u32,
    /// Deaths and kills, the first ones.
    pub marks: Vec<DigestMark>,
    /// How many more there were.
    pub more_marks: u64,
    /// How many tasks took how long: their number, by [`histogram_floor`](crate::timeline::histogram_floor) of their place.
    pub histogram: Vec<u64>,
    /// The longest time that a task took, in microseconds.
    pub longest_micros: u64,
}

impl Digest {
    /// True where its times are times: one that comes from a file may say anything.
    pub fn is_sound(&self) -> bool {
        let time = |seconds: f64| seconds.is_finite() && (0.0..1e12).contains(&seconds);
        let marks = self.marks.iter().all(|mark| time(mark.at));
        time(self.slot_seconds) && self.slot_seconds > 0.0 && time(self.end_seconds) && marks
    }
}

/// Something that happened to a worker.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DigestMark {
    /// When.
    pub at: f64,
    /// The worker's number, from 1.
    pub worker: u32,
    /// What.
    pub what: String,
}
