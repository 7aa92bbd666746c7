//! Lists and ranges.

use num_bigint::BigInt;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::reduce::Reduce;

#[test]
fn the_textbooks_examples_come_out() {
    assert_eq!(
        listed("sum", "[1, 4, 8, 3, 2, 5]").unwrap().to_string(),
        r#"{"op":"sum","value":23,"count":6}"#
    );
    assert_eq!(listed("product", "[1, 4, 8, 3, 2, 5]").unwrap()["value"], 960);
    let range = "input.range = { from = 0, to = 20 }\nparams.op = 'sum'";
    assert_eq!(value(Path::new("."), range), 190);
}

#[test]
fn the_example_runs_and_its_tree_tells_who_combined_what() {
    let mut job = JobSpec::parse("reduce.toml", Reduce.example(), Path::new("."), &[]).unwrap();
    let plan = Reduce.plan(&mut job, &PlanOptions::default()).unwrap();
    assert_eq!(job.unknown_keys(), SpecErrors::default());
    let Plan { mut tasks, setup, combine, total, .. } = plan;
    let mut payloads = Payloads::new();
    while tasks.next(10, &mut payloads).unwrap() {}
    assert_eq!(total, Some(3));
    let mut handler = Reduce.handler(&setup).unwrap();
    let mut combine = combine.unwrap();
    for (id, payload) in payloads.iter().enumerate() {
        let worker = if id == 1 { "worker-2" } else { "worker-1" };
        let mut value = Vec::new();
        let task =
            Task { id: TaskId(id as u64), attempt: 1, payload, context: Context { worker, link: None } };
        handler.run(&task, &mut value).unwrap();
        combine.add(id as u64, payload, &value, worker).unwrap();
    }
    assert_eq!(combine.text().unwrap(), r#"{"op":"sum","value":23,"count":6}"#);
    assert_eq!(
        combine.explain(),
        [
            "sum of tasks 0 to 2 = 23  [worker-1 ×2 + worker-2]",
            "├─ sum of tasks 0 to 1 = 16  [worker-1 + worker-2]",
            "│  ├─ sum of task 0 (items 0 to 1) = 5  [worker-1]",
            "│  └─ sum of task 1 (items 2 to 3) = 11  [worker-2]",
            "└─ sum of task 2 (items 4 to 5) = 7  [worker-1]",
        ]
    );
}

#[test]
fn the_product_of_one_to_a_thousand_is_right_to_the_last_digit() {
    let expected: BigInt = (1..=1000).map(BigInt::from).product();
    for chunk in ["", "params.chunk = 7", "params.chunk = 1000000"] {
        let text = format!("input.range = {{ from = 1, to = 1001 }}\nparams.op = 'product'\n{chunk}");
        assert_eq!(value(Path::new("."), &text), expected.to_string(), "{chunk}");
    }
}

#[test]
fn integers_never_wrap() {
    assert_eq!(listed("sum", "[9223372036854775807, 1]").unwrap()["value"], "9223372036854775808");
    let big = "'123456789012345678901234567890123456789012345678901234567890'";
    assert_eq!(
        listed("sum", &format!("[{big}, 1]")).unwrap()["value"],
        "123456789012345678901234567890123456789012345678901234567891"
    );
    assert_eq!(listed("max", &format!("[{big}, 1]")).unwrap()["value"], big.trim_matches('\''));
    assert_eq!(
        listed("mean", "[9223372036854775807, 9223372036854775807]").unwrap()["value"],
        9.223_372_036_854_776e18
    );
}

#[test]
fn every_operation_gives_its_value() {
    let values = "[2, 4, 4, 4, 5, 5, 7, 9]";
    for (op, expected) in [
        ("sum", json!(40)),
        ("product", json!(201_600)),
        ("min", json!(2)),
        ("max", json!(9)),
        ("and", json!(0)),
        ("or", json!(15)),
        ("xor", json!(8)),
        ("count", json!(8)),
        ("mean", json!(5.0)),
        ("variance", json!(4.0)),
        ("stddev", json!(2.0)),
    ] {
        assert_eq!(listed(op, values).unwrap()["value"], expected, "{op}");
    }
    let sample = format!("input.values = {values}\nparams = {{ op = 'variance', ddof = 1 }}");
    assert_eq!(value(Path::new("."), &sample), 32.0 / 7.0);
}

#[test]
fn bits_are_those_of_twos_complement() {
    assert_eq!(listed("and", "[-2, 7]").unwrap()["value"], 6);
    assert_eq!(listed("or", "[-8, 3]").unwrap()["value"], -5);
    assert_eq!(
        listed("xor", "['340282366920938463463374607431768211455', -1]").unwrap()["value"],
        "-340282366920938463463374607431768211456"
    );
}

#[test]
fn booleans_stay_booleans() {
    assert_eq!(listed("and", "[true, false]").unwrap()["value"], false);
    assert_eq!(listed("or", "[true, false]").unwrap()["value"], true);
    assert_eq!(listed("xor", "[true, true, true]").unwrap()["value"], true);
    assert_eq!(listed("max", "[false, true]").unwrap()["value"], true);
    assert_eq!(listed("sum", "[true, false, true]").unwrap()["value"], 2);
    assert_eq!(listed("mean", "[true, false]").unwrap()["value"], 0.5);
}

#[test]
fn integers_and_floats_go_together() {
    assert_eq!(listed("sum", "[1, 0.5]").unwrap()["value"], 1.5);
    assert_eq!(listed("product", "[3, 0.5]").unwrap()["value"], 1.5);
    assert_eq!(listed("min", "[1, 0.5]").unwrap()["value"], 0.5);
    assert_eq!(listed("max", "[1, 0.5]").unwrap()["value"], 1.0);
    assert_eq!(listed("sum", "[9007199254740993, 0.5, -0.5]").unwrap()["value"], 9_007_199_254_740_992.0);
    assert_eq!(listed("variance", "[1, 2.0]").unwrap()["value"], 0.25);
}

#[test]
fn nothing_has_a_sum_a_product_and_a_count() {
    assert_eq!(listed("sum", "[]").unwrap().to_string(), r#"{"op":"sum","value":0,"count":0}"#);
    assert_eq!(listed("product", "[]").unwrap()["value"], 1);
    assert_eq!(listed("count", "[]").unwrap()["value"], 0);
    assert_eq!(listed("or", "[]").unwrap()["value"], 0);
    for op in ["min", "max", "mean", "variance", "stddev"] {
        assert!(listed(op, "[]").unwrap_err().contains(&format!("there is no {op} of no items")), "{op}");
    }
}

#[test]
fn a_list_of_long_numbers_is_cut_to_fit_messages() {
    let number = format!("'{}'", "9".repeat(15_000));
    let values = vec![number.clone(); 50].join(", ");
    let job = plan(Path::new("."), &format!("input.values = [{values}]\nparams.op = 'sum'")).unwrap();
    assert!(job.payloads.len() > 1);
    assert!(job.payloads.iter().all(|payload| payload.len() < 20_000));
    let nines: BigInt = number.trim_matches('\'').parse().unwrap();
    assert_eq!(listed("sum", &format!("[{values}]")).unwrap()["value"], (nines * 50_u8).to_string());
}

#[test]
fn ranges_reach_both_ends_of_64_bits() {
    let end = "input.range = { from = 9223372036854775800, to = 9223372036854775807 }\nparams.op = 'max'";
    assert_eq!(value(Path::new("."), end), 9_223_372_036_854_775_806_i64);
    let whole = "input.range = { from = -9223372036854775808, to = 9223372036854775807 }\nparams = { op = 'count', chunk = 9223372036854775807 }";
    let job = JobSpec::parse("job.toml", &format!("kind = 'reduce'\n{whole}"), Path::new("."), &[]);
    let plan = Reduce.plan(&mut job.unwrap(), &PlanOptions::default()).unwrap();
    assert_eq!(plan.total, Some(3));
}

proptest! {
    #[test]
    fn any_list_of_integers_is_reduced_as_big_integers_are(values: Vec<i128>, chunk in 1..9_usize) {
        let list = format!("[{}]", values.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(", "));
        let big: Vec<BigInt> = values.iter().map(|value| BigInt::from(*value)).collect();
        let value = |op: &str| {
            let text = format!("input.values = {list}\nparams = {{ op = '{op}', chunk = {chunk} }}");
            let value = run(Path::new("."), &text).unwrap()["value"].clone();
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        };
        prop_assert_eq!(value("sum"), big.iter().sum::<BigInt>().to_string());
        prop_assert_eq!(value("product"), big.iter().product::<BigInt>().to_string());
        prop_assert_eq!(value("and"), big.iter().fold(BigInt::from(-1), |a, b| a & b).to_string());
        prop_assert_eq!(value("or"), big.iter().fold(BigInt::ZERO, |a, b| a | b).to_string());
        prop_assert_eq!(value("xor"), big.iter().fold(BigInt::ZERO, |a, b| a ^ b).to_string());
        if let (Some(least), Some(greatest)) = (big.iter().min(), big.iter().max()) {
            prop_assert_eq!(value("min"), least.to_string());
            prop_assert_eq!(value("max"), greatest.to_string());
        }
    }
}
