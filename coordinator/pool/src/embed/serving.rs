//! The worker's half of a pool: decodes inputs, runs them, encodes outputs.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use protocol::{Handler, Task, TaskError, WorkerCell, decode_value, encode_value, monotonic_nanos};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Context, Error, Function};

/// A sort of task with a state of its own: made once in each worker, from a value that is the same for all.
///
/// The state may hold what is dear to make (tables, models, buffers), but results must not depend on what ran
/// before: a task may run on any worker, after any other task, and more than once.
///
/// ```standalone_crate
/// use unhurt::{Context, Pool, TaskError, TaskType};
///
/// struct Words(Vec<String>);
///
/// impl TaskType for Words {
///     type Config = String;
///     type Input = usize;
///     type Output = String;
///
///     const NAME: &'static str = "words";
///
///     fn start(config: String) -> Result<Self, TaskError> {
///         Ok(Self(config.split(' ').map(str::to_owned).collect()))
///     }
///
///     fn run(&mut self, index: usize, _: &Context<'_>) -> Result<String, TaskError> {
///         self.0.get(index).cloned().ok_or_else(|| TaskError::new("there are not so many words"))
///     }
/// }
///
/// fn main() -> Result<(), unhurt::Error> {
///     unhurt::worker().task_type::<Words>().serve();
///     let pool = Pool::builder().workers(1).task_type::<Words>(&"to be or not".to_owned())?;
///     assert_eq!(pool.submit(1_usize)?.wait()?, "be");
///     assert!(pool.submit(7_usize)?.wait().is_err_and(|error| error.is_task_error()));
///     Ok(())
/// }
/// ```
pub trait TaskType: Sized + 'static {
    /// What every worker is given once, at its start; at most 48 KiB encoded.
    type Config: Serialize + DeserializeOwned + 'static;
    /// What goes in; at most 512 MiB encoded. Beyond 48 KiB it travels through shared memory.
    type Input: Serialize + DeserializeOwned + 'static;
    /// What comes out; at most 64 MiB encoded.
    type Output: Serialize + DeserializeOwned + 'static;

    /// Its name, by which the coordinator asks for it; must be the same in a worker program of its own.
    const NAME: &'static str = "";

    /// Makes the state.
    ///
    /// # Errors
    /// A sentence for people: this worker can't do this work. The pool is then broken.
    fn start(config: Self::Config) -> Result<Self, TaskError>;

    /// Runs one task.
    ///
    /// # Errors
    /// A [`TaskError`] fails this attempt and nothing else. So does a panic, which costs the process too.
    fn run(&mut self, input: Self::Input, context: &Context<'_>) -> Result<Self::Output, TaskError>;
}

pub(super) fn name_of<T: TaskType>() -> &'static str {
    if T::NAME.is_empty() { std::any::type_name::<T>() } else { T::NAME }
}

/// What goes to every worker at its start, before the config: the time limit in nanoseconds, 0 for none.
pub(super) fn encode_setup<C: Serialize + 'static>(
    timeout: Option<Duration>,
    config: &C,
) -> Result<Vec<u8>, Error> {
    let nanos = timeout.map_or(0, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    let mut setup = nanos.to_le_bytes().to_vec();
    encode_value(config, &mut setup).map_err(|error| Error::codec(&error))?;
    match setup.len() {
        length if length > protocol::MAX_SETUP => Err(Error::too_large(length, protocol::MAX_SETUP)),
        _ => Ok(setup),
    }
}

fn decode_setup<C: DeserializeOwned + 'static>(setup: &[u8]) -> Result<(Option<Duration>, C), TaskError> {
    let (nanos, config) =
        setup.split_first_chunk().ok_or_else(|| TaskError::new("the setup is cut short"))?;
    let nanos = u64::from_le_bytes(*nanos);
    let config = decode_value(config)
        .map_err(|error| TaskError::new(format!("the config is of another type: {error}")))?;
    Ok(((nanos > 0).then(|| Duration::from_nanos(nanos)), config))
}

/// Makes the handler of a task type, in a worker.
pub(super) fn task_type<T: TaskType>(setup: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
    let (timeout, config) = decode_setup(setup)?;
    let mut state = T::start(config)?;
    let run = move |input: T::Input, context: &Context<'_>| state.run(input, context);
    Ok(Box::new(Serving { run, timeout, cell: None, types: PhantomData }))
}

/// Makes the handler of a function, in a worker.
pub(super) fn function<M: 'static, F: Function<M>>(
    function: F,
    setup: &[u8],
) -> Result<Box<dyn Handler>, TaskError>
where
    F::Input: 'static,
    F::Output: 'static,
{
    let (timeout, ()) = decode_setup(setup)?;
    let run = move |input: F::Input, context: &Context<'_>| function.call(input, context);
    Ok(Box::new(Serving { run, timeout, cell: None, types: PhantomData }))
}

struct Serving<R, I, O> {
    run: R,
    timeout: Option<Duration>,
    cell: Option<Arc<WorkerCell>>,
    types: PhantomData<fn(I) -> O>,
}

impl<R, I, O> Handler for Serving<R, I, O>
where
    R: FnMut(I, &Context<'_>) -> Result<O, TaskError>,
    I: DeserializeOwned + 'static,
    O: Serialize + 'static,
{
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let input = decode_value(task.payload)
            .map_err(|error| TaskError::new(format!("the input is of another type: {error}")))?;
        let context = Context {
            task,
            timeout: self.timeout,
            began_nanos: if self.timeout.is_some() { monotonic_nanos() } else { 0 },
            cell: self.cell.as_deref(),
            told_nanos: Cell::new(0),
        };
        let output = (self.run)(input, &context)?;
        encode_value(&output, value)
            .map_err(|error| TaskError::new(format!("the result can't be encoded: {error}")))
    }

    fn attach(&mut self, cell: Arc<WorkerCell>) {
        self.cell = Some(cell);
    }
}
