//! The order of arrival, and values that no worker of ours would send.

use proptest::prelude::*;

use super::*;
use crate::reduce::bytes::Reader;
use crate::reduce::op::Op;
use crate::reduce::partial::Partial;

/// Floats whose product depends on the order in which it is rounded, and sums that cancel.
fn floats(count: usize) -> String {
    let mut random = Random(3);
    let values: Vec<String> = (0..count).map(|_| format!("{:?}", random.float() * 3.0)).collect();
    format!("[{}]", values.join(", "))
}

fn job(op: &str, count: usize) -> Job {
    plan(Path::new("."), &format!("input.values = {}\nparams = {{ op = '{op}', chunk = 2 }}", floats(count)))
        .unwrap()
}

proptest! {
    #[test]
    fn any_order_of_arrival_gives_the_same_bits(
        (count, order) in (1..40_usize).prop_flat_map(|tasks| {
            (Just(tasks), Just((0..tasks).collect::<Vec<_>>()).prop_shuffle())
        }),
        op in prop::sample::select(Op::ALL.iter().copied().filter(|op| !op.is_bitwise()).collect::<Vec<_>>()),
    ) {
        let sorted: Vec<usize> = (0..count).collect();
        let values = job(op.name(), 2 * count).values().unwrap();
        let expected = job(op.name(), 2 * count).combined(&values, &sorted).unwrap();
        prop_assert_eq!(job(op.name(), 2 * count).combined(&values, &order).unwrap().to_string(), expected.to_string());
    }

    #[test]
    fn hostile_values_are_refused_without_a_panic(bytes: Vec<u8>, op in prop::sample::select(Op::ALL.to_vec())) {
        let mut reader = Reader::new(&bytes, "a value");
        if let Ok(partial) = Partial::read(op, &mut reader) {
            // What is let through can be used: merged, answered, sent on.
            let merged = partial.clone().merge(op, partial.clone());
            let _ = merged.map(|merged| merged.answer(op, 1).map(|answer| answer.to_json()));
            let mut again = Vec::new();
            partial.put(&mut again);
            let read = Partial::read(op, &mut Reader::new(&again, "a value")).unwrap();
            let mut twice = Vec::new();
            read.put(&mut twice);
            prop_assert_eq!(again, twice);
        }
    }

    #[test]
    fn a_value_with_bytes_changed_is_refused_or_combined_but_never_a_panic(at: prop::sample::Index, by in 1..=255_u8, cut: prop::sample::Index, op in prop::sample::select(vec!["sum", "product", "variance", "min"])) {
        let mut values = job(op, 4).values().unwrap();
        let at = at.index(values[0].len());
        values[0][at] ^= by;
        let _ = job(op, 4).combined(&values, &[0, 1]);
        let cut = cut.index(values[1].len());
        values[1].truncate(cut);
        prop_assert!(job(op, 4).combined(&values, &[1]).is_err());
    }
}

#[test]
fn a_task_twice_a_task_too_many_and_a_task_missing_are_noticed() {
    let values = job("sum", 8).values().unwrap();
    assert!(job("sum", 8).combined(&values, &[0, 0]).unwrap_err().0.contains("twice"));
    assert!(job("sum", 8).combined(&values, &[0, 1, 2]).unwrap_err().0.contains("3 of 4"));
    assert!(job("sum", 8).combined(&values, &[]).unwrap_err().0.contains("0 of 4"));
    assert!(job("sum", 8).combined(&values, &[0, 1, 2, 3, 3]).unwrap_err().0.contains("twice"));
    let mut short = job("sum", 8);
    let payload = short.payloads[0].clone();
    assert!(
        short
            .combine()
            .add(4, &payload, &values[0], "worker-1")
            .unwrap_err()
            .0
            .contains("task 4 of a job of 4")
    );
}

#[test]
fn a_value_of_another_number_or_sort_of_items_is_refused() {
    let mut sums = plan(Path::new("."), "input.range = { from = 0, to = 4 }\nparams.op = 'sum'").unwrap();
    let payload = sums.payloads[0].clone();
    let of = |items: &str| {
        plan(Path::new("."), &format!("input.values = {items}\nparams.op = 'sum'"))
            .unwrap()
            .values()
            .unwrap()
            .remove(0)
    };
    let refused =
        |sums: &mut Job, value: &[u8]| sums.combine().add(0, &payload, value, "worker-1").unwrap_err().0;
    assert!(refused(&mut sums, &of("[1, 2, 3]")).contains("3 items, the task has 4"));
    assert!(refused(&mut sums, &of("[1.5, 2.0, 3.0, 4.0]")).contains("another sort"));
    assert!(refused(&mut sums, b"").contains("cut short"));
}

#[test]
fn memory_is_bounded_when_tasks_come_in_order() {
    let text = "input.range = { from = 0, to = 100000 }\nparams = { op = 'sum', chunk = 1 }";
    let mut job = plan(Path::new("."), text).unwrap();
    let values = job.values().unwrap();
    for (id, value) in values.iter().enumerate() {
        let payload = job.payloads[id].clone();
        job.combine().add(id as u64, &payload, value, "worker-1").unwrap();
    }
    assert_eq!(job.combine().finish().unwrap()["value"], 4_999_950_000_u64);
    let lines = job.combine().explain();
    assert!((30..=64).contains(&lines.len()), "{} lines", lines.len());
    assert_eq!(lines[0], "sum of tasks 0 to 99999 = 4999950000  [worker-1 ×100000]");
}
