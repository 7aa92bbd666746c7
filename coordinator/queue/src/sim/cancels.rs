//! What must follow from a task's being cancelled.

use ids::TaskId;

use super::book::{Book, Phase, Place};
use crate::holds::holds;
use crate::{Time, cancel};

impl Book {
    /// What nobody has ends now; what a worker has must end soon.
    pub(super) fn note_cancelled(&mut self, now: Time, tasks: &[TaskId]) {
        for task in tasks {
            let Some(entry) = self.tasks.get_mut(task.0 as usize).filter(|_| !self.run.joined) else {
                continue;
            };
            let priority = entry.priority;
            match entry.place {
                Place::Fresh => {
                    self.waiting.fresh.entry(priority).or_default().retain(|other| other != task);
                }
                Place::Returned { group } => {
                    self.waiting.groups[group].retain(|other| other != task);
                    *self.waiting.returned.entry(priority).or_default() -= 1;
                }
                Place::Lone => self.waiting.lone -= 1,
                Place::Waiting { .. } => {}
                Place::Leased { seat, .. } => {
                    entry.cancelled.get_or_insert(now);
                    self.seats[seat].told.has_cancelled = true;
                    continue;
                }
                Place::Reported | Place::Ending | Place::Done => continue,
            }
            entry.place = Place::Ending;
            self.due.ending.insert(*task);
            self.met.insert("cancelled in its lane");
        }
    }

    pub(super) fn check_ended(&mut self, task: TaskId, attempts: u32) -> Result<(), String> {
        holds!(self.due.ending.remove(&task), "task {task} is told to be cancelled");
        let charged = self.tasks[task.0 as usize].charged;
        holds!(attempts == charged, "task {task} has {charged} failed attempts, not {attempts}");
        self.finish(task);
        self.counts.failed += 1;
        self.counts.cancelled += 1;
        Ok(())
    }

    /// A worker may be killed for a cancelled task that it runs, or that it has kept for long.
    pub(super) fn may_kill_for(&self, at: usize, task: TaskId, now: Time) -> bool {
        let Some(entry) = self.tasks.get(task.0 as usize) else { return false };
        let Some(since) = entry.cancelled else { return false };
        let runs = self.seats[at].observed.is_some_and(|seen| seen.task == task);
        let patience = if runs { std::time::Duration::ZERO } else { cancel::PATIENCE };
        self.has(at, task, entry.charged + 1) && now.since(since) >= self.config.cancel_grace + patience
    }

    pub(super) fn check_warned(&mut self, at: usize, task: TaskId) -> Result<(), String> {
        let runs = self.seats[at].observed.is_some_and(|seen| seen.task == task);
        let cancelled = self.tasks.get(task.0 as usize).is_some_and(|entry| entry.cancelled.is_some());
        holds!(runs && cancelled, "a warning of task {task}, which is not cancelled or does not run");
        self.met.insert("warning");
        Ok(())
    }

    /// Whoever still has a task long after it was cancelled is being killed for something.
    pub(super) fn check_cancelled(&self, task: TaskId, since: Time) -> Result<(), String> {
        let Some(entry) = self.tasks.get(task.0 as usize) else { return Ok(()) };
        let Place::Leased { seat, .. } = entry.place else { return Ok(()) };
        let late = entry.cancelled.is_some_and(|at| at <= since);
        let kept = late && !matches!(self.seats[seat].phase, Phase::Killed(_));
        holds!(!kept, "task {task} was cancelled long ago, and its worker still has it");
        Ok(())
    }
}
