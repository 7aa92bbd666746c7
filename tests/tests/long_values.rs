//! Workers that stop in the middle of a long value, and more of them than there is room for in outboxes.
//!
//! The pool is in this process, so that a test sees what it takes, and looks on from the pool's own thread.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::iter::Peekable;
use std::num::NonZeroU32;
use std::time::Duration;

use coordinator::outcome::{OutcomeBatch, Reason};
use coordinator::pool::{
    BatchSize, Control, End, Engine as _, Incoming, LocalWorkers, Observer, Offer, PoolEvent, PoolOptions,
    PoolReport, Request, Seams, Sink, Source, Supply, Work,
};
use coordinator::queue::{Time, WorkerId};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::{Arena, MAX_PAYLOAD, TaskId};
use tests::program;

/// The work of the benchmarks' program that gives a payload back, by its setup.
const ECHO: u8 = 3;
/// What all outboxes may take, and one of them.
const ALL_OUTBOXES: usize = 256 << 20;
const OUTBOX: usize = 2 << 20;

/// The length of a task's value, which is its payload, or why it failed; and its attempts.
type Ended = (Result<usize, Reason>, u32);

/// What is to be echoed, and what came of it.
struct Echoes<'a> {
    lengths: RefCell<Peekable<Box<dyn Iterator<Item = usize> + 'a>>>,
    arena: Arena,
    given: RefCell<Vec<usize>>,
    ended: RefCell<BTreeMap<u64, Ended>>,
    /// From this task on they wait until that one has ended.
    gate: Option<(usize, TaskId)>,
}

impl<'a> Echoes<'a> {
    fn new(lengths: impl Iterator<Item = usize> + 'a, arena: usize) -> Self {
        let lengths: Box<dyn Iterator<Item = usize>> = Box::new(lengths);
        Self {
            lengths: RefCell::new(lengths.peekable()),
            arena: Arena::new(arena).unwrap(),
            given: RefCell::default(),
            ended: RefCell::default(),
            gate: None,
        }
    }

    fn run(
        &self,
        options: PoolOptions,
        observe: impl FnOnce(Control) -> Box<dyn Observer + 'a>,
    ) -> PoolReport {
        let options = PoolOptions {
            payloads_in_outcomes: false,
            worker_program: Some(program("bench_pool")),
            ..options
        };
        let work = Work { kind: "bench".into(), setup: vec![ECHO] };
        let (control, controlled) = Control::new().unwrap();
        let (mut source, mut sink, mut observer) = (self, self, observe(control));
        let seams = Seams { source: &mut source, sink: &mut sink, observer: &mut *observer };
        LocalWorkers.run(&options, &work, &controlled, seams).unwrap()
    }
}

/// A payload of this length, unlike those of other tasks.
fn payload(task: usize, length: usize) -> Vec<u8> {
    let block: Vec<u8> = (0..251).map(|at| (at ^ (task % 251)) as u8).collect();
    let mut bytes = block.repeat(length / block.len() + 1);
    bytes.truncate(length);
    bytes
}

impl Source for &Echoes<'_> {
    fn take(&mut self, _: usize, into: &mut Incoming) -> Supply {
        let (mut lengths, mut given) = (self.lengths.borrow_mut(), self.given.borrow_mut());
        let task = given.len();
        if self.gate.is_some_and(|(from, open)| task >= from && !self.ended.borrow().contains_key(&open.0)) {
            return Supply::Pending;
        }
        let Some(length) = lengths.peek().copied() else { return Supply::End };
        if length <= MAX_PAYLOAD {
            into.payloads.push(&payload(task, length));
        } else {
            // Room comes with the outcomes, and they wake the pool.
            let Some(mut extent) = self.arena.take(length) else { return Supply::Pending };
            extent.fill_from(&payload(task, length));
            into.large.push((into.payloads.len(), extent));
            into.payloads.push(&[]);
        }
        lengths.next();
        given.push(length);
        Supply::Some
    }
}

impl Sink for &Echoes<'_> {
    fn offer(&mut self, mut batch: OutcomeBatch) -> Offer {
        for outcome in batch.iter() {
            let task = outcome.task.0 as usize;
            let result = outcome.result.map_err(|failure| failure.reason).map(|value| {
                let wanted = payload(task, self.given.borrow()[task]);
                assert!(value == wanted, "task {task} has another value");
                value.len()
            });
            let before = self.ended.borrow_mut().insert(outcome.task.0, (result, outcome.attempts));
            assert_eq!(before, None, "task {task} has ended twice");
        }
        batch.clear();
        Offer::Taken(batch)
    }
}

/// How many outboxes this process has mapped.
fn outboxes() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().matches("memfd:coordinator-outbox").count()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A figure of /proc/self/status, in KiB.
fn kib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Stops every worker in the middle of the value of one task.
struct Stops {
    task: TaskId,
    pids: HashMap<WorkerId, i32>,
    /// Who has the task, and has not been stopped yet.
    holder: Option<WorkerId>,
    /// Where the task is to be cancelled then.
    cancel: Option<Control>,
}

