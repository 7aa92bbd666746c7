//! Floats: how exact sums are, and what is no number.

use num_bigint::BigInt;

use super::*;
use crate::reduce::float::{SUM_SCALE, Superaccumulator, ratio};

fn write(folder: &Path, values: &[f64]) {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    npy(&folder.join("x.npy"), "<f8", values.len(), &bytes);
}

fn of(folder: &Path, params: &str) -> Value {
    value(folder, &format!("input.file = 'x.npy'\nparams = {{ {params} }}"))
}

fn oracle(values: &[f64]) -> f64 {
    let mut exact = Superaccumulator::new();
    values.iter().for_each(|value| exact.add(*value));
    ratio(&exact.settle(), &(num_bigint::BigUint::from(1_u8) << SUM_SCALE))
}

#[test]
fn sums_of_small_arrays_are_rounded_once() {
    let folder = tempfile::tempdir().unwrap();
    let seed = 77;
    println!("seed {seed}");
    let mut random = Random(seed);
    // Wild exponents, and blocks that the vector code can't cut, beside tame ones.
    let wild: Vec<f64> =
        (0..50_000).map(|_| random.float() * 2.0_f64.powi((random.next() % 2000) as i32 - 1000)).collect();
    let tame: Vec<f64> = (0..50_000).map(|_| random.float()).collect();
    let tiny: Vec<f64> = (0..5_000).map(|_| f64::from_bits(random.next() % (1 << 53))).collect();
    let huge: Vec<f64> = (0..5_000).map(|_| f64::MAX * random.float()).collect();
    for values in [wild, tame, tiny, huge, vec![0.0; 5000], vec![1e16, 1.0, -1e16]] {
        write(folder.path(), &values);
        let expected = crate::reduce::answer::Answer::Float(oracle(&values)).to_json();
        assert_eq!(of(folder.path(), "op = 'sum'"), expected);
        assert_eq!(of(folder.path(), "op = 'sum', chunk = 777"), expected);
    }
}

#[test]
fn variances_of_small_arrays_are_rounded_once() {
    let folder = tempfile::tempdir().unwrap();
    // Naive formulas give 0, or less: the spread is far below the mean's last place.
    write(folder.path(), &[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
    assert_eq!(of(folder.path(), "op = 'variance', ddof = 1"), 30.0);
    write(folder.path(), &[1e-300, 3e-300]);
    assert_eq!(of(folder.path(), "op = 'variance'"), 0.0, "1e-600 is below all floats");
    write(folder.path(), &[1e200, -1e200]);
    assert_eq!(of(folder.path(), "op = 'variance'"), "inf");
    assert_eq!(of(folder.path(), "op = 'stddev'"), "inf");
    write(folder.path(), &[5.0]);
    assert_eq!(of(folder.path(), "op = 'variance'"), 0.0);
}

#[test]
fn what_is_no_number_is_what_ieee_says() {
    let folder = tempfile::tempdir().unwrap();
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for (values, sum, least, greatest) in [
        (vec![1.0, inf], "\"inf\"", "1.0", "\"inf\""),
        (vec![1.0, -inf], "\"-inf\"", "\"-inf\"", "1.0"),
        (vec![inf, -inf], "\"NaN\"", "\"-inf\"", "\"inf\""),
        (vec![nan, 1.0], "\"NaN\"", "\"NaN\"", "\"NaN\""),
        (vec![f64::MAX, f64::MAX], "\"inf\"", "1.7976931348623157e+308", "1.7976931348623157e+308"),
        (vec![0.0, -0.0], "0.0", "-0.0", "0.0"),
    ] {
        write(folder.path(), &values);
        assert_eq!(of(folder.path(), "op = 'sum'").to_string(), sum, "{values:?}");
        assert_eq!(of(folder.path(), "op = 'min'").to_string(), least, "{values:?}");
        assert_eq!(of(folder.path(), "op = 'max'").to_string(), greatest, "{values:?}");
    }
}

/// More than are always exact, so that the compensated way is taken.
const MANY: usize = (1 << 20) + 12_345;

#[test]
fn large_arrays_are_compensated_and_the_chunk_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let seed = 5;
    println!("seed {seed}");
    let mut random = Random(seed);
    // The sum is far smaller than the terms: naive sums have few digits right.
    let mut values: Vec<f64> = (0..MANY).map(|_| random.float() * 1e8).collect();
    values.push(-oracle(&values) + 1e-3);
    write(folder.path(), &values);
    let expected = oracle(&values);
    let naive: f64 = values.iter().sum();
    let sum = of(folder.path(), "op = 'sum'").as_f64().unwrap();
    assert!((sum - expected).abs() < 1e-12, "{sum} {expected}");
    assert!((naive - expected).abs() > 1e-6, "the test would show nothing: {naive} {expected}");
    assert_eq!(of(folder.path(), "op = 'sum', exact = true"), expected);
    for params in ["op = 'sum'", "op = 'mean'", "op = 'variance'"] {
        let usual = of(folder.path(), params);
        for chunk in [100_000_u64, 1 << 40] {
            assert_eq!(of(folder.path(), &format!("{params}, chunk = {chunk}")), usual, "{params} {chunk}");
        }
    }
    let exact = of(folder.path(), "op = 'variance', exact = true").as_f64().unwrap();
    let fast = of(folder.path(), "op = 'variance'").as_f64().unwrap();
    assert!((fast / exact - 1.0).abs() < 4e-16, "{fast} {exact}");
}

#[test]
fn a_large_arrays_infinities_and_overflows_are_met_by_the_exact_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut values = vec![1.0; MANY];
    (values[10], values[1_000_000]) = (f64::MAX, f64::MAX);
    (values[11], values[1_010_000]) = (-f64::MAX, -f64::MAX);
    values[200_000] = f64::MAX;
    values[900_000] = -f64::MAX;
    write(folder.path(), &values);
    assert_eq!(of(folder.path(), "op = 'sum'"), (MANY - 6) as f64);
    values[7] = f64::NEG_INFINITY;
    write(folder.path(), &values);
    assert_eq!(of(folder.path(), "op = 'sum'"), "-inf");
    assert_eq!(of(folder.path(), "op = 'variance'"), "NaN");
}

#[test]
fn halves_and_singles_are_summed_as_doubles() {
    let folder = tempfile::tempdir().unwrap();
    let tenth = 0.1_f32;
    let bytes = tenth.to_le_bytes().repeat(MANY);
    npy(&folder.path().join("x.npy"), "<f4", MANY, &bytes);
    let expected = ratio(
        &(BigInt::from((f64::from(tenth) * 2.0_f64.powi(60)) as i64) * MANY),
        &(num_bigint::BigUint::from(1_u8) << 60_u32),
    );
    assert_eq!(of(folder.path(), "op = 'sum'"), expected);
}

#[test]
fn a_products_chunk_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let seed = 8;
    println!("seed {seed}");
    let mut random = Random(seed);
    let values: Vec<f64> = (0..5000).map(|_| random.float() * 3.0).collect();
    write(folder.path(), &values);
    let usual = of(folder.path(), "op = 'product'");
    for chunk in [1, 3, 500, 4096] {
        assert_eq!(of(folder.path(), &format!("op = 'product', chunk = {chunk}")), usual, "{chunk}");
    }
}
