//! The simulated world: the time, what is to happen, and what processes do between their start and their death.

use std::collections::{BTreeMap, BTreeSet};

use super::process::{Attempt, Ending, Lease, Life, Process, Said, Verdict, Word};
use super::rng::Rng;
use super::scenario::{Mischief, Scenario};
use super::truth::Truth;
use crate::outcome::Reason;
use crate::pool::{Control, Request};
use crate::supervisor::Exit;
use protocol::TaskId;
use queue::WorkerId;

/// Something on the agenda. A process id names the process that it is about.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    Greets(WorkerId, u32),
    Steps(WorkerId, u32),
    /// The next word of a process comes in.
    Arrives(WorkerId, u32),
    KillLands(WorkerId, u32),
    DeathIsSeen(WorkerId, u32),
    Strike,
    Wake,
    Congest(bool),
    Close,
    Ask(Request),
}

/// The sink's state.
#[derive(Debug, Default)]
pub(super) struct SinkState {
    pub(super) full: bool,
    pub(super) closed: bool,
    /// It refused the last batch.
    pub(super) refused: bool,
}

/// What the pool was asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) cancelling: Vec<TaskId>,
    pub(super) cancelled: BTreeSet<TaskId>,
    pub(super) stopping: bool,
    pub(super) stopped: bool,
}

/// The time, and what is to come.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    pub(super) now: u64,
    /// For how long everything stood still.
    pub(super) paused: u64,
    happenings: BTreeMap<(u64, u64), Happening>,
    count: u64,
}

impl Agenda {
    pub(super) fn put(&mut self, at: u64, happening: Happening) {
        self.count += 1;
        self.happenings.insert((at, self.count), happening);
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.happenings.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn pop_due(&mut self) -> Option<Happening> {
        self.next().filter(|at| *at <= self.now)?;
        self.happenings.pop_first().map(|(_, happening)| happening)
    }

    /// Everything stands still for so long.
    pub(super) fn pause(&mut self, nanos: u64) {
        self.now += nanos;
        self.paused += nanos;
        let later = std::mem::take(&mut self.happenings).into_iter();
        self.happenings = later.map(|((at, count), what)| ((at + nanos, count), what)).collect();
    }

    /// The pool's time.
    pub(super) fn pool_time(&self) -> u64 {
        self.now - self.paused
    }
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) scenario: Scenario,
    pub(super) rng: Rng,
    pub(super) agenda: Agenda,
    pub(super) processes: Vec<Option<Process>>,
    pub(super) planned: u64,
    pub(super) restored: BTreeSet<TaskId>,
    pub(super) sink: SinkState,
    pub(super) asked: Asked,
    pub(super) control: Option<Control>,
    pub(super) truth: Truth,
    pub(super) met: BTreeSet<&'static str>,
    pub(super) complaint: Option<String>,
    pub(super) trace: Vec<String>,
    traced: bool,
}

/// What the plan says of a task.
pub(super) fn payload(task: TaskId) -> Vec<u8> {
    let mut bytes = task.0.to_le_bytes().to_vec();
    bytes.extend(std::iter::repeat_n(b'x', (task.0 % 5) as usize));
    bytes
}

/// What a task comes to.
pub(super) fn value(task: TaskId) -> Vec<u8> {
    let long = if task.0 % 23 == 7 { 2000 } else { (task.0 % 3) as usize };
    let mut bytes = task.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes().to_vec();
    bytes.extend(std::iter::repeat_n(b'v', long));
    bytes
}

impl World {
    pub(super) fn new(seed: u64, traced: bool) -> Self {
        let mut rng = Rng::new(seed);
        let scenario = Scenario::new(&mut rng);
        let workers = scenario.options.workers.get() as usize;
        let mut world = Self {
            seed,
            rng,
            agenda: Agenda { now: 1_000_000_000, ..Agenda::default() },
            processes: (0..workers).map(|_| None).collect(),
            planned: 0,
            restored: BTreeSet::new(),
            sink: SinkState::default(),
            asked: Asked::default(),
            control: None,
            truth: Truth { pills: vec![0; workers], ..Truth::default() },
            met: BTreeSet::new(),
            complaint: None,
            trace: if traced { vec![format!("{scenario:#?}")] } else { Vec::new() },
            scenario,
            traced,
        };
        world.plan_disturbances();
        world
    }

    fn plan_disturbances(&mut self) {
        let begun = self.agenda.now;
        for (at, how_long) in self.scenario.congestions.clone() {
            self.agenda.put(begun + at, Happening::Congest(true));
            self.agenda.put(begun + at + how_long, Happening::Congest(false));
        }
        for (at, request) in self.scenario.requests.clone() {
            self.agenda.put(begun + at, Happening::Ask(request));
        }
        for at in self.scenario.strikes.clone() {
            self.agenda.put(begun + at, Happening::Strike);
        }
        if let Some(at) = self.scenario.closes {
            self.agenda.put(begun + at, Happening::Close);
        }
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if self.traced {
            self.trace.push(format!("{:>12} {}", self.agenda.now, what()));
        }
    }