impl Observer for Stops {
    fn on_event(&mut self, _: Time, event: &PoolEvent<'_>) {
        match event {
            PoolEvent::Started { worker, pid, .. } => {
                self.pids.insert(*worker, i32::try_from(*pid).unwrap());
            }
            PoolEvent::Sent { worker, tasks }
                if tasks.iter().any(|lease| lease.tasks().any(|task| task == self.task)) =>
            {
                self.holder = Some(*worker);
            }
            // It has an outbox, and far less can have gone through that than the value is long: whatever has, this
            // thread has taken it out.
            PoolEvent::Running { worker, .. } if self.holder == Some(*worker) && outboxes() > 0 => {
                kill(Pid::from_raw(self.pids[worker]), Signal::SIGSTOP).unwrap();
                self.holder = None;
                if let Some(control) = &self.cancel {
                    control.request(Request::Cancel(self.task));
                }
            }
            _ => {}
        }
    }

    fn look_every(&self) -> Option<Duration> {
        Some(Duration::from_millis(1))
    }
}

/// Runs some tasks, one of which comes to nothing for this reason since its workers are stopped while they send its
/// value, and checks what came of them and is left of it.
fn stop_in_the_middle(options: PoolOptions, reason: Reason) {
    const LONG: usize = 48 << 20;
    let long = TaskId(20);
    let lengths = || [vec![100; 20], vec![LONG], vec![100; 20], vec![5 << 20, 100, 3 << 20]].concat();
    let (open, anonymous) = (descriptors(), kib("RssAnon"));
    let mut echoes = Echoes::new(lengths().into_iter(), LONG + (8 << 20));
    // The last ones come later, since they need outboxes, too.
    echoes.gate = Some((41, long));
    let report = echoes.run(options, |control| {
        let cancel = (reason == Reason::Cancelled).then_some(control);
        Box::new(Stops { task: long, pids: HashMap::new(), holder: None, cancel })
    });
    assert_eq!(report.end, End::Done);
    for (task, ended) in echoes.ended.take() {
        // An attempt that is cancelled while nobody runs it is no attempt.
        let attempts = if reason == Reason::Cancelled { 0 } else { 1 };
        let others = (Ok(lengths()[task as usize]), 1);
        assert_eq!(ended, if task == long.0 { (Err(reason), attempts) } else { others }, "task {task}");
    }
    assert_eq!((report.counts.ok, report.counts.failed, report.counts.retried), (43, 1, 0));
    drop(echoes);
    assert_eq!((descriptors(), outboxes()), (open, 0));
    let left = kib("RssAnon").saturating_sub(anonymous);
    println!("{} restarts, {left} KiB more than before", report.counts.restarts);
    assert!(left < 24 << 10, "{left} KiB are left");
}

fn two_workers() -> PoolOptions {
    PoolOptions { workers: NonZeroU32::new(2).unwrap(), retries: 0, ..PoolOptions::default() }
}

#[test]
fn a_task_whose_workers_hang_in_the_middle_of_its_value_fails_at_its_time_limit_and_no_other_does() {
    let timeout = Some(Duration::from_secs(1));
    stop_in_the_middle(PoolOptions { timeout, ..two_workers() }, Reason::Timeout);
}

#[test]
fn a_task_is_cancelled_in_the_middle_of_its_value_and_no_other_pays_for_it() {
    for _ in 0..3 {
        stop_in_the_middle(two_workers(), Reason::Cancelled);
    }
}

/// Notes who has done something, and how many outboxes there were at most.
struct Crowd<'a> {
    done: &'a RefCell<BTreeSet<u32>>,
    outboxes: &'a RefCell<usize>,
}

impl Observer for Crowd<'_> {
    fn on_event(&mut self, _: Time, event: &PoolEvent<'_>) {
        if let PoolEvent::Done { worker, .. } = event
            && self.done.borrow_mut().insert(worker.0)
        {
            let most = self.outboxes.borrow().max(outboxes());
            self.outboxes.replace(most);
        }
    }
}

#[test]
fn who_finds_no_room_for_an_outbox_sends_its_long_values_otherwise_alone() {
    const LENGTH: usize = 600 << 10;
    let room = ALL_OUTBOXES / OUTBOX;
    let workers = room as u32 + 4;
    let all = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: all.maximum, ..all };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let (done, most) = (RefCell::new(BTreeSet::new()), RefCell::new(0));
    // Until everybody has had a long value.
    let lengths = std::iter::from_fn(|| (done.borrow().len() < workers as usize).then_some(LENGTH));
    // For all hands at once.
    let arena = workers as usize * LENGTH * 2;
    let echoes = Echoes::new(lengths, arena);
    let options = PoolOptions {
        workers: NonZeroU32::new(workers).unwrap(),
        batch: BatchSize::Fixed(NonZeroU32::MIN),
        start_timeout: Duration::from_secs(170),
        ..PoolOptions::default()
    };
    let report = echoes.run(options, |_| Box::new(Crowd { done: &done, outboxes: &most }));
    assert_eq!((report.end, report.counts.failed, report.counts.restarts), (End::Done, 0, 0));
    let ended = echoes.ended.borrow();
    assert!(ended.len() as u64 == report.counts.ok && ended.values().all(|ended| *ended == (Ok(LENGTH), 1)));
    assert_eq!(done.borrow().len() as u32, workers, "not everybody had a value");
    assert_eq!(*most.borrow(), room);
    println!("{} values through {room} outboxes and past them, peak {} KiB", ended.len(), kib("VmHWM"));
    // The payloads, the outboxes, a value on its way from everybody, and what else the pool needs.
    let bound = arena + ALL_OUTBOXES + workers as usize * LENGTH + (64 << 20);
    assert!(kib("VmHWM") < bound as u64 >> 10, "{} KiB", kib("VmHWM"));
}
