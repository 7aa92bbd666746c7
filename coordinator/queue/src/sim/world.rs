//! Virtual time: an agenda of what is to happen, and the queue in the middle of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ids::TaskId;

use super::book::Book;
use super::process::{Lease, Parcel, Process};
use super::rng::Rng;
use super::scenario::Scenario;
use crate::holds::holds;
use crate::{BatchId, Death, Decisions, Event, Leases, Order, Queue, Report, Running, Said, Time, WorkerId};

/// More than any run needs, by far.
const MAX_EVENTS: u32 = 400_000;

/// How often the queue may ask to be woken without that time passes.
const MAX_WAKES: u32 = 200;

/// An event that owns what it carries.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Started,
    Outcomes { busy: Duration, reports: Vec<Report> },
    Recalled { batch: BatchId, started: usize },
    Observed { running: Option<Running> },
    Recycle,
    Broke,
    Died { running: Option<Running>, unreported: usize, death: Death },
}

impl Message {
    fn as_event(&self, worker: WorkerId) -> Event<'_> {
        match self {
            Self::Started => Event::Started { worker },
            Self::Outcomes { busy, reports } => Event::Outcomes { worker, busy: *busy, reports },
            Self::Recalled { batch, started } => Event::Recalled { worker, batch: *batch, started: *started },
            Self::Observed { running } => Event::Observed { worker, running: *running },
            Self::Recycle => Event::Recycle { worker },
            Self::Broke => Event::Broke { worker },
            Self::Died { running, unreported, death } => {
                Event::Died { worker, running: *running, unreported: *unreported, death: *death }
            }
        }
    }
}

/// Something on the agenda. An incarnation names the process that it is about.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    Greet {
        worker: WorkerId,
        incarnation: u32,
    },
    Step {
        worker: WorkerId,
        incarnation: u32,
    },
    /// A message comes in.
    Hears {
        worker: WorkerId,
        incarnation: u32,
        message: Message,
    },
    /// A message comes in after its sender's death.
    HearsLate {
        worker: WorkerId,
        message: Message,
    },
    KillLands {
        worker: WorkerId,
        incarnation: u32,
    },
    /// By then, a task that has run since then must be noticed to run too long.
    Overdue {
        worker: WorkerId,
        incarnation: u32,
        task: TaskId,
        since: Time,
    },
    Congest(bool),
    /// So many tasks are cancelled.
    Cancel(u64),
    /// By then, a task that was cancelled at that time must have ended.
    CancelDue {
        task: TaskId,
        since: Time,
    },
    Recycle,
    Strike,
    Stop,
    Abort,
}

/// What came of a seed.
pub(super) struct Run {
    pub(super) verdict: Result<(), String>,
    pub(super) trace: Vec<String>,
    pub(super) met: BTreeSet<&'static str>,
}

/// What is yet to happen, by time; of one time in the order in which it was planned.
#[derive(Debug, Default)]
struct Agenda {
    list: BTreeMap<(Time, u64), Happening>,
    added: u64,
}

/// What would go on for ever if the queue had no end.
#[derive(Debug, Default)]
struct Spent {
    events: u32,
    // In a row, without that time passes.
    wakes: u32,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) scenario: Scenario,
    pub(super) rng: Rng,
    pub(super) now: Time,
    pub(super) book: Book,
    pub(super) processes: Vec<Option<Process>>,
    queue: Queue,
    agenda: Agenda,
    planned: u64,
    spent: Spent,
    out: Decisions,
    trace: Option<Vec<String>>,
}

impl World {
    /// Plays a seed to its end; the trace costs time, and is empty where it is not asked for.
    pub(super) fn play(seed: u64, traced: bool) -> Run {
        let mut world = Self::new(seed, traced);
        let verdict = world.run();
        Run { verdict, trace: world.trace.unwrap_or_default(), met: world.book.met }
    }

    fn new(seed: u64, traced: bool) -> Self {
        let mut rng = Rng::new(seed);
        let scenario = Scenario::new(&mut rng);
        let config = scenario.config.clone();
        let mut world = Self {
            seed,
            rng,
            now: Time(0),
            book: Book::new(config.clone()),
            processes: (0..config.workers).map(|_| None).collect(),
            queue: Queue::new(config),
            agenda: Agenda::default(),
            planned: 0,
            spent: Spent::default(),
            out: Decisions::default(),
            trace: traced.then(|| vec![format!("{scenario:#?}")]),
            scenario,
        };
        world.plan_disturbances();
        world
    }

