//! A double of the workers: keeps everybody's time, and holds every order against what has really happened.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::process::{Batch, Lease, Life, Process, Said, Verdict, Word};
use super::world::{Happening, World, payload, value};
use crate::pool::death::Evidence;
use crate::pool::frames::Parsed;
use crate::pool::ledger::Ledger;
use crate::pool::lines::Lines;
use crate::pool::workers::{Ear, Frame, Heard, Obituary, Workers};
use crate::pool::{Limits, Request};
use crate::supervisor::Exit;
use protocol::{Running, TaskId};
use queue::{BatchId, KillReason, Leases, WorkerId};

/// More than any run needs, by far.
const MAX_WAITS: u32 = 200_000;
/// How often the pool may wait without that time passes.
const MAX_IN_VAIN: u32 = 2_000;
/// Values from this length on come in pieces.
const LONG: usize = 1000;

/// Workers without processes.
pub(super) struct Double {
    world: Rc<RefCell<World>>,
    parsed: Parsed,
    bytes: Vec<u8>,
    lines: Vec<Lines>,
    limits: Limits,
    waits: u32,
    in_vain: u32,
}

impl Double {
    pub(super) fn new(world: Rc<RefCell<World>>) -> Self {
        let lines = world.borrow().processes.iter().map(|_| Lines::default()).collect();
        let (parsed, bytes, limits) = (Parsed::default(), Vec::new(), Limits::default());
        Self { world, parsed, bytes, lines, limits, waits: 0, in_vain: 0 }
    }

    /// Lets something happen that is due; true if it is to be heard.
    fn happen(&mut self, happening: Happening, ear: &mut impl Ear) -> bool {
        let mut world = self.world.borrow_mut();
        let now = world.agenda.now;
        match happening {
            Happening::Greets(worker, pid) => world.greet(worker, pid),
            Happening::Steps(worker, pid) => world.step(worker, pid),
            Happening::Strike => world.strike(),
            Happening::KillLands(worker, pid) => {
                if world.process_of(worker, pid).is_some() {
                    world.die(worker, Exit::Signal(9));
                }
            }
            Happening::Arrives(worker, pid) => {
                let Some(process) = world.process_of(worker, pid) else { return false };
                let is_late = process.is_dead();
                let Some((_, word)) = process.words.coming.pop_front() else { return false };
                world.met.extend((is_late && matches!(word, Word::Frame(_))).then_some("late frame"));
                drop(world);
                self.deliver(worker, word, ear);
                return true;
            }
            Happening::DeathIsSeen(worker, pid) => {
                if world.process_of(worker, pid).is_some() {
                    drop(world);
                    ear.hear(now, Heard::Ended(worker));
                    return true;
                }
            }
            Happening::Close => world.sink.closed = true,
            Happening::Congest(full) => {
                world.sink.full = full;
                return self.wake(now, world.sink.refused && !full, ear);
            }
            Happening::Wake => return self.wake(now, true, ear),
            Happening::Ask(request) => {
                world.ask(request);
                return self.wake(now, true, ear);
            }
        }
        false
    }

    fn wake(&self, now: u64, wake: bool, ear: &mut impl Ear) -> bool {
        if wake {
            ear.hear(now, Heard::Woken);
        }
        wake
    }

    /// A word of a process comes in.
    fn deliver(&mut self, worker: WorkerId, word: Word, ear: &mut impl Ear) {
        let mut world = self.world.borrow_mut();
        world.note(|| format!("{worker} says {word:?}"));
        let now = world.agenda.now;
        let Some(process) = world.process(worker) else { return };
        let running = process.work.current.map(|attempt| attempt.lease);
        if process.words.nonsense_heard && !matches!(word, Word::Line(_)) {
            return;
        }
        match word {
            Word::Hello => {
                process.words.greeted = true;
                drop(world);
                ear.hear(now, Heard::Greeted(worker));
            }
            Word::Goodbye => process.words.goodbye = true,
            Word::Nonsense => {
                process.words.nonsense_heard = true;
                let killed = process.killed.is_some();
                world.met.insert("nonsense");
                drop(world);
                if !killed {
                    ear.hear(now, Heard::Broke(worker));
                }
            }
            Word::Line(line) => {
                drop(world);
                let Some(lines) = self.lines.get_mut(worker.index()) else { return };
                let task = running.map(|(task, _)| task);
                let hear = |line: crate::pool::lines::Line<'_>| {
                    ear.hear(now, Heard::Printed { worker, running, line });
                };
                lines.feed(task, format!("{line}\n").as_bytes(), hear);
            }
            Word::Progress((task, attempt)) => {
                drop(world);
                ear.hear(now, Heard::Progress { worker, task, attempt, done: 1, total: 2 });
            }
            Word::Frame(said) => {
                process.words.heard += said.len();
                let pid = process.pid;
                world.hears(worker, &said);
                drop(world);
                self.deliver_frame(worker, pid, &said, now, ear);
            }
        }
    }

    fn deliver_frame(&mut self, worker: WorkerId, pid: u32, said: &[Said], now: u64, ear: &mut impl Ear) {
        self.parsed.clear();
        self.bytes.clear();
        let mut long = false;
        for Said { lease: (task, attempt), verdict, micros } in said {
            let (verdict, text) = match verdict {
                Verdict::Ok => (queue::Verdict::Ok, value(*task)),
                Verdict::Failed(reason) => {
                    (queue::Verdict::Failed(*reason), format!("task {task} fails").into_bytes())
                }
            };
            long |= text.len() >= LONG;
            let report = queue::Report::one(*task, *attempt, verdict);
            self.parsed.push_for_test(report, *micros, &text, &mut self.bytes, text.len() >= LONG);
        }
        self.world.borrow_mut().met.extend(long.then_some("long value"));
        let Some(lines) = self.lines.get(worker.index()) else { return };
        let busy = Duration::from_micros(said.iter().map(|said| said.micros).sum());
        let frame = Frame { worker, pid, busy, said: &self.parsed, bytes: &self.bytes, lines };
        ear.hear(now, Heard::Outcomes(frame));
    }
}

