//! What processes do between their start and their death.

use std::time::Duration;

use ids::TaskId;

use super::process::{Attempt, Ending, Lease, Life, Manners, Parcel, Process};
use super::scenario::{Lengths, Mischief};
use super::world::{Happening, Message, World};
use crate::Reason;
use crate::holds::holds;
use crate::{BatchId, Death, Report, Time, Verdict, WorkerId};

impl World {
    fn process(&mut self, worker: WorkerId) -> Option<&mut Process> {
        self.processes.get_mut(worker.index())?.as_mut().filter(|process| process.life != Life::Dead)
    }

    fn process_of(&mut self, worker: WorkerId, incarnation: u32) -> Option<&mut Process> {
        self.process(worker).filter(|process| process.incarnation == incarnation)
    }

    fn soon(&mut self) -> Time {
        self.now.after(self.rng.micros(0, self.scenario.latency))
    }

    /// A message of a process is on its way; it does not overtake an earlier one.
    fn say(&mut self, worker: WorkerId, message: Message) {
        let soon = self.soon();
        let Some(process) = self.processes[worker.index()].as_mut() else { return };
        let at = process.said_until.max(soon);
        process.said_until = at;
        let incarnation = process.incarnation;
        self.happens(at, Happening::Hears { worker, incarnation, message });
    }

    /// An answer by the coordinator's own hand, which keeps no order with what the process says.
    fn answer(&mut self, worker: WorkerId, incarnation: u32, message: Message) {
        let at = self.soon();
        self.happens(at, Happening::Hears { worker, incarnation, message });
    }

    pub(super) fn start(&mut self, worker: WorkerId, incarnation: u32) {
        let lies = self.rng.chance(self.scenario.faults.liars);
        let lingers = self.rng.chance(self.scenario.faults.linger);
        let ever_fresh = lies && self.rng.chance(300);
        let manners = Manners { lies, ever_fresh, lingers };
        self.processes[worker.index()] = Some(Process::new(incarnation, manners));
        if !self.rng.chance(self.scenario.faults.stillbirth) {
            let at = self.now.after(self.rng.micros(50, 5_000));
            return self.happens(at, Happening::Greet { worker, incarnation });
        }
        match self.rng.below(3) {
            0 => self.die(worker, Death::NeverBorn),
            1 => self.die(worker, Death::Crash(Reason::Exit)),
            // It never greets, and is killed for it.
            _ => {}
        }
    }

    pub(super) fn greet(&mut self, worker: WorkerId, incarnation: u32) {
        let Some(process) = self.process_of(worker, incarnation) else { return };
        process.life = Life::Serving;
        self.say(worker, Message::Started);
    }

    pub(super) fn deliver(&mut self, worker: WorkerId, parcel: Parcel) {
        if let Some(process) = self.process(worker) {
            process.inbox.push_back(parcel);
            self.stir(worker);
        }
    }

    /// Lets an idle process look into its link.
    fn stir(&mut self, worker: WorkerId) {
        let at = self.soon();
        let Some(process) = self.process(worker) else { return };
        if !process.stirs && !process.stopped && process.current.is_none() {
            process.stirs = true;
            let incarnation = process.incarnation;
            self.happens(at, Happening::Step { worker, incarnation });
        }
    }

    pub(super) fn recall(&mut self, worker: WorkerId, batch: BatchId, keep: usize) {
        let Some(process) = self.process(worker) else { return };
        let mut started = process.recall(batch, keep);
        let (incarnation, lies) = (process.incarnation, process.manners.lies);
        if lies && self.rng.chance(300) {
            // To claim more than it will run would be to lose tasks, which only a time limit finds.
            let most = if self.scenario.config.timeout.is_some() { usize::MAX } else { started };
            started = most.min(self.rng.below(10) as usize);
        }
        self.answer(worker, incarnation, Message::Recalled { batch, started });
    }

    pub(super) fn observe(&mut self, worker: WorkerId) {
        let (now, planned) = (self.now, self.planned());
        let Some(process) = &self.processes[worker.index()] else { return };
        let running = process.cell(now, planned, &mut self.rng);
        let incarnation = process.incarnation;
        self.answer(worker, incarnation, Message::Observed { running });
    }

