//! Blame, retries, quarantine, and new processes.

use std::num::NonZeroU64;
use std::time::Duration;

use ids::TaskId;

use super::{MS, Rig, config, crash, kill, ok, pill};
use crate::Reason;
use crate::{
    Death, Event, Fate, GiveUp, KillReason, Leases, Note, Order, QueueConfig, Report, Said, Settled, Verdict,
    WorkerId,
};

#[test]
fn a_killed_worker_costs_only_its_running_task() {
    let mut rig = Rig::working(config(1, 4), 10);
    rig.done(0, &[0]);
    rig.take();
    rig.died(0, Some((1, 1)), crash(Reason::Signal));
    assert_eq!(rig.charges(), [(1, 1, Reason::Signal, false)]);
    assert_eq!(rig.queue.counts().retried, 1);
}

#[test]
fn batch_mates_of_a_guilty_task_go_back_to_the_front_in_their_order() {
    let mut rig = Rig::working(QueueConfig { backoff: MS, ..config(2, 3) }, 20);
    rig.take();
    rig.died(0, Some((1, 1)), crash(Reason::Signal));
    rig.done(1, &[3, 4, 5]);
    assert_eq!(rig.sent(), [(1, vec![0, 2, 6])]);
}

#[test]
fn a_death_between_two_tasks_is_charged_to_nobody() {
    let mut rig = Rig::working(config(1, 4), 4);
    rig.take();
    rig.died(0, None, crash(Reason::Exit));
    assert_eq!(rig.charges(), []);
    assert_eq!(rig.queue.unfinished(), 4);
}

#[test]
fn a_status_cell_counts_only_for_an_attempt_that_the_worker_has() {
    for lie in [(7, 1), (0, 2), (99, 1)] {
        let mut rig = Rig::working(config(2, 4), 8);
        rig.take();
        rig.died(0, Some(lie), crash(Reason::Signal));
        assert_eq!(rig.charges(), [], "{lie:?}");
    }
}

#[test]
fn nonsense_that_may_be_an_earlier_tasks_is_charged_to_nobody_until_it_comes_from_one_alone() {
    let mut rig = Rig::working(config(1, 4), 4);
    rig.take();
    let (worker, running) = (WorkerId(0), rig.running(1, 1, rig.now));
    let death = crash(Reason::Protocol);
    rig.hear(Event::Died { worker, running, unreported: 1, death });
    assert_eq!(rig.charges(), []);
    // Both that have run are run alone now; the others are not suspected.
    rig.now = rig.now.after(Duration::from_secs(1));
    rig.hear(Event::Tick);
    rig.started(0);
    assert_eq!(rig.sent(), [(0, vec![0])]);
    rig.take();
    rig.hear(Event::Died { worker, running: None, unreported: 1, death });
    assert_eq!(rig.charges(), [(0, 1, Reason::Protocol, false)]);
}

#[test]
fn a_task_that_killed_two_workers_runs_alone() {
    let mut rig = Rig::working(QueueConfig { retries: 5, ..config(1, 4) }, 8);
    rig.die_and_return(0, Some((0, 1)));
    rig.die_and_return(0, Some((0, 2)));
    rig.take();
    rig.hear(Event::Tick);
    rig.die_and_return(0, None);
    assert_eq!(rig.sent(), [(0, vec![0])]);
}

#[test]
fn a_quarantined_task_is_to_blame_whatever_the_cell_says() {
    let mut rig = Rig::working(QueueConfig { retries: 5, ..config(1, 1) }, 1);
    rig.die_and_return(0, Some((0, 1)));
    rig.die_and_return(0, Some((0, 2)));
    rig.take();
    rig.died(0, None, crash(Reason::Signal));
    assert_eq!(rig.charges(), [(0, 3, Reason::Signal, false)]);
}

#[test]
fn a_task_is_a_dead_letter_after_its_retries() {
    let mut rig = Rig::working(QueueConfig { retries: 2, ..config(1, 1) }, 1);
    rig.die_and_return(0, Some((0, 1)));
    rig.die_and_return(0, Some((0, 2)));
    rig.died(0, Some((0, 3)), crash(Reason::Memory));
    let charges =
        [(0, 1, Reason::Signal, false), (0, 2, Reason::Signal, false), (0, 3, Reason::Memory, true)];
    assert_eq!(rig.charges(), charges);
    assert!(rig.queue.is_joined());
    assert_eq!(rig.queue.counts().failed, 1);
}

#[test]
fn a_reason_that_is_not_retried_fails_at_once() {
    let mut rig = Rig::working(config(1, 1), 1);
    rig.take();
    rig.told(0, &[Report { verdict: Verdict::Failed(Reason::Error), ..ok(0) }]);
    assert_eq!(rig.charges(), [(0, 1, Reason::Error, true)]);
}

#[test]
fn a_failure_that_is_certain_is_not_retried_whatever_its_reason() {
    for reason in [Reason::Error, Reason::Memory] {
        let every = QueueConfig { retry_on: Reason::ALL.to_vec(), retries: 5, ..config(1, 1) };
        let mut rig = Rig::working(every, 1);
        rig.take();
        rig.told(0, &[Report { verdict: Verdict::FailedForGood(reason), ..ok(0) }]);
        assert_eq!(rig.charges(), [(0, 1, reason, true)]);
        assert_eq!((rig.queue.counts().failed, rig.queue.counts().retried), (1, 0));
    }
}

