//! Incremental runs: what an earlier run has done, and would be done again exactly so, is taken over.
//!
//! A task is skipped where an earlier run of the same job file has done the same work (kind, setup, program,
//! payload) well, from the same input, and the files that it left are there as it left them. Where a kind's
//! tasks don't read a file each, all of a run's inputs stand for each of its tasks. In doubt a task is run.

use std::collections::HashMap;
use std::sync::Arc;

use jobs::{Outputs, Plan, PlanError, Tasks};
use protocol::{Payloads, TaskId};

use super::now::now;
use crate::outcome::Outcome;
use crate::store::{
    Carried, ClaimedRun, InputFile, PayloadHash, Reader, RunId, RunInfo, Seen, Store, StoreError,
};

/// How many tasks are planned at once.
const CHUNK: usize = 4096;

/// What a new run takes over from earlier ones.
pub struct Carry {
    /// The runs that did the same work, newest first.
    pub earlier: Vec<Earlier>,
    /// What tasks are compared by.
    pub tasks: Comparison,
    /// Names the files that tasks write, for kinds whose tasks do.
    pub outputs: Option<Box<dyn Outputs>>,
    /// Is told what came of it, before the first task is run.
    pub tell: Box<dyn FnOnce(&Tally)>,
}

/// An earlier run that did the same work.
#[derive(Debug)]
pub struct Earlier {
    /// The run.
    pub info: RunInfo,
    /// The files that it read.
    pub inputs: Vec<InputFile>,
}

/// What tasks are compared by.
pub enum Comparison {
    /// Each by the one file that it reads.
    Each {
        /// Those files.
        inputs: Vec<InputFile>,
        /// One a task.
        payloads: Arc<Payloads>,
    },
    /// By their places: the earlier runs are known to have had the same inputs.
    Places {
        /// How many tasks there are, where that is known.
        total: Option<u64>,
    },
}

/// What came of looking for tasks to skip.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tasks that are skipped.
    pub skipped: u64,
    /// All tasks, where their number is known.
    pub total: Option<u64>,
    /// The runs that did them, newest first.
    pub from: Vec<RunId>,
    /// Tasks whose input is there for the first time.
    pub new: u64,
    /// Tasks whose input has changed.
    pub changed: u64,
    /// Tasks that failed before, or were not done.
    pub undone: u64,
    /// Tasks whose output files have gone or were written to.
    pub spoilt: u64,
}

/// Why a task is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    New,
    Changed,
    Undone,
    Spoilt,
}

impl Carry {
    /// Takes over into `run` what may be, and tells.
    ///
    /// # Errors
    /// The store can't be read or written.
    pub(super) fn carry(self, store: &Store, run: ClaimedRun) -> Result<ClaimedRun, StoreError> {
        let Self { earlier, tasks, outputs, tell } = self;
        let mut tally = Tally::default();
        let run = match tasks {
            Comparison::Each { inputs, payloads } => {
                let mut each = Each::new(&inputs, &payloads, outputs);
                let run = earlier.iter().try_fold(run, |run, earlier| {
                    tally_carried(store, run, &earlier.info, &mut tally, each.pick(store, earlier)?)
                })?;
                each.count(&run, &mut tally);
                run
            }
            Comparison::Places { total } => {
                tally.total = total;
                let good = |outcome: &Outcome<'_>| {
                    outcome.result.is_ok().then_some(Carried { task: outcome.task, seen: None })
                };
                earlier.iter().try_fold(run, |run, earlier| {
                    tally_carried(store, run, &earlier.info, &mut tally, good)
                })?
            }
        };
        tally.skipped = run.done.len();
        tell(&tally);
        Ok(run)
    }
}

