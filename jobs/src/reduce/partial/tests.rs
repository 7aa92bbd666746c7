use proptest::prelude::*;

use super::*;
use crate::reduce::bytes::Reader;
use crate::reduce::dtype::Dtype;
use crate::reduce::kernel::{Precision, leaf};

fn of(op: Op, precision: Precision, values: &[f64]) -> Partial {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    leaf(op, precision, Dtype::F64, &bytes)
}

proptest! {
    #[test]
    fn partials_come_back_from_their_bytes(values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 1..50), compensated: bool) {
        let precision = if compensated { Precision::Compensated } else { Precision::Exact };
        for op in Op::ALL.into_iter().filter(|op| !op.is_bitwise()) {
            let partial = of(op, precision, &values);
            let mut bytes = Vec::new();
            partial.put(&mut bytes);
            let mut reader = Reader::new(&bytes, "a value");
            let read = Partial::read(op, &mut reader).unwrap();
            let mut again = Vec::new();
            read.put(&mut again);
            prop_assert_eq!(&bytes, &again, "{}", op);
            prop_assert!(reader.end().is_ok());
        }
    }

    #[test]
    fn exact_partials_merge_in_any_grouping(values in prop::collection::vec(prop::num::f64::NORMAL, 3..30), at: prop::sample::Index) {
        let at = 1 + at.index(values.len() - 1);
        for op in [Op::Sum, Op::Mean, Op::Variance, Op::Min, Op::Max, Op::Count] {
            let whole = of(op, Precision::Exact, &values);
            let (left, right) = values.split_at(at);
            let merged = of(op, Precision::Exact, left).merge(op, of(op, Precision::Exact, right)).unwrap();
            let swapped = of(op, Precision::Exact, right).merge(op, of(op, Precision::Exact, left)).unwrap();
            prop_assert_eq!(&merged, &whole, "{}", op);
            prop_assert_eq!(&swapped, &whole, "{}", op);
        }
    }
}

#[test]
fn partials_of_nothing_change_nothing() {
    for op in Op::ALL.into_iter().filter(|op| !op.is_bitwise()) {
        let some = of(op, Precision::Compensated, &[1.0, 2.0]);
        assert_eq!(Partial::empty(op).merge(op, some.clone()), Some(some.clone()), "{op}");
        assert_eq!(some.clone().merge(op, Partial::empty(op)), Some(some), "{op}");
    }
}

#[test]
fn partials_of_different_operations_do_not_merge() {
    let (sum, least) = (of(Op::Sum, Precision::Exact, &[1.0]), of(Op::Min, Precision::Exact, &[1.0]));
    assert_eq!(sum.merge(Op::Sum, least), None);
    let (fast, exact) =
        (of(Op::Variance, Precision::Compensated, &[1.0]), of(Op::Variance, Precision::Exact, &[1.0]));
    assert_eq!(fast.merge(Op::Variance, exact), None);
}

#[test]
fn more_items_than_can_be_counted_do_not_merge() {
    let many = Partial { count: u64::MAX, seen: Seen::INTEGERS, body: Body::Count };
    assert_eq!(many.clone().merge(Op::Count, many), None);
}