    /// A promise is broken; the first counts.
    pub(super) fn complain(&mut self, what: String) {
        self.note(|| format!("  !! {what}"));
        self.complaint.get_or_insert(what);
    }

    pub(super) fn complain_if(&mut self, broken: bool, what: impl FnOnce() -> String) {
        if broken {
            self.complain(what());
        }
    }

    pub(super) fn wake_soon(&mut self) {
        let at = self.soon();
        self.agenda.put(at, Happening::Wake);
    }

    fn soon(&mut self) -> u64 {
        let most = self.scenario.latency * 1000;
        self.agenda.now + self.rng.below(most + 1)
    }

    pub(super) fn process(&mut self, worker: WorkerId) -> Option<&mut Process> {
        self.processes.get_mut(worker.index())?.as_mut()
    }

    pub(super) fn process_of(&mut self, worker: WorkerId, pid: u32) -> Option<&mut Process> {
        self.process(worker).filter(|process| process.pid == pid)
    }

    /// A new process, or none.
    pub(super) fn make(&mut self, worker: WorkerId) -> Option<u32> {
        let fate = if self.rng.chance(self.scenario.faults.stillbirth) { self.rng.below(3) } else { 3 };
        if fate == 0 {
            return None;
        }
        let pid = 100 + self.truth.made.len() as u32;
        let (lies, lingers) =
            (self.rng.chance(self.scenario.faults.liars), self.rng.chance(self.scenario.faults.linger));
        self.truth.made.insert(pid, super::truth::Made { worker, exit: None, buried: false, lies });
        self.processes[worker.index()] = Some(Process::new(pid, lies, lingers));
        self.met.extend(lies.then_some("liar"));
        let at = self.agenda.now + self.rng.range(50_000, 5_000_000);
        match fate {
            1 => self.die(worker, Exit::Code(1)),
            // It never greets.
            2 => {}
            _ => self.agenda.put(at, Happening::Greets(worker, pid)),
        }
        Some(pid)
    }

    /// A word is on its way; it does not overtake an earlier one.
    fn say(&mut self, worker: WorkerId, word: Word) {
        let soon = self.soon();
        let Some(process) = self.process(worker) else { return };
        let at = process.words.coming.back().map_or(soon, |(last, _)| soon.max(*last));
        let pid = process.pid;
        process.words.coming.push_back((at, word));
        self.agenda.put(at, Happening::Arrives(worker, pid));
    }

    pub(super) fn greet(&mut self, worker: WorkerId, pid: u32) {
        let Some(process) = self.process_of(worker, pid).filter(|process| !process.is_dead()) else { return };
        process.life = Life::Serving;
        self.say(worker, Word::Hello);
    }

    /// Lets an idle process look into its link.
    pub(super) fn stir(&mut self, worker: WorkerId) {
        let at = self.soon();
        let Some(process) = self.process(worker) else { return };
        if process.life == Life::Serving && process.work.current.is_none() && !process.work.stirs {
            process.work.stirs = true;
            let pid = process.pid;
            self.agenda.put(at, Happening::Steps(worker, pid));
        }
    }

    pub(super) fn die(&mut self, worker: WorkerId, exit: Exit) {
        let at = self.soon();
        let Some(process) = self.process(worker).filter(|process| !process.is_dead()) else { return };
        process.life = Life::Dead(exit);
        let pid = process.pid;
        if let Some(made) = self.truth.made.get_mut(&pid) {
            made.exit = Some(exit);
        }
        self.note(|| format!("{worker} ({pid}): {exit}"));
        self.agenda.put(at, Happening::DeathIsSeen(worker, pid));
    }

    /// Somebody kills a process for no reason.
    pub(super) fn strike(&mut self) {
        let worker = WorkerId(self.rng.below(self.processes.len() as u64) as u32);
        let busy = self.process(worker).is_some_and(|process| process.work.current.is_some());
        self.met.extend(busy.then_some("kill in the middle"));
        self.die(worker, Exit::Signal(9));
    }

    /// A process's running attempt ends, and it goes on to the next.
    pub(super) fn step(&mut self, worker: WorkerId, pid: u32) {
        let now = self.agenda.now;
        let Some(process) = self.process_of(worker, pid) else { return };
        process.work.stirs = false;
        if process.life != Life::Serving {
            return;
        }
        if let Some(Attempt { lease, since, ending }) = process.work.current {
            let verdict = match ending {
                Ending::Say(verdict) => verdict,
                Ending::Death(exit) => return self.die(worker, exit),
                Ending::Never => return,
            };
            process.work.current = None;
            process.work.ended += 1;
            process.work.finished.push(Said { lease, verdict, micros: (now - since) / 1000 });
        }
        if !self.has_bad_luck(worker) {
            self.take_up(worker);
        }
    }

