//! Lazy iterators in, lazy iterators out.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::sync::Arc;

use protocol::{Payloads, TaskId, decode_value, monotonic_nanos};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::encode::encode_input;
use super::engine::Engine;
use super::error::Error;
use super::inbox::{Destination, Lot};
use super::reorder::Reorder;
use super::stream::Stream;

use crate::outcome::{Outcome, OutcomeBatch};
use crate::pool::{Order, Request};

/// How many inputs and bytes are handed over at once, at most.
const CHUNK: usize = 4096;
const CHUNK_BYTES: usize = 128 * 1024;
/// A slow input hands over what it has after this long.
const CHUNK_NANOS: u64 = 1_000_000;
/// How often the clock is looked at, in inputs.
const LOOK: usize = 16;
/// How many bytes of inputs and results may be on their way.
const BYTES: u64 = 64 << 20;
/// How far a map runs ahead to begin with, and at most, in tasks a worker.
const FIRST: u64 = 64;
const MOST: u64 = 4 * 4096;

/// What both maps do: keep enough inputs on their way, and take outcomes as they come.
struct Feed<I, O, T> {
    // The pool lives on while a map of it does.
    engine: Arc<Engine>,
    types: PhantomData<fn(I) -> O>,
    inputs: T,
    stream: Arc<Stream>,
    // All inputs have been taken, or the pool has ended.
    exhausted: bool,
    broken: Option<Error>,
    // Inputs that could not be sent.
    failed: VecDeque<(u64, Error)>,
    next: u64,
    on_its_way: u64,
    returned: u64,
    // A running mean of what a task takes in bytes, input and result together.
    mean_bytes: u64,
    // A running mean of the length of an input.
    mean_input: u64,
}

impl<I: Serialize + 'static, O: DeserializeOwned + 'static, T: Iterator<Item: Borrow<I>>> Feed<I, O, T> {
    fn new(engine: Arc<Engine>, inputs: T) -> Self {
        Self {
            engine,
            types: PhantomData,
            inputs,
            stream: Arc::default(),
            exhausted: false,
            broken: None,
            failed: VecDeque::new(),
            next: 0,
            on_its_way: 0,
            returned: 0,
            mean_bytes: 0,
            mean_input: 0,
        }
    }

    /// How many tasks may be on their way: it grows as results are taken, and shrinks as they get larger.
    fn window(&self) -> u64 {
        let workers = u64::from(self.engine.workers);
        let grown = (workers * FIRST).saturating_add(self.returned.saturating_mul(2)).min(workers * MOST);
        let bytes = self.mean_bytes.saturating_add(self.mean_input);
        grown.min(BYTES / bytes.max(1)).max(2 * workers)
    }

    /// Takes some inputs and sends them, where there may be more on their way than `share` of the window.
    fn feed(&mut self, share: u64) -> bool {
        let room = (self.window() / share).saturating_sub(self.on_its_way);
        if self.exhausted || room == 0 {
            return false;
        }
        let first = self.next;
        let mut payloads = Payloads::new();
        let failed = self.fill(&mut payloads, usize::try_from(room).unwrap_or(CHUNK).min(CHUNK));
        if !payloads.is_empty() {
            let mean = (payloads.total_bytes() / payloads.len()) as u64;
            self.mean_input = if first == 0 { mean } else { (3 * self.mean_input + mean) / 4 };
        }
        self.next += payloads.len() as u64;
        self.on_its_way += payloads.len() as u64;
        if let Some(error) = failed {
            self.failed.push_back((self.next, error));
            self.next += 1;
            self.on_its_way += 1;
        }
        if !payloads.is_empty() {
            let to = Destination::Stream(Arc::clone(&self.stream), first);
            if let Err(error) = self.engine.shared.send(Lot { payloads, to }) {
                self.break_off(error);
            }
        }
        true
    }

    /// Takes inputs until there are enough, or one can't be sent.
    fn fill(&mut self, payloads: &mut Payloads, most: usize) -> Option<Error> {
        let began = monotonic_nanos();
        while payloads.len() < most && payloads.total_bytes() < CHUNK_BYTES {
            let Some(input) = self.inputs.next() else {
                self.exhausted = true;
                return None;
            };
            let mut encoded = Ok(());
            let count = payloads.len();
            payloads.push_with(|bytes| encoded = encode_input(input.borrow(), bytes));
            if let Err(error) = encoded {
                payloads.truncate(count);
                return Some(error);
            }
            let look = count < LOOK || count.is_multiple_of(LOOK);
            if look && monotonic_nanos().saturating_sub(began) >= CHUNK_NANOS {
                return None;
            }
        }
        None
    }

    fn break_off(&mut self, error: Error) {
        self.exhausted = true;
        self.broken.get_or_insert(error);
    }

    /// Outcomes that have come; waits for some where `patient`.
    fn take(&mut self, patient: bool) -> Option<OutcomeBatch> {
        let taken = if patient { self.stream.next().map(Some) } else { self.stream.try_next() };
        let batch = match taken {
            Ok(batch) => batch?,
            Err(error) => {
                self.break_off(error);
                return None;
            }
        };
        let mean = (batch.total_bytes() / batch.len().max(1)) as u64;
        self.mean_bytes = if self.returned == 0 { mean } else { (3 * self.mean_bytes + mean) / 4 };
        Some(batch)
    }

    fn count_off(&mut self) {
        self.on_its_way = self.on_its_way.saturating_sub(1);
        self.returned += 1;
    }
}

