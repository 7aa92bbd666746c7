//! `.npy` and `.bin` files.

use num_bigint::BigInt;
use serde_json::json;

use super::*;

/// All element types, each with small values that every one can hold, and its bytes.
fn small_arrays(values: &[u8]) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let bytes = |size: usize| -> Vec<u8> {
        values.iter().flat_map(|value| u64::from(*value).to_le_bytes()[..size].to_vec()).collect()
    };
    let halves = values.iter().flat_map(|value| half_bits(*value).to_le_bytes()).collect();
    vec![
        ("i8", "|i1", bytes(1)),
        ("u8", "|u1", bytes(1)),
        ("i16", "<i2", bytes(2)),
        ("u16", "<u2", bytes(2)),
        ("i32", "<i4", bytes(4)),
        ("u32", "<u4", bytes(4)),
        ("i64", "<i8", bytes(8)),
        ("u64", "<u8", bytes(8)),
        ("f16", "<f2", halves),
        ("f32", "<f4", values.iter().flat_map(|value| f32::from(*value).to_le_bytes()).collect()),
        ("f64", "<f8", values.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect()),
    ]
}

/// A small integer as a half-precision float.
fn half_bits(value: u8) -> u16 {
    if value == 0 {
        return 0;
    }
    let exponent = value.ilog2();
    let fraction = (u32::from(value) << (10 - exponent)) & 0x3ff;
    ((exponent + 15) << 10 | fraction) as u16
}

#[test]
fn every_type_is_read_from_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let values = [3, 1, 4, 1, 5, 9, 2, 6, 5, 35];
    for (dtype, descr, bytes) in small_arrays(&values) {
        npy(&folder.path().join("x.npy"), descr, values.len(), &bytes);
        std::fs::write(folder.path().join("x.bin"), &bytes).unwrap();
        let inputs = ["file = 'x.npy'".to_owned(), format!("file = 'x.bin', dtype = '{dtype}'")];
        for input in inputs {
            for (op, expected) in [
                ("sum", 71.0),
                ("min", 1.0),
                ("max", 35.0),
                ("product", 1_134_000.0),
                ("mean", 7.1),
                ("variance", 91.89),
                ("count", 10.0),
            ] {
                let value = value(folder.path(), &format!("input = {{ {input} }}\nparams.op = '{op}'"));
                assert_eq!(value.as_f64(), Some(expected), "{op} of {input} ({dtype})");
            }
        }
    }
}

#[test]
fn the_ends_of_each_integer_type_are_summed_without_wrapping() {
    let folder = tempfile::tempdir().unwrap();
    let count = 100_000_usize;
    let cases: [(&str, Vec<u8>, i128); 8] = [
        ("i8", i8::MIN.to_le_bytes().to_vec(), i8::MIN.into()),
        ("u8", u8::MAX.to_le_bytes().to_vec(), u8::MAX.into()),
        ("i16", i16::MIN.to_le_bytes().to_vec(), i16::MIN.into()),
        ("u16", u16::MAX.to_le_bytes().to_vec(), u16::MAX.into()),
        ("i32", i32::MIN.to_le_bytes().to_vec(), i32::MIN.into()),
        ("u32", u32::MAX.to_le_bytes().to_vec(), u32::MAX.into()),
        ("i64", i64::MIN.to_le_bytes().to_vec(), i64::MIN.into()),
        ("u64", u64::MAX.to_le_bytes().to_vec(), u64::MAX.into()),
    ];
    for (dtype, element, end) in cases {
        std::fs::write(folder.path().join("x.bin"), element.repeat(count)).unwrap();
        let of = |op: &str| {
            let value = value(
                folder.path(),
                &format!("input = {{ file = 'x.bin', dtype = '{dtype}' }}\nparams.op = '{op}'"),
            );
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        };
        assert_eq!(of("sum"), (end * count as i128).to_string(), "{dtype}");
        assert_eq!(of("min"), end.to_string(), "{dtype}");
        assert_eq!(of("max"), end.to_string(), "{dtype}");
        assert_eq!(of("xor"), "0", "{dtype}");
        assert_eq!(of("and"), end.to_string(), "{dtype}");
        assert_eq!(of("variance"), "0.0", "{dtype}");
        assert_eq!(of("mean"), json!(end as f64).to_string(), "{dtype}");
    }
}

#[test]
fn random_integers_are_reduced_as_big_integers_are() {
    let folder = tempfile::tempdir().unwrap();
    let seed = 20_261_121;
    println!("seed {seed}");
    let mut random = Random(seed);
    let values: Vec<i64> = (0..70_001).map(|_| random.next() as i64 >> (random.next() % 64)).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    npy(&folder.path().join("x.npy"), "<i8", values.len(), &bytes);
    let of = |op: &str| {
        value(folder.path(), &format!("input.file = 'x.npy'\nparams = {{ op = '{op}', chunk = 9999 }}"))
    };
    let big: Vec<BigInt> = values.iter().map(|value| BigInt::from(*value)).collect();
    let sum: BigInt = big.iter().sum();
    let squares: BigInt = big.iter().map(|value| value * value).sum();
    let spread = squares * values.len() - &sum * &sum;
    let count = BigInt::from(values.len());
    let variance = crate::reduce::float::ratio(&spread, (&count * &count).magnitude());
    assert_eq!(of("sum"), crate::reduce::answer::Answer::Integer(sum).to_json());
    assert_eq!(of("min"), *values.iter().min().unwrap());
    assert_eq!(of("max"), *values.iter().max().unwrap());
    assert_eq!(of("xor"), values.iter().fold(0, |a, b| a ^ b));
    assert_eq!(of("variance"), variance);
}