    /// What can go wrong between two tasks. True if the process does not go on.
    fn has_bad_luck(&mut self, worker: WorkerId) -> bool {
        if self.rng.chance(self.scenario.faults.crash_between) {
            let exit = self.rng.pick(&[Exit::Signal(9), Exit::Signal(11), Exit::Code(3)]);
            self.die(worker, exit);
            return true;
        }
        if self.rng.chance(self.scenario.faults.stop) {
            if let Some(process) = self.process(worker) {
                process.life = Life::Stopped;
            }
            return true;
        }
        if self.rng.chance(self.scenario.faults.leave) {
            if self.rng.chance(500) {
                self.tell(worker);
            }
            self.say(worker, Word::Goodbye);
            self.die(worker, Exit::Code(0));
            return true;
        }
        if self.rng.chance(self.scenario.faults.nonsense) {
            self.say(worker, Word::Nonsense);
            if let Some(process) = self.process(worker) {
                process.words.broke = true;
            }
        }
        false
    }

    /// Takes up the next task, the pill, or nothing.
    fn take_up(&mut self, worker: WorkerId) {
        let group = self.scenario.group;
        let Some(process) = self.process(worker) else { return };
        let lease = process.claim();
        let goes = process.work.pill && !process.lingers;
        if lease.is_none() || process.work.finished.len() as u64 >= group {
            self.tell(worker);
        }
        match lease {
            Some(lease) => self.begin(worker, lease),
            None if goes => {
                self.say(worker, Word::Goodbye);
                self.die(worker, Exit::Code(0));
            }
            None => {}
        }
    }

    fn begin(&mut self, worker: WorkerId, lease: Lease) {
        let ending = self.ending(lease);
        let (now, pool_time) = (self.agenda.now, self.agenda.pool_time());
        let at = now + self.rng.below(self.scenario.length * 1000 + 1);
        if self.rng.chance(50) {
            self.truth.lines += 1;
            self.say(worker, Word::Line(format!("task {} begins", lease.0)));
        }
        let Some(process) = self.process(worker) else { return };
        process.work.current = Some(Attempt { lease, since: now, ending });
        let (pid, lies) = (process.pid, process.lies);
        self.truth.begun.insert((pid, lease.0), pool_time);
        if self.rng.chance(30) || (lies && self.rng.chance(200)) {
            let about = if lies { TaskId(self.rng.below(self.planned + 1)) } else { lease.0 };
            self.say(worker, Word::Progress((about, lease.1)));
        }
        if !matches!(ending, Ending::Never) {
            self.agenda.put(at, Happening::Steps(worker, pid));
        }
    }

    fn ending(&mut self, (task, attempt): Lease) -> Ending {
        if self.rng.chance(self.scenario.faults.crash) {
            return Ending::Death(self.rng.pick(&[Exit::Signal(9), Exit::Signal(11), Exit::Code(3)]));
        }
        if self.rng.chance(self.scenario.faults.stop) {
            return Ending::Never;
        }
        match self.scenario.habit(self.seed, task) {
            Some(habit) if attempt <= habit.times => match habit.mischief {
                Mischief::Signal(number) => Ending::Death(Exit::Signal(number)),
                Mischief::Exit(code) => Ending::Death(Exit::Code(code)),
                Mischief::Say(reason) => Ending::Say(Verdict::Failed(reason)),
                Mischief::Hang => Ending::Never,
            },
            _ => Ending::Say(Verdict::Ok),
        }
    }

    /// Says what has ended; a liar says other things too.
    fn tell(&mut self, worker: WorkerId) {
        let planned = self.planned;
        let Some(process) = self.process(worker) else { return };
        let mut said = std::mem::take(&mut process.work.finished);
        let (pid, lies, broke) = (process.pid, process.lies, process.words.broke);
        if lies {
            self.embellish(&mut said, planned);
        }
        for Said { lease, verdict, .. } in &said {
            if !lies && !broke {
                let ended = *verdict == Verdict::Ok;
                self.truth.done.extend(ended.then_some(lease.0));
            }
            self.truth.claimed.entry((pid, *lease)).or_default().push(*verdict);
        }
        if !said.is_empty() {
            self.say(worker, Word::Frame(said));
        }
    }

    fn embellish(&mut self, said: &mut Vec<Said>, planned: u64) {
        for _ in 0..self.rng.below(3) {
            let place = self.rng.below(said.len() as u64 + 1) as usize;
            let task = TaskId(self.rng.below(planned + 2));
            let invented = Said {
                lease: (task, self.rng.range(1, 2) as u32),
                verdict: self.rng.pick(&[Verdict::Ok, Verdict::Failed(Reason::Error)]),
                micros: 1,
            };
            let more = said.get(place).copied().filter(|_| self.rng.chance(500)).unwrap_or(invented);
            said.insert(place, more);
        }
    }
}
