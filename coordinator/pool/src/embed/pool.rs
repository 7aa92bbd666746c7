//! The pool as its users see it.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::encode::encode_input;
use super::engine::Engine;
use super::error::Error;
use super::events::Events;
use super::handle::Handle;
use super::inbox::Refused;
use super::map::{Map, MapUnordered};
use super::stats::Stats;
use crate::pool::{Order, PoolReport, Request};

/// A pool of worker processes for tasks of one type.
///
/// Clones are the same pool, and any of them can be used from any thread. When the last one is dropped, the
/// workers are killed and waited for; handles that still wait learn that their task
/// [is cancelled](Error::is_cancelled). To let work finish first, [`join`](Self::join) before.
///
/// ```standalone_crate
/// use std::time::Duration;
///
/// use unhurt::Pool;
/// use unhurt::pool::End;
///
/// fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// fn main() -> Result<(), unhurt::Error> {
///     unhurt::worker().function(double).serve();
///     let pool = Pool::builder().workers(2).function(double)?;
///     for n in 0..100_u64 {
///         pool.submit(n)?;
///     }
///     while !pool.join_timeout(Duration::from_secs(1))? {
///         println!("{} tasks are left", pool.stats().unfinished);
///     }
///     pool.close();
///     pool.join()?;
///     let report = pool.report().expect("it has ended");
///     assert_eq!((report.end, pool.stats().ok), (End::Done, 100));
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Pool<I, O> {
    pub(super) engine: Arc<Engine>,
    pub(super) order: Order,
    pub(super) types: PhantomData<fn(I) -> O>,
}

impl<I, O> Clone for Pool<I, O> {
    fn clone(&self) -> Self {
        Self { engine: Arc::clone(&self.engine), order: self.order, types: PhantomData }
    }
}

impl<I: Serialize + 'static, O: DeserializeOwned + 'static> Pool<I, O> {
    /// Submits a task; where the pool holds as many as it may, waits until one has ended.
    ///
    /// ```
    /// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
    /// let handles: Vec<_> = (0..1000).map(|n| pool.submit(n)).collect::<Result<_, _>>()?;
    /// for handle in handles {
    ///     println!("{}", handle.wait()?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The pool is closed or broken, or the input can't be encoded or is too large.
    pub fn submit(&self, input: impl Borrow<I>) -> Result<Handle<O>, Error> {
        self.put(input.borrow(), true)
    }

    /// Submits a task, or returns at once with an error that [`is_full`](Error::is_full).
    ///
    /// ```
    /// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
    /// match pool.try_submit(7) {
    ///     Err(error) if error.is_full() => println!("try again later"),
    ///     submitted => println!("{}", submitted?.wait()?),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`submit`](Self::submit); or there is no room.
    pub fn try_submit(&self, input: impl Borrow<I>) -> Result<Handle<O>, Error> {
        self.put(input.borrow(), false)
    }

