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
use protocol::{TaskId, monotonic_nanos};
use tracing::{info, warn};

use super::clock::Clock;
use super::config::queue_config;
use super::feed::Restored;
use super::frames::Parsed;
use super::holdup::{self, Holdup};
use super::ledger::Ledger;
use super::link::Link;
use super::pulse::{BEAT, Pulse};
use super::report::{End, PoolReport, WorkerReport};
use super::token::{Token, Watch};
use super::wait::Waits;
use super::{
    Controlled, Guarded, Incoming, Observer, PoolEvent, PoolOptions, Request, RunningTask, Sink, Source, Work,
};
use crate::outcome::{AttemptRecord, OutcomeBatch};
use crate::supervisor::{Guard, Program, with_advice};
use queue::{Decisions, Event, Queue, Time, WorkerId};

/// How long a worker may live after its link has ended, where nothing tells that it is about to die.
pub(super) const LINGER: Duration = Duration::from_millis(50);
/// How often the workers' memory is looked at, where it is limited.
const SAMPLE: Duration = Duration::from_millis(250);
/// After so long a run has a guard in any case: one that is over before hardly leaves anything.
const GUARD_AFTER: Duration = Duration::from_millis(20);

fn first_guard(guarded: Guarded) -> io::Result<Option<Guard>> {
    let mut guard = (guarded != Guarded::Never).then(Guard::later);
    if guarded == Guarded::First {
        guard.as_mut().map_or(Ok(()), Guard::start)?;
    }
    Ok(guard)
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
    /// When the guard is to be started, unless it has been.
    guard_at: Option<Time>,
    pulse: Pulse,
    pub(super) reports: Vec<WorkerReport>,
    pub(super) histories: HashMap<TaskId, Vec<AttemptRecord>>,
    pub(super) outbox: OutcomeBatch,
    pub(super) clock: Clock,
    /// What became of the last worker that died, for the end of a run that can't go on.
    pub(super) last_death: String,
    pub(super) end: Option<End>,
    /// A bug in the pool itself, for which the run ends.
    pub(super) bug: Option<String>,
    epoll: Epoll,
    controlled: &'a Controlled,
    pub(super) source: &'a mut dyn Source,
    pub(super) sink: &'a mut dyn Sink,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) planning: bool,
    pub(super) congested: bool,
    pub(super) incoming: Incoming,
    pub(super) restored: Restored,
    pub(super) decisions: Decisions,
    /// What the queue is still to be told.
    pub(super) answers: VecDeque<Event<'static>>,
    /// Commands that came up in the middle of a worker's frames or death.
    pub(super) later: Decisions,
    pub(super) parsed: Parsed,
    pub(super) print_buffer: Vec<u8>,
    sample_at: Option<Time>,
    /// When the observer is to hear next what the workers are running.
    look_at: Option<Time>,
    look_every: Duration,
    waits: Waits,
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
            ledger: Ledger::new(options.payloads_in_outcomes),
            links: (0..workers).map(|_| None).collect(),
            guard: first_guard(options.guard)?,
            guard_at: (options.guard == Guarded::Soon).then(|| Time(monotonic_nanos()).after(GUARD_AFTER)),
            pulse: Pulse::new(monotonic_nanos()),
            reports: vec![WorkerReport::default(); workers as usize],
            histories: HashMap::new(),
            outbox: OutcomeBatch::new(),
            clock: Clock::default(),
            last_death: String::new(),
            end: None,
            bug: None,
            epoll,
            controlled,
            source,
            sink,
            observer,
            planning: true,
            congested: false,
            incoming: Incoming::default(),
            restored: Restored::default(),
            decisions: Decisions::default(),
            answers: VecDeque::new(),
            later: Decisions::default(),
            parsed: Parsed::default(),
            print_buffer: Vec::new(),
            sample_at: options.max_memory_growth.map(|_| Time(0)),
            look_at: look_every.map(|_| Time(0)),
            look_every: look_every.unwrap_or_default(),
            waits: Waits::default(),
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
            if let Some(bug) = self.bug.take() {
                return Err(io::Error::other(format!("the pool has a bug: {bug}")));
            }
            if self.queue.is_joined() && self.outbox.is_empty() {
                return Ok(self.report());
            }
            self.note_limit();
            let (patience, working) = (self.patience(), self.queue.load().working);
            let ready = match self.waits.wait(&self.epoll, &mut events, patience, working as usize) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => 0,
                Err(error) => return Err(error.into()),
            };
            self.beat(patience);
            for event in events.iter().take(ready) {
                self.on_ready(Token::unpack(event.data()));
            }
            self.on_time();
        }
    }

    /// Time in which this process did not run, since it was stopped or frozen, counts for nobody.
    fn beat(&mut self, patience: EpollTimeout) {
        let now = monotonic_nanos();
        if patience == EpollTimeout::NONE {
            // Nothing was to wake it, and no time limit runs.
            return self.pulse.skip(now);
        }
        if let Some((start, end)) = self.pulse.beat(now) {
            let paused = Duration::from_nanos(end.saturating_sub(start));
            info!(?paused, "the coordinator was stopped from outside");
            self.clock.pause(start, end);
            self.tell(&PoolEvent::Resumed { paused });
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
        let mut commands = std::mem::take(&mut self.decisions);
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
        self.pulse.skip(end);
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
            let Some(link) = self.link_mut(worker) else { continue };
            if link.ended_at.is_some_and(|at| now >= at.after(LINGER)) {
                if link.is_ending() {
                    link.ended_at = Some(now);
                } else {
                    self.broke(worker, "closed its link and lives on");
                }
            }
        }
        if self.guard_at.is_some_and(|at| at <= now) {
            self.guard_at = None;
            if let Some(Err(error)) = self.guard.as_mut().map(Guard::start) {
                warn!(
                    "there is no guard, so what workers have started may outlive a kill: {}",
                    with_advice(&error)
                );
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
        let Some(deadline) = deadlines.chain(self.guard_at).min() else { return EpollTimeout::NONE };
        // However far it is: a stop is told by a beat that is missing.
        let wait = self.clock.until(monotonic_nanos(), deadline).min(BEAT);
        // Rounded up: waking before a deadline would only mean to wait again.
        let millis = wait.as_micros().div_ceil(1000);
        EpollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(EpollTimeout::ZERO)
    }

    pub(super) fn tell(&mut self, event: &PoolEvent<'_>) {
        let now = self.now();
        self.observer.on_event(now, event);
    }

    /// Tells the queue and does what it says; what comes of that is told afterwards, in order.
    pub(super) fn handle(&mut self, event: Event<'_>) {
        let mut commands = std::mem::take(&mut self.decisions);
        self.queue.handle(self.now(), event, &mut commands);
        self.carry_out(commands);
    }

    /// Does what the queue said, and tells it what came of that.
    pub(super) fn carry_out(&mut self, mut commands: Decisions) {
        loop {
            for settled in commands.tasks.drain(..) {
                self.settle(settled);
            }
            for order in commands.orders.drain(..) {
                self.obey(order);
            }
            for note in commands.notes.drain(..) {
                self.pass_on(note);
            }
            let Some(event) = self.answers.pop_front() else { break };
            self.queue.handle(self.now(), event, &mut commands);
        }
        self.decisions = commands;
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
            all_planned: !self.planning && !matches!(self.end, Some(End::BadInput(_))),
            end: self.end.clone().or_else(too_many).unwrap_or(End::Done),
            workers: self.reports,
            spent,
        }
    }
}