#[test]
fn booleans_in_files_are_booleans() {
    let folder = tempfile::tempdir().unwrap();
    npy(&folder.path().join("x.npy"), "|b1", 4, &[1, 0, 1, 1]);
    std::fs::write(folder.path().join("x.bin"), [1, 0, 1, 1]).unwrap();
    for input in ["file = 'x.npy'", "file = 'x.bin', dtype = 'bool'"] {
        let of = |op: &str| value(folder.path(), &format!("input = {{ {input} }}\nparams.op = '{op}'"));
        assert_eq!(of("and"), false);
        assert_eq!(of("or"), true);
        assert_eq!(of("xor"), true);
        assert_eq!(of("sum"), 3);
        assert_eq!(of("mean"), 0.75);
        assert_eq!(of("min"), false);
        assert_eq!(of("max"), true);
    }
}

#[test]
fn every_integer_type_has_bits_and_no_float_type_has() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<u8> = (0..100_u32).map(|index| (index * 7 % 97 + 16) as u8).collect();
    let folded = [
        ("and", values.iter().fold(255, |a, b| a & b)),
        ("or", values.iter().fold(0, |a, b| a | b)),
        ("xor", values.iter().fold(0, |a, b| a ^ b)),
    ];
    for (dtype, descr, bytes) in small_arrays(&values) {
        npy(&folder.path().join("x.npy"), descr, values.len(), &bytes);
        for (op, expected) in folded {
            let result = run(folder.path(), &format!("input.file = 'x.npy'\nparams.op = '{op}'"));
            match dtype.starts_with('f') {
                true => assert!(result.unwrap_err().contains("no bits to combine"), "{op} of {dtype}"),
                false => assert_eq!(result.unwrap()["value"], expected, "{op} of {dtype}"),
            }
        }
    }
}

#[test]
fn empty_arrays_have_a_sum_and_no_least_element() {
    let folder = tempfile::tempdir().unwrap();
    for (descr, sum, ones) in
        [("<i8", json!(0), json!(-1)), ("|b1", json!(0), json!(true)), ("<u2", json!(0), json!(65535))]
    {
        npy(&folder.path().join("x.npy"), descr, 0, &[]);
        let of = |op: &str| run(folder.path(), &format!("input.file = 'x.npy'\nparams.op = '{op}'"));
        assert_eq!(of("sum").unwrap()["value"], sum, "{descr}");
        assert_eq!(of("and").unwrap()["value"], ones, "{descr}");
        assert!(of("min").unwrap_err().contains("no min of no items"));
    }
    npy(&folder.path().join("x.npy"), "<f8", 0, &[]);
    assert_eq!(value(folder.path(), "input.file = 'x.npy'\nparams.op = 'sum'"), 0.0);
}

#[test]
fn several_files_are_one_input() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("many")).unwrap();
    let mut sum = 0;
    for file in 0..150_i64 {
        let values: Vec<i64> = (0..file % 7).map(|index| file * 10 + index).collect();
        sum += values.iter().sum::<i64>();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        npy(&folder.path().join(format!("many/{file:03}.npy")), "<i8", values.len(), &bytes);
    }
    let glob = "input.glob = 'many/*.npy'\nparams.op = 'sum'";
    let job = plan(folder.path(), glob).unwrap();
    assert!(job.payloads.len() < 10, "small files share tasks: {}", job.payloads.len());
    assert_eq!(value(folder.path(), glob), sum);
    for chunk in [1, 3, 8, 1000] {
        assert_eq!(value(folder.path(), &format!("{glob}\nparams.chunk = {chunk}")), sum, "chunk {chunk}");
    }
    let files = "input.files = ['many/005.npy', 'many/012.npy']\nparams.op = 'count'";
    assert_eq!(value(folder.path(), files), 10);
}

#[test]
fn tasks_are_described_for_people_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.bin"), [1, 2, 3, 4, 5]).unwrap();
    let job =
        plan(folder.path(), "input = { file = 'x.bin', dtype = 'u8' }\nparams = { op = 'sum', chunk = 2 }")
            .unwrap();
    let values = job.values().unwrap();
    let shown = crate::reduce::Reduce.presenter(&job.plan.setup).unwrap();
    let (mut input, mut json, mut line) = (String::new(), String::new(), String::new());
    shown.input(&job.payloads[1], &mut input).unwrap();
    shown.value(&job.payloads[1], &values[1], &mut json).unwrap();
    shown.text(&job.payloads[1], &values[1], &mut line).unwrap();
    assert!(input.ends_with("x.bin[2..4]"), "{input}");
    assert_eq!(json, r#"{"from":2,"to":4,"value":7,"count":2}"#);
    assert!(line.ends_with("x.bin[2..4]: sum of 2 items is 7"), "{line}");
}
