//! How a pool is set up.

use std::marker::PhantomData;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::worker::check_known;
use super::{Error, Function, Pool, TaskType, function, serving};
use crate::outcome::Reason;
use crate::pool::{BatchSize, Guarded, Order, PoolOptions, Work};

/// How many submitted tasks a pool holds, unless told otherwise.
const CAPACITY: usize = 16 * 1024;

/// Sets up a [`Pool`]. Start it with [`function`](Self::function) or [`task_type`](Self::task_type).
///
/// ```standalone_crate
/// use std::num::NonZeroU64;
/// use std::time::Duration;
///
/// use unhurt::Pool;
/// use unhurt::outcome::Reason;
/// use unhurt::pool::{BatchSize, Order};
///
/// fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// fn main() -> Result<(), unhurt::Error> {
///     unhurt::worker().function(double).serve();
///     let pool = Pool::builder()
///         .workers(2)
///         .capacity(1000)
///         // How long a task may take, and what is tried again.
///         .soft_timeout(Duration::from_secs(5))
///         .timeout(Duration::from_secs(30))
///         .retries(1)
///         .retry_on([Reason::Signal, Reason::Timeout])
///         .cancel_grace(Duration::from_millis(100))
///         // What a worker may use.
///         .memory(2 << 30)
///         .cpu_seconds(600)
///         .open_files(256)
///         .file_size(1 << 30)
///         // When a worker is replaced.
///         .max_tasks_per_worker(NonZeroU64::MAX)
///         .max_memory_growth(1 << 30)
///         // How tasks go in and results come out.
///         .batch(BatchSize::Auto)
///         .order(Order::Completion)
///         // How workers are started, and what they start.
///         .start_timeout(Duration::from_secs(60))
///         .starts_programs(false)
///         .function(double)?;
///     assert_eq!(pool.map(0..100_u64).filter_map(Result::ok).sum::<u64>(), 9900);
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until a function or task type is given to it"]
pub struct Builder {
    options: PoolOptions,
    order: Order,
    workers: Option<usize>,
    capacity: usize,
    observe: Option<PathBuf>,
}

impl Pool<(), ()> {
    /// Sets up a pool; its types are those of the function or task type that it is started with.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Builder {
    fn new() -> Self {
        // How long those may take that run when the pool is shut down is for `shutdown` to say.
        let options = PoolOptions {
            grace: Duration::MAX,
            // Whoever has the handle had the input.
            payloads_in_outcomes: false,
            ..PoolOptions::default()
        };
        Self { options, order: Order::Input, workers: None, capacity: CAPACITY, observe: None }
    }

    /// How many worker processes; one for each usable CPU by default.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many submitted tasks the pool holds, those that run included: where there are as many,
    /// [`submit`](Pool::submit) waits. 16,384 by default; at least 1. Their inputs take at most 64 MiB.
    pub fn capacity(mut self, tasks: usize) -> Self {
        self.capacity = tasks.max(1);
        self
    }

    /// The time limit of one attempt: its worker is killed, and the task tried again. None by default.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// After this long, [`Event::Slow`](super::Event::Slow) tells of an attempt that goes on.
    pub fn soft_timeout(mut self, limit: Duration) -> Self {
        self.options.soft_timeout = Some(limit);
        self
    }

