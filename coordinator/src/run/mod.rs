//! One run of a job: plans, runs, gathers, sums up.

mod deaths;
mod ending;
mod gather;
pub mod incremental;
mod keep;
mod now;
mod order;
mod planner;
mod record;
mod restore;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jobs::{Kind, Plan};
use protocol::observe::RunInfo;
use protocol::{MAX_SETUP, monotonic_nanos};

use self::deaths::Deaths;
pub(crate) use self::ending::ending;
use self::gather::{Effort, Gather};
use self::keep::Kept;
pub use self::keep::{Again, Keep, was_completing};
pub use self::now::{now, unstored_id};
use self::planner::Planner;
use self::record::Recorder;
use self::writer::Writer;
use crate::observe::run_info;
use crate::output::{FailureTally, ResultSettings};
use crate::pool::{
    Control, Controlled, End, Engine, Limit, Observer, Observers, Order, PoolOptions, PoolReport, Seams,
    Spent, Work, WorkerReport, cpu_seconds,
};
use crate::queue::WorkerId;
use crate::report::Letter;
use crate::store::{RunEnd, RunId};
use crate::summary::{Summary, TaskCounts, TimeSummary, WorkerSummary};
use crate::timeline::Chronicle;

/// What to run, and where its results go.
pub struct Run {
    /// The job's name.
    pub name: String,
    /// The job's kind.
    pub kind: &'static dyn Kind,
    /// The job's tasks.
    pub plan: Plan,
    /// How the pool works.
    pub options: PoolOptions,
    /// The order in which results leave.
    pub order: Order,
    /// Where the results go.
    pub results: ResultSettings,
    /// Where the run is kept.
    pub keep: Keep,
    /// How many failures are kept with their histories, for a report.
    pub letters: usize,
    /// Is told what the run is, once that is known and before its first task.
    pub announce: Option<Announce>,
    /// What runs the tasks.
    pub engine: Box<dyn Engine>,
}

/// Is told what a run is.
pub type Announce = Box<dyn FnOnce(RunInfo) + Send>;

/// What came of a run.
#[derive(Debug)]
pub struct RunReport {
    /// What the run is called.
    pub run_id: RunId,
    /// The summary.
    pub summary: Summary,
    /// Failures by reason.
    pub failures: FailureTally,
    /// The first failures with their histories, as many as were wanted.
    pub letters: Vec<Letter>,
    /// The combined result in a line, for kinds that have one.
    pub result: Option<String>,
    /// The kind combines values to a result, and there is none.
    pub lacks_result: bool,
    /// Who combined what.
    pub explanation: Vec<String>,
    /// How the pool ended.
    pub end: End,
    /// Tasks without an outcome: of all where it is known how many there are, and of those that were planned otherwise.
    pub unfinished: u64,
    /// How many tasks there are in all, where that is known.
    pub total: Option<u64>,
    /// Files that hold the results of an unfinished run.
    pub partial: Vec<PathBuf>,
    /// What went wrong with the results, where something did.
    pub trouble: Option<anyhow::Error>,
}

impl RunReport {
    /// True where the run is not complete, so that it can go on where it is stored.
    pub fn is_resumable(&self) -> bool {
        self.end != End::Done || self.trouble.is_some()
    }
}

/// Runs a job to its end, or until it is stopped through `control`; `observer` is told what happens in the pool.
///
/// # Errors
/// It could not begin: an output or the store can't be written, the system is out of files or threads.
pub fn run(
    run: Run,
    control: &Control,
    controlled: &Controlled,
    observer: &mut dyn Observer,
) -> anyhow::Result<RunReport> {
    let started = monotonic_nanos();
    let Run { name, kind, plan, mut options, order, results, keep, letters, announce, engine } = run;
    check_setup(&plan)?;
    let mut sink = Gather::open(&results, kind.presenter(&plan.setup)?, plan.combine)?;
    // The outputs first: a run that could not begin is not worth a row.
    if order == Order::Input {
        sink.order(waiting_folder(&keep));
    }
    let Kept { id, recorder, earlier, done, trouble } = keep.begin(kind.outputs(&plan.setup)?)?;
    let deaths = recorder.as_ref().and_then(Recorder::notes).map(Deaths::new);
    sink.record(recorder);
    sink.keep_letters(letters);
    options.workers = enough_workers(&options, plan.total.map(|total| total.saturating_sub(done)));
    if let Some(announce) = announce {
        announce(run_info(id.as_str(), &name, kind.name(), options.workers.get(), plan.total));
    }
    let total = plan.total;
    let work = Work { kind: kind.name().to_owned(), setup: plan.setup };
    let mut source = Planner::spawn(plan.tasks, earlier, control.waker())?;
    let mut sink = Writer::spawn(sink, control.waker())?;
    let chronicle = Chronicle::default();
    let mut observers = Observers::new().with(deaths).with([observer]).with([chronicle.clone()]);
    let seams = Seams { source: &mut source, sink: &mut sink, observer: &mut observers };
    let pool = engine.run(&options, &work, controlled, seams)?;
    let (mut gather, written) = sink.finish()?;
    let written = written.and_then(|()| gather.let_go());
    let written = written.and_then(|()| trouble.take().map_or(Ok(()), |trouble| Err(trouble.into())));
    let wall = Duration::from_nanos(monotonic_nanos().saturating_sub(started));
    let mut summary = summarise(&id, name, kind.name(), &pool, wall);
    summary.time = time_spent(&pool.spent, gather.effort());
    summary.timeline = Some(chronicle.digest());
    Ok(conclude(id, gather, written, summary, pool, total))
}

