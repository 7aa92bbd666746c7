//! The end: joins, pills, stops.

use super::{MS, Rig, config, crash, kill, ok, pill};
use crate::Reason;
use crate::{
    BatchId, Death, Decisions, Event, KillReason, Note, Order, Queue, QueueConfig, Report, Said, Settled,
    Time, Verdict, WorkerId,
};

#[test]
fn a_join_waits_for_the_last_outcome_and_the_last_process() {
    let mut rig = Rig::working(config(1, 1), 2);
    rig.done(0, &[0]);
    assert_eq!(rig.queue.unfinished(), 1);
    rig.take();
    rig.done(0, &[1]);
    assert_eq!(rig.take(), [Said::Task(Settled::Accepted { places: 0..1 }), pill(0)]);
    assert!(!rig.queue.is_joined());
    rig.left(0);
    assert_eq!(rig.take(), [Said::Note(Note::Joined)]);
    assert!(rig.queue.is_joined());
}

#[test]
fn an_empty_job_is_joined_without_a_process() {
    let mut queue = Queue::new(config(3, 1));
    let mut out = Decisions::default();
    queue.handle(Time(0), Event::PlanEnded, &mut out);
    assert_eq!(out.notes, [Note::Joined]);
}

#[test]
fn no_pill_comes_before_the_plan_has_ended() {
    let mut rig = Rig::new(config(1, 1), 1);
    rig.hear(Event::Congested(false));
    rig.done(0, &[0]);
    assert!(!rig.take().contains(&pill(0)));
    rig.hear(Event::PlanEnded);
    assert_eq!(rig.take(), [pill(0)]);
}

#[test]
fn no_pill_comes_while_a_task_may_come_back() {
    let mut rig = Rig::working(config(2, 1), 1);
    assert!(!rig.take().contains(&pill(1)), "worker 2 may have to take task 0");
    rig.died(0, Some((0, 1)), crash(Reason::Signal));
    rig.hear(Event::Tick);
    assert_eq!(rig.sent(), [(1, vec![0])]);
}

#[test]
fn a_pill_lets_earlier_work_finish() {
    let mut rig = Rig::working(config(1, 2), 4);
    rig.take();
    rig.hear(Event::Recycle { worker: WorkerId(0) });
    assert_eq!(rig.take(), [pill(0)]);
    rig.done(0, &[0, 1, 2, 3]);
    assert_eq!(rig.take(), [Said::Task(Settled::Accepted { places: 0..4 })]);
}

#[test]
fn a_worker_that_does_not_obey_its_pill_is_killed() {
    let mut rig = Rig::working(config(1, 1), 1);
    rig.done(0, &[0]);
    rig.take();
    let limit = QueueConfig::default().start_timeout;
    assert_eq!(rig.queue.next_deadline(), Some(rig.now.after(limit)));
    rig.wait(limit);
    assert_eq!(rig.take(), [kill(0, KillReason::Stalled)]);
    rig.died(0, None, crash(Reason::Signal));
    assert_eq!(rig.take(), [Said::Note(Note::Joined)]);
}

#[test]
fn a_worker_that_chatters_instead_of_obeying_its_pill_is_killed() {
    let mut rig = Rig::working(config(1, 1), 1);
    rig.done(0, &[0]);
    rig.take();
    let limit = QueueConfig::default().start_timeout;
    rig.wait(limit / 2);
    rig.done(0, &[0, 77]);
    rig.wait(limit / 2);
    assert_eq!(rig.take(), [kill(0, KillReason::Stalled)]);
}

