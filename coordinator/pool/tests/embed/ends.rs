//! Every way of ending leaves nobody behind and nobody waiting.

use std::path::Path;
use std::time::Duration;

use unhurt::Pool;
use unhurt::pool::End;

use crate::harness::{Test, is_alive, wait_until};
use crate::tasks::{Behaviour, behave, double, whoami};

pub(crate) const TESTS: &[Test] = &[
    ("a_closed_pool_finishes_what_it_has_and_its_workers_take_their_pills", close),
    ("a_join_waits_for_all_tasks_and_the_pool_goes_on", join),
    ("a_shutdown_lets_running_tasks_finish_for_its_grace", shutdown),
    ("a_killed_pool_leaves_nobody_waiting", kill),
    ("a_dropped_pool_leaves_no_process", dropped),
    ("a_full_pool_says_so_and_holds_back_whoever_submits", full),
];

fn close() {
    let pool = Pool::builder().workers(2).function(double).unwrap();
    let handles: Vec<_> = (0..500_u64).map(|n| pool.submit(n).unwrap()).collect();
    assert!(pool.report().is_none());
    pool.close();
    assert!(pool.submit(1_u64).unwrap_err().is_closed());
    assert!(pool.map([1_u64]).next().unwrap().unwrap_err().is_closed());
    pool.join().unwrap();
    assert!(handles.iter().all(|handle| handle.try_get().unwrap().is_ok()));
    let report = pool.report().unwrap();
    assert_eq!((&report.end, report.counts.ok), (&End::Done, 500));
    assert!(report.workers.iter().all(|worker| worker.pills == 1 && !is_alive(worker.pid)), "{report:?}");
    assert_eq!((pool.stats().workers, pool.stats().died), (0, 0));
}

fn join() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("runs").display().to_string();
    let pool = Pool::builder().workers(2).function(behave).unwrap();
    pool.join().unwrap();
    let handles: Vec<_> = (0..100).map(|_| pool.submit(Behaviour::Ok).unwrap()).collect();
    pool.join().unwrap();
    assert!(handles.iter().all(unhurt::Handle::is_done));
    let endless = pool.submit(Behaviour::Hang(file)).unwrap();
    assert!(!pool.join_timeout(Duration::from_millis(1)).unwrap());
    endless.cancel();
    assert!(pool.join_timeout(Duration::from_secs(600)).unwrap());
}

fn shutdown() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().join(name).display().to_string();
    let builder = Pool::builder().workers(1).cancel_grace(Duration::from_secs(600));
    let pool = builder.function(behave).unwrap();
    let endless = pool.submit(Behaviour::Hang(file("endless"))).unwrap();
    wait_until("the task", || Path::new(&file("endless")).exists());
    let waiting = pool.submit(Behaviour::Ok).unwrap();
    pool.shutdown(Duration::from_millis(20));
    assert!(endless.wait().unwrap_err().is_cancelled());
    assert!(waiting.wait().unwrap_err().is_cancelled());
    assert_eq!(pool.report().unwrap().end, End::Stopped);
    assert!(pool.submit(Behaviour::Ok).unwrap_err().is_cancelled());
}

fn kill() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("runs").display().to_string();
    let pool = Pool::builder().workers(2).function(behave).unwrap();
    let endless = pool.submit(Behaviour::Hang(file.clone())).unwrap();
    wait_until("the task", || Path::new(&file).exists());
    let waiting = std::thread::spawn(move || endless.wait());
    let map = pool.clone();
    let mapping = std::thread::spawn(move || {
        map.map(std::iter::repeat(Behaviour::Ok)).find_map(Result::err).is_some_and(|e| e.is_cancelled())
    });
    wait_until("some results", || pool.stats().ok > 100);
    pool.kill();
    assert!(waiting.join().unwrap().unwrap_err().is_cancelled());
    assert!(mapping.join().unwrap(), "a map ends with its pool");
}

fn dropped() {
    let pool = Pool::builder().workers(2).function(whoami).unwrap();
    let pids: std::collections::BTreeSet<u32> = pool.map(0..200).map(Result::unwrap).collect();
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    let mut events = pool.events();
    drop(pool);
    assert!(pids.iter().all(|pid| !is_alive(*pid)), "{pids:?}");
    assert!(events.by_ref().count() < 100, "events end with their pool");
}

fn full() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("runs").display().to_string();
    let pool = Pool::builder().workers(1).capacity(3).function(behave).unwrap();
    let first = pool.submit(Behaviour::Hang(file)).unwrap();
    let rest: Vec<_> = (0..2).map(|_| pool.try_submit(Behaviour::Ok).unwrap()).collect();
    let error = pool.try_submit(Behaviour::Ok).unwrap_err();
    assert!(error.is_full(), "{error}");
    let patient = pool.clone();
    let late = std::thread::spawn(move || patient.submit(Behaviour::Ok).unwrap().wait());
    assert!(!late.is_finished(), "nothing has ended");
    first.cancel();
    assert!(late.join().unwrap().is_ok());
    rest.iter().for_each(|handle| assert!(handle.wait().is_ok()));
}