impl World {
    fn ask(&mut self, request: Request) {
        self.note(|| format!("asked: {request:?}"));
        match request {
            // What is not there yet can't be cancelled.
            Request::Cancel(task) if task.0 < self.planned => self.asked.cancelling.push(task),
            Request::Cancel(_) => {}
            Request::Stop => {
                self.asked.stopping = true;
                self.met.insert("stop");
            }
            Request::Abort => {
                self.asked.stopping = true;
                self.met.insert("abort");
            }
            Request::Suspend => {
                self.met.insert("suspended");
            }
        }
        if let Some(control) = &self.control {
            control.request(request);
        }
    }

    /// The pool has done what it was asked for: from now on, no order may contradict it.
    pub(super) fn take_effect(&mut self) {
        let cancelled = std::mem::take(&mut self.asked.cancelling);
        self.asked.cancelled.extend(cancelled);
        self.asked.stopped |= self.asked.stopping;
    }

    /// The pool hears a frame: what its worker had is no longer in its hands.
    fn hears(&mut self, worker: WorkerId, said: &[Said]) {
        let Some(pid) = self.process(worker).map(|process| process.pid) else { return };
        for Said { lease, .. } in said {
            if self.truth.held.contains(&(pid, *lease)) && self.truth.holders.get(&lease.0) == Some(&worker) {
                self.truth.holders.remove(&lease.0);
            }
        }
    }

    fn check_sent(&mut self, worker: WorkerId, lease: Lease, payload_sent: &[u8]) {
        let (task, attempt) = lease;
        let pid = self.process(worker).map_or(0, |process| process.pid);
        let why = if payload_sent != payload(task) {
            Some("with another payload".to_owned())
        } else if let Some(holder) = self.truth.holders.get(&task) {
            Some(format!("while {holder} has it"))
        } else if self.truth.done.contains(&task) {
            Some("though it is done".to_owned())
        } else if self.truth.left.contains_key(&task) || self.restored.contains(&task) {
            Some("though it has its outcome".to_owned())
        } else if self.asked.cancelled.contains(&task) {
            Some("after it was cancelled".to_owned())
        } else {
            let failures = self.truth.told.failures.get(&task).copied().unwrap_or(0);
            (attempt != failures + 1).then(|| format!("as attempt {attempt} after {failures} failures"))
        };
        if let Some(why) = why {
            self.complain(format!("task {task} is sent to {worker} {why}"));
        }
        self.truth.held.insert((pid, lease));
        self.truth.holders.insert(task, worker);
    }

    fn check_kill(&mut self, worker: WorkerId, reason: KillReason) {
        let now = self.agenda.pool_time();
        let options = &self.scenario.options;
        let Some(process) = self.processes.get(worker.index()).and_then(Option::as_ref) else { return };
        let since = |at: u64| Duration::from_nanos(now.saturating_sub(at));
        let justified = match reason {
            KillReason::Timeout(task) => {
                let begun = self.truth.begun.get(&(process.pid, task));
                process.lies
                    || options.timeout.is_some_and(|limit| begun.is_some_and(|at| since(*at) >= limit))
            }
            KillReason::Stalled => {
                let lingers = process.pilled.is_some_and(|at| since(at) >= options.start_timeout);
                lingers || options.timeout.is_some()
            }
            KillReason::Protocol => process.words.nonsense_heard,
            KillReason::Cancelled(task) => {
                let asked = self.asked.cancelled.contains(&task) || self.asked.cancelling.contains(&task);
                asked && (process.lies || self.truth.holders.get(&task) == Some(&worker))
            }
            KillReason::StartTimeout => !process.words.greeted,
            KillReason::Stop => {
                self.asked.stopping || self.sink.closed || self.scenario.options.max_failures.is_some()
            }
        };
        if !justified {
            self.complain(format!("{worker} is killed for {reason:?}"));
        }
    }