/// Where results may wait for earlier ones: beside the store, where there must be room for a run in any case.
fn waiting_folder(keep: &Keep) -> PathBuf {
    let store = keep.store().and_then(|store| store.path().parent());
    store.map_or_else(std::env::temp_dir, Path::to_owned)
}

/// A worker without a task would only be started and stopped.
fn enough_workers(options: &PoolOptions, total: Option<u64>) -> std::num::NonZeroU32 {
    let useful = total.map_or(u32::MAX, |total| u32::try_from(total).unwrap_or(u32::MAX));
    std::num::NonZeroU32::new(useful).map_or(std::num::NonZeroU32::MIN, |useful| useful.min(options.workers))
}

/// The setup goes to every worker in one message.
fn check_setup(plan: &Plan) -> anyhow::Result<()> {
    let length = plan.setup.len();
    anyhow::ensure!(
        length <= MAX_SETUP,
        "the job's settings take {length} bytes, and {MAX_SETUP} are allowed: shorten its parameters"
    );
    Ok(())
}

/// Closes the outputs: whole where the run is, partial where it is not.
fn conclude(
    run_id: RunId,
    mut gather: Gather,
    written: anyhow::Result<()>,
    mut summary: Summary,
    pool: PoolReport,
    total: Option<u64>,
) -> RunReport {
    let bad = gather.bad_values();
    summary.tasks.ok = summary.tasks.ok.saturating_sub(bad);
    summary.tasks.failed += bad;
    let PoolReport { end, unfinished, counts, all_planned, .. } = pool;
    let total = total.or(all_planned.then_some(counts.planned));
    // Those that were not planned have no outcome either.
    let unplanned = total.map_or(0, |total| total.saturating_sub(counts.planned));
    let letters = gather.take_letters();
    let combines = gather.combines();
    let mut recorder = gather.take_recorder();
    let written = match &mut recorder {
        // Where no file takes its place, the last commit is early enough.
        Some(recorder) if end == End::Done && gather.has_file() => {
            written.and_then(|()| Ok(recorder.complete()?))
        }
        _ => written,
    };
    let complete = end == End::Done && written.is_ok();
    let wants_result = complete && summary.tasks.failed == 0;
    let gathered = if complete { gather.finish(wants_result) } else { gather.keep() };
    let lacks_result = combines && gathered.text.is_none();
    summary.result = gathered.value;
    let trouble = written.err().or(gathered.trouble);
    let stored = recorder.map_or(Ok(()), |recorder| record_end(recorder, &end, trouble.as_ref(), &summary));
    RunReport {
        run_id,
        summary,
        failures: gathered.failures,
        letters,
        result: gathered.text,
        lacks_result,
        explanation: gathered.explanation,
        end,
        unfinished: unfinished + unplanned,
        total,
        partial: gathered.partial,
        trouble: trouble.or(stored.err()),
    }
}

/// Only a run whose results are in their places has finished.
fn record_end(
    recorder: Recorder,
    end: &End,
    trouble: Option<&anyhow::Error>,
    summary: &Summary,
) -> anyhow::Result<()> {
    let end = match end {
        End::Done if trouble.is_none() => RunEnd::Finished,
        End::Stopped => RunEnd::Interrupted,
        _ => RunEnd::Failed,
    };
    Ok(recorder.finish(end, summary)?)
}

pub(crate) fn summarise(id: &RunId, job: String, kind: &str, pool: &PoolReport, wall: Duration) -> Summary {
    let counts = pool.counts;
    let ended = (counts.ok + counts.failed).saturating_sub(pool.skipped);
    let seconds = wall.as_secs_f64();
    let worker = |(index, report): (u32, &WorkerReport)| WorkerSummary {
        name: WorkerId(index).to_string(),
        pid: report.pid,
        incarnations: report.incarnations,
        tasks: report.tasks,
        busy_seconds: report.busy.as_secs_f64(),
    };
    Summary {
        run_id: id.to_string(),
        job,
        kind: kind.to_owned(),
        workers: u32::try_from(pool.workers.len()).unwrap_or(u32::MAX),
        tasks: TaskCounts {
            planned: counts.planned,
            ok: counts.ok,
            failed: counts.failed,
            retried: counts.retried,
            skipped: pool.skipped,
        },
        restarts: counts.restarts,
        wall_seconds: seconds,
        cpu_seconds: cpu_seconds(),
        tasks_per_second: if seconds > 0.0 { ended as f64 / seconds } else { 0.0 },
        result: None,
        per_worker: (0..).zip(&pool.workers).map(worker).collect(),
        interrupted: pool.end == End::Stopped,
        time: TimeSummary::default(),
        timeline: None,
    }
}

fn time_spent(spent: &Spent, effort: Effort) -> TimeSummary {
    let on = |limit| spent.on(limit).as_secs_f64();
    TimeSummary {
        starting: on(Limit::Starting),
        planning: on(Limit::Planning),
        tasks: on(Limit::Tasks),
        output: on(Limit::Output),
        ending: on(Limit::Ending),
        writing: effort.writing.as_secs_f64(),
        storing: effort.storing.as_secs_f64(),
        combining: effort.combining.as_secs_f64(),
    }
}
