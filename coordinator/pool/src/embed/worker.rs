//! The one line at the top of `main`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use protocol::{Handler, TaskError};

use super::{Error, Function, TaskType, function, serving};

type Make = Box<dyn Fn(&[u8]) -> Result<Box<dyn Handler>, TaskError>>;

/// What this program can do as a worker.
static KNOWN: OnceLock<Known> = OnceLock::new();

#[derive(Debug, Default)]
struct Known {
    // How often each name was given: a name that stands for two things can't be served.
    names: BTreeMap<String, usize>,
}

/// What a program does when a pool runs it as a worker. See [`worker()`].
///
/// ```
/// use unhurt::{Context, TaskError, TaskType};
///
/// fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// struct Count(u64);
///
/// impl TaskType for Count {
///     type Config = u64;
///     type Input = u64;
///     type Output = u64;
///
///     fn start(from: u64) -> Result<Self, TaskError> {
///         Ok(Self(from))
///     }
///
///     fn run(&mut self, step: u64, _: &Context<'_>) -> Result<u64, TaskError> {
///         Ok(self.0 + step)
///     }
/// }
///
/// fn main() {
///     unhurt::worker().function(double).task_type::<Count>().serve();
///     println!("not a worker: here the program begins");
/// }
/// ```
#[must_use = "it does nothing until `serve` is called"]
#[derive(Default)]
pub struct Worker {
    makers: Vec<(String, Make)>,
}

/// Begins the one line at the top of `main` that lets a program be its own worker: name everything that its pools
/// run, then [`serve`](Worker::serve).
///
/// ```standalone_crate
/// fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// fn main() -> Result<(), unhurt::Error> {
///     unhurt::worker().function(double).serve();
///     let pool = unhurt::Pool::builder().workers(1).function(double)?;
///     assert_eq!(pool.submit(21_u64)?.wait()?, 42);
///     Ok(())
/// }
/// ```
pub fn worker() -> Worker {
    Worker::default()
}

impl Worker {
    /// It can run this function.
    pub fn function<M: 'static, F: Function<M>>(mut self, task: F) -> Self
    where
        F::Input: 'static,
        F::Output: 'static,
    {
        let make = move |setup: &[u8]| serving::function(task, setup);
        self.makers.push((function::name_of::<F>().to_owned(), Box::new(make)));
        self
    }

    /// It can run tasks of this type.
    pub fn task_type<T: TaskType>(mut self) -> Self {
        self.makers.push((serving::name_of::<T>().to_owned(), Box::new(serving::task_type::<T>)));
        self
    }

    /// Returns at once where the program was started by a person or a script. Where a pool started it as a
    /// worker, it serves and then ends the process.
    ///
    /// Call it before any thread is started, and before anything that a worker should not do again: everything
    /// above this line is run by every worker, too.
    pub fn serve(self) {
        if crate::supervisor::guard_if_told() {
            std::process::exit(0);
        }
        if ::worker::is_worker_invocation(std::env::args_os()) {
            std::process::exit(self.work());
        }
        let mut known = Known::default();
        for (name, _) in self.makers {
            *known.names.entry(name).or_default() += 1;
        }
        // A second call adds nothing: the first line is the one that workers see.
        let _ = KNOWN.set(known);
    }

    fn work(self) -> i32 {
        let names: Vec<&str> = self.makers.iter().map(|(name, _)| name.as_str()).collect();
        let code = ::worker::run_to_code(&names, |start| {
            match self.makers.iter().find(|(name, _)| name == start.kind) {
                Some((_, make)) => make(start.setup),
                None => Err(TaskError::new(format!("this worker program knows no `{}`", start.kind))),
            }
        });
        i32::from(code)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.makers.iter().map(|(name, _)| name)).finish()
    }
}

/// Finds out, before a process is started, that it would not know what to do.
pub(super) fn check_known(name: &str) -> Result<(), Error> {
    // A worker that comes here would start workers that come here.
    if ::worker::is_worker_invocation(std::env::args_os()) {
        return Err(Error::usage(
            "this process was started as a worker: call `unhurt::worker()….serve()` first thing in `main`",
        ));
    }
    match KNOWN.get().and_then(|known| known.names.get(name)) {
        Some(1) => Ok(()),
        Some(_) => Err(Error::usage(format!(
            "`{name}` stands for several functions: give closures names of their own, as functions"
        ))),
        None => Err(Error::usage(format!(
            "workers of this program would not know `{name}`: name it in the `unhurt::worker()…serve()` line \
             at the top of `main`"
        ))),
    }
}