#[test]
fn a_retry_waits_for_a_backoff_that_doubles_up_to_its_limit() {
    let limit = MS * 25;
    let mut rig =
        Rig::working(QueueConfig { backoff: MS * 10, backoff_limit: limit, retries: 4, ..config(1, 1) }, 1);
    for (attempt, delay) in [(1, MS * 10), (2, MS * 20), (3, limit), (4, limit)] {
        rig.take();
        rig.told(0, &[Report { attempt, verdict: Verdict::Failed(Reason::Signal), ..ok(0) }]);
        let Some(Said::Task(Settled::Charged { fate: Fate::Retry(wait), .. })) = rig.take().pop() else {
            panic!()
        };
        assert!(delay / 2 <= wait && wait <= delay * 3 / 2, "attempt {attempt}: {wait:?}");
        rig.wait(wait - Duration::from_nanos(1));
        assert_eq!(rig.sent(), []);
        rig.wait(Duration::from_nanos(1));
        assert_eq!(rig.sent(), [(0, vec![0])]);
    }
}

#[test]
fn a_lease_says_which_attempt_it_is() {
    let mut rig = Rig::working(config(1, 1), 1);
    rig.take();
    rig.told(0, &[Report { verdict: Verdict::Failed(Reason::Signal), ..ok(0) }]);
    rig.hear(Event::Tick);
    let leases = rig.take().into_iter().find_map(|command| match command {
        Said::Order(Order::Send { tasks, .. }) => Some(tasks),
        _ => None,
    });
    assert_eq!(leases, Some(vec![Leases::one(TaskId(0), 2)]));
}

#[test]
fn nonsense_in_reports_is_counted_and_ignored() {
    let mut rig = Rig::working(config(2, 1), 2);
    rig.take();
    let wrong_attempt = Report { attempt: 2, ..ok(0) };
    rig.told(0, &[wrong_attempt, ok(1), ok(99), ok(0), ok(0)]);
    assert_eq!(rig.take().first(), Some(&Said::Task(Settled::Accepted { places: 3..4 })));
    assert_eq!(rig.queue.counts().ignored_reports, 4);
    assert_eq!(rig.queue.unfinished(), 1);
}

#[test]
fn a_late_outcome_of_a_dead_worker_is_ignored() {
    let mut rig = Rig::working(config(2, 1), 2);
    rig.died(0, None, crash(Reason::Signal));
    rig.take();
    rig.done(0, &[0]);
    assert_eq!(rig.take(), []);
    assert_eq!(rig.queue.counts().ignored_reports, 1);
}

#[test]
fn a_run_whose_workers_cannot_start_is_given_up_after_six_starts_each() {
    let mut rig = Rig::fresh(config(2, 1));
    rig.put();
    rig.hear(Event::Tick);
    let mut starts = [0; 2];
    while !rig.queue.is_joined() {
        for command in rig.take() {
            if let Said::Order(Order::Start { worker, .. }) = command {
                starts[worker.index()] += 1;
                rig.died(worker.0, None, Death::NeverBorn);
            }
        }
        if let Some(deadline) = rig.queue.next_deadline() {
            rig.now = deadline;
            rig.hear(Event::Tick);
        }
    }
    assert_eq!(starts, [6, 6]);
    assert_eq!(rig.take(), [Said::Note(Note::GaveUp(GiveUp { starts: 12 })), Said::Note(Note::Joined)]);
}

#[test]
fn progress_makes_a_worker_welcome_again() {
    let mut rig = Rig::working(config(1, 1), 40);
    for task in 0..20 {
        rig.done(0, &[task]);
        rig.died(0, None, crash(Reason::Signal));
        rig.hear(Event::Tick);
        rig.started(0);
    }
    assert_eq!(rig.queue.incarnations(WorkerId(0)), 21);
    assert_eq!(rig.queue.counts().restarts, 20);
}

#[test]
fn ignored_reports_are_no_progress() {
    let mut rig = Rig::working(config(1, 1), 1);
    while !rig.queue.is_joined() {
        rig.told(0, &[ok(99)]);
        rig.left(0);
        rig.wait(Duration::from_secs(1));
        rig.started(0);
    }
    assert_eq!(rig.queue.incarnations(WorkerId(0)), 6);
}

#[test]
fn bad_news_of_a_process_that_is_gone_does_not_cost_its_place() {
    let mut rig = Rig::working(config(1, 1), 1);
    rig.died(0, None, crash(Reason::Signal));
    rig.hear(Event::Broke { worker: WorkerId(0) });
    rig.take();
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.take(), [Said::Order(Order::Start { worker: WorkerId(0), incarnation: 2 })]);
}

#[test]
fn a_worker_is_replaced_after_its_last_task() {
    let most = NonZeroU64::new(3);
    let mut rig = Rig::working(QueueConfig { max_tasks_per_worker: most, ..config(1, 2) }, 5);
    assert_eq!(rig.sent(), [(0, vec![0, 1]), (0, vec![2])]);
    rig.done(0, &[0, 1]);
    assert_eq!(rig.take(), [Said::Task(Settled::Accepted { places: 0..2 }), pill(0)]);
    rig.done(0, &[2]);
    rig.left(0);
    rig.hear(Event::Tick);
    rig.started(0);
    assert_eq!(rig.sent(), [(0, vec![3, 4])]);
}

#[test]
fn a_worker_that_does_not_greet_in_time_is_killed() {
    let mut rig = Rig::fresh(config(1, 1));
    rig.put();
    rig.hear(Event::Tick);
    rig.take();
    rig.wait(QueueConfig::default().start_timeout);
    assert_eq!(rig.take(), [kill(0, KillReason::StartTimeout)]);
}
