//! Lazy in, lazy out.

use std::sync::atomic::{AtomicBool, Ordering};

use unhurt::Pool;
use unhurt::pool::Order;

use crate::harness::{Test, wait_until};
use crate::tasks::{Behaviour, abort_at, behave, double, half};

pub(crate) const TESTS: &[Test] = &[
    ("a_map_returns_results_in_the_order_of_its_inputs", in_order),
    ("a_map_takes_inputs_without_end_and_no_further_ahead_than_it_may", lazy),
    ("an_unordered_map_returns_each_result_once_with_its_number", unordered),
    ("a_failed_task_is_an_error_in_its_place_and_the_others_go_on", failures),
    ("a_fold_is_the_same_for_any_number_of_workers", fold),
    ("a_fold_ends_at_the_first_failure", fold_ends),
    ("a_map_that_is_dropped_lets_the_next_one_have_the_workers", dropped),
    ("the_counts_of_a_pool_add_up_at_every_moment", counts),
];

fn in_order() {
    let pool = Pool::builder().workers(3).function(double).unwrap();
    let results: Result<Vec<u64>, _> = pool.map(0..50_000).collect();
    assert!(results.unwrap().into_iter().eq((0..50_000).map(|n| 2 * n)));
    assert_eq!(pool.map(std::iter::empty::<u64>()).count(), 0);
    let as_they_come = Pool::builder().workers(3).order(Order::Completion).function(double).unwrap();
    let mut results: Vec<u64> = as_they_come.map(0..5000).map(Result::unwrap).collect();
    results.sort_unstable();
    assert!(results.into_iter().eq((0..5000).map(|n| 2 * n)));
}

fn lazy() {
    let pool = Pool::builder().workers(2).function(double).unwrap();
    let mut taken = 0_u64;
    let inputs = (0_u64..).inspect(|_| taken += 1);
    let sum: u64 = pool.map(inputs).take(10_000).map(Result::unwrap).sum();
    assert_eq!(sum, 9_999 * 10_000);
    assert!(taken < 10_000 + 3 * 2 * 4 * 4096, "{taken} inputs taken for 10,000 results");
}

fn unordered() {
    let pool = Pool::builder().workers(3).function(double).unwrap();
    let mut seen = vec![false; 30_000];
    for (number, result) in pool.map_unordered(0..30_000) {
        assert_eq!(result.unwrap(), 2 * number);
        let place = &mut seen[usize::try_from(number).unwrap()];
        assert!(!std::mem::replace(place, true), "{number} came twice");
    }
    assert!(seen.into_iter().all(|seen| seen));
}

fn failures() {
    let pool = Pool::builder().workers(2).function(half).unwrap();
    for (n, result) in (0..1000_u64).zip(pool.map(0..1000)) {
        match result {
            Ok(half) => assert_eq!(2 * half, n),
            Err(error) => {
                assert!(n % 2 == 1 && error.is_task_error(), "{n}: {error}");
                assert_eq!(error.to_string(), format!("error: {n} is odd"));
            }
        }
    }
    let crashing = Pool::builder().workers(2).retries(0).function(abort_at).unwrap();
    let results = crashing.map((1..=60).map(|n| (n, 20)));
    let failed: Vec<u64> = (1..)
        .zip(results)
        .filter_map(|(n, result)| result.is_err_and(|e| e.is_crash()).then_some(n))
        .collect();
    assert_eq!(failed, [20, 40, 60]);
}

fn fold() {
    let inputs = || (1..5000_u64).map(|n| n * n + 7);
    let sum = |workers| {
        let pool = Pool::builder().workers(workers).function(double).unwrap();
        pool.map_reduce(inputs(), 0.0_f64, |sum, n| sum / 3.0 + 1.0 / n as f64).unwrap()
    };
    let alone = inputs().fold(0.0_f64, |sum, n| sum / 3.0 + 1.0 / (2 * n) as f64);
    assert_eq!(sum(1).to_bits(), alone.to_bits());
    assert_eq!(sum(4).to_bits(), alone.to_bits());
}

fn fold_ends() {
    let pool = Pool::builder().workers(2).function(half).unwrap();
    let error =
        pool.map_reduce((0..).map(|n| if n == 77 { 77 } else { 2 * n }), 0, |a, b| a + b).unwrap_err();
    assert_eq!(error.to_string(), "error: 77 is odd");
}

fn dropped() {
    let pool = Pool::builder().workers(2).function(double).unwrap();
    for _ in 0..20 {
        assert_eq!(pool.map(5..).next().unwrap().unwrap(), 10);
    }
    pool.join().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.unfinished, stats.submitted), (0, stats.ok + stats.failed));
}

fn counts() {
    let pool = Pool::builder().workers(2).function(half).unwrap();
    let adds_up = || {
        let stats = pool.stats();
        assert_eq!(stats.submitted, stats.unfinished + stats.ok + stats.failed, "{stats:?}");
        stats
    };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // One looks all the time, others as their results come.
        scope.spawn(|| {
            let mut last = adds_up();
            while !over.load(Ordering::SeqCst) {
                let stats = adds_up();
                assert!(
                    stats.submitted >= last.submitted && stats.ok >= last.ok && stats.failed >= last.failed
                );
                last = stats;
            }
        });
        for (n, result) in (0..20_000_u64).zip(pool.map(0..20_000)) {
            assert_eq!(result.is_ok(), n % 2 == 0);
            if n % 64 == 0 {
                let stats = adds_up();
                assert!(stats.ok + stats.failed > n, "what has come has ended: {stats:?}");
            }
        }
        for n in 0..500 {
            let handle = pool.submit(n).unwrap();
            if n % 3 == 0 {
                handle.cancel();
            }
            adds_up();
        }
        pool.map(5..).next();
        over.store(true, Ordering::SeqCst);
    });
    pool.join().unwrap();
    assert_eq!(adds_up().unfinished, 0);
    let hanging = Pool::builder().workers(1).function(behave).unwrap();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("runs");
    for _ in 0..10 {
        hanging.submit(Behaviour::Hang(file.display().to_string())).unwrap();
    }
    wait_until("the task", || file.exists());
    hanging.kill();
    let _ = hanging.join();
    let stats = hanging.stats();
    assert_eq!((stats.submitted, stats.unfinished, stats.ok, stats.failed), (10, 0, 0, 10));
}
