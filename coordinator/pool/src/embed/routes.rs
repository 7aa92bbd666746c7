//! The pool's thread: numbers what comes in, and brings every outcome to where its task came from.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use protocol::{Arena, Extent, MAX_PAYLOAD, Payloads, TaskId};

use super::Error;
use super::inbox::{Destination, Gone, Lot, Shared};
use super::stream::Stream;
use super::ticket::Ticket;
use crate::outcome::{Outcome, OutcomeBatch};
use crate::pool::{ARENA_BYTES, Incoming, InputError, Offer, Sink, Source, Supply};

/// Tasks with consecutive ids and one destination.
#[derive(Debug)]
struct Segment {
    length: u64,
    left: u64,
    to: Arrival,
}

#[derive(Debug)]
enum Arrival {
    Tickets(Vec<Option<Arc<Ticket>>>),
    Stream { stream: Arc<Stream>, first: u64 },
}

/// Where the outcomes of all tasks belong that the queue has, by their first ids.
#[derive(Debug, Default)]
pub(super) struct Routes {
    segments: BTreeMap<u64, Segment>,
    next: u64,
}

pub(super) type SharedRoutes = Rc<RefCell<Routes>>;

impl Routes {
    fn add(&mut self, length: u64, to: Arrival) {
        self.segments.insert(self.next, Segment { length, left: length, to });
        self.next += length;
    }

    /// The segment of a task, with its first id.
    fn of(&mut self, task: TaskId) -> Option<(u64, &mut Segment)> {
        let (first, segment) = self.segments.range_mut(..=task.0).next_back()?;
        (task.0 - first < segment.length).then_some((*first, segment))
    }

    fn count_off(&mut self, first: u64, ended: u64) {
        let Some(segment) = self.segments.get_mut(&first) else { return };
        segment.left = segment.left.saturating_sub(ended);
        if segment.left == 0
            && let Some(Segment { to: Arrival::Stream { stream, .. }, .. }) = self.segments.remove(&first)
        {
            stream.end_range(first);
        }
    }

    /// The pool has ended: nobody waits any longer.
    pub(super) fn end(&mut self, error: &Error) {
        for segment in std::mem::take(&mut self.segments).into_values() {
            match segment.to {
                Arrival::Tickets(tickets) => {
                    tickets.iter().flatten().for_each(|ticket| ticket.complete(Err(error.clone())));
                }
                Arrival::Stream { stream, .. } => stream.end(error.clone()),
            }
        }
    }
}

/// Tells those whose tasks the pool's thread never came to.
pub(super) fn end_lot(lot: Lot, error: &Error) {
    match lot.to {
        Destination::Tickets(tickets) => {
            tickets.iter().for_each(|ticket| ticket.complete(Err(error.clone())));
        }
        Destination::Stream(stream, _) => stream.end(error.clone()),
    }
}

/// A part of a lot that can be handed on, and the place of its long input where it is one.
struct Laid {
    until: usize,
    extent: Option<Extent>,
}

/// The inbox, as the pool's source of tasks.
#[derive(Debug)]
pub(super) struct Intake {
    shared: Arc<Shared>,
    routes: SharedRoutes,
    // What was taken of a lot, and how far the queue has got with it.
    current: Option<Lot>,
    next: usize,
    // For inputs that are too long for a message; made when the first one comes.
    arena: Option<Arena>,
}

impl Intake {
    pub(super) fn new(shared: Arc<Shared>, routes: SharedRoutes) -> Self {
        Self { shared, routes, current: None, next: 0, arena: None }
    }

    /// Tasks that were cancelled before the queue had them.
    fn leave_out(&self, gone: Gone) {
        self.shared.count(|stats| stats.failed += gone.tasks);
        self.shared.count_off(gone);
    }