#[test]
fn a_stop_recalls_what_has_not_started_and_lets_the_rest_finish() {
    let mut rig = Rig::working(config(1, 2), 9);
    rig.take();
    rig.hear(Event::Stop);
    let recall = |batch| Said::Order(Order::Recall { worker: WorkerId(0), batch: BatchId(batch), keep: 0 });
    assert_eq!(rig.take(), [recall(1), recall(0)]);
    rig.hear(Event::Recalled { worker: WorkerId(0), batch: BatchId(1), started: 0 });
    rig.hear(Event::Recalled { worker: WorkerId(0), batch: BatchId(0), started: 1 });
    assert_eq!(rig.take(), []);
    rig.done(0, &[0]);
    assert_eq!(rig.take(), [Said::Task(Settled::Accepted { places: 0..1 }), pill(0)]);
    rig.left(0);
    assert_eq!(rig.take(), [Said::Note(Note::Joined)]);
    assert_eq!(rig.queue.unfinished(), 8);
}

#[test]
fn what_still_runs_after_the_grace_is_killed_and_not_charged() {
    let mut rig = Rig::working(config(1, 1), 2);
    rig.hear(Event::Stop);
    rig.take();
    let grace = QueueConfig::default().grace;
    assert_eq!(rig.queue.next_deadline(), Some(rig.now.after(grace)));
    rig.wait(grace);
    assert_eq!(rig.take(), [kill(0, KillReason::Stop)]);
    rig.died(0, Some((0, 1)), crash(Reason::Signal));
    assert_eq!(rig.take(), [Said::Note(Note::Joined)]);
}

#[test]
fn an_abort_kills_at_once() {
    let mut rig = Rig::working(config(2, 1), 9);
    rig.take();
    rig.hear(Event::Abort);
    assert_eq!(rig.take(), [kill(0, KillReason::Stop), kill(1, KillReason::Stop)]);
}

#[test]
fn too_many_failures_stop_the_run() {
    let mut rig = Rig::working(QueueConfig { max_failures: Some(1), ..config(1, 1) }, 9);
    let failed = |task| Report { verdict: Verdict::Failed(Reason::Error), ..ok(task) };
    rig.told(0, &[failed(0)]);
    assert_eq!(rig.queue.counts().failed, 1);
    rig.take();
    rig.told(0, &[failed(1)]);
    assert_eq!(rig.sent(), []);
    assert_eq!(rig.queue.room(), 0);
}

#[test]
fn the_end_waits_a_moment_for_a_worker_that_has_yet_to_greet_and_no_longer() {
    let late_greeting = MS * 50;
    let mut rig = Rig::fresh(QueueConfig { late_greeting, ..config(2, 1) });
    rig.put();
    rig.hear(Event::PlanEnded);
    rig.hear(Event::Tick);
    rig.started(0);
    rig.wait(MS * 200);
    rig.done(0, &[0]);
    rig.left(0);
    rig.take();
    rig.wait(MS * 49);
    assert_eq!(rig.take(), []);
    rig.wait(MS);
    assert_eq!(rig.take(), [kill(1, KillReason::StartTimeout)]);
    rig.died(1, None, Death::NeverBorn);
    assert_eq!(rig.take(), [Said::Note(Note::Joined)]);
}

#[test]
fn a_worker_that_greets_in_the_end_takes_its_pill() {
    let mut rig = Rig::fresh(config(2, 1));
    rig.put();
    rig.hear(Event::PlanEnded);
    rig.hear(Event::Tick);
    rig.started(0);
    rig.done(0, &[0]);
    rig.take();
    rig.wait(MS);
    rig.started(1);
    assert_eq!(rig.take(), [pill(1)]);
}

#[test]
fn no_task_is_kept_for_long_for_a_worker_that_has_yet_to_greet() {
    let late_greeting = MS * 50;
    let mut rig = Rig::fresh(QueueConfig { late_greeting, ..config(2, 1) });
    rig.hear(Event::Tick);
    rig.started(0);
    (0..2).for_each(|_| rig.put());
    rig.hear(Event::PlanEnded);
    rig.done(0, &[0]);
    assert_eq!(rig.sent(), [(0, vec![0])]);
    assert_eq!(rig.queue.next_deadline(), Some(Time(0).after(late_greeting)));
    rig.wait(late_greeting);
    assert_eq!(rig.sent(), [(0, vec![1])]);
}
