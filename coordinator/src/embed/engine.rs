//! The thread that a pool lives on, and how it ends.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use protocol::monotonic_nanos;

use super::Error;
use super::events::{Lookout, Watchers};
use super::inbox::Shared;
use super::routes::{Delivery, Intake, Routes, end_lot};
use crate::observe::{Post, ending, run_info};
use crate::pool::{self, Control, Controlled, Observer, PoolEvent, PoolOptions, Request, Work};
use crate::queue::Time;
use crate::run::{summarise, unstored_id};
use crate::store::RunId;

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
    let mut lookout = (Lookout::new(shared, watchers), post.as_ref().map(OpenPost::observer));
    let end = pool::run(options, work, controlled, &mut intake, &mut delivery, &mut lookout);
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
        post.end(report, work);
    }
    farewell.ended = Some((report, error));
}

/// Who is always there, and whoever observes from other processes.
impl Observer for (Lookout, Option<Box<dyn Observer>>) {
    fn on_event(&mut self, at: Time, event: &PoolEvent<'_>) {
        self.0.on_event(at, event);
        if let Some(observer) = &mut self.1 {
            observer.on_event(at, event);
        }
    }

    fn look_every(&self) -> Option<Duration> {
        self.1.as_ref()?.look_every()
    }
}

/// A pool's socket for observers.
struct OpenPost {
    post: Post,
    id: RunId,
    started: u64,
}

impl OpenPost {
    fn open(path: &Path, options: &PoolOptions, work: &Work) -> Result<Self, Error> {
        let post = Post::open(path, None).map_err(|error| Error::usage(error.to_string()))?;
        let id = unstored_id();
        // What a pool runs is all that is known of it.
        post.announcer()(run_info(id.as_str(), &work.kind, &work.kind, options.workers.get(), None));
        Ok(Self { post, id, started: monotonic_nanos() })
    }

    fn observer(&self) -> Box<dyn Observer> {
        self.post.observer()
    }

    fn end(self, report: &pool::PoolReport, work: &Work) {
        let wall = Duration::from_nanos(monotonic_nanos().saturating_sub(self.started));
        let summary = summarise(&self.id, work.kind.clone(), &work.kind, report, wall);
        self.post.end(ending(Some(&summary), None));
    }
}