    /// How many attempts a task has after its first; 2 by default.
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.retries = retries;
        self
    }

    /// After what a task is tried again. By default after whatever its process died of, and neither after an
    /// error that it returned nor after a panic: those would only come again.
    pub fn retry_on(mut self, reasons: impl IntoIterator<Item = Reason>) -> Self {
        self.options.retry_on = reasons.into_iter().collect();
        self
    }

    /// The order of [`map`](Pool::map)'s results: that of the inputs (the default), or as they come.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// How many tasks are sent to a worker in one message; by default a few milliseconds of work, as measured.
    pub fn batch(mut self, batch: BatchSize) -> Self {
        self.options.batch = batch;
        self
    }

    /// The address space of each worker, in bytes.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.options.limits.memory = Some(bytes);
        self
    }

    /// The processor time of each worker, in seconds.
    pub fn cpu_seconds(mut self, seconds: u64) -> Self {
        self.options.limits.cpu_seconds = Some(seconds);
        self
    }

    /// The open files of each worker.
    pub fn open_files(mut self, files: u64) -> Self {
        self.options.limits.open_files = Some(files);
        self
    }

    /// The size of each file that a worker writes, in bytes.
    pub fn file_size(mut self, bytes: u64) -> Self {
        self.options.limits.file_size = Some(bytes);
        self
    }

    /// A worker is replaced after this many tasks.
    pub fn max_tasks_per_worker(mut self, tasks: NonZeroU64) -> Self {
        self.options.max_tasks_per_worker = Some(tasks);
        self
    }

    /// A worker is replaced once its resident memory has grown by this many bytes.
    pub fn max_memory_growth(mut self, bytes: u64) -> Self {
        self.options.max_memory_growth = Some(bytes);
        self
    }

    /// How long a running task that is cancelled may go on, to tidy up behind itself: it can ask
    /// [`Context::is_cancelled`](super::Context::is_cancelled). Zero by default: it is killed at once.
    pub fn cancel_grace(mut self, grace: Duration) -> Self {
        self.options.cancel_grace = grace;
        self
    }

    /// How long a worker may take from its start until it is ready; 10 s by default.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.options.start_timeout = limit;
        self
    }

    /// Say so where tasks start programs of their own: a small process then sees to it that none of them outlives the
    /// pool, even if it has left its process group, and even if this process is killed.
    pub fn starts_programs(mut self, yes: bool) -> Self {
        self.options.guard = if yes { Guarded::First } else { Guarded::Never };
        self
    }

    /// The program to run as a worker, with a [`worker()`](super::worker()) line of its own; by default this one.
    ///
    /// ```
    /// let builder = unhurt::Pool::builder().worker_program("/usr/lib/my-program/worker");
    /// # let _ = builder;
    /// ```
    pub fn worker_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.options.worker_program = Some(program.into());
        self
    }

    /// Lets other processes see what happens in the pool, for as long as it lives: at a Unix socket at this path, with
    /// `coordinator watch PATH` or [`protocol::observe::Observer`]. The socket is this user's alone; one that another
    /// pool or run has, and any other file that is there, make starting the pool fail.
    ///
    /// ```
    /// let builder = unhurt::Pool::builder().observe("/run/user/1000/pool.sock"); // `coordinator watch` of that path
    /// # let _ = builder;
    /// ```
    pub fn observe(mut self, path: impl Into<PathBuf>) -> Self {
        self.observe = Some(path.into());
        self
    }

    /// Starts a pool that runs this function.
    ///
    /// # Errors
    /// The function is not in the [`worker()`](super::worker()) line, there are to be no workers, or the machine
    /// has no more threads or files. Workers that can't be started are noticed later: each task then
    /// [is broken](Error::is_broken).
    pub fn function<M, F: Function<M>>(self, task: F) -> Result<Pool<F::Input, F::Output>, Error> {
        let _ = task;
        self.start(function::name_of::<F>(), &())
    }

    /// Starts a pool of this type of tasks, each worker with a state made from `config`.
    ///
    /// ```
    /// # fn example<T: unhurt::TaskType<Config = String>>() -> Result<(), unhurt::Error> {
    /// let pool = unhurt::Pool::builder().workers(2).task_type::<T>(&"to be or not".to_owned())?;
    /// # let _ = pool;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`function`](Self::function); or the config can't be encoded, or takes more than 48 KiB.
    pub fn task_type<T: TaskType>(self, config: &T::Config) -> Result<Pool<T::Input, T::Output>, Error> {
        self.start(serving::name_of::<T>(), config)
    }

    fn start<C: serde::Serialize + 'static, I, O>(
        mut self,
        name: &str,
        config: &C,
    ) -> Result<Pool<I, O>, Error> {
        if self.options.worker_program.is_none() {
            check_known(name)?;
        }
        let workers = self.workers.unwrap_or_else(num_cpus::get);
        let workers = u32::try_from(workers).ok().and_then(NonZeroU32::new);
        self.options.workers =
            workers.ok_or_else(|| Error::usage("a pool needs at least 1 worker, and at most 2³² - 1"))?;
        let setup = serving::encode_setup(self.options.timeout, config)?;
        let order = self.order;
        let work = Work { kind: name.to_owned(), setup };
        let engine = Engine::start(self.options, work, self.capacity, self.observe.as_deref())?;
        Ok(Pool { engine: Arc::new(engine), order, types: PhantomData })
    }
}
