//! Tasks that nobody wants any more.

use ids::TaskId;

use super::{MS, Rig, config, crash, kill, ok};
use crate::Reason;
use crate::cancel::PATIENCE;
use crate::{
    BatchId, Event, Fate, KillReason, Order, QueueConfig, Report, Said, Settled, Time, Verdict, WorkerId,
};

const WORKER: WorkerId = WorkerId(0);

fn cancel(rig: &mut Rig, tasks: &[u64]) {
    let tasks: Vec<TaskId> = tasks.iter().copied().map(TaskId).collect();
    rig.hear(Event::Cancel { tasks: &tasks });
}

fn cancelled(task: u64) -> Said {
    Said::Task(Settled::Cancelled { task: TaskId(task), attempts: 0 })
}

fn observed(rig: &mut Rig, task: Option<u64>) {
    let running = task.and_then(|task| rig.running(task, 1, Time(0)));
    rig.hear(Event::Observed { worker: WORKER, running });
}

#[test]
fn a_cancelled_task_that_waits_ends_at_once_and_is_never_sent() {
    let mut rig = Rig::new(config(1, 4), 4);
    cancel(&mut rig, &[1, 2]);
    assert_eq!(rig.take(), [cancelled(1), cancelled(2)]);
    rig.hear(Event::Congested(false));
    assert_eq!(rig.sent(), [(0, vec![0, 3])]);
    assert_eq!((rig.queue.counts().failed, rig.queue.counts().cancelled), (2, 2));
}

#[test]
fn a_cancelled_task_that_waits_for_its_next_attempt_ends_at_once() {
    let mut rig = Rig::working(QueueConfig { backoff: MS * 10, ..config(1, 1) }, 1);
    rig.told(0, &[Report { verdict: Verdict::Failed(Reason::Signal), ..ok(0) }]);
    rig.take();
    cancel(&mut rig, &[0]);
    assert_eq!(rig.take().first(), Some(&Said::Task(Settled::Cancelled { task: TaskId(0), attempts: 1 })));
}

#[test]
fn a_cancelled_task_that_was_sent_and_not_begun_is_taken_back_and_its_mates_go_on() {
    let mut rig = Rig::working(config(1, 4), 4);
    rig.take();
    cancel(&mut rig, &[2]);
    let recall = Said::Order(Order::Recall { worker: WORKER, batch: BatchId(0), keep: 1 });
    assert_eq!(rig.take(), [recall, Said::Order(Order::Observe { worker: WORKER })]);
    rig.hear(Event::Recalled { worker: WORKER, batch: BatchId(0), started: 1 });
    assert_eq!(rig.decisions.tasks, [Settled::Cancelled { task: TaskId(2), attempts: 0 }]);
    assert_eq!(rig.sent(), [(0, vec![1, 3])]);
    observed(&mut rig, Some(0));
    assert_eq!(rig.take(), []);
}

#[test]
fn a_cancelled_task_that_runs_costs_its_worker_and_no_other_task_anything() {
    let mut rig = Rig::working(config(1, 4), 4);
    cancel(&mut rig, &[0]);
    rig.take();
    observed(&mut rig, Some(0));
    assert_eq!(rig.take(), [kill(0, KillReason::Cancelled(TaskId(0)))]);
    rig.died(0, Some((0, 1)), crash(Reason::Signal));
    assert_eq!(rig.charges(), [(0, 1, Reason::Cancelled, true)]);
    rig.hear(Event::Tick);
    rig.started(0);
    assert_eq!(rig.sent(), [(0, vec![1, 2, 3])]);
}

#[test]
fn a_task_that_began_after_the_cancelled_one_does_not_pay_for_it() {
    let mut rig = Rig::working(config(1, 4), 4);
    cancel(&mut rig, &[0]);
    observed(&mut rig, Some(0));
    rig.done(0, &[0]);
    rig.take();
    rig.died(0, Some((1, 1)), crash(Reason::Signal));
    assert_eq!(rig.charges(), []);
}

#[test]
fn a_cancelled_task_that_is_about_to_begin_is_looked_at_again() {
    let mut rig = Rig::working(config(1, 1), 1);
    cancel(&mut rig, &[0]);
    observed(&mut rig, None);
    rig.take();
    rig.wait(MS);
    assert_eq!(rig.take(), [Said::Order(Order::Observe { worker: WORKER })]);
    observed(&mut rig, Some(0));
    assert_eq!(rig.take(), [kill(0, KillReason::Cancelled(TaskId(0)))]);
}

#[test]
fn a_worker_that_neither_runs_nor_gives_back_a_cancelled_task_is_killed() {
    let mut rig = Rig::working(config(1, 1), 1);
    cancel(&mut rig, &[0]);
    observed(&mut rig, None);
    rig.wait(PATIENCE);
    rig.take();
    observed(&mut rig, None);
    assert_eq!(rig.take(), [kill(0, KillReason::Cancelled(TaskId(0)))]);
    rig.died(0, None, crash(Reason::Signal));
    assert_eq!(rig.take().first(), Some(&cancelled(0)));
}

#[test]
fn a_running_task_is_warned_once_and_has_its_grace() {
    let mut rig = Rig::working(QueueConfig { cancel_grace: MS * 50, ..config(1, 1) }, 1);
    cancel(&mut rig, &[0]);
    rig.take();
    observed(&mut rig, Some(0));
    assert_eq!(rig.take(), [Said::Order(Order::Warn { worker: WORKER, task: TaskId(0) })]);
    observed(&mut rig, Some(0));
    assert_eq!(rig.take(), []);
    rig.wait(MS * 50);
    rig.take();
    observed(&mut rig, Some(0));
    assert_eq!(rig.take(), [kill(0, KillReason::Cancelled(TaskId(0)))]);
}

#[test]
fn a_cancelled_task_that_fails_by_itself_is_not_tried_again() {
    let mut rig = Rig::working(config(1, 1), 1);
    cancel(&mut rig, &[0]);
    rig.take();
    rig.told(0, &[Report { verdict: Verdict::Failed(Reason::Signal), ..ok(0) }]);
    let fate = rig.take().into_iter().find_map(|command| match command {
        Said::Task(Settled::Charged { fate, .. }) => Some(fate),
        _ => None,
    });
    assert_eq!(fate, Some(Fate::Failed));
}

#[test]
fn cancelled_tasks_are_no_failures_of_the_job_and_what_is_not_there_is_ignored() {
    let mut rig = Rig::working(QueueConfig { max_failures: Some(0), ..config(1, 1) }, 8);
    rig.take();
    cancel(&mut rig, &[5, 6, 99, 5]);
    assert_eq!(rig.take(), [cancelled(5), cancelled(6)]);
    rig.done(0, &[0]);
    assert_eq!(rig.sent(), [(0, vec![2])], "the run goes on");
}

#[test]
fn a_lane_of_cancelled_tasks_does_not_grow() {
    let mut rig = Rig::new(config(1, 1), 0);
    for task in 0..10_000 {
        rig.put();
        cancel(&mut rig, &[task]);
    }
    assert_eq!(rig.queue.unfinished(), 0);
    rig.put();
    rig.hear(Event::Congested(false));
    assert_eq!(rig.sent(), [(0, vec![10_000])]);
}
