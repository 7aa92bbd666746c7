//! Time limits.

use std::time::Duration;

use ids::TaskId;

use super::{MS, Rig, config, crash, kill, ok};
use crate::Reason;
use crate::{Event, KillReason, Note, Order, QueueConfig, Report, Said, Time, Verdict, WorkerId};

fn limited() -> QueueConfig {
    QueueConfig { timeout: Some(MS * 100), soft_timeout: Some(MS * 40), ..config(1, 4) }
}

#[test]
fn a_task_that_runs_past_its_limit_is_charged_and_its_worker_killed() {
    let mut rig = Rig::working(QueueConfig { soft_timeout: None, ..limited() }, 4);
    rig.take();
    rig.wait(MS * 100);
    assert_eq!(rig.take(), [Said::Order(Order::Observe { worker: WorkerId(0) })]);
    let running = rig.running(0, 1, Time(0));
    rig.hear(Event::Observed { worker: WorkerId(0), running });
    assert_eq!(rig.take(), [kill(0, KillReason::Timeout(TaskId(0)))]);
    rig.died(0, Some((0, 1)), crash(Reason::Signal));
    assert_eq!(rig.charges(), [(0, 1, Reason::Timeout, false)]);
}

#[test]
fn time_counts_from_the_tasks_own_start() {
    let mut rig = Rig::working(QueueConfig { soft_timeout: None, ..limited() }, 4);
    rig.wait(MS * 100);
    rig.take();
    let running = rig.running(1, 1, Time(0).after(MS * 70));
    rig.hear(Event::Observed { worker: WorkerId(0), running });
    assert_eq!(rig.take(), []);
    assert_eq!(rig.queue.next_deadline(), Some(Time(0).after(MS * 170)));
}

#[test]
fn a_task_that_began_after_the_late_one_does_not_pay_for_it() {
    let mut rig = Rig::working(limited(), 4);
    rig.wait(MS * 100);
    let running = rig.running(0, 1, Time(0));
    rig.hear(Event::Observed { worker: WorkerId(0), running });
    rig.done(0, &[0]);
    rig.take();
    rig.died(0, Some((1, 1)), crash(Reason::Signal));
    assert_eq!(rig.charges(), []);
}

#[test]
fn an_answer_about_an_earlier_attempt_kills_nobody() {
    let mut rig = Rig::working(limited(), 1);
    rig.told(0, &[Report { verdict: Verdict::Failed(Reason::Signal), ..ok(0) }]);
    rig.wait(MS * 100);
    rig.take();
    let running = rig.running(0, 1, Time(0));
    rig.hear(Event::Observed { worker: WorkerId(0), running });
    assert_eq!(rig.take(), []);
}

#[test]
fn the_soft_limit_is_told_once_and_watched_for_the_next_task_too() {
    let mut rig = Rig::working(QueueConfig { timeout: None, ..limited() }, 4);
    rig.wait(MS * 40);
    rig.take();
    let slow = |task| Said::Note(Note::Slow { worker: WorkerId(0), task: TaskId(task), attempt: 1 });
    let running = rig.running(0, 1, Time(0));
    rig.hear(Event::Observed { worker: WorkerId(0), running });
    assert_eq!(rig.take(), [slow(0)]);
    assert!(rig.queue.was_slow(TaskId(0)));
    rig.hear(Event::Observed { worker: WorkerId(0), running });
    assert_eq!(rig.take(), []);
    let deadline = rig.queue.next_deadline().unwrap();
    rig.wait(deadline.since(rig.now));
    assert_eq!(rig.take(), [Said::Order(Order::Observe { worker: WorkerId(0) })]);
    let running = rig.running(1, 1, Time(0).after(MS * 40));
    rig.hear(Event::Observed { worker: WorkerId(0), running });
    assert_eq!(rig.take(), [slow(1)]);
}

#[test]
fn a_worker_with_work_and_no_sign_of_life_is_killed_and_nobody_charged() {
    let mut rig = Rig::working(QueueConfig { soft_timeout: None, ..limited() }, 4);
    rig.take();
    for _ in 0..2 {
        rig.wait(MS * 100);
        rig.hear(Event::Observed { worker: WorkerId(0), running: None });
    }
    let observe = Said::Order(Order::Observe { worker: WorkerId(0) });
    assert_eq!(rig.take(), [observe.clone(), observe, kill(0, KillReason::Stalled)]);
    rig.died(0, None, crash(Reason::Signal));
    assert_eq!(rig.charges(), []);
}

#[test]
fn a_task_with_which_three_workers_stall_is_charged_a_timeout_and_its_mates_nothing() {
    let mut rig = Rig::working(QueueConfig { soft_timeout: None, retries: 0, ..limited() }, 4);
    let stall = |rig: &mut Rig| {
        rig.wait(MS * 100);
        rig.hear(Event::Observed { worker: WorkerId(0), running: None });
        rig.wait(MS * 100);
        // It went on between the look and the kill.
        rig.hear(Event::Observed { worker: WorkerId(0), running: None });
        rig.died(0, Some((0, 1)), crash(Reason::Signal));
        let charges = rig.charges();
        rig.wait(Duration::from_secs(1));
        rig.started(0);
        charges
    };
    assert_eq!(stall(&mut rig), []);
    assert_eq!(stall(&mut rig), []);
    assert_eq!(rig.sent(), [(0, vec![0])], "it is alone now");
    assert_eq!(stall(&mut rig), [(0, 1, Reason::Timeout, true)]);
    assert_eq!(rig.sent(), [(0, vec![1, 2, 3])]);
}

#[test]
fn a_worker_that_claims_a_fresh_start_at_every_look_is_over_its_limit_all_the_same() {
    let mut rig = Rig::working(QueueConfig { soft_timeout: None, ..limited() }, 4);
    // Five limits: one for each of its tasks, and one more.
    for _ in 0..4 {
        rig.wait(MS * 100);
        let running = rig.running(0, 1, rig.now);
        rig.hear(Event::Observed { worker: WorkerId(0), running });
    }
    rig.take();
    rig.wait(MS * 100);
    let running = rig.running(0, 1, rig.now);
    rig.hear(Event::Observed { worker: WorkerId(0), running });
    let observe = Said::Order(Order::Observe { worker: WorkerId(0) });
    assert_eq!(rig.take(), [observe, kill(0, KillReason::Timeout(TaskId(0)))]);
    rig.died(0, Some((0, 1)), crash(Reason::Signal));
    assert_eq!(rig.charges(), [(0, 1, Reason::Timeout, false)]);
}
