//! Many tasks from many threads, with few files and little memory.
//!
//! `EMBED_TASKS` says how many; what is promised is a million.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use unhurt::Pool;

use crate::harness::Test;
use crate::tasks::{abort_at, double};

pub(crate) const TESTS: &[Test] = &[
    ("submissions_from_four_threads_are_all_answered_in_flat_memory_with_256_files", submissions),
    ("of_many_mapped_tasks_exactly_those_that_abort_fail", aborts),
];

fn tasks(otherwise: u64) -> u64 {
    std::env::var("EMBED_TASKS").map_or(otherwise, |text| text.parse().unwrap())
}

/// Resident memory, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn submissions() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 256, hard).unwrap();
    let pool = Pool::builder().workers(2).function(double).unwrap();
    let each = tasks(100_000) / 4;
    let began = protocol::monotonic_nanos();
    let peaks: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let pool = &pool;
                scope.spawn(move || submit(pool, thread, each))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let seconds = (protocol::monotonic_nanos() - began) as f64 / 1e9;
    let (early, late) = peaks.into_iter().fold((0, 0), |sum, peak| (sum.0.max(peak.0), sum.1.max(peak.1)));
    println!("{} tasks in {seconds:.2} s, {early} KiB early, {late} KiB late", 4 * each);
    pool.join().unwrap();
    assert_eq!((pool.stats().ok, pool.stats().failed), (4 * each, 0));
    assert!(late < early + (16 << 10), "memory grew from {early} KiB to {late} KiB");
}

/// Submits tasks and reads answers, some way behind; returns the memory in the first fifth, and after.
fn submit(pool: &Pool<u64, u64>, thread: u64, each: u64) -> (u64, u64) {
    let mut waiting = std::collections::VecDeque::new();
    let (mut early, mut late) = (0, 0);
    for n in 0..each {
        let input = thread * each + n;
        waiting.push_back((input, pool.submit(input).unwrap()));
        if waiting.len() > 2000 {
            let (input, handle) = waiting.pop_front().unwrap();
            assert_eq!(handle.wait().unwrap(), 2 * input);
        }
        if n.is_multiple_of(1000) {
            let peak = if n < each / 5 { &mut early } else { &mut late };
            *peak = resident_kib().max(*peak);
        }
    }
    for (input, handle) in waiting {
        assert_eq!(handle.wait().unwrap(), 2 * input);
    }
    (early, late)
}

fn aborts() {
    let count = tasks(30_000);
    let pool = Pool::builder().workers(2).retries(0).function(abort_at).unwrap();
    let began = protocol::monotonic_nanos();
    let mut failed = 0;
    for (n, result) in (1..).zip(pool.map((1..=count).map(|n| (n, 1000)))) {
        match result {
            Ok(value) => assert_eq!(value, n),
            Err(error) => {
                assert!(n % 1000 == 0 && error.is_crash(), "{n}: {error}");
                failed += 1;
            }
        }
    }
    println!("{count} tasks in {:.2} s", (protocol::monotonic_nanos() - began) as f64 / 1e9);
    assert_eq!(failed, count / 1000);
}