    /// How far a lot can be handed on in one go: a long input goes alone, and only where there is room for it.
    fn lay_out(&mut self, payloads: &Payloads, until: usize) -> io::Result<Laid> {
        let is_long = |at: &usize| payloads.get(*at).is_some_and(|payload| payload.len() > MAX_PAYLOAD);
        let first_long =
            if payloads.total_bytes() > MAX_PAYLOAD { (self.next..until).find(is_long) } else { None };
        let Some(long) = first_long else { return Ok(Laid { until, extent: None }) };
        let payload = payloads.get(long).filter(|_| long == self.next);
        let Some(payload) = payload else { return Ok(Laid { until: long, extent: None }) };
        let arena = match self.arena.take() {
            Some(arena) => self.arena.insert(arena),
            None => self.arena.insert(Arena::new(ARENA_BYTES)?),
        };
        let Some(mut extent) = arena.take(payload.len()) else {
            return Ok(Laid { until: long, extent: None });
        };
        extent.fill_from(payload);
        Ok(Laid { until: long + 1, extent: Some(extent) })
    }

    /// What it has taken in and not handed on.
    pub(super) fn rest(&mut self) -> Option<Lot> {
        self.current.take()
    }
}

impl Source for Intake {
    fn take(&mut self, max: usize, into: &mut Incoming) -> Supply {
        let mut lot = match self.current.take() {
            Some(lot) => lot,
            None => match self.shared.take() {
                Ok(lot) => lot,
                Err(true) => return Supply::End,
                Err(false) => return Supply::Pending,
            },
        };
        let until = lot.payloads.len().min(self.next.saturating_add(max));
        let (until, extent) = match self.lay_out(&lot.payloads, until) {
            Ok(Laid { until, extent }) if until > self.next => (until, extent),
            // Room comes with the outcomes of those that have it.
            Ok(_) => {
                self.current = Some(lot);
                return Supply::Pending;
            }
            Err(error) => {
                self.current = Some(lot);
                return Supply::Failed(InputError(format!("no shared memory for a long input: {error}")));
            }
        };
        let before = into.payloads.len();
        let mut routes = self.routes.borrow_mut();
        match &mut lot.to {
            Destination::Tickets(tickets) => {
                let part = self.next..until;
                let gone = hand_on(&mut routes, &lot.payloads, part, tickets, into);
                if gone.tasks > 0 {
                    self.leave_out(gone);
                }
            }
            Destination::Stream(stream, first) => {
                let count = (until - self.next) as u64;
                if stream.begin(routes.next, count) {
                    let payloads = (self.next..until).filter_map(|index| lot.payloads.get(index));
                    payloads.for_each(|payload| into.payloads.push(payload));
                    let to = Arrival::Stream { stream: Arc::clone(stream), first: *first };
                    routes.add(count, to);
                    *first += count;
                } else {
                    self.leave_out(Gone { tasks: count, ..Gone::default() });
                }
            }
        }
        if let Some(extent) = extent.filter(|_| into.payloads.len() > before) {
            into.payloads.truncate(before);
            into.payloads.push(&[]);
            into.large.push((before, extent));
        }
        (self.current, self.next) = if until < lot.payloads.len() { (Some(lot), until) } else { (None, 0) };
        Supply::Some
    }
}

/// Gives tasks that have tickets to the queue; those that have been cancelled meanwhile are left out.
fn hand_on(
    routes: &mut Routes,
    payloads: &Payloads,
    part: std::ops::Range<usize>,
    tickets: &mut VecDeque<Arc<Ticket>>,
    into: &mut Incoming,
) -> Gone {
    let mut gone = Gone::default();
    let mut taken = Vec::with_capacity(part.len());
    for index in part {
        let (Some(payload), Some(ticket)) = (payloads.get(index), tickets.pop_front()) else { break };
        if ticket.assign(routes.next + taken.len() as u64) {
            into.payloads.push(payload);
            taken.push(Some(ticket));
        } else {
            gone =
                Gone { tasks: gone.tasks + 1, tickets: gone.tickets + 1, bytes: gone.bytes + payload.len() };
        }
    }
    if !taken.is_empty() {
        routes.add(taken.len() as u64, Arrival::Tickets(taken));
    }
    gone
}

/// The pool's sink: completes tickets and feeds maps. It is never full: what it hands on is bounded by what
/// handles and maps let in.
#[derive(Debug)]
pub(super) struct Delivery {
    shared: Arc<Shared>,
    routes: SharedRoutes,
}

