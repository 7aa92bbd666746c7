//! Planning on a thread of its own.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use jobs::{PlanError, Tasks};
use protocol::{Arena, Extent, MAX_PAYLOAD, Payloads, TaskId};

use crate::outcome::Outcome;
use crate::pool::{ARENA_BYTES, Incoming, InputError, Source, Supply, Waker};

/// How many payloads and bytes the planner hands over at once.
const CHUNK: usize = 4096;
const CHUNK_BYTES: usize = 256 * 1024;
/// How many such chunks may wait.
const CHUNKS: usize = 4;

/// What an earlier session of the same run has done. Lives on the planning thread, and may wait.
pub(super) trait Earlier: Send {
    /// The outcome of `task`, where it has one. Tasks are asked for in ascending order.
    ///
    /// # Errors
    /// It can't be read.
    fn outcome(&mut self, task: TaskId) -> Result<Option<Outcome<'_>>, PlanError>;
}

/// Plans on a thread of its own, so that a slow input never holds up the pool.
#[derive(Debug)]
pub(super) struct Planner {
    chunks: Receiver<Result<Incoming, PlanError>>,
    current: Incoming,
    // What was taken of the current chunk: payloads, and outcomes of tasks that are done.
    next: usize,
    next_done: usize,
    next_task: u64,
    thread: Option<JoinHandle<()>>,
}

impl Planner {
    /// Starts planning; `earlier` knows which tasks are done already.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn spawn(
        tasks: Box<dyn Tasks>,
        earlier: Option<Box<dyn Earlier>>,
        waker: Waker,
    ) -> std::io::Result<Self> {
        let (sender, chunks) = bounded(CHUNKS);
        let desk = Desk { chunks: sender, earlier, arena: None, next: 0, waker };
        let thread = std::thread::Builder::new().name("planner".into()).spawn(move || plan(tasks, desk))?;
        Ok(Self {
            chunks,
            current: Incoming::default(),
            next: 0,
            next_done: 0,
            next_task: 0,
            thread: Some(thread),
        })
    }

    /// A planner that has died has not planned everything.
    fn end(&mut self) -> Supply {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => {
                Supply::Failed(InputError("planning stopped in the middle (a bug in the kind)".into()))
            }
            _ => Supply::End,
        }
    }
}

impl Source for Planner {
    fn take(&mut self, max: usize, into: &mut Incoming) -> Supply {
        if self.next >= self.current.payloads.len() {
            match self.chunks.try_recv() {
                Ok(Ok(chunk)) => (self.current, self.next, self.next_done) = (chunk, 0, 0),
                Ok(Err(PlanError(why))) => return Supply::Failed(InputError(why)),
                Err(TryRecvError::Empty) => return Supply::Pending,
                Err(TryRecvError::Disconnected) => return self.end(),
            }
        }
        let until = self.current.payloads.len().min(self.next.saturating_add(max));
        let large = self.current.large.iter().take_while(|(place, _)| *place < until).count();
        let shift = into.payloads.len();
        for (place, extent) in self.current.large.drain(..large) {
            into.large.push((place - self.next + shift, extent));
        }
        for index in self.next..until {
            into.payloads.push(self.current.payloads.get(index).unwrap_or_default());
        }
        self.next_task += (until - self.next) as u64;
        self.next = until;
        while let Some(outcome) = self.current.done.get(self.next_done)
            && outcome.task.0 < self.next_task
        {
            into.done.push(outcome);
            self.next_done += 1;
        }
        Supply::Some
    }
}

/// The planning thread's end.
struct Desk {
    chunks: Sender<Result<Incoming, PlanError>>,
    earlier: Option<Box<dyn Earlier>>,
    // For payloads that are too long for a message.
    arena: Option<Arena>,
    next: u64,
    waker: Waker,
}

impl Desk {
    /// Hands over a chunk; false where nobody wants it any more.
    fn hand_over(&mut self, payloads: Payloads) -> Result<bool, PlanError> {
        let plain = payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD);
        if plain && self.earlier.is_none() {
            self.next += payloads.len() as u64;
            return Ok(self.send(Incoming { payloads, ..Incoming::default() }));
        }
        let mut part = Incoming::default();
        for payload in payloads.iter() {
            // Values may be much larger than payloads: a part is as bounded as a chunk. And whoever waits for
            // room must not keep to itself what takes it.
            let much = part.done.total_bytes() >= CHUNK_BYTES || payload.len() > MAX_PAYLOAD;
            if much && !part.payloads.is_empty() && !self.send(std::mem::take(&mut part)) {
                return Ok(false);
            }
            self.add(payload, &mut part)?;
        }
        Ok(part.payloads.is_empty() || self.send(part))
    }

    /// Adds a task to a part, with its outcome where it has one.
    fn add(&mut self, payload: &[u8], part: &mut Incoming) -> Result<(), PlanError> {
        let done = match &mut self.earlier {
            Some(earlier) => earlier.outcome(TaskId(self.next))?,
            None => None,
        };
        if payload.len() <= MAX_PAYLOAD {
            part.payloads.push(payload);
        } else {
            part.large.push((part.payloads.len(), lay_out(&mut self.arena, payload, self.next)?));
            part.payloads.push(&[]);
        }
        if let Some(outcome) = done {
            part.done.push(Outcome { payload: &[], ..outcome });
        }
        self.next += 1;
        Ok(())
    }

    // A pool that has gone needs no more.
    fn send(&self, chunk: Incoming) -> bool {
        let wanted = self.chunks.send(Ok(chunk)).is_ok();
        self.waker.wake();
        wanted
    }
}