    fn plan_disturbances(&mut self) {
        for (at, how_long) in self.scenario.congestions.clone() {
            self.happens(at, Happening::Congest(true));
            self.happens(at.after(how_long), Happening::Congest(false));
        }
        for (at, tasks) in self.scenario.cancels.clone() {
            self.happens(at, Happening::Cancel(tasks));
        }
        for at in self.scenario.recycles.clone() {
            self.happens(at, Happening::Recycle);
        }
        for at in self.scenario.strikes.clone() {
            self.happens(at, Happening::Strike);
        }
        if let Some(at) = self.scenario.stop {
            self.happens(at, Happening::Stop);
        }
        if let Some(at) = self.scenario.abort {
            self.happens(at, Happening::Abort);
        }
    }

    pub(super) fn happens(&mut self, at: Time, happening: Happening) {
        self.agenda.added += 1;
        self.agenda.list.insert((at, self.agenda.added), happening);
    }

    fn run(&mut self) -> Result<(), String> {
        self.hand_in(Event::Tick)?;
        while !self.book.run.joined {
            self.put_some()?;
            if !self.book.run.joined {
                self.advance()?;
            }
        }
        self.hear_the_rest()
    }

    /// After the join nothing is to be done, whatever comes in.
    fn hear_the_rest(&mut self) -> Result<(), String> {
        holds!(self.queue.next_deadline().is_none(), "a deadline after the join");
        while let Some(((at, _), happening)) = self.agenda.list.pop_first() {
            self.now = at;
            self.happen(happening)?;
        }
        self.hand_in(Event::Cancel { tasks: &[TaskId(0), TaskId(1)] })?;
        self.hand_in(Event::Stop)?;
        self.hand_in(Event::Abort)
    }

    /// Puts tasks lazily, as far as there is room.
    fn put_some(&mut self) -> Result<(), String> {
        let left = self.scenario.tasks - self.planned;
        let room = (self.queue.room() as u64).min(left);
        if room > 0 {
            for _ in 0..self.rng.range(1, room) {
                self.put()?;
            }
            self.hand_in(Event::Tick)?;
        }
        if self.book.run.planning && (self.planned == self.scenario.tasks) && !self.book.run.joined {
            self.hand_in(Event::PlanEnded)?;
        }
        Ok(())
    }

    fn put(&mut self) -> Result<(), String> {
        // A task that is too large for the rest of the window is let in, and closes it.
        if self.queue.room() == 0 {
            return Ok(());
        }
        self.planned += 1;
        if self.rng.chance(self.scenario.skips) {
            let task = self.queue.skip();
            return self.book.put(task, 0, 0, true);
        }
        let bytes = self.rng.pick(&[0, 8, 8, 100, 400]);
        let priority = if self.scenario.priorities { self.rng.below(4) as i32 - 1 } else { 0 };
        let task = self.queue.put(bytes, priority);
        self.book.put(task, bytes, priority, false)
    }

    /// Goes on to what happens next.
    fn advance(&mut self) -> Result<(), String> {
        let next = self.agenda.list.first_key_value().map(|((at, _), _)| *at);
        let wake = self.queue.next_deadline().map(|at| at.after(self.scenario.lateness).max(self.now));
        match (next, wake) {
            // There is more to put, and room for it.
            (None, None) if self.planned < self.scenario.tasks && self.queue.room() > 0 => Ok(()),
            (None, None) => Err(format!("deadlock with {} unfinished tasks", self.book.unfinished)),
            (next, Some(wake)) if next.is_none_or(|next| wake < next) => {
                self.spent.wakes = if wake == self.now { self.spent.wakes + 1 } else { 0 };
                holds!(self.spent.wakes < MAX_WAKES, "the queue is woken for ever at {wake:?}");
                self.now = wake;
                self.hand_in(Event::Tick)
            }
            _ => {
                let Some(((at, _), happening)) = self.agenda.list.pop_first() else { return Ok(()) };
                self.now = at;
                self.spent.wakes = 0;
                self.happen(happening)
            }
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Greet { worker, incarnation } => self.greet(worker, incarnation),
            Happening::Step { worker, incarnation } => return self.step(worker, incarnation),
            Happening::Hears { worker, incarnation, message } => {
                return self.hear(worker, incarnation, &message);
            }
            Happening::HearsLate { worker, message } => return self.hear_late(worker, &message),
            Happening::KillLands { worker, incarnation } => self.kill_lands(worker, incarnation),
            Happening::Overdue { worker, incarnation, task, since } => {
                return self.check_overdue(worker, incarnation, task, since);
            }
            Happening::Congest(congested) => return self.hand_in(Event::Congested(congested)),
            Happening::Cancel(count) => return self.cancel(count),
            Happening::CancelDue { task, since } => return self.book.check_cancelled(task, since),
            Happening::Recycle => {
                let worker = self.any_worker();
                return self.hand_in(Event::Recycle { worker });
            }
            Happening::Strike => self.strike(),
            Happening::Stop => return self.hand_in(Event::Stop),
            Happening::Abort => return self.hand_in(Event::Abort),
        }
        Ok(())
    }