impl Delivery {
    pub(super) fn new(shared: Arc<Shared>, routes: SharedRoutes) -> Self {
        Self { shared, routes }
    }
}

impl Sink for Delivery {
    fn offer(&mut self, mut batch: OutcomeBatch) -> Offer {
        let mut routes = self.routes.borrow_mut();
        let tasks = batch.len() as u64;
        let (spare, gone) = match only_stream(&mut routes, &batch) {
            Some(stream) => {
                renumber(&mut routes, &mut batch);
                (stream.push(batch), Gone { tasks, ..Gone::default() })
            }
            None => {
                let gone = sort_out(&mut routes, &mut batch);
                batch.clear();
                (batch, gone)
            }
        };
        drop(routes);
        self.shared.count_off(gone);
        Offer::Taken(spare)
    }
}

/// The one map that all of a batch belongs to, where there is one.
fn only_stream(routes: &mut Routes, batch: &OutcomeBatch) -> Option<Arc<Stream>> {
    let mut only: Option<Arc<Stream>> = None;
    for (task, count) in batch.rows() {
        let (mut next, end) = (task.0, task.0 + count as u64);
        while next < end {
            let (first, segment) = routes.of(TaskId(next))?;
            let Arrival::Stream { stream, .. } = &segment.to else { return None };
            next = first + segment.length;
            match &only {
                None => only = Some(Arc::clone(stream)),
                Some(other) if Arc::ptr_eq(other, stream) => {}
                Some(_) => return None,
            }
        }
    }
    only
}

/// Turns task ids into the map's own numbers, and counts them off.
fn renumber(routes: &mut Routes, batch: &mut OutcomeBatch) {
    batch.renumber(|task, count| {
        let Some((first, segment)) = routes.of(task) else { return (task, count) };
        let shift = match segment.to {
            Arrival::Stream { first: numbered, .. } => numbered.wrapping_sub(first),
            Arrival::Tickets(_) => 0,
        };
        let same = (first + segment.length - task.0).min(count as u64);
        routes.count_off(first, same);
        (TaskId(task.0.wrapping_add(shift)), same as usize)
    });
}

/// Brings each outcome of a mixed batch to where it belongs.
fn sort_out(routes: &mut Routes, batch: &mut OutcomeBatch) -> Gone {
    let mut gone = Gone { tasks: batch.len() as u64, ..Gone::default() };
    let mut streams: Vec<(Arc<Stream>, OutcomeBatch)> = Vec::new();
    for index in 0..batch.len() {
        // A ticket keeps a long value as it is; a map's part of a mixed batch has it copied.
        let long = match batch.get(index).and_then(|outcome| routes.of(outcome.task)) {
            Some((_, Segment { to: Arrival::Tickets(_), .. })) => batch.take_long(index),
            _ => None,
        };
        let Some(outcome) = batch.get(index) else { continue };
        let Some((first, segment)) = routes.of(outcome.task) else { continue };
        let place = outcome.task.0 - first;
        match &mut segment.to {
            Arrival::Tickets(tickets) => {
                let ticket = usize::try_from(place).ok().and_then(|place| tickets.get_mut(place)?.take());
                if let Some(ticket) = ticket {
                    gone.bytes += ticket.bytes;
                    let value = outcome.result.map_err(|failure| Error::task(failure.clone()));
                    ticket.complete(value.map(|value| long.unwrap_or_else(|| value.to_vec())));
                }
                gone.tickets += 1;
            }
            Arrival::Stream { stream, first: numbered } => {
                let task = TaskId(place + *numbered);
                let of = streams.iter().position(|(other, _)| Arc::ptr_eq(other, stream));
                let of = of.unwrap_or_else(|| {
                    streams.push((Arc::clone(stream), OutcomeBatch::new()));
                    streams.len() - 1
                });
                if let Some((_, part)) = streams.get_mut(of) {
                    part.push(Outcome { task, ..outcome });
                }
            }
        }
        routes.count_off(first, 1);
    }
    for (stream, part) in streams {
        stream.push(part);
    }
    gone
}