    pub(super) fn put(&self, input: &I, patient: bool) -> Result<Handle<O>, Error> {
        thread_local! {
            static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        // Taken, since an input's own code may submit something else.
        let mut bytes = BYTES.take();
        bytes.clear();
        let encoded = encode_input(input, &mut bytes);
        let submitted = encoded.map(|()| self.engine.shared.submit(&bytes, patient));
        BYTES.set(bytes);
        match submitted? {
            Ok(ticket) => Ok(Handle::new(ticket, Arc::clone(&self.engine.shared))),
            Err(Refused::Full) => Err(Error::full()),
            Err(Refused::Never(error)) => Err(error),
        }
    }

    /// Runs a task for every input, and returns the results lazily, in the builder's
    /// [order](super::Builder::order).
    ///
    /// Inputs are taken as results are, some way ahead: how far is bounded in tasks and in bytes, so that the
    /// inputs may be without end. Where a task fails, its result is an error, and the others go on. Dropping the
    /// iterator cancels what has not ended.
    ///
    /// ```standalone_crate
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// fn main() -> Result<(), unhurt::Error> {
    ///     unhurt::worker().function(square).serve();
    ///     let pool = unhurt::Pool::builder().workers(2).function(square)?;
    ///     let squares: Result<Vec<u64>, _> = pool.map(1..=4).collect();
    ///     assert_eq!(squares?, [1, 4, 9, 16]);
    ///     Ok(())
    /// }
    /// ```
    pub fn map<T>(&self, inputs: T) -> Map<I, O, T::IntoIter>
    where
        T: IntoIterator<Item: Borrow<I>>,
    {
        Map::new(Arc::clone(&self.engine), inputs.into_iter(), self.order)
    }

    /// As [`map`](Self::map), with each result as it comes, and the number of its input, counted from 0.
    ///
    /// ```
    /// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
    /// for (number, result) in pool.map_unordered(100..200) {
    ///     println!("input {}: {}", 100 + number, result?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn map_unordered<T>(&self, inputs: T) -> MapUnordered<I, O, T::IntoIter>
    where
        T: IntoIterator<Item: Borrow<I>>,
    {
        MapUnordered::new(Arc::clone(&self.engine), inputs.into_iter())
    }

    /// Runs a task for every input, and folds the results in the order of the inputs: the answer depends on
    /// neither the number of workers nor their speed, not even where `fold` adds floats.
    ///
    /// ```
    /// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
    /// let sum = pool.map_reduce(0..1000, 0, |sum, n| sum + n)?;
    /// # let _ = sum;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first task, in input order, that failed; what has not ended then is cancelled.
    pub fn map_reduce<T, A>(&self, inputs: T, initial: A, mut fold: impl FnMut(A, O) -> A) -> Result<A, Error>
    where
        T: IntoIterator<Item: Borrow<I>>,
    {
        let mut results = Map::new(Arc::clone(&self.engine), inputs.into_iter(), Order::Input);
        results.try_fold(initial, |sum, result| Ok(fold(sum, result?)))
    }
}

impl<I, O> Pool<I, O> {
    /// Waits until every task that was taken in has ended; where the pool is [closed](Self::close), until its
    /// workers have gone, too.
    ///
    /// ```
    /// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
    /// pool.close();
    /// pool.join()?;
    /// println!("{:?}", pool.report());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The pool is broken.
    pub fn join(&self) -> Result<(), Error> {
        self.engine.shared.join(None);
        self.check_end()
    }

    /// As [`join`](Self::join), for no longer than this; `false`: there are tasks left.
    ///
    /// # Errors
    /// The pool is broken.
    pub fn join_timeout(&self, limit: Duration) -> Result<bool, Error> {
        let joined = self.engine.shared.join(Some(limit));
        self.check_end().map(|()| joined)
    }

    fn check_end(&self) -> Result<(), Error> {
        match self.engine.shared.end_of_run() {
            Some((_, error)) if error.is_broken() => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes nothing more in. Workers finish what there is, take their pills and go; [`join`](Self::join) waits
    /// for it.
    pub fn close(&self) {
        self.engine.shared.close();
    }

    /// Starts nothing more, gives running tasks this long to finish, kills what is left, and returns when all
    /// workers have gone. Tasks without a result [are cancelled](Error::is_cancelled).
    ///
    /// ```
    /// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
    /// pool.shutdown(std::time::Duration::from_secs(10));
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown(&self, grace: Duration) {
        self.engine.shared.end(Request::Stop);
        if !self.engine.shared.join(Some(grace)) {
            self.kill();
        }
    }

    /// Kills all workers and returns when they have gone. Tasks without a result
    /// [are cancelled](Error::is_cancelled).
    ///
    /// ```
    /// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
    /// let handle = pool.submit(7)?;
    /// pool.kill();
    /// if handle.wait().is_err_and(|error| error.is_cancelled()) {
    ///     println!("it did not come to an end");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill(&self) {
        self.engine.shared.end(Request::Abort);
        self.engine.shared.join(None);
    }

    /// Counts up to now.
    ///
    /// ```
    /// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
    /// let stats = pool.stats();
    /// println!("{} of {} tasks are done", stats.ok + stats.failed, stats.submitted);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stats(&self) -> Stats {
        self.engine.shared.stats()
    }

    /// What the pool's run came to, worker by worker, once it has ended; [`close`](Self::close) and
    /// [`join`](Self::join) it before.
    pub fn report(&self) -> Option<PoolReport> {
        self.engine.shared.end_of_run()?.0
    }

    /// What happens in the pool from now on.
    ///
    /// ```
    /// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
    /// let events = pool.events();
    /// std::thread::spawn(move || {
    ///     for event in events {
    ///         println!("{event:?}");
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(&self) -> Events {
        self.engine.watchers.subscribe()
    }
}
