//! The thread that a pool lives on, and how it ends.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::Error;
use super::events::{Lookout, Watchers};
use super::inbox::Shared;
use super::routes::{Delivery, Intake, Routes, end_lot};
use crate::pool::{self, Control, Controlled, PoolOptions, Request, Work};

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
    pub(super) fn start(options: PoolOptions, work: Work, capacity: usize) -> Result<Self, Error> {
        let broken = |error: std::io::Error| Error::broken(crate::supervisor::with_advice(&error));
        let (control, controlled) = Control::new().map_err(broken)?;
        let shared = Arc::new(Shared::new(control, capacity));
        let watchers = Arc::new(Watchers::new());
        let workers = options.workers.get();
        let (theirs, watched) = (Arc::clone(&shared), Arc::clone(&watchers));
        let thread = std::thread::Builder::new()
            .name("pool".into())
            .spawn(move || run(&options, &work, &controlled, theirs, watched))
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
    let mut lookout = Lookout::new(shared, watchers);
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
    farewell.ended = Some((report, error));
}
