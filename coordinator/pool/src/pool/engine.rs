//! What runs tasks: the face that a run's plan, results and observers see, whoever does the work behind it.

use std::io;

use super::driver::Driver;
use super::local::Local;
use super::tasks::Tasks;
use super::watch::Watch;
use super::workers::Workers as _;
use super::{Controlled, Observer, PoolOptions, PoolReport, Sink, Source, Work};

/// Where a run's tasks come from, where their outcomes go, and who looks on.
pub struct Seams<'a> {
    /// Has the tasks.
    pub source: &'a mut dyn Source,
    /// Takes the outcomes.
    pub sink: &'a mut dyn Sink,
    /// Hears what happens (`&mut ()` if nobody looks).
    pub observer: &'a mut dyn Observer,
}

/// Runs everything that a source has, and hands every outcome to a sink. Nothing above it knows where the work is done.
pub trait Engine {
    /// Runs to the end, or until it is stopped through `controlled`.
    ///
    /// Call it from a thread that does nothing else: the workers are killed when it ends.
    ///
    /// # Errors
    /// The engine itself can't go on: the machine has no more files for it. What goes wrong with tasks, workers, source
    /// or sink stands in the report.
    fn run(
        &self,
        options: &PoolOptions,
        work: &Work,
        controlled: &Controlled,
        seams: Seams<'_>,
    ) -> io::Result<PoolReport>;
}

/// The engine whose workers are processes of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalWorkers;

impl Engine for LocalWorkers {
    fn run(
        &self,
        options: &PoolOptions,
        work: &Work,
        controlled: &Controlled,
        seams: Seams<'_>,
    ) -> io::Result<PoolReport> {
        let workers = Local::new(options, work, controlled.waker())?;
        let tasks = Tasks::new(options, seams.source, seams.sink);
        let watch = Watch::new(workers.now(), options.max_memory_growth.is_some(), seams.observer);
        Driver::new(options, controlled, workers, tasks, watch).run()
    }
}
