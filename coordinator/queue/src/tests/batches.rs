//! Who gets how much of what, and when.

use std::time::Duration;

use ids::TaskId;

use super::{Rig, config, ok};
use crate::BatchSize;
use crate::{BatchId, Event, Order, QueueConfig, Report, Said, WorkerId};

#[test]
fn at_most_two_batches_are_in_a_workers_hands() {
    let mut rig = Rig::working(config(1, 2), 10);
    assert_eq!(rig.sent(), [(0, vec![0, 1]), (0, vec![2, 3])]);
    rig.done(0, &[0]);
    assert_eq!(rig.sent(), []);
    rig.done(0, &[1]);
    assert_eq!(rig.sent(), [(0, vec![4, 5])]);
}

#[test]
fn everybody_gets_a_batch_before_anybody_gets_two() {
    let mut rig = Rig::working(config(2, 1), 4);
    assert_eq!(rig.sent(), [(0, vec![0]), (1, vec![1]), (0, vec![2]), (1, vec![3])]);
}

#[test]
fn automatic_batches_start_at_one_grow_and_shrink_towards_the_end() {
    let mut rig = Rig::working(QueueConfig { batch: BatchSize::Auto, ..config(1, 1) }, 1000);
    let mut sizes = Vec::new();
    let mut hands: std::collections::VecDeque<Vec<u64>> = rig.sent().into_iter().map(|(_, t)| t).collect();
    while let Some(tasks) = hands.pop_front() {
        sizes.push(tasks.len());
        let reports: Vec<Report> = tasks.into_iter().map(ok).collect();
        let busy = Duration::from_nanos(100) * reports.len() as u32;
        rig.hear(Event::Outcomes { worker: WorkerId(0), busy, reports: &reports });
        hands.extend(rig.sent().into_iter().map(|(_, tasks)| tasks));
    }
    let largest = sizes.iter().position(|size| size == sizes.iter().max().unwrap()).unwrap();
    assert_eq!((sizes[0], *sizes.last().unwrap()), (1, 1), "{sizes:?}");
    assert!(sizes[..largest].windows(2).all(|pair| pair[1] <= pair[0] * 8), "{sizes:?}");
    assert!(sizes[largest..].is_sorted_by(|one, next| one >= next), "{sizes:?}");
    assert!(sizes[largest] > 100, "{sizes:?}");
}

#[test]
fn a_batch_keeps_to_what_a_message_can_carry() {
    let mut rig = Rig::new(QueueConfig { batch_bytes: 100, ..config(1, 10) }, 0);
    for bytes in [40, 40, 500, 1] {
        rig.queue.put(bytes, 0);
    }
    rig.hear(Event::Congested(false));
    assert_eq!(rig.sent(), [(0, vec![0]), (0, vec![1])]);
    rig.done(0, &[0, 1]);
    assert_eq!(rig.sent(), [(0, vec![2]), (0, vec![3])], "a task that is larger than a batch goes alone");
}

#[test]
fn a_task_is_kept_for_each_worker_that_is_on_its_way() {
    let mut rig = Rig::fresh(config(3, 8));
    rig.hear(Event::Tick);
    (0..8).for_each(|_| rig.put());
    rig.started(0);
    assert_eq!(rig.sent(), [(0, vec![0, 1, 2, 3, 4, 5])]);
    rig.started(1);
    assert_eq!(rig.sent(), [(1, vec![6])]);
    rig.started(2);
    assert_eq!(rig.sent(), [(2, vec![7])]);
}

#[test]
fn with_fewer_tasks_than_workers_the_first_who_can_does_them() {
    let mut rig = Rig::working(config(4, 8), 2);
    assert_eq!(rig.sent(), [(0, vec![0]), (1, vec![1])]);
}

#[test]
fn unstarted_tasks_are_recalled_for_an_idle_worker() {
    let mut rig = Rig::working(config(2, 4), 8);
    assert_eq!(rig.sent(), [(0, vec![0, 1, 2, 3]), (1, vec![4, 5, 6, 7])]);
    rig.done(1, &[4, 5, 6, 7]);
    let recall = Said::Order(Order::Recall { worker: WorkerId(0), batch: BatchId(0), keep: 1 });
    assert_eq!(rig.take().last(), Some(&recall));
    rig.hear(Event::Recalled { worker: WorkerId(0), batch: BatchId(0), started: 2 });
    assert_eq!(rig.sent(), [(1, vec![2, 3])]);
}

#[test]
fn nothing_is_leased_while_outcomes_cannot_leave() {
    let mut rig = Rig::new(config(1, 1), 3);
    rig.hear(Event::Tick);
    assert_eq!(rig.sent(), []);
    rig.hear(Event::Congested(false));
    assert_eq!(rig.sent(), [(0, vec![0]), (0, vec![1])]);
    rig.hear(Event::Congested(true));
    rig.done(0, &[0, 1]);
    assert_eq!(rig.sent(), []);
}

#[test]
fn higher_priorities_are_leased_first() {
    let mut rig = Rig::new(config(1, 2), 0);
    for priority in [0, 5, 0, 5] {
        rig.queue.put(8, priority);
    }
    rig.hear(Event::Congested(false));
    assert_eq!(rig.sent(), [(0, vec![1, 3]), (0, vec![0, 2])]);
}

#[test]
fn only_unfinished_tasks_fill_the_window_however_old_the_oldest_is() {
    let mut rig = Rig::new(QueueConfig { window: 4, ..config(1, 4) }, 4);
    rig.hear(Event::Congested(false));
    assert_eq!(rig.queue.room(), 0);
    rig.done(0, &[1, 2, 3]);
    assert_eq!(rig.queue.room(), 3, "task 0 holds its own place and no other");
    rig.done(0, &[0]);
    assert_eq!(rig.queue.room(), 4);
}

#[test]
fn large_payloads_close_the_window_before_it_is_full() {
    let mut rig = Rig::new(QueueConfig { window_bytes: 1000, ..config(1, 1) }, 0);
    rig.queue.put(5000, 0);
    assert_eq!(rig.queue.room(), 0);
}

#[test]
fn a_skipped_task_takes_an_id_and_nothing_else() {
    let mut rig = Rig::new(config(1, 4), 0);
    let ids = [rig.queue.skip(), rig.queue.put(8, 0), rig.queue.skip()];
    assert_eq!(ids, [TaskId(0), TaskId(1), TaskId(2)]);
    assert_eq!(rig.queue.unfinished(), 1);
    rig.hear(Event::Congested(false));
    assert_eq!(rig.sent(), [(0, vec![1])]);
}
