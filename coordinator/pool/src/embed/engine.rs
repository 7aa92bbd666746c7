//! The thread that a pool lives on, and how it ends.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use protocol::monotonic_nanos;
use protocol::observe::{Ending, MAX_LISTED, WorkerEnding};
use queue::WorkerId;

use super::Error;
use super::events::{Lookout, Watchers};
use super::inbox::Shared;
use super::routes::{Delivery, Intake, Routes, end_lot};
use crate::observe::{Post, run_info};
use crate::pool::{
    self, Control, Controlled, Engine as _, LocalWorkers, Observer, Observers, PoolOptions, Request, Seams,
    Work,
};

/// A pool's thread and what it shares with the others. Dropping it kills the workers and waits for their end.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) shared: Arc<Shared>,
    pub(super) watchers: Arc<Watchers>,
    pub(super) workers: u32,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Starts the thread, and with it the workers.
    pub(super) fn start(
        options: PoolOptions,
        work: Work,
        capacity: usize,
        observe: Option<&Path>,
    ) -> Result<Self, Error> {
        let post = observe.map(|path| OpenPost::open(path, &options, &work)).transpose()?;
        let broken = |error: std::io::Error| Error::broken(crate::supervisor::with_advice(&error));
        let (control, controlled) = Control::new().map_err(broken)?;
        let shared = Arc::new(Shared::new(control, capacity));
        let watchers = Arc::new(Watchers::new());
        let workers = options.workers.get();
        let (theirs, watched) = (Arc::clone(&shared), Arc::clone(&watchers));
        let thread = std::thread::Builder::new()
            .name("pool".into())
            .spawn(move || run(&options, &work, &controlled, theirs, watched, post))
            .map_err(broken)?;
        Ok(Self { shared, watchers, workers, thread: Mutex::new(Some(thread)) })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.end(Request::Abort);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A waker that the pool's thread calls may drop the last pool: nobody can wait for himself.
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of that thread has been told to all who waited.
            let _ = thread.join();
        }
    }
}

/// Sees to it that nobody waits for ever, whatever ends the pool's thread.
struct Farewell {
    shared: Arc<Shared>,
    watchers: Arc<Watchers>,
    routes: Rc<RefCell<Routes>>,
    ended: Option<(Option<pool::PoolReport>, Error)>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let bug = || (None, Error::broken("its thread ended in the middle (a bug)"));
        let (report, error) = self.ended.take().unwrap_or_else(bug);
        for lot in self.shared.set_ended(report, error.clone()) {
            end_lot(lot, &error);
        }
        if let Ok(mut routes) = self.routes.try_borrow_mut() {
            routes.end(&error);
        }
        self.watchers.end();
    }
}

fn run(
    options: &PoolOptions,
    work: &Work,
    controlled: &Controlled,
    shared: Arc<Shared>,
    watchers: Arc<Watchers>,
    post: Option<OpenPost>,
) {
    let routes = Rc::new(RefCell::new(Routes::default()));
    let mut farewell = Farewell {
        shared: Arc::clone(&shared),
        watchers: Arc::clone(&watchers),
        routes: Rc::clone(&routes),
        ended: None,
    };
    let mut intake = Intake::new(Arc::clone(&shared), Rc::clone(&routes));
    let mut delivery = Delivery::new(Arc::clone(&shared), routes);
    let mut observers =
        Observers::new().with([Lookout::new(shared, watchers)]).with(post.as_ref().map(OpenPost::observer));
    let seams = Seams { source: &mut intake, sink: &mut delivery, observer: &mut observers };
    let end = LocalWorkers.run(options, work, controlled, seams);
    let (report, error) = match end {
        Ok(report) => {
            let error = Error::of_end(&report);
            (Some(report), error)
        }
        Err(error) => (None, Error::broken(crate::supervisor::with_advice(&error))),
    };
    if let Some(lot) = intake.rest() {
        end_lot(lot, &error);
    }
    if let Some((post, report)) = post.zip(report.as_ref()) {
        post.end(report);
    }
    farewell.ended = Some((report, error));
}

/// A pool's socket for observers.
struct OpenPost {
    post: Post,
    started: u64,
}

impl OpenPost {
    fn open(path: &Path, options: &PoolOptions, work: &Work) -> Result<Self, Error> {
        let post = Post::open(path, None).map_err(|error| Error::usage(error.to_string()))?;
        // What a pool runs is all that is known of it.
        post.announcer()(run_info(&next_id(), &work.kind, &work.kind, options.workers.get(), None));
        Ok(Self { post, started: monotonic_nanos() })
    }

    fn observer(&self) -> Box<dyn Observer> {
        self.post.observer()
    }

    fn end(self, report: &pool::PoolReport) {
        let wall = Duration::from_nanos(monotonic_nanos().saturating_sub(self.started));
        self.post.end(ending(report, wall));
    }
}

/// A name for a pool that nobody has named: no two of this process's pools share one.
fn next_id() -> String {
    static POOLS: AtomicU32 = AtomicU32::new(1);
    format!("pool-{}-{}", std::process::id(), POOLS.fetch_add(1, Ordering::Relaxed))
}

/// The numbers of a pool that has ended.
fn ending(report: &pool::PoolReport, wall: Duration) -> Ending {
    let counts = report.counts;
    let (ended, seconds) = (counts.ok + counts.failed, wall.as_secs_f64());
    let worker = |(index, worker): (u32, &pool::WorkerReport)| WorkerEnding {
        name: WorkerId(index).to_string(),
        pid: worker.pid,
        incarnations: worker.incarnations,
        tasks: worker.tasks,
        busy_seconds: worker.busy.as_secs_f64(),
    };
    Ending {
        exit_code: None,
        interrupted: report.end == pool::End::Stopped,
        planned: counts.planned,
        ok: counts.ok,
        failed: counts.failed,
        retried: counts.retried,
        skipped: report.skipped,
        restarts: counts.restarts,
        wall_seconds: seconds,
        cpu_seconds: pool::cpu_seconds(),
        tasks_per_second: if seconds > 0.0 { ended as f64 / seconds } else { 0.0 },
        workers: (0..).zip(&report.workers).take(MAX_LISTED).map(worker).collect(),
    }
}