/// Copies a payload into the arena, once there is room.
fn lay_out(arena: &mut Option<Arena>, payload: &[u8], task: u64) -> Result<Extent, PlanError> {
    let arena = match arena {
        Some(arena) => arena,
        None => {
            let refused = |error| PlanError(format!("no shared memory for long inputs: {error}"));
            arena.insert(Arena::new(ARENA_BYTES).map_err(refused)?)
        }
    };
    let length = payload.len();
    let mut extent = arena.wait(length).ok_or_else(|| {
        PlanError(format!("task {task} has an input of {length} bytes, and {ARENA_BYTES} are allowed"))
    })?;
    extent.fill_from(payload);
    Ok(extent)
}

fn plan(mut tasks: Box<dyn Tasks>, mut desk: Desk) {
    loop {
        let mut chunk = Payloads::new();
        let end = fill(tasks.as_mut(), &mut chunk);
        let wanted = if chunk.is_empty() { Ok(true) } else { desk.hand_over(chunk) };
        // What came before the bad place has been handed over.
        match wanted.and_then(|wanted| end.map(|more| wanted && more)) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let _ = desk.chunks.send(Err(error));
                break;
            }
        }
    }
    let Desk { chunks, waker, .. } = desk;
    // Only who is woken after the end can see it.
    drop(chunks);
    waker.wake();
}

/// Fills a chunk; true where there is more.
fn fill(tasks: &mut dyn Tasks, chunk: &mut Payloads) -> Result<bool, PlanError> {
    while chunk.len() < CHUNK && chunk.total_bytes() < CHUNK_BYTES {
        let before = chunk.len();
        let wanted = affordable(chunk);
        if !tasks.next(wanted, chunk)? {
            return Ok(false);
        }
        // A slow input hands over what it has.
        if chunk.len() - before < wanted {
            return Ok(true);
        }
    }
    Ok(true)
}

/// How many more payloads fit, if they are as long as those before: a few to begin with.
fn affordable(chunk: &Payloads) -> usize {
    if chunk.is_empty() {
        return 16;
    }
    let mean = chunk.total_bytes() / chunk.len();
    let fit = CHUNK_BYTES.saturating_sub(chunk.total_bytes()) / mean.max(1);
    fit.clamp(1, CHUNK - chunk.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Control;

    /// Counts up to a number, a hundred at a time; 13,000 is bad.
    struct Count(u32, u32);

    impl Tasks for Count {
        fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
            for _ in 0..max.min(100) {
                match self.0 {
                    13_000 => return Err(PlanError("unlucky".into())),
                    next if next == self.1 => return Ok(false),
                    next => into.push(&next.to_le_bytes()),
                }
                self.0 += 1;
            }
            Ok(true)
        }
    }

    /// Every third task is done; the values fill several chunks.
    struct Thirds;

    impl Earlier for Thirds {
        fn outcome(&mut self, task: TaskId) -> Result<Option<Outcome<'_>>, PlanError> {
            const VALUE: &[u8] = &[7; 100];
            let outcome = Outcome {
                task,
                payload: &[],
                attempts: 1,
                worker: 1,
                micros: 0,
                slow: false,
                result: Ok(VALUE),
            };
            Ok(task.0.is_multiple_of(3).then_some(outcome))
        }
    }

    fn drain(tasks: Count) -> (Vec<u32>, Supply) {
        let (numbers, _, end) = drain_with(tasks, None);
        (numbers, end)
    }

    fn drain_with(tasks: Count, earlier: Option<Box<dyn Earlier>>) -> (Vec<u32>, Vec<u64>, Supply) {
        let (control, _pool) = Control::new().unwrap();
        let mut planner = Planner::spawn(Box::new(tasks), earlier, control.waker()).unwrap();
        let mut all = Incoming::default();
        loop {
            match planner.take(777, &mut all) {
                Supply::Some => {}
                Supply::Pending => std::thread::yield_now(),
                end => {
                    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
                    let done = all.done.iter().map(|outcome| outcome.task.0).collect();
                    return (all.payloads.iter().map(number).collect(), done, end);
                }
            }
        }
    }

    #[test]
    fn every_task_comes_in_order() {
        let (numbers, end) = drain(Count(0, 12_000));
        assert_eq!(end, Supply::End);
        assert!(numbers.into_iter().eq(0..12_000));
    }

    #[test]
    fn an_input_that_turns_bad_is_told_after_the_good_part() {
        let (numbers, end) = drain(Count(0, 20_000));
        assert_eq!(end, Supply::Failed(InputError("unlucky".into())));
        assert!(numbers.into_iter().eq(0..13_000));
    }

    #[test]
    fn what_is_done_comes_with_its_task() {
        let (numbers, done, end) = drain_with(Count(0, 12_000), Some(Box::new(Thirds)));
        assert_eq!(end, Supply::End);
        assert!(numbers.into_iter().eq(0..12_000));
        assert!(done.into_iter().eq((0..12_000).step_by(3)));
    }
}
