//! Plain functions as tasks.

use protocol::TaskError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Context;

/// A function that can be run by workers: `fn(Input) -> Output` or `fn(Input) -> Result<Output, TaskError>`, each
/// with or without a [`&Context`](Context) behind the input. A closure that captures nothing is one too.
///
/// `Marker` tells these four apart and is always inferred.
///
/// ```
/// use unhurt::{Builder, Context, Error, TaskError};
///
/// fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// fn half(n: u64, context: &Context<'_>) -> Result<u64, TaskError> {
///     context.log(format_args!("halving {n}"));
///     if n % 2 == 0 { Ok(n / 2) } else { Err(TaskError::new("it is odd")) }
/// }
///
/// # fn example(one: Builder, other: Builder) -> Result<(), Error> {
/// let (doubles, halves) = (one.function(double)?, other.function(half)?);
/// # let _: (unhurt::Pool<u64, u64>, unhurt::Pool<u64, u64>) = (doubles, halves);
/// # Ok(())
/// # }
/// ```
///
/// For code that takes any of them:
///
/// ```
/// use unhurt::{Context, Function, TaskError};
///
/// /// Runs whatever function it is given, and says so.
/// fn loudly<M, F: Function<M>>(task: F, input: F::Input, context: &Context<'_>) -> Result<F::Output, TaskError> {
///     context.log("it begins");
///     let output: F::Output = task.call(input, context)?;
///     context.log("it has ended");
///     Ok(output)
/// }
/// ```
pub trait Function<Marker>: Copy + Send + Sync + 'static {
    /// What goes in.
    type Input: Serialize + DeserializeOwned + 'static;
    /// What comes out.
    type Output: Serialize + DeserializeOwned + 'static;

    /// Runs it.
    ///
    /// # Errors
    /// The function's own.
    fn call(self, input: Self::Input, context: &Context<'_>) -> Result<Self::Output, TaskError>;
}

/// Marks functions that can't fail.
#[derive(Debug)]
pub struct Always;
/// Marks functions that return a result.
#[derive(Debug)]
pub struct Fallible;

impl<F, I, O> Function<(Always, fn(I) -> O)> for F
where
    F: Fn(I) -> O + Copy + Send + Sync + 'static,
    I: Serialize + DeserializeOwned + 'static,
    O: Serialize + DeserializeOwned + 'static,
{
    type Input = I;
    type Output = O;

    fn call(self, input: I, _: &Context<'_>) -> Result<O, TaskError> {
        Ok(self(input))
    }
}

impl<F, I, O> Function<(Fallible, fn(I) -> O)> for F
where
    F: Fn(I) -> Result<O, TaskError> + Copy + Send + Sync + 'static,
    I: Serialize + DeserializeOwned + 'static,
    O: Serialize + DeserializeOwned + 'static,
{
    type Input = I;
    type Output = O;

    fn call(self, input: I, _: &Context<'_>) -> Result<O, TaskError> {
        self(input)
    }
}

impl<F, I, O> Function<(Always, fn(I, &Context<'_>) -> O)> for F
where
    F: Fn(I, &Context<'_>) -> O + Copy + Send + Sync + 'static,
    I: Serialize + DeserializeOwned + 'static,
    O: Serialize + DeserializeOwned + 'static,
{
    type Input = I;
    type Output = O;

    fn call(self, input: I, context: &Context<'_>) -> Result<O, TaskError> {
        Ok(self(input, context))
    }
}

impl<F, I, O> Function<(Fallible, fn(I, &Context<'_>) -> O)> for F
where
    F: Fn(I, &Context<'_>) -> Result<O, TaskError> + Copy + Send + Sync + 'static,
    I: Serialize + DeserializeOwned + 'static,
    O: Serialize + DeserializeOwned + 'static,
{
    type Input = I;
    type Output = O;

    fn call(self, input: I, context: &Context<'_>) -> Result<O, TaskError> {
        self(input, context)
    }
}

/// The name by which the coordinator asks a worker for a function: its path in the program.
///
/// A function's value does not travel, so it must have none: function pointers and closures that capture
/// something are refused when the program is compiled.
pub(super) fn name_of<F>() -> &'static str {
    const {
        assert!(size_of::<F>() == 0, "a function that captures something can't be sent to another process");
    }
    std::any::type_name::<F>()
}