    /// Only a process that has greeted, and has no pill yet, is sent anything.
    fn check_sendable(&mut self, worker: WorkerId, what: &str) -> bool {
        let Some(process) = self.process(worker) else { return false };
        let complaint = match (process.words.greeted, process.pilled) {
            (false, _) => "before it greeted",
            (true, Some(_)) => "behind its pill",
            (true, None) => return true,
        };
        self.complain(format!("{worker} is sent {what} {complaint}"));
        true
    }

    /// What a liar says it runs.
    fn invented(&mut self) -> Running {
        let (task, attempt) = (TaskId(self.rng.below(self.planned + 1)), self.rng.range(1, 2) as u32);
        Running {
            task,
            attempt,
            started_nanos: self.agenda.now.saturating_sub(self.rng.below(1_000_000_000)),
        }
    }
}

fn running(process: &Process) -> Option<Running> {
    let attempt = process.work.current?;
    let (task, number) = attempt.lease;
    Some(Running { task, attempt: number, started_nanos: attempt.since })
}

impl Workers for Double {
    fn now(&self) -> u64 {
        self.world.borrow().agenda.now
    }

    fn start(&mut self, worker: WorkerId, incarnation: u32) -> Result<u32, String> {
        let mut world = self.world.borrow_mut();
        world.note(|| format!("  -> start {worker}, {incarnation}"));
        if world.process(worker).is_some() {
            world.complain(format!("{worker} is started while it has a process"));
        }
        if world.asked.stopped {
            world.complain(format!("{worker} is started after a stop"));
        }
        if let Some(lines) = self.lines.get_mut(worker.index()) {
            *lines = Lines::default();
        }
        let made = world.make(worker);
        world.met.extend(made.is_none().then_some("failed start"));
        made.ok_or_else(|| "there is no more".to_owned())
    }

    fn send(&mut self, worker: WorkerId, batch: BatchId, tasks: &[Leases], ledger: &mut Ledger) {
        let mut world = self.world.borrow_mut();
        world.note(|| format!("  -> send {worker} {batch:?} {tasks:?}"));
        if !world.check_sendable(worker, "tasks") {
            return;
        }
        if world.asked.stopped || world.sink.refused {
            world.complain(format!("{worker} is sent tasks after a stop, or while outcomes can't leave"));
        }
        let mut leases = Vec::new();
        for Leases { run, attempt } in tasks {
            for (task, payloads) in ledger.payloads(run.first, run.len()) {
                for (task, payload) in (task.0..).map(TaskId).zip(payloads.iter()) {
                    world.check_sent(worker, (task, *attempt), payload);
                    leases.push((task, *attempt));
                }
            }
        }
        let end = leases.len();
        let Some(process) = world.process(worker) else { return };
        process.work.inbox.push_back(Batch { id: batch, leases, next: 0, end });
        world.stir(worker);
    }

    fn recall(&mut self, worker: WorkerId, batch: BatchId, keep: usize) -> Option<usize> {
        let world = &mut *self.world.borrow_mut();
        world.note(|| format!("  -> recall {worker} {batch:?} keep {keep}"));
        let lie = world.rng.below(10) as usize;
        let believes = world.rng.chance(300);
        let process = world.processes.get_mut(worker.index())?.as_mut()?;
        let found = process.work.inbox.iter_mut().find(|sent| sent.id == batch);
        let Some(sent) = found else {
            world.complain(format!("{batch:?} is recalled from {worker}, which does not have it"));
            return None;
        };
        sent.end = sent.end.min(sent.next.max(keep));
        let stay = if process.lies && believes { sent.end.min(lie) } else { sent.end };
        for (task, _) in sent.leases.iter().skip(stay) {
            if world.truth.holders.get(task) == Some(&worker) {
                world.truth.holders.remove(task);
                world.met.insert("recalled");
            }
        }
        Some(stay)
    }

    fn running(&self, worker: WorkerId) -> Option<Running> {
        let mut world = self.world.borrow_mut();
        let lies = world.rng.chance(300);
        let process = world.process(worker)?;
        if process.lies && lies {
            return Some(world.invented());
        }
        running(process)
    }

