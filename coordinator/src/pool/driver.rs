//! The loop: waits for something to happen, tells the queue, does what the queue says.
//!
//! One thread waits for all links, deaths, printed lines and requests (epoll), so that no task is handed from
//! thread to thread on its way. It never blocks on a worker: what it sends is bounded by credit, what it
//! reads is read without waiting.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use protocol::{MAX_MESSAGE, MAX_PAYLOAD, TaskId, monotonic_nanos};

use super::clock::Clock;
use super::frames::Parsed;
use super::holdup::{self, Holdup};
use super::ledger::Ledger;
use super::link::Link;
use super::report::{End, PoolReport, WorkerReport};
use super::{
    Controlled, Incoming, Observer, Offer, PoolEvent, PoolOptions, Request, RunningTask, Sink, Source,
    Supply, Work,
};
use crate::outcome::{AttemptRecord, Meta, Outcome, OutcomeBatch};
use crate::queue::{Command, Event, Queue, QueueConfig, Time, WorkerId};
use crate::supervisor::{Guard, Program};

/// How many outcomes are handed to the sink at once, at most.
const OUTBOX: usize = 8192;
const OUTBOX_BYTES: usize = 1 << 20;
/// Values that wait for older ones, in bytes, before nothing new is leased.
const HELD_BYTES: usize = 256 << 20;
/// The same, before no more tasks are taken in: values of tasks that are done already must never keep the
/// oldest task from being leased.
const HELD_DONE_BYTES: usize = HELD_BYTES / 2;
/// How many tasks are taken from the source at once.
const TAKE: usize = 4096;
/// What a payload in the arena counts in the queue, in bytes: more than a batch may have, so that it is sent
/// alone. The arena bounds its memory.
const LARGE_COST: usize = MAX_MESSAGE;
/// How long a worker may live after its link has ended.
pub(super) const LINGER: Duration = Duration::from_millis(50);
/// How often the workers' memory is looked at, where it is limited.
const SAMPLE: Duration = Duration::from_millis(250);

/// What an epoll event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Wake,
    Frames(WorkerId),
    Death(WorkerId),
    Output(WorkerId),
}

impl Token {
    fn pack(self) -> u64 {
        match self {
            Self::Wake => 0,
            Self::Frames(worker) => u64::from(worker.0) << 2 | 1,
            Self::Death(worker) => u64::from(worker.0) << 2 | 2,
            Self::Output(worker) => u64::from(worker.0) << 2 | 3,
        }
    }

    fn unpack(bits: u64) -> Self {
        let worker = WorkerId((bits >> 2) as u32);
        match bits & 3 {
            1 => Self::Frames(worker),
            2 => Self::Death(worker),
            3 => Self::Output(worker),
            _ => Self::Wake,
        }
    }
}