    /// Cancels a few tasks, rather young than old: most have ended, some are not there yet.
    fn cancel(&mut self, count: u64) -> Result<(), String> {
        let tasks: Vec<TaskId> = (0..count)
            .map(|_| {
                let back = self.rng.pick(&[3, 20, 200, 5000]);
                TaskId((self.planned + 1).saturating_sub(self.rng.below(back)))
            })
            .collect();
        let patience = crate::cancel::PATIENCE + self.scenario.config.cancel_grace;
        let due = self.now.after(patience + self.scenario.slack());
        for task in &tasks {
            self.happens(due, Happening::CancelDue { task: *task, since: self.now });
        }
        self.hand_in(Event::Cancel { tasks: &tasks })
    }

    pub(super) fn any_worker(&mut self) -> WorkerId {
        WorkerId(self.rng.below(self.processes.len() as u64) as u32)
    }

    fn hear(&mut self, worker: WorkerId, incarnation: u32, message: &Message) -> Result<(), String> {
        let place = &mut self.processes[worker.index()];
        let from_it = place.as_ref().is_some_and(|process| process.incarnation == incarnation);
        // Answers about a process that is gone are of no use to anybody.
        if !from_it {
            return Ok(());
        }
        if let Message::Died { .. } = message {
            *place = None;
            self.plan_late_messages(worker, message);
        }
        self.hand_in(message.as_event(worker))
    }

    /// What comes from the dead is heard while their place is empty; outcomes, recalls and bad news even
    /// when the next process is there.
    fn hear_late(&mut self, worker: WorkerId, message: &Message) -> Result<(), String> {
        let always = matches!(message, Message::Outcomes { .. } | Message::Recalled { .. } | Message::Broke);
        if always || self.processes[worker.index()].is_none() {
            return self.hand_in(message.as_event(worker));
        }
        Ok(())
    }

    fn plan_late_messages(&mut self, worker: WorkerId, death: &Message) {
        if !self.rng.chance(self.scenario.faults.late) {
            return;
        }
        for _ in 0..self.rng.range(1, 3) {
            let task = TaskId(self.rng.below(self.planned + 1));
            let attempt = self.rng.range(1, 2) as u32;
            let verdict = crate::Verdict::Ok;
            let message = match self.rng.below(7) {
                0 => death.clone(),
                1 => Message::Started,
                2 => Message::Broke,
                3 => Message::Recycle,
                4 => Message::Recalled { batch: BatchId(self.rng.below(20)), started: 0 },
                5 => Message::Observed { running: Some(Running { task, attempt, since: Time(0) }) },
                _ => Message::Outcomes {
                    busy: Duration::ZERO,
                    reports: vec![Report::one(task, attempt, verdict)],
                },
            };
            let at = self.now.after(self.rng.micros(0, 20_000));
            self.happens(at, Happening::HearsLate { worker, message });
        }
    }

    /// Gives the queue an event, checks its answer and does what it says.
    pub(super) fn hand_in(&mut self, event: Event<'_>) -> Result<(), String> {
        self.spent.events += 1;
        holds!(self.spent.events < MAX_EVENTS, "no end after {MAX_EVENTS} events");
        self.queue.handle(self.now, event, &mut self.out);
        let out: Vec<Said> = self.out.take().collect();
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>12} {event:?}", self.now.0));
            trace.extend(out.iter().map(|command| format!("{:>12}   -> {command:?}", "")));
        }
        let checked = self.book.audit(self.now, &event, &out, &self.queue);
        for command in out {
            self.obey(command);
        }
        checked
    }

    fn obey(&mut self, command: Said) {
        match command {
            Said::Order(Order::Start { worker, incarnation }) => self.start(worker, incarnation),
            Said::Order(Order::Send { worker, batch, tasks }) => {
                let one = |leases: &Leases| {
                    let attempt = leases.attempt;
                    leases.tasks().map(move |task| Lease { task, attempt })
                };
                let tasks: Vec<Lease> = tasks.iter().flat_map(one).collect();
                let end = tasks.len();
                self.deliver(worker, Parcel::Batch { id: batch, tasks, next: 0, end });
            }
            Said::Order(Order::Recall { worker, batch, keep }) => self.recall(worker, batch, keep),
            Said::Order(Order::Observe { worker }) => self.observe(worker),
            Said::Order(Order::Pill { worker }) => self.deliver(worker, Parcel::Pill),
            Said::Order(Order::Kill { worker, .. }) => self.doom(worker),
            // The checker has seen what these say, and they ask for nothing.
            Said::Order(Order::Warn { .. }) | Said::Task(_) | Said::Note(_) => {}
        }
    }

    pub(super) fn planned(&self) -> u64 {
        self.planned
    }
}
