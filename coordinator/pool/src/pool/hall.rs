//! Where what is heard of workers goes: to the tasks and the watch, while the workers themselves are borrowed.

use protocol::TaskId;

use super::books::Cause;
use super::observe::PoolEvent;
use super::tasks::Tasks;
use super::watch::Watch;
use super::workers::{Ear, Frame, Heard, Obituary};
use queue::{Death, Event, WorkerId};

/// Where what is heard of workers goes: everything of the pool but the workers.
pub(super) struct Hall<'h, 'a> {
    tasks: &'h mut Tasks<'a>,
    watch: &'h mut Watch<'a>,
    /// Other threads have asked for something.
    pub(super) woken: bool,
    /// This worker's process has ended.
    pub(super) ended: Option<WorkerId>,
}

impl<'h, 'a> Hall<'h, 'a> {
    pub(super) fn new(tasks: &'h mut Tasks<'a>, watch: &'h mut Watch<'a>) -> Self {
        Self { tasks, watch, woken: false, ended: None }
    }

    /// No worker speaks for a task that it does not have.
    fn progress(&mut self, worker: WorkerId, (task, attempt): (TaskId, u32), done: u64, total: u64) {
        if self.tasks.queue().has(worker, task, attempt) {
            self.watch.tell(&PoolEvent::Progress { worker, task, done, total });
        }
    }
}

impl Ear for Hall<'_, '_> {
    fn hear(&mut self, at: u64, heard: Heard<'_>) {
        self.watch.set(at);
        match heard {
            Heard::Woken => self.woken = true,
            Heard::Greeted(worker) => {
                self.watch.tell(&PoolEvent::Greeted { worker });
                self.tasks.tell(Event::Started { worker }, Cause::Other, self.watch);
            }
            Heard::Outcomes(frame) => self.tasks.reported(&frame, self.watch),
            Heard::Progress { worker, task, attempt, done, total } => {
                self.progress(worker, (task, attempt), done, total);
            }
            Heard::Printed { worker, running, line } => self.watch.tell_printed(worker, running, &line),
            Heard::Broke(worker) => {
                self.tasks.tell(Event::Broke { worker }, Cause::Other, self.watch);
            }
            Heard::Ended(worker) => self.ended = Some(worker),
        }
    }

    fn room_for(&mut self, length: usize) -> Vec<u8> {
        self.tasks.room_for(length)
    }
}

impl Tasks<'_> {
    /// A worker's process has ended, and all that it had said has been heard.
    pub(super) fn died(&mut self, obituary: &Obituary<'_>, watch: &mut Watch<'_>) {
        let Obituary { worker, pid, unreported, ref evidence, .. } = *obituary;
        let death = evidence.death();
        watch.tell_died(worker, pid, death == Death::Orderly, &evidence.sentence());
        let running = obituary.running.map(|running| watch.running(&running));
        let event = Event::Died { worker, running, unreported, death };
        self.tell(event, Cause::Death(obituary, running), watch);
    }

    fn reported(&mut self, frame: &Frame<'_>, watch: &mut Watch<'_>) {
        let Frame { worker, busy, said, .. } = *frame;
        if let Some(report) = self.report_mut(worker) {
            report.busy += busy;
        }
        self.tell(Event::Outcomes { worker, busy, reports: said.reports() }, Cause::Frame(frame), watch);
    }
}