pub(super) struct Driver<'a> {
    pub(super) options: &'a PoolOptions,
    pub(super) work: &'a Work,
    pub(super) program: Program,
    pub(super) queue: Queue,
    pub(super) ledger: Ledger,
    // Dropped before the guard: what it has on its list then is dead and reaped.
    pub(super) links: Vec<Option<Link>>,
    pub(super) guard: Option<Guard>,
    pub(super) reports: Vec<WorkerReport>,
    pub(super) histories: HashMap<TaskId, Vec<AttemptRecord>>,
    pub(super) outbox: OutcomeBatch,
    pub(super) clock: Clock,
    /// What became of the last worker that died, for the end of a run that can't go on.
    pub(super) last_death: String,
    pub(super) end: Option<End>,
    epoll: Epoll,
    controlled: &'a Controlled,
    source: &'a mut dyn Source,
    sink: &'a mut dyn Sink,
    pub(super) observer: &'a mut dyn Observer,
    planning: bool,
    congested: bool,
    incoming: Incoming,
    restored: Restored,
    pub(super) commands: Vec<Command>,
    /// What the queue is still to be told.
    pub(super) answers: VecDeque<Event<'static>>,
    /// Commands that came up in the middle of a worker's frames or death.
    pub(super) later: Vec<Command>,
    pub(super) parsed: Parsed,
    pub(super) print_buffer: Vec<u8>,
    sample_at: Option<Time>,
    /// When the observer is to hear next what the workers are running.
    look_at: Option<Time>,
    look_every: Duration,
    holdup: Holdup,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        options: &'a PoolOptions,
        work: &'a Work,
        controlled: &'a Controlled,
        source: &'a mut dyn Source,
        sink: &'a mut dyn Sink,
        observer: &'a mut dyn Observer,
    ) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, Token::Wake.pack());
        epoll.add(controlled.waker().fd(), event)?;
        let workers = options.workers.get();
        let look_every = observer.look_every();
        Ok(Self {
            options,
            work,
            program: options.worker_program.clone().map_or(Program::Itself, Program::Path),
            queue: Queue::new(queue_config(options)),
            ledger: Ledger::new(options.order, options.payloads_in_outcomes),
            links: (0..workers).map(|_| None).collect(),
            guard: options.guard.then(Guard::start).transpose()?,
            reports: vec![WorkerReport::default(); workers as usize],
            histories: HashMap::new(),
            outbox: OutcomeBatch::new(),
            clock: Clock::default(),
            last_death: String::new(),
            end: None,
            epoll,
            controlled,
            source,
            sink,
            observer,
            planning: true,
            congested: false,
            incoming: Incoming::default(),
            restored: Restored::default(),
            commands: Vec::new(),
            answers: VecDeque::new(),
            later: Vec::new(),
            parsed: Parsed::default(),
            print_buffer: Vec::new(),
            sample_at: options.max_memory_growth.map(|_| Time(0)),
            look_at: look_every.map(|_| Time(0)),
            look_every: look_every.unwrap_or_default(),
            holdup: Holdup::new(Time(monotonic_nanos())),
        })
    }

    /// Runs until all is joined and every outcome has been handed on.
    pub(super) fn run(mut self) -> io::Result<PoolReport> {
        let mut events = [EpollEvent::empty(); 64];
        self.handle(Event::Tick);
        loop {
            self.feed();
            self.flush();
            if self.queue.is_joined() && self.outbox.is_empty() {
                return Ok(self.report());
            }
            self.note_limit();
            let ready = match self.epoll.wait(&mut events, self.patience()) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => 0,
                Err(error) => return Err(error.into()),
            };
            for event in events.iter().take(ready) {
                self.on_ready(Token::unpack(event.data()));
            }
            self.on_time();
        }
    }

    fn on_ready(&mut self, token: Token) {
        match token {
            Token::Wake => self.on_wake(),
            Token::Frames(worker) => self.read_frames(worker),
            Token::Output(worker) => self.read_output(worker),
            Token::Death(worker) => self.on_death(worker),
        }
    }

    fn on_wake(&mut self) {
        self.controlled.waker().reset();
        let mut cancelled = Vec::new();
        while let Some(request) = self.controlled.next() {
            match request {
                Request::Cancel(task) => cancelled.push(task),
                Request::Stop => {
                    self.end.get_or_insert(End::Stopped);
                    self.tell(&PoolEvent::Stopping { at_once: false });
                    self.handle(Event::Stop);
                }
                Request::Abort => {
                    self.end.get_or_insert(End::Stopped);
                    self.tell(&PoolEvent::Stopping { at_once: true });
                    self.handle(Event::Abort);
                }
                Request::Suspend => self.suspend(),
            }
        }
        // Together: what one of them makes the queue take back from a worker is not sent out again for the next.
        if !cancelled.is_empty() {
            self.cancel(&cancelled);
        }
    }

    fn cancel(&mut self, tasks: &[TaskId]) {
        let mut commands = std::mem::take(&mut self.commands);
        self.queue.handle(self.now(), Event::Cancel { tasks }, &mut commands);
        self.carry_out(commands);
    }

    /// Stops the workers and this process; returns when it is continued.
    fn suspend(&mut self) {
        let start = monotonic_nanos();
        self.links.iter().flatten().for_each(|link| link.process.suspend());
        // Everybody in this process stops here, this thread included.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP);
        let end = monotonic_nanos();
        self.clock.pause(start, end);
        self.links.iter().flatten().for_each(|link| link.process.resume());
        self.tell(&PoolEvent::Resumed { paused: Duration::from_nanos(end.saturating_sub(start)) });
    }

    /// What is due by time: the queue's deadlines, links that have ended, looks at memory.
    fn on_time(&mut self) {
        let now = self.now();
        if self.queue.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.handle(Event::Tick);
        }
        for worker in self.workers() {
            let ended = self.link(worker).and_then(|link| link.ended_at);
            if ended.is_some_and(|at| now >= at.after(LINGER)) {
                self.broke(worker, "closed its link and lives on");
            }
        }
        if self.sample_at.is_some_and(|at| at <= now) {
            self.sample_at = Some(now.after(SAMPLE));
            self.look_at_memory();
        }
        if self.look_at.is_some_and(|at| at <= now) {
            self.look_at = Some(now.after(self.look_every));
            self.tell_running(now);
        }
    }

    /// Tells the observer what every worker's status cell says.
    fn tell_running(&mut self, now: Time) {
        for worker in self.workers() {
            let running = self.running(worker);
            let task = running.map(|running| RunningTask {
                task: running.task,
                attempt: running.attempt,
                since: running.since,
                payload: self.ledger.payload(running.task),
            });
            self.observer.on_event(now, &PoolEvent::Running { worker, task });
        }
    }

    /// Measures what the time of the run is spent on.
    fn note_limit(&mut self) {
        let limit = holdup::limit(self.queue.load(), self.planning, self.congested);
        if self.holdup.limit() != limit {
            self.holdup.change(limit, self.now());
            self.tell(&PoolEvent::Limited(limit));
        }
    }

    fn look_at_memory(&mut self) {
        let Some(limit) = self.options.max_memory_growth else { return };
        for worker in self.workers() {
            let grown = self.link_mut(worker).is_some_and(|link| link.memory_growth() > limit);
            if grown {
                self.handle(Event::Recycle { worker });
            }
        }
    }

    /// How long nothing but an event needs to wake us.
    fn patience(&self) -> EpollTimeout {
        let lingering =
            self.links.iter().flatten().filter_map(|link| link.ended_at).map(|at| at.after(LINGER));
        let deadlines =
            self.queue.next_deadline().into_iter().chain(lingering).chain(self.sample_at).chain(self.look_at);
        let Some(deadline) = deadlines.min() else { return EpollTimeout::NONE };
        let wait = self.clock.until(monotonic_nanos(), deadline);
        // Rounded up: waking before a deadline would only mean to wait again.
        let millis = wait.as_micros().div_ceil(1000);
        EpollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(EpollTimeout::ZERO)
    }

    /// Puts what the source has into the queue, as far as there is room.
    fn feed(&mut self) {
        while self.planning {
            // Tasks that are done take no room in the queue: their outcomes have to leave, or to wait here.
            self.flush_if_much();
            let room = self.queue.room().min(TAKE);
            if room == 0 || self.is_much() || self.ledger.held_bytes() > HELD_DONE_BYTES {
                return;
            }
            self.incoming.clear();
            match self.source.take(room, &mut self.incoming) {
                Supply::Some => self.put_incoming(),
                Supply::Pending => return,
                Supply::End => {
                    self.planning = false;
                    self.tell_planning();
                    self.handle(Event::PlanEnded);
                }
                Supply::Failed(error) => self.fail_planning(error.0),
            }
        }
    }

    fn put_incoming(&mut self) {
        let mut incoming = std::mem::take(&mut self.incoming);
        let too_long = incoming.payloads.lengths().position(|length| length > MAX_PAYLOAD);
        if too_long.is_none() && incoming.done.is_empty() && incoming.large.is_empty() {
            self.ledger.push_all(&incoming.payloads);
            self.queue.put_all(incoming.payloads.lengths(), 0);
        } else {
            self.put_one_by_one(&mut incoming, too_long.unwrap_or(usize::MAX));
        }
        let too_long = too_long.and_then(|place| incoming.payloads.get(place)).map(<[u8]>::len);
        self.incoming = incoming;
        if let Some(length) = too_long {
            let task = self.queue.counts().planned;
            let why = format!("task {task} has an input of {length} bytes, and {MAX_PAYLOAD} are allowed");
            return self.fail_planning(why);
        }
        self.tell_planning();
        self.handle(Event::Tick);
    }

    /// The first `count` tasks, some of which are done or have their payloads elsewhere.
    fn put_one_by_one(&mut self, incoming: &mut Incoming, count: usize) {
        let mut done = incoming.done.iter().peekable();
        let mut large = incoming.large.drain(..).peekable();
        for (place, payload) in incoming.payloads.iter().take(count).enumerate() {
            let cost = match large.next_if(|(at, _)| *at == place) {
                None => {
                    self.ledger.push(payload);
                    payload.len()
                }
                Some((_, extent)) => {
                    self.ledger.push_large(extent);
                    LARGE_COST
                }
            };
            match done.next_if(|outcome| outcome.task.0 == self.queue.counts().planned) {
                None => {
                    self.queue.put(cost, 0);
                }
                Some(outcome) => self.restore(&outcome),
            }
        }
    }

    fn tell_planning(&mut self) {
        let skipped = self.restored.ok + self.restored.failed;
        let (tasks, all) = (self.queue.counts().planned, !self.planning);
        self.tell(&PoolEvent::Planned { tasks, skipped, all });
    }

    pub(super) fn tell(&mut self, event: &PoolEvent<'_>) {
        let now = self.now();
        self.observer.on_event(now, event);
    }

    /// A task that an earlier session has done is not run: its outcome leaves in its place.
    fn restore(&mut self, outcome: &Outcome<'_>) {
        let task = self.queue.skip();
        let Outcome { attempts, worker, micros, slow, result, .. } = *outcome;
        match result {
            Ok(_) => self.restored.ok += 1,
            Err(_) => self.restored.failed += 1,
        }
        self.restored.retried += u64::from(attempts.saturating_sub(1));
        let meta = Meta { attempts, worker, micros, slow };
        self.ledger.settle(task, meta, result.map_err(|failure| Box::new(failure.clone())), &mut self.outbox);
    }

    /// The rest of the input can't be had: what has been planned is finished, and the run ends.
    fn fail_planning(&mut self, why: String) {
        self.planning = false;
        self.end.get_or_insert(End::BadInput(why));
        self.tell_planning();
        self.handle(Event::PlanEnded);
    }

    /// Hands outcomes on; where they can't leave, nothing new is leased until they can.
    fn flush(&mut self) {
        if !self.outbox.is_empty() {
            match self.sink.offer(std::mem::take(&mut self.outbox)) {
                Offer::Taken(spare) => self.outbox = spare,
                Offer::Full(batch) => self.outbox = batch,
                Offer::Closed => {
                    if self.end.is_none() {
                        self.end = Some(End::SinkClosed);
                        self.handle(Event::Abort);
                    }
                    self.outbox.clear();
                }
            }
        }
        let full = !self.outbox.is_empty() || self.ledger.held_bytes() > HELD_BYTES;
        if full != self.congested {
            self.congested = full;
            self.handle(Event::Congested(full));
        }
    }

    /// Hands on what there is when it has become much.
    pub(super) fn flush_if_much(&mut self) {
        if self.is_much() {
            self.flush();
        }
    }

    fn is_much(&self) -> bool {
        self.outbox.len() >= OUTBOX || self.outbox.total_bytes() >= OUTBOX_BYTES
    }

    /// Tells the queue and does what it says; what comes of that is told afterwards, in order.
    pub(super) fn handle(&mut self, event: Event<'_>) {
        let mut commands = std::mem::take(&mut self.commands);
        self.queue.handle(self.now(), event, &mut commands);
        self.carry_out(commands);
    }

    /// Does what the queue said, and tells it what came of that.
    pub(super) fn carry_out(&mut self, mut commands: Vec<Command>) {
        loop {
            for command in commands.drain(..) {
                self.act(command);
            }
            let Some(event) = self.answers.pop_front() else { break };
            self.queue.handle(self.now(), event, &mut commands);
        }
        self.commands = commands;
    }

    pub(super) fn watch(&self, fd: BorrowedFd<'_>, kind: Watch, worker: WorkerId) -> io::Result<()> {
        let token = match kind {
            Watch::Frames => Token::Frames(worker),
            Watch::Death => Token::Death(worker),
            Watch::Output => Token::Output(worker),
        };
        Ok(self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token.pack()))?)
    }

    pub(super) fn unwatch(&self, fd: BorrowedFd<'_>) {
        // It may be unwatched already.
        let _ = self.epoll.delete(fd);
    }

    pub(super) fn now(&self) -> Time {
        self.clock.at(monotonic_nanos())
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = WorkerId> + use<> {
        (0..self.options.workers.get()).map(WorkerId)
    }

    pub(super) fn link(&self, worker: WorkerId) -> Option<&Link> {
        self.links.get(worker.index())?.as_ref()
    }

    pub(super) fn link_mut(&mut self, worker: WorkerId) -> Option<&mut Link> {
        self.links.get_mut(worker.index())?.as_mut()
    }

    fn report(mut self) -> PoolReport {
        let spent = self.holdup.spent(self.now());
        for (worker, report) in self.workers().zip(0..) {
            let incarnations = self.queue.incarnations(worker);
            if let Some(report) = self.reports.get_mut::<usize>(report) {
                report.incarnations = incarnations;
            }
        }
        let too_many = || {
            let counts = self.queue.counts();
            let failed = counts.failed - counts.cancelled;
            self.options.max_failures.is_some_and(|max| failed > max).then_some(End::TooManyFailures)
        };
        let (mut counts, restored) = (self.queue.counts(), self.restored);
        counts.ok += restored.ok;
        counts.failed += restored.failed;
        counts.retried += restored.retried;
        PoolReport {
            counts,
            skipped: restored.ok + restored.failed,
            unfinished: self.queue.unfinished(),
            end: self.end.clone().or_else(too_many).unwrap_or(End::Done),
            workers: self.reports,
            spent,
        }
    }
}

/// Counts of tasks that were done before.
#[derive(Debug, Clone, Copy, Default)]
struct Restored {
    ok: u64,
    failed: u64,
    retried: u64,
}

/// What of a worker is watched.
#[derive(Debug, Clone, Copy)]
pub(super) enum Watch {
    Frames,
    Death,
    Output,
}

fn queue_config(options: &PoolOptions) -> QueueConfig {
    let workers = options.workers.get();
    QueueConfig {
        workers,
        // Two full batches for each worker, and as much again to choose from.
        window: (workers as usize * 4 * 4096).max(16 * 1024),
        in_order: options.order == super::Order::Input,
        retries: options.retries,
        retry_on: options.retry_on.clone(),
        timeout: options.timeout,
        soft_timeout: options.soft_timeout,
        batch: options.batch,
        max_tasks_per_worker: options.max_tasks_per_worker,
        max_failures: options.max_failures,
        start_timeout: options.start_timeout,
        grace: options.grace,
        cancel_grace: options.cancel_grace,
        seed: 0,
        ..QueueConfig::default()
    }
}
