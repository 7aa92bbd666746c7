//! The kind as a whole: job files in, results out.

use std::path::Path;

use protocol::{Context, Payloads, Task, TaskId};
use serde_json::json;

use crate::testing::{Done, errors, errors_in, plan_in, run, run_in};
use crate::{Kind, Tasks};

use super::number::Number;
use super::primality::{Verdict, test};
use super::{Primes, tasks};

fn texts(done: &[Done]) -> Vec<&str> {
    done.iter().map(|done| done.text.as_str()).collect()
}

fn is_prime(text: &str) -> bool {
    test(Number::parse(text).unwrap(), false).unwrap() == Verdict::Prime
}

fn counted(from: u128, to: u128) -> u64 {
    let toml = format!(
        "kind = \"primes\"\nparams.count = true\ninput.range = {{ from = \"{from}\", to = \"{to}\" }}"
    );
    let (_, combine) = run(&toml);
    combine.unwrap().finish().unwrap()["primes"].as_u64().unwrap()
}

#[test]
fn the_example_reads_like_the_textbook() {
    let (done, combine) = run(Primes.example());
    assert!(combine.is_none());
    assert_eq!(
        texts(&done),
        [
            "2 is prime",
            "36 is not prime",
            "101 is prime",
            "193 is prime",
            "323 is not prime",
            "513 is not prime",
            "1327 is prime",
            "100000 is not prime",
            "9999999 is not prime",
            "433785907 is prime",
        ]
    );
    assert_eq!(done[8].input, "9999999");
    assert_eq!(done[8].json, r#"{"number":"9999999","prime":false}"#);
}

#[test]
fn factors_are_told_where_they_are_asked_for() {
    let (done, _) = run(concat!(
        "kind = \"primes\"\nparams.factor = true\n[input]\n",
        "numbers = [9999999, 2, 1, 0, -8, 18446744030759878681, \"36893488147419103230\", ",
        // 1000003 squared, and to the fourth: a number beyond 2^64 without a small factor.
        "1000006000009, \"1000012000054000108000081\"]",
    ));
    let json: Vec<_> = done.iter().map(|done| done.json.as_str()).collect();
    assert_eq!(json[0], r#"{"number":"9999999","prime":false,"factor":"3"}"#);
    assert_eq!(json[1], r#"{"number":"2","prime":true,"factor":null}"#);
    assert_eq!(
        texts(&done),
        [
            "9999999 is not prime (divisible by 3)",
            "2 is prime",
            "1 is not prime",
            "0 is not prime",
            "-8 is not prime",
            "18446744030759878681 is not prime (divisible by 4294967291)",
            "36893488147419103230 is not prime (divisible by 2)",
            "1000006000009 is not prime (divisible by 1000003)",
            "1000012000054000108000081 is not prime (no factor below 1000000)",
        ]
    );
}

#[test]
fn small_numbers_agree_with_a_plain_sieve() {
    let mut prime = vec![true; 1_000_001];
    prime[..2].fill(false);
    for number in 2..=1000 {
        if prime[number] {
            (number * number..prime.len()).step_by(number).for_each(|multiple| prime[multiple] = false);
        }
    }
    for (number, prime) in (0..).zip(prime) {
        let verdict = test(Number::Small(number), false).unwrap();
        assert_eq!(verdict == Verdict::Prime, prime, "{number}");
    }
}

#[test]
fn the_primes_after_ten_to_the_thirteenth_are_found() {
    let (done, _) =
        run("kind = \"primes\"\ninput.range = { from = 10_000_000_000_000, to = 10_000_000_001_000 }");
    assert_eq!(done.len(), 1000);
    let primes: Vec<u64> = done
        .iter()
        .filter(|done| done.json.contains("true"))
        .map(|done| done.input.parse::<u64>().unwrap() - 10_000_000_000_000)
        .collect();
    let known = [37, 51, 99, 129, 183, 259, 267, 273, 279, 283, 313, 343, 391, 411, 433, 453];
    assert_eq!(primes[..known.len()], known);
    assert!(primes[known.len()] > 500);
    let has_divisor =
        |number: u64| (3..=number.isqrt()).step_by(2).any(|divisor| number.is_multiple_of(divisor));
    let last = primes.last().unwrap();
    assert!(!has_divisor(10_000_000_000_000 + last), "{last}");
    assert_eq!(primes.len() as u64, counted(10_000_000_000_000, 10_000_000_001_000));
}

#[test]
fn strong_pseudoprimes_are_not_prime() {
    // The smallest strong pseudoprimes to the first 1 to 13 prime bases (OEIS A014233), Arnault's 337-digit
    // product of three primes is left to `crypto-primes`.
    let pseudoprimes = [
        "2047",
        "1373653",
        "25326001",
        "3215031751",
        "2152302898747",
        "3474749660383",
        "341550071728321",
        "3825123056546413051",
        "318665857834031151167461",
        "3317044064679887385961981",
    ];
    for number in pseudoprimes {
        assert!(!is_prime(number), "{number}");
    }
    // Lucas pseudoprimes, Carmichael numbers, squares of Wieferich primes.
    for number in ["5459", "5777", "561", "9746347772161", "1194649", "12327121"] {
        assert!(!is_prime(number), "{number}");
    }
}

#[test]
fn large_primes_are_prime_and_their_neighbours_are_not() {
    let mersenne = |exponent: u32| (num_bigint::BigUint::from(1_u8) << exponent) - 1_u8;
    for exponent in [2, 3, 5, 7, 13, 17, 19, 31, 61, 89, 107, 127, 521, 607] {
        assert!(is_prime(&mersenne(exponent).to_string()), "2^{exponent} - 1");
    }
    for exponent in [11, 23, 29, 37, 63, 64, 65, 67, 101, 128, 257, 521 * 2] {
        assert!(!is_prime(&mersenne(exponent).to_string()), "2^{exponent} - 1");
    }
    assert!(is_prime("18446744073709551557") && is_prime("18446744073709551629"), "around 2^64");
    assert!(!is_prime("18446744073709551615") && !is_prime("18446744073709551617"));
    assert!(
        ["0", "1", "-1", "-2", "-7", "-170141183460469231731687303715884105727"].iter().all(|n| !is_prime(n))
    );
    let (done, _) = run("kind = \"primes\"\ninput.numbers = [\"170141183460469231731687303715884105727\"]");
    assert_eq!(texts(&done), ["170141183460469231731687303715884105727 is very probably prime"]);
}

#[test]
fn products_of_large_primes_are_not_prime() {
    let mersenne = |exponent: u32| (num_bigint::BigUint::from(1_u8) << exponent) - 1_u8;
    for (p, q) in [(127, 89), (127, 127), (61, 61)] {
        assert!(!is_prime(&(mersenne(p) * mersenne(q)).to_string()), "(2^{p} - 1) (2^{q} - 1)");
    }
}

#[test]
fn published_counts_are_met() {
    assert_eq!(counted(0, 1_000_000), 78_498);
    assert_eq!(counted(0, 20_000_000), 1_270_607);
}

fn counted_one_by_one(from: u64, to: u64) -> u64 {
    (from..to).filter(|number| machine_prime::is_prime(*number)).count() as u64
}

#[test]
fn counts_agree_with_testing_each_number() {
    for (from, to) in [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 8),
        (2, 3),
        (7, 8),
        (8, 9),
        (13, 31),
        (29, 31),
        (30, 62),
        (121, 122),
        (0, 100_000),
        (15_728_639, 15_828_641),
        (9_999_999_999, 10_000_100_007),
    ] {
        assert_eq!(counted(from.into(), to.into()), counted_one_by_one(from, to), "from {from} to {to}");
    }
    let end = 1_u128 << 64;
    assert_eq!(counted(end - 1000, end), counted_one_by_one(u64::MAX - 999, u64::MAX));
    assert_eq!(counted(end - 1, end), 0);
}

#[test]
fn a_count_is_split_by_its_range_only_and_covers_it() {
    for (from, to) in
        [(0, 1 << 64), ((1 << 64) - 3_000_000, 1 << 64), (10_u128.pow(13), 10_u128.pow(13) + 10_u128.pow(9))]
    {
        let mut segments = super::Segments::new(from..to);
        let (total, mut payloads) = (segments.count(), Payloads::new());
        segments.next(1000, &mut payloads).unwrap();
        assert_eq!(payloads.len() as u64, total.min(1000), "from {from} to {to}");
        let first: u64 = u64::try_from(from).unwrap();
        assert_eq!(payloads.get(0).unwrap()[..8], first.to_le_bytes());
        if total <= 1000 {
            let last = u64::try_from(to - 1).unwrap();
            assert_eq!(payloads.get(total as usize - 1).unwrap()[8..], last.to_le_bytes());
        }
    }
}

#[test]
fn a_count_is_told_in_numbers_and_in_words() {
    let (done, combine) = run("kind = \"primes\"\nparams.count = true\ninput.range = { from = 20, to = 30 }");
    assert_eq!(done[0].input, "20..30");
    assert_eq!(done[0].json, r#"{"from":"20","to":"30","primes":2}"#);
    let mut combine = combine.unwrap();
    assert_eq!(combine.finish().unwrap(), json!({ "from": "20", "to": "30", "primes": 2 }));
    assert_eq!(combine.text().unwrap(), "there are 2 primes from 20 up to but not including 30");
    assert_eq!(combine.explain(), ["worker-1 counted 2 primes in 1 segments"]);
}

#[test]
fn a_count_with_a_segment_missing_is_no_count() {
    let toml = "kind = \"primes\"\nparams.count = true\ninput.range = { from = 0, to = 100_000_000 }";
    let (_, plan) = plan_in(Path::new("."), toml).unwrap();
    assert!(plan.combine.unwrap().finish().is_err());
}

#[test]
fn a_range_up_to_two_to_the_64_ends_there() {
    let end = 1_u128 << 64;
    let mut payloads = Payloads::new();
    let mut range = tasks::Numbers(end - 5..end);
    while range.next(2, &mut payloads).unwrap() {}
    let numbers: Vec<_> = payloads.iter().map(|payload| Number::read(payload).unwrap()).collect();
    assert_eq!(numbers, (u64::MAX - 4..=u64::MAX).map(Number::Small).collect::<Vec<_>>());
    let (_, plan) =
        plan_in(Path::new("."), &format!("kind = \"primes\"\ninput.range = {{ from = 0, to = \"{end}\" }}"))
            .unwrap();
    assert_eq!(plan.total, None, "2^64 tasks are one too many to count");
}

#[test]
fn a_file_gives_one_task_a_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("numbers.txt"), "# some\n2\n\n0036\n-5\n").unwrap();
    let (done, _) = run_in(folder.path(), "kind = \"primes\"\ninput.file = \"numbers.txt\"");
    assert_eq!(texts(&done), ["2 is prime", "36 is not prime", "-5 is not prime"]);
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let toml = "kind = \"primes\"\n[input]\nnumbers = [2, \"12x\",\n  1.5, true]\nfil = \"a\"\n[params]\nfactor = 1\n";
    assert_eq!(
        errors(toml),
        [
            "job.toml:7:10: `params.factor`: 1 is not true or false",
            "job.toml:3:15: `input.numbers[1]`: \"12x\" is not an integer",
            "job.toml:4:3: `input.numbers[2]`: 1.5 is not an integer",
            "job.toml:4:8: `input.numbers[3]`: true is not an integer",
            "job.toml:5:1: `input.fil`: is not a known key\n  did you mean `file`?",
        ]
        .join("\n")
    );
}

#[test]
fn an_input_that_gives_nothing_is_refused_with_a_way_out() {
    for (input, expected) in [
        ("", "job.toml: `input`: needs one of `numbers`, `range` and `file`"),
        ("input.numbers = []", "job.toml:2:17: `input.numbers`: is an empty list: there is nothing to do"),
        ("input.range = { from = 5, to = 5 }", "job.toml:2:15: `input.range`: is empty"),
        ("input.range = { from = 9, to = 5 }", "job.toml:2:15: `input.range`: ends before it begins"),
        ("input.range = { from = 9 }", "job.toml:2:15: `input.range.to`: is required"),
        ("input.range = { from = -9, to = 1 }", "job.toml:2:24: `input.range.from`: -9 is too small"),
        (
            "input.range = { from = 0, to = 18446744073709551617 }",
            "job.toml:2:32: `input.range.to`: 18446744073709551617 is too large",
        ),
        (
            "input.range = { from = 0, to = 9, step = 2 }",
            "job.toml:2:35: `input.range.step`: is not a known key",
        ),
        ("input.range = [1, 2]", "job.toml:2:15: `input.range`: a list is not a table"),
        ("input.numbers = 7", "job.toml:2:17: `input.numbers`: 7 is not a list"),
        ("input.file = \"none.txt\"", "job.toml:2:14: `input.file`: ./none.txt: can't be read: No such file"),
        ("input.file = \"/\"", "job.toml:2:14: `input.file`: /: is a folder: name a file in it"),
        ("input.file = 3", "job.toml:2:14: `input.file`: 3 is not text in quotes"),
    ] {
        let errors = errors(&format!("kind = \"primes\"\n{input}\n"));
        assert!(errors.starts_with(expected), "{input}: {errors}");
    }
}

#[test]
fn what_excludes_each_other_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "2\n").unwrap();
    let both = errors_in(folder.path(), "kind = \"primes\"\n[input]\nnumbers = [2]\nfile = \"a\"\n");
    assert!(both.starts_with("job.toml:4:8: `input.file`: stands beside `input.numbers`"), "{both}");
    let count = errors("kind = \"primes\"\ninput.numbers = [2]\n[params]\ncount = true\nfactor = true\n");
    assert!(count.contains("job.toml:4:9: `params.count`: needs `input.range`"), "{count}");
    assert!(count.contains("job.toml:5:10: `params.factor`: has no meaning"), "{count}");
}