fn tally_carried(
    store: &Store,
    run: ClaimedRun,
    from: &RunInfo,
    tally: &mut Tally,
    pick: impl FnMut(&Outcome<'_>) -> Option<Carried>,
) -> Result<ClaimedRun, StoreError> {
    let before = run.done.len();
    let run = store.carry(run, from, now, pick)?;
    if run.done.len() > before {
        tally.from.push(from.id.clone());
    }
    Ok(run)
}

/// Compares tasks by the files that they read.
struct Each<'a> {
    by_payload: HashMap<PayloadHash, (TaskId, &'a InputFile)>,
    payloads: &'a Payloads,
    outputs: Option<Box<dyn Outputs>>,
    /// By task. The newest run that knows a task has its reason.
    why: Vec<Why>,
}

impl<'a> Each<'a> {
    fn new(inputs: &'a [InputFile], payloads: &'a Payloads, outputs: Option<Box<dyn Outputs>>) -> Self {
        let reader =
            |input: &'a InputFile| input.reader.map(|Reader { task, payload }| (payload, (task, input)));
        let by_payload = inputs.iter().filter_map(reader).collect();
        Self { by_payload, payloads, outputs, why: vec![Why::New; payloads.len()] }
    }

    /// Says of each outcome of `earlier` which task of the new run it is of, if of any.
    fn pick<'b>(
        &'b mut self,
        store: &Store,
        earlier: &Earlier,
    ) -> Result<impl FnMut(&Outcome<'_>) -> Option<Carried> + use<'a, 'b>, StoreError> {
        let mut known = HashMap::new();
        for input in &earlier.inputs {
            let Some(reader) = input.reader else { continue };
            let Some(&(task, is)) = self.by_payload.get(&reader.payload) else { continue };
            let unchanged = input.is_unchanged_in(is);
            self.blame(task, if unchanged { Why::Undone } else { Why::Changed });
            if unchanged {
                known.insert(reader.task, task);
            }
        }
        let seen = if self.outputs.is_some() { store.seen(&earlier.info)? } else { HashMap::new() };
        Ok(move |outcome: &Outcome<'_>| {
            let task = *known.get(&outcome.task)?;
            outcome.result.ok()?;
            let Some(outputs) = &self.outputs else { return Some(Carried { task, seen: None }) };
            let payload = usize::try_from(task.0).ok().and_then(|index| self.payloads.get(index))?;
            let is = outputs.files(payload).ok().and_then(|files| Seen::now(&files));
            let same = is.is_some() && is == seen.get(&outcome.task).copied();
            if !same {
                self.spoil(task);
            }
            same.then_some(Carried { task, seen: is })
        })
    }

    fn blame(&mut self, task: TaskId, why: Why) {
        if let Some(known @ Why::New) = self.why_of(task) {
            *known = why;
        }
    }

    fn spoil(&mut self, task: TaskId) {
        if let Some(known @ Why::Undone) = self.why_of(task) {
            *known = Why::Spoilt;
        }
    }

    fn why_of(&mut self, task: TaskId) -> Option<&mut Why> {
        usize::try_from(task.0).ok().and_then(|index| self.why.get_mut(index))
    }

    fn count(&self, run: &ClaimedRun, tally: &mut Tally) {
        tally.total = Some(self.why.len() as u64);
        for (task, why) in (0..).map(TaskId).zip(&self.why) {
            if run.done.contains(task) {
                continue;
            }
            *match why {
                Why::New => &mut tally.new,
                Why::Changed => &mut tally.changed,
                Why::Undone => &mut tally.undone,
                Why::Spoilt => &mut tally.spoilt,
            } += 1;
        }
    }
}

/// Plans all tasks of a job at once, and leaves a plan that hands them out. Only for kinds whose tasks read a
/// file each: they have as many names in memory anyway.
///
/// # Errors
/// An input turned out to be bad.
pub fn plan_all(plan: &mut Plan) -> Result<Arc<Payloads>, PlanError> {
    let mut all = Payloads::new();
    while plan.tasks.next(CHUNK, &mut all)? {}
    let all = Arc::new(all);
    plan.tasks = Box::new(Planned { payloads: Arc::clone(&all), next: 0 });
    Ok(all)
}

/// Hands out tasks that were planned before.
struct Planned {
    payloads: Arc<Payloads>,
    next: usize,
}

impl Tasks for Planned {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let until = self.payloads.len().min(self.next.saturating_add(max));
        for index in self.next..until {
            into.push(self.payloads.get(index).unwrap_or_default());
        }
        let any = until > self.next;
        self.next = until;
        Ok(any)
    }
}