    fn send_pill(&mut self, worker: WorkerId) {
        let mut world = self.world.borrow_mut();
        world.note(|| format!("  -> pill {worker}"));
        world.truth.pills[worker.index()] += 1;
        if !world.check_sendable(worker, "its pill") {
            return;
        }
        world.met.insert("pill");
        let now = world.agenda.pool_time();
        let Some(process) = world.process(worker) else { return };
        process.pilled = Some(now);
        process.work.pill = true;
        world.stir(worker);
    }

    fn warn(&mut self, worker: WorkerId, task: TaskId) {
        let mut world = self.world.borrow_mut();
        let asked = world.asked.cancelled.contains(&task) || world.asked.cancelling.contains(&task);
        if !asked {
            world.complain(format!("{worker} is warned of task {task}, which is not cancelled"));
        }
    }

    fn kill(&mut self, worker: WorkerId, reason: KillReason) -> Option<u32> {
        let mut world = self.world.borrow_mut();
        world.note(|| format!("  -> kill {worker} for {reason:?}"));
        world.check_kill(worker, reason);
        world.met.extend(matches!(reason, KillReason::Timeout(_)).then_some("timeout"));
        let at = world.agenda.now + world.scenario.latency * 500;
        let process = world.process(worker)?;
        process.killed = Some(reason);
        let pid = process.pid;
        world.agenda.put(at, Happening::KillLands(worker, pid));
        Some(pid)
    }

    fn growth(&mut self, _: WorkerId) -> u64 {
        if self.world.borrow_mut().rng.chance(50) { 2000 } else { 0 }
    }

    fn pause(&mut self) {
        let mut world = self.world.borrow_mut();
        let nanos = world.rng.below(2_000_000_000);
        world.agenda.pause(nanos);
        for process in world.processes.iter_mut().flatten() {
            process.words.coming.iter_mut().for_each(|(at, _)| *at += nanos);
        }
    }

    fn wait(&mut self, patience: Option<Duration>, _: usize) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        world.take_effect();
        self.waits += 1;
        if self.waits > MAX_WAITS || self.in_vain > MAX_IN_VAIN {
            world.complain("it goes on for ever".to_owned());
        }
        let now = world.agenda.now;
        let until = patience.map(|patience| now.saturating_add(patience.as_nanos() as u64));
        let next = world.agenda.next().into_iter().chain(until).min();
        if next.is_none() {
            world.complain("it waits for nothing, for ever".to_owned());
        }
        if let Some(complaint) = &world.complaint {
            return Err(io::Error::other(complaint.clone()));
        }
        let next = next.unwrap_or(now).max(now);
        self.in_vain = if next == now { self.in_vain + 1 } else { 0 };
        world.agenda.now = next;
        Ok(())
    }

    fn next(&mut self, ear: &mut impl Ear) -> bool {
        loop {
            let due = self.world.borrow_mut().agenda.pop_due();
            let Some(happening) = due else { return false };
            if self.happen(happening, ear) {
                return true;
            }
        }
    }

    fn last_words(&mut self, worker: WorkerId, ear: &mut impl Ear) {
        loop {
            let word = self
                .world
                .borrow_mut()
                .process(worker)
                .and_then(|process| process.words.coming.pop_front().map(|(_, word)| word));
            let Some(word) = word else { return };
            self.world.borrow_mut().met.insert("last words");
            self.deliver(worker, word, ear);
        }
    }

    fn obituary(&self, worker: WorkerId) -> Option<Obituary<'_>> {
        let mut world = self.world.borrow_mut();
        let process = world.process(worker)?;
        let Life::Dead(exit) = process.life else { return None };
        let unread = !process.words.coming.is_empty();
        let evidence = Evidence {
            exit,
            greeted: process.words.greeted,
            refused: None,
            goodbye: process.words.goodbye,
            killed: process.killed,
            broke: process.words.nonsense_heard.then_some("nonsense"),
            lines: self.lines.get(worker.index())?,
            limits: &self.limits,
        };
        let unreported = process.work.ended.saturating_sub(process.words.heard);
        let (pid, running) = (process.pid, running(process));
        if unread {
            world.complain(format!("{worker} is given up while it has said more"));
        }
        Some(Obituary { worker, pid, running, unreported, evidence })
    }

    fn bury(&mut self, worker: WorkerId) {
        let mut world = self.world.borrow_mut();
        let Some(process) = world.processes.get_mut(worker.index()).and_then(Option::take) else { return };
        if !process.is_dead() {
            world.complain(format!("{worker} is buried alive"));
        }
        if let Some(made) = world.truth.made.get_mut(&process.pid) {
            made.buried = true;
        }
        world.truth.holders.retain(|_, holder| *holder != worker);
    }
}