#[test]
fn a_long_list_of_mistakes_is_cut_short() {
    let toml = format!("kind = \"primes\"\ninput.numbers = [{}]", "\"x\",".repeat(100_000));
    assert_eq!(errors(&toml).lines().count(), crate::spec::SpecErrors::ENOUGH);
}

#[test]
fn setups_payloads_and_values_of_others_are_refused() {
    for setup in [b"".as_slice(), &[3], &[2], &[2, 1], &[0, 0], &[2; 10]] {
        assert!(Primes.handler(setup).is_err() && Primes.presenter(setup).is_err(), "{setup:?}");
    }
    let presenter = Primes.presenter(&[1]).unwrap();
    let refused = |payload: &[u8], value: &[u8]| {
        let mut text = String::new();
        presenter.value(payload, value, &mut text).is_err()
            && presenter.text(payload, value, &mut text).is_err()
    };
    // 15 has the factor 3, and neither 0, 1, 2, 15 nor one after "prime".
    assert!(!refused(&[1, 15], &[0, 3]) && !refused(&[1, 15], &[0]));
    for value in [b"".as_slice(), &[2], &[0, 0], &[0, 1], &[0, 2], &[0, 15], &[1, 3], &[0, 3, 0], &[0; 12]] {
        assert!(refused(&[1, 15], value), "{value:?}");
    }
    assert!(refused(&[2, 15], &[1]) && refused(b"", &[1]));
    let counts = Primes.presenter(&[2, 99, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let mut text = String::new();
    let segment = [[10_u64, 19].map(u64::to_le_bytes).concat(), [19_u64, 10].map(u64::to_le_bytes).concat()];
    assert!(counts.value(&segment[0], &4_u64.to_le_bytes(), &mut text).is_ok());
    assert!(counts.value(&segment[0], &11_u64.to_le_bytes(), &mut text).is_err());
    assert!(counts.value(&segment[0], b"4", &mut text).is_err());
    assert!(counts.value(&segment[1], &0_u64.to_le_bytes(), &mut text).is_err());
}

#[test]
fn a_worker_refuses_a_segment_beyond_its_range() {
    let mut handler = Primes.handler(&[2, 99, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let mut run = |first: u64, last: u64| {
        let payload = [first, last].map(u64::to_le_bytes).concat();
        let context = Context { worker: "worker-1", link: None };
        handler.run(&Task { id: TaskId(0), attempt: 1, payload: &payload, context }, &mut Vec::new())
    };
    assert!(run(0, 99).is_ok());
    assert!(run(0, u64::MAX).is_err() && run(5, 4).is_err());
}
