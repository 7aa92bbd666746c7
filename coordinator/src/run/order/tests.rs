use proptest::prelude::*;
use protocol::TaskId;

use super::*;
use crate::outcome::{Failure, OutcomeBatch, Reason};

/// The outcome of a task, which depends on its id only; every seventh failed.
fn batch(tasks: impl IntoIterator<Item = u64>) -> SharedBatch {
    let mut batch = OutcomeBatch::new();
    for task in tasks {
        let failure = Failure::new(Reason::Exit, format!("{task}"), Vec::new());
        let value = task.to_string().repeat(3);
        batch.push(Outcome {
            task: TaskId(task),
            payload: &task.to_le_bytes(),
            attempts: 1 + (task / 50) as u32 % 2,
            worker: 1,
            micros: task / 10,
            slow: task.is_multiple_of(11),
            result: if task % 7 == 3 { Err(&failure) } else { Ok(value.as_bytes()) },
        });
    }
    batch.into()
}

fn order(most_held: usize) -> InOrder {
    InOrder::holding(most_held, std::env::temp_dir())
}

/// What leaves now, each as text.
fn leave(order: &mut InOrder, next: fn(&mut InOrder) -> Result<Portion, OutputError>) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let portion = next(order).unwrap();
        if portion.is_empty() {
            return all;
        }
        all.extend(portion.iter().map(|outcome| format!("{outcome:?}")));
    }
}

fn texts(tasks: impl IntoIterator<Item = u64>) -> Vec<String> {
    batch(tasks).iter().map(|outcome| format!("{outcome:?}")).collect()
}

#[test]
fn the_rest_waits_for_the_oldest_and_leaves_with_it() {
    for most_held in [0, usize::MAX] {
        let mut order = order(most_held);
        (1..2000).step_by(20).for_each(|first| order.add(batch(first..first + 20)).unwrap());
        assert!(leave(&mut order, InOrder::take).is_empty());
        assert_eq!(order.rows.is_empty(), most_held == 0, "it waits where it should");
        order.add(batch([0])).unwrap();
        assert_eq!(leave(&mut order, InOrder::take), texts(0..2001));
        assert_eq!((order.held.load(Relaxed), order.spill.is_some()), (0, false));
    }
}

#[test]
fn memory_is_bounded_while_one_outcome_is_missing() {
    let mut order = order(100_000);
    for first in (1..100_000).step_by(100) {
        order.add(batch(first..first + 100)).unwrap();
        assert!(order.held.load(Relaxed) <= 100_000);
    }
    order.add(batch([0])).unwrap();
    let mut left = 0;
    while let Some(portion) = Some(order.take().unwrap()).filter(|portion| !portion.is_empty()) {
        assert!(portion.iter().all(|outcome| {
            left += 1;
            outcome.task.0 == left - 1
        }));
    }
    assert_eq!(left, 100_001);
}

#[test]
fn what_never_came_holds_up_nobody_in_the_end() {
    for most_held in [0, usize::MAX] {
        let mut order = order(most_held);
        let there = || (0..1000).filter(|task| task % 100 > 2);
        order.add(batch(there())).unwrap();
        order.add(batch(5000..5010)).unwrap();
        assert_eq!(leave(&mut order, InOrder::take_rest), texts(there().chain(5000..5010)));
    }
}

#[test]
fn a_file_that_can_not_be_made_is_told_with_its_place_and_the_way_out() {
    let mut order = InOrder::holding(0, "/nowhere/at/all".into());
    let told = order.add(batch([1])).unwrap_err().to_string();
    assert!(told.contains("/nowhere/at/all") && told.contains("TMPDIR"), "{told}");
}

proptest! {
    #[test]
    fn outcomes_leave_in_order_whatever_the_order_in_which_they_come(
        shuffled in Just((0..400_u64).collect::<Vec<_>>()).prop_shuffle(),
        sizes in prop::collection::vec(1_usize..60, 1..60),
        most_held in prop::sample::select(vec![0, 2000, 20_000, usize::MAX]),
    ) {
        let mut order = order(most_held);
        let (mut rest, mut left) = (shuffled.as_slice(), Vec::new());
        for size in sizes.into_iter().cycle() {
            let (now, later) = rest.split_at(size.min(rest.len()));
            // Some come in rows, as they do where workers are busy.
            let mut now = now.to_vec();
            if size % 2 == 0 { now.sort_unstable() }
            order.add(batch(now)).unwrap();
            left.extend(leave(&mut order, InOrder::take));
            rest = later;
            if rest.is_empty() { break }
        }
        prop_assert_eq!(left, texts(0..400));
        prop_assert_eq!(order.held.load(Relaxed), 0);
    }
}