    pub(super) fn doom(&mut self, worker: WorkerId) {
        let at = self.soon();
        let Some(process) = self.process(worker) else { return };
        process.doomed = true;
        let incarnation = process.incarnation;
        self.happens(at, Happening::KillLands { worker, incarnation });
    }

    pub(super) fn kill_lands(&mut self, worker: WorkerId, incarnation: u32) {
        if self.process_of(worker, incarnation).is_some() {
            self.die(worker, Death::Crash(Reason::Signal));
        }
    }

    /// Somebody kills a process for no reason.
    pub(super) fn strike(&mut self) {
        let worker = self.any_worker();
        if self.process(worker).is_some() {
            self.die(worker, Death::Crash(Reason::Signal));
        }
    }

    fn die(&mut self, worker: WorkerId, death: Death) {
        let (now, planned) = (self.now, self.planned());
        let Some(process) = self.processes[worker.index()].as_mut() else { return };
        process.life = Life::Dead;
        let running = process.cell(now, planned, &mut self.rng);
        let unreported = process.finished.len();
        self.say(worker, Message::Died { running, unreported, death });
    }

    /// A process's running attempt ends, and it goes on to the next.
    pub(super) fn step(&mut self, worker: WorkerId, incarnation: u32) -> Result<(), String> {
        let now = self.now;
        let Some(process) = self.process_of(worker, incarnation) else { return Ok(()) };
        process.stirs = false;
        if process.stopped {
            return Ok(());
        }
        if let Some(attempt) = process.current {
            let verdict = match attempt.ending {
                Ending::Report(verdict) => verdict,
                Ending::Death(reason) => {
                    self.die(worker, Death::Crash(reason));
                    return Ok(());
                }
                Ending::Never => return Ok(()),
            };
            process.current = None;
            process.busy += now.since(attempt.since);
            let Lease { task, attempt: number } = attempt.lease;
            process.finished.push(Report::one(task, number, verdict));
            self.check_noticed(worker, attempt)?;
        }
        if !self.has_bad_luck(worker) {
            self.take_up(worker);
        }
        Ok(())
    }

    /// What can go wrong between two tasks. True where the process does not go on.
    fn has_bad_luck(&mut self, worker: WorkerId) -> bool {
        if self.rng.chance(self.scenario.faults.crash_between) {
            let reason = self.rng.pick(&[Reason::Signal, Reason::Exit, Reason::Memory]);
            self.die(worker, Death::Crash(reason));
            return true;
        }
        if self.rng.chance(self.scenario.faults.stop) {
            if let Some(process) = self.process(worker) {
                process.stopped = true;
            }
            return true;
        }
        if self.rng.chance(self.scenario.faults.leave) {
            if self.rng.chance(500) {
                self.tell(worker);
            }
            self.die(worker, Death::Orderly);
            return true;
        }
        if self.rng.chance(self.scenario.faults.nonsense) {
            self.say(worker, Message::Broke);
        }
        false
    }

    /// Takes up the next task, the pill, or nothing.
    fn take_up(&mut self, worker: WorkerId) {
        let group = self.scenario.group;
        let Some(process) = self.process(worker) else { return };
        let lease = process.claim();
        let is_pill = matches!(process.inbox.front(), Some(Parcel::Pill));
        let lingers = process.manners.lingers;
        if lease.is_none() || process.finished.len() as u64 >= group {
            self.tell(worker);
        }
        if let Some(lease) = lease {
            self.begin(worker, lease);
        } else if is_pill && !lingers {
            self.die(worker, Death::Orderly);
        }
    }

    fn tell(&mut self, worker: WorkerId) {
        let planned = self.planned();
        let may_drop = self.scenario.config.timeout.is_some();
        let Some(process) = self.processes[worker.index()].as_mut() else { return };
        let busy = std::mem::take(&mut process.busy);
        let reports = process.tell(planned, may_drop, &mut self.rng);
        if !reports.is_empty() {
            self.say(worker, Message::Outcomes { busy, reports });
        }
    }

