//! What goes in comes out, typed.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use unhurt::{Handle, Pool, TaskId};

use crate::harness::{Test, wait_until};
use crate::tasks::{Behaviour, Shop, behave, double, echo};

pub(crate) const TESTS: &[Test] = &[
    ("a_submitted_task_has_its_result", submit),
    ("a_result_can_be_asked_for_in_every_way", ways_to_ask),
    ("a_state_is_made_once_in_each_worker_from_the_config", state),
    ("a_task_knows_itself", context),
    ("results_of_all_sizes_come_whole", sizes),
    ("a_pool_is_used_from_many_threads", threads),
    ("a_handle_is_a_future", future),
    ("a_function_that_workers_would_not_know_is_refused_at_once", unknown_function),
];

fn submit() {
    let pool = Pool::builder().workers(2).function(double).unwrap();
    let handles: Vec<Handle<u64>> = (0..100_u64).map(|n| pool.submit(n).unwrap()).collect();
    for (n, handle) in (0..).zip(&handles) {
        assert_eq!(handle.wait().unwrap(), 2 * n);
        assert_eq!(handle.id(), Some(TaskId(n)));
    }
    pool.join().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.submitted, stats.ok, stats.failed, stats.unfinished), (100, 100, 0, 0));
}

fn ways_to_ask() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("runs").display().to_string();
    let pool = Pool::builder().workers(1).function(behave).unwrap();
    let quick = pool.submit(Behaviour::Ok).unwrap();
    assert_eq!(quick.wait_timeout(Duration::from_secs(60)).unwrap().unwrap(), 0);
    assert_eq!(quick.try_get().unwrap().unwrap(), 0);
    assert_eq!(quick.wait().unwrap(), 0, "it can be asked for again");
    let endless = pool.submit(Behaviour::Hang(file.clone())).unwrap();
    wait_until("the task", || std::fs::exists(&file).unwrap());
    assert!(endless.try_get().is_none() && !endless.is_done());
    assert!(endless.wait_timeout(Duration::from_millis(1)).is_none());
}

fn state() {
    let prices = vec![("tea".to_owned(), 3), ("cake".to_owned(), 5)];
    let pool = Pool::builder().workers(1).task_type::<Shop>(&prices).unwrap();
    let ask = |name: &str| pool.submit(name.to_owned()).unwrap().wait().unwrap();
    assert_eq!(ask("tea"), (Some(3), 1));
    assert_eq!(ask("cake"), (Some(5), 2));
    assert_eq!(ask("beer"), (None, 3));
}

fn context() {
    let pool = Pool::builder().workers(1).timeout(Duration::from_secs(600)).function(behave).unwrap();
    assert_eq!(pool.submit(Behaviour::Ok).unwrap().wait().unwrap(), 0);
    assert_eq!(pool.submit(Behaviour::Ok).unwrap().wait().unwrap(), 1, "its number");
    assert_eq!(pool.submit(Behaviour::AbortUntil(3)).unwrap().wait().unwrap(), 3, "its attempt");
    assert_eq!(pool.submit(Behaviour::Limit).unwrap().wait().unwrap(), 1);
    let unlimited = Pool::builder().workers(1).function(behave).unwrap();
    assert_eq!(unlimited.submit(Behaviour::Limit).unwrap().wait().unwrap(), 0);
}

fn sizes() {
    let pool = Pool::builder().workers(2).function(echo).unwrap();
    for length in [0, 1, 250, 251, 40_000, 49_000] {
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        assert_eq!(pool.submit(&bytes).unwrap().wait().unwrap(), bytes, "{length}");
    }
    // Too long for a message.
    for length in [50_000, 3_000_000] {
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        assert_eq!(pool.submit(&bytes).unwrap().wait().unwrap(), bytes, "{length}");
    }
    let mixed = [10, 50_000, 20, 400_000, 400_000, 0].map(|length| vec![7_u8; length]);
    let results: Result<Vec<_>, _> = pool.map(&mixed).collect();
    assert_eq!(results.unwrap(), mixed);
}

fn threads() {
    let pool = Pool::builder().workers(2).function(double).unwrap();
    std::thread::scope(|scope| {
        for part in 0..4_u64 {
            let pool = pool.clone();
            scope.spawn(move || {
                let results = pool.map(1000 * part..1000 * (part + 1));
                for (n, result) in (1000 * part..).zip(results) {
                    assert_eq!(result.unwrap(), 2 * n);
                    if n.is_multiple_of(100) {
                        assert_eq!(pool.submit(n).unwrap().wait().unwrap(), 2 * n);
                    }
                }
            });
        }
    });
    assert_eq!(pool.stats().ok, 4040);
}

/// Counts how often it was woken.
#[derive(Default)]
struct Alarm(AtomicU32);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls when woken, and at no other time.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(Arc::clone(&alarm));
    loop {
        let rung = alarm.0.load(Ordering::SeqCst);
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        wait_until("a call to be woken", || alarm.0.load(Ordering::SeqCst) != rung);
    }
}

fn future() {
    let pool = Pool::builder().workers(1).capacity(2).function(double).unwrap();
    let answers = async {
        let mut handles = Vec::new();
        for n in 0..50 {
            handles.push(pool.submit_async(n).await.unwrap());
        }
        let mut sum = 0;
        for handle in handles {
            sum += handle.await.unwrap();
        }
        sum
    };
    assert_eq!(block_on(answers), 49 * 50);
}

fn unknown_function() {
    fn stranger(n: u64) -> u64 {
        n
    }
    let error = Pool::builder().workers(1).function(stranger).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("stranger"), "{error}");
    let error = Pool::builder().workers(0).function(double).unwrap_err();
    assert!(error.is_usage(), "{error}");
}