impl<I, O, T> Drop for Feed<I, O, T> {
    fn drop(&mut self) {
        for (first, count) in self.stream.abandon() {
            for task in first..first.saturating_add(count) {
                self.engine.shared.control.request(Request::Cancel(TaskId(task)));
            }
        }
    }
}

fn decode<O: DeserializeOwned + 'static>(outcome: &Outcome<'_>) -> Result<O, Error> {
    match outcome.result {
        Ok(value) => decode_value(value).map_err(|error| Error::codec(&error)),
        Err(failure) => Err(Error::task(failure.clone())),
    }
}

/// The results of [`Pool::map`](super::Pool::map).
///
/// ```
/// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
/// let mut results = pool.map(0..); // without end: taken only as far as results are
/// if let Some(first) = results.next() {
///     println!("{}", first?);
/// }
/// drop(results); // what is on its way is cancelled
/// # Ok(())
/// # }
/// ```
pub struct Map<I, O, T>(Way<I, O, T>)
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>;

enum Way<I, O, T>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
    InOrder { feed: Feed<I, O, T>, waiting: Reorder },
    AsTheyCome(MapUnordered<I, O, T>),
}

impl<I, O, T> Map<I, O, T>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
    pub(super) fn new(engine: Arc<Engine>, inputs: T, order: Order) -> Self {
        Self(match order {
            Order::Input => Way::InOrder { feed: Feed::new(engine, inputs), waiting: Reorder::default() },
            Order::Completion => Way::AsTheyCome(MapUnordered::new(engine, inputs)),
        })
    }
}

impl<I, O, T> Iterator for Map<I, O, T>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
    type Item = Result<O, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Way::InOrder { feed, waiting } => next_in_order(feed, waiting),
            Way::AsTheyCome(map) => map.next().map(|(_, result)| result),
        }
    }
}

impl<I, O, T> FusedIterator for Map<I, O, T>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
}

fn next_in_order<I, O, T>(feed: &mut Feed<I, O, T>, waiting: &mut Reorder) -> Option<Result<O, Error>>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
    // Workers are kept busy while results are there to be taken.
    feed.feed(2);
    loop {
        while let Some((number, error)) = feed.failed.pop_front() {
            waiting.fail(number, error);
        }
        if let Some((result, done)) = waiting.pop(|outcome| decode(&outcome?)) {
            if let Some(batch) = done {
                feed.stream.give_back(batch);
            }
            feed.count_off();
            return Some(result);
        }
        if let Some(batch) = feed.take(false) {
            waiting.add(batch);
        } else if feed.on_its_way == 0 && feed.exhausted {
            return None;
        } else if let Some(error) = &feed.broken {
            let error = error.clone();
            waiting.skip();
            feed.count_off();
            return Some(Err(error));
        } else if !feed.feed(1)
            && let Some(batch) = feed.take(true)
        {
            waiting.add(batch);
        }
    }
}

/// The results of [`Pool::map_unordered`](super::Pool::map_unordered).
///
/// Where the pool breaks in the middle, the last item is its error, under the number of the first input that was
/// not taken.
///
/// ```
/// # fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
/// let found = pool.map_unordered(100..200).find(|(_, result)| matches!(result, Ok(42)));
/// println!("{:?}", found.map(|(number, _)| 100 + number));
/// # Ok(())
/// # }
/// ```
pub struct MapUnordered<I, O, T>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
    feed: Feed<I, O, T>,
    current: Option<(OutcomeBatch, usize)>,
}

impl<I, O, T> MapUnordered<I, O, T>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
    pub(super) fn new(engine: Arc<Engine>, inputs: T) -> Self {
        Self { feed: Feed::new(engine, inputs), current: None }
    }

    /// The next of the outcomes at hand.
    fn pop(&mut self) -> Option<(u64, Result<O, Error>)> {
        if let Some((number, error)) = self.feed.failed.pop_front() {
            return Some((number, Err(error)));
        }
        let (batch, next) = self.current.as_mut()?;
        match batch.get(*next) {
            Some(outcome) => {
                *next += 1;
                Some((outcome.task.0, decode(&outcome)))
            }
            None => {
                let (batch, _) = self.current.take()?;
                self.feed.stream.give_back(batch);
                None
            }
        }
    }
}

impl<I, O, T> Iterator for MapUnordered<I, O, T>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
    type Item = (u64, Result<O, Error>);

    fn next(&mut self) -> Option<Self::Item> {
        self.feed.feed(2);
        loop {
            if let Some(item) = self.pop() {
                self.feed.count_off();
                return Some(item);
            }
            if let Some(batch) = self.feed.take(false) {
                self.current = Some((batch, 0));
            } else if self.feed.on_its_way == 0 && self.feed.exhausted {
                return None;
            } else if let Some(error) = &self.feed.broken {
                self.feed.on_its_way = 0;
                return Some((self.feed.next, Err(error.clone())));
            } else if !self.feed.feed(1)
                && let Some(batch) = self.feed.take(true)
            {
                self.current = Some((batch, 0));
            }
        }
    }
}

impl<I, O, T> FusedIterator for MapUnordered<I, O, T>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
}

impl<I, O, T> fmt::Debug for Map<I, O, T>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").finish_non_exhaustive()
    }
}

impl<I, O, T> fmt::Debug for MapUnordered<I, O, T>
where
    I: Serialize + 'static,
    O: DeserializeOwned + 'static,
    T: Iterator<Item: Borrow<I>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapUnordered").field("returned", &self.feed.returned).finish_non_exhaustive()
    }
}