    fn begin(&mut self, worker: WorkerId, lease: Lease) {
        let (now, ending, length) = (self.now, self.ending(lease), self.length(lease));
        let attempt = Attempt { lease, since: now, ending };
        let Some(process) = self.process(worker) else { return };
        process.current = Some(attempt);
        let incarnation = process.incarnation;
        if let Some(limit) = self.scenario.config.timeout {
            let at = now.after(limit + self.scenario.slack());
            let task = lease.task;
            self.happens(at, Happening::Overdue { worker, incarnation, task, since: now });
        }
        if !matches!(ending, Ending::Never) {
            self.happens(now.after(length), Happening::Step { worker, incarnation });
        }
    }

    fn ending(&mut self, lease: Lease) -> Ending {
        if self.rng.chance(self.scenario.faults.crash) {
            return Ending::Death(self.rng.pick(&[Reason::Signal, Reason::Exit, Reason::Memory]));
        }
        if self.rng.chance(self.scenario.faults.stop) {
            return Ending::Never;
        }
        match self.scenario.habit(self.seed, lease.task.0) {
            Some(habit) if lease.attempt <= habit.times => match habit.mischief {
                Mischief::Crash(reason) => Ending::Death(reason),
                Mischief::Error(reason) => Ending::Report(Verdict::Failed(reason)),
                Mischief::ErrorForGood(reason) => Ending::Report(Verdict::FailedForGood(reason)),
                Mischief::Hang => Ending::Never,
                Mischief::Dawdle => Ending::Report(Verdict::Ok),
            },
            _ => Ending::Report(Verdict::Ok),
        }
    }

    fn length(&mut self, lease: Lease) -> Duration {
        let habit = self.scenario.habit(self.seed, lease.task.0);
        if habit.is_some_and(|habit| matches!(habit.mischief, Mischief::Dawdle)) {
            let limits = [self.scenario.config.timeout, self.scenario.config.soft_timeout];
            let limit = self.rng.pick(&limits).or(limits[0]).or(limits[1]).unwrap_or_default();
            let notice = self.scenario.slack().as_micros() as u64;
            return limit + self.rng.pick(&[1, 3]) * self.rng.micros(0, notice);
        }
        match self.scenario.lengths {
            Lengths::Tiny => self.rng.micros(0, 5),
            Lengths::Millisecond => self.rng.micros(500, 2_000),
            Lengths::HeavyTail => {
                let most = self.rng.pick(&[10, 10, 10, 100, 1_000, 10_000, 200_000]);
                self.rng.micros(0, most)
            }
        }
    }

    /// True where the queue could know that this worker runs this task, and has not decided to kill it.
    fn is_watched(&mut self, worker: WorkerId, task: TaskId, attempt: u32) -> bool {
        let has = self.book.has(worker.index(), task, attempt);
        has && self.process(worker).is_some_and(|process| !process.doomed && !process.manners.lies)
    }

    /// The hard limit is kept: whoever runs into it is killed within the time of a few messages.
    pub(super) fn check_overdue(
        &mut self,
        worker: WorkerId,
        incarnation: u32,
        task: TaskId,
        since: Time,
    ) -> Result<(), String> {
        let Some(process) = self.process_of(worker, incarnation) else { return Ok(()) };
        let Some(attempt) = process.current else { return Ok(()) };
        let same = attempt.lease.task == task && attempt.since == since;
        let overdue = same && self.is_watched(worker, task, attempt.lease.attempt);
        holds!(!overdue, "task {task} runs past its limit on {worker}");
        Ok(())
    }

    /// The soft limit is kept: whoever has passed it has been told of.
    fn check_noticed(&mut self, worker: WorkerId, attempt: Attempt) -> Result<(), String> {
        let Some(soft) = self.scenario.config.soft_timeout else { return Ok(()) };
        let Lease { task, attempt: number } = attempt.lease;
        if self.now.since(attempt.since) >= soft + self.scenario.slack()
            && self.is_watched(worker, task, number)
        {
            let slow = self.book.tasks[task.0 as usize].slow;
            holds!(slow, "task {task} has passed the soft limit unnoticed on {worker}");
        }
        Ok(())
    }
}
