//! Payloads too long for a message: they lie in shared memory, and everything else is as for the short ones.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use serde_json::Value;
use tests::Place;

/// Runs a case of the benchmark program, which checks its answers itself.
fn bench(case: &str, scale: f64, memory: Option<u64>) -> Value {
    let place = Place::new();
    let mut command = place.other_program("bench_pool", &[case, "2", &scale.to_string()]);
    if let Some(bytes) = memory {
        command.env("BENCH_MEMORY", bytes.to_string());
    }
    let finished = place.run_prepared(command).expect_code(0);
    serde_json::from_str(&finished.stdout).unwrap()
}

#[test]
fn long_payloads_arrive_whole() {
    assert_eq!(bench("mib-copied", 0.2, None)["tasks"], 40);
    assert_eq!(bench("mib-in-place", 0.2, None)["tasks"], 40);
}

#[test]
fn long_payloads_are_mapped_one_at_a_time_where_address_space_is_limited() {
    assert_eq!(bench("mib-copied", 0.2, Some(128 << 20))["tasks"], 40);
}

#[test]
fn a_long_payload_survives_the_workers_that_die_of_it() {
    assert_eq!(bench("mib-fragile", 1.0, None)["tasks"], 20);
}

#[test]
fn long_values_come_back_whole() {
    assert_eq!(bench("16mib-echo", 0.02, None)["tasks"], 4);
}

#[test]
fn a_payload_may_have_256_mib() {
    assert_eq!(bench("256mib", 0.5, None)["tasks"], 2);
}
