//! Runs and outcomes to test with.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::TaskId;
use tempfile::TempDir;

use crate::outcome::{AttemptRecord, Failure, Outcome, OutcomeBatch, Reason};
use crate::store::{ClaimedRun, Fingerprint, NewRun, Purpose, RunEnd, RunInfo, Store, Writer, WriterOptions};
use crate::summary::{Summary, TaskCounts};

/// A store in a directory of its own.
pub(super) struct Place {
    pub(super) directory: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("runs.db")
    }

    pub(super) fn open(&self) -> Store {
        Store::open(&self.path()).unwrap()
    }
}

/// So many milliseconds after a fixed moment.
pub(super) fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + millis)
}

pub(super) fn noon() -> SystemTime {
    at(0)
}

pub(super) fn new_run() -> NewRun {
    NewRun {
        id: None,
        job: "primes".to_owned(),
        kind: "primes".to_owned(),
        job_path: Some("jobs/primes.toml".into()),
        overrides: vec!["input.numbers=[7]".to_owned()],
        options: "{\"workers\":2}".to_owned(),
        setup: vec![0, 159, 255],
        fingerprint: Fingerprint { job_text: "kind = \"primes\"\n".to_owned(), inputs: Vec::new() },
        total: Some(10),
        parent: None,
    }
}

/// Groups end at `group` outcomes; the clock stands still at noon.
pub(super) fn options(group: usize) -> WriterOptions {
    WriterOptions { group, delay: Duration::from_secs(3600), queue: 64, clock: noon }
}

pub(super) fn start(store: &Store, run: ClaimedRun, options: WriterOptions) -> Writer {
    Writer::start(store.again().unwrap(), run, options).unwrap()
}

/// Sends a batch of tasks that write no files.
pub(super) fn send(writer: &Writer, batch: OutcomeBatch) {
    writer.send(batch.into(), Vec::new()).unwrap();
}

/// A run that ends at once with these batches stored.
pub(super) fn stored(
    store: &mut Store,
    batches: impl IntoIterator<Item = OutcomeBatch>,
    end: RunEnd,
) -> RunInfo {
    let run = store.create_run(&new_run(), noon()).unwrap();
    let id = run.info.id.clone();
    finish(store, run, batches, end);
    store.find(id.as_str()).unwrap()
}

/// Goes on with a run and stores these batches.
pub(super) fn resumed(
    store: &mut Store,
    run: &RunInfo,
    purpose: Purpose,
    batches: Vec<OutcomeBatch>,
) -> RunInfo {
    let claimed = store.claim(run, purpose, noon()).unwrap();
    finish(store, claimed, batches, RunEnd::Finished);
    store.find(run.id.as_str()).unwrap()
}

fn finish(store: &Store, run: ClaimedRun, batches: impl IntoIterator<Item = OutcomeBatch>, end: RunEnd) {
    // Each batch is a group of its own.
    let writer = start(store, run, options(1));
    for batch in batches {
        send(&writer, batch);
        writer.barrier().unwrap();
    }
    writer.finish(end, None).unwrap();
}

/// The value that task `task` has.
pub(super) fn value(task: u64) -> Vec<u8> {
    task.to_le_bytes()[..(task % 5) as usize].to_vec()
}

pub(super) fn push_good(batch: &mut OutcomeBatch, task: u64) {
    batch.push(Outcome {
        task: TaskId(task),
        payload: b"payload",
        attempts: 1,
        worker: (task / 512 % 2 + 1) as u32,
        micros: task % 200,
        slow: task % 100 == 99,
        result: Ok(&value(task)),
    });
}

pub(super) fn good(tasks: impl IntoIterator<Item = u64>) -> OutcomeBatch {
    let mut batch = OutcomeBatch::new();
    tasks.into_iter().for_each(|task| push_good(&mut batch, task));
    batch
}

pub(super) fn failure(reason: Reason, attempts: u32) -> Failure {
    let history = (1..=attempts)
        .map(|attempt| {
            let mut record = AttemptRecord::new(attempt, 2, reason, format!("attempt {attempt} ended badly"));
            record.pid = 4000 + attempt;
            record.signal = (reason == Reason::Signal).then_some(11);
            record.exit_code = (reason == Reason::Exit).then_some(3);
            record.last_lines =
                vec!["thread 'main' panicked".to_owned(), "\"quoted\" \u{1f4a5}\n".to_owned()];
            record.micros = u64::from(attempt) * 1000;
            record
        })
        .collect();
    Failure::new(reason, format!("failed {attempts} times"), history)
}

pub(super) fn push_bad(batch: &mut OutcomeBatch, task: u64, failure: &Failure) {
    batch.push(Outcome {
        task: TaskId(task),
        payload: format!("payload {task}").as_bytes(),
        attempts: failure.history.len() as u32,
        worker: 2,
        micros: 77,
        slow: false,
        result: Err(failure),
    });
}

pub(super) fn bad(task: u64, failure: &Failure) -> OutcomeBatch {
    let mut batch = OutcomeBatch::new();
    push_bad(&mut batch, task, failure);
    batch
}

/// An outcome that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) task: u64,
    pub(super) payload: Vec<u8>,
    pub(super) attempts: u32,
    pub(super) worker: u32,
    pub(super) micros: u64,
    pub(super) slow: bool,
    pub(super) result: Result<Vec<u8>, Failure>,
}

pub(super) fn seen(outcome: &Outcome<'_>) -> Seen {
    Seen {
        task: outcome.task.0,
        payload: outcome.payload.to_vec(),
        attempts: outcome.attempts,
        worker: outcome.worker,
        micros: outcome.micros,
        slow: outcome.slow,
        result: outcome.result.map(<[u8]>::to_vec).map_err(Clone::clone),
    }
}

/// All outcomes of a run, in the order in which the store returns them.
pub(super) fn all(store: &Store, run: &RunInfo) -> Vec<Seen> {
    let mut outcomes = store.outcomes(run);
    let mut all = Vec::new();
    while let Some(outcome) = outcomes.next().unwrap() {
        all.push(seen(&outcome));
    }
    all
}

pub(super) fn tasks(store: &Store, run: &RunInfo) -> Vec<u64> {
    all(store, run).into_iter().map(|outcome| outcome.task).collect()
}

pub(super) fn summary(run_id: &str) -> Summary {
    Summary {
        run_id: run_id.to_owned(),
        job: "primes".to_owned(),
        kind: "primes".to_owned(),
        workers: 2,
        tasks: TaskCounts { planned: 3, ok: 2, failed: 1, retried: 0, skipped: 0 },
        restarts: 0,
        wall_seconds: 1.5,
        cpu_seconds: 2.0,
        tasks_per_second: 2.0,
        result: None,
        per_worker: Vec::new(),
        interrupted: false,
        ..Summary::default()
    }
}
