//! What nobody wants any more.

use std::path::Path;
use std::time::Duration;

use unhurt::{Handle, Pool};

use crate::harness::{Test, wait_until};
use crate::tasks::{Behaviour, behave};

pub(crate) const TESTS: &[Test] = &[
    ("a_task_that_has_not_begun_never_runs_once_it_is_cancelled", before_it_begins),
    ("a_running_task_that_is_cancelled_costs_its_worker_and_no_other_task", while_it_runs),
    ("a_task_that_has_ended_keeps_its_result", after_its_end),
    ("a_cancelled_task_has_its_grace_to_tidy_up", grace),
    ("thousands_of_tasks_can_be_cancelled", many),
];

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// A task that hangs, and runs.
    fn hang(&self, pool: &Pool<Behaviour, u64>, name: &str) -> Handle<u64> {
        let handle = pool.submit(Behaviour::Hang(self.file(name))).unwrap();
        wait_until("the task", || Path::new(&self.file(name)).exists());
        handle
    }
}

fn before_it_begins() {
    let place = Place::new();
    let pool = Pool::builder().workers(1).function(behave).unwrap();
    let blocker = place.hang(&pool, "blocker");
    let victims: Vec<_> =
        (0..20).map(|n| pool.submit(Behaviour::Hang(place.file(&format!("victim{n}")))).unwrap()).collect();
    let others: Vec<_> = (0..20).map(|_| pool.submit(Behaviour::Ok).unwrap()).collect();
    victims.iter().for_each(Handle::cancel);
    for victim in &victims {
        let error = victim.wait().unwrap_err();
        assert!(error.is_cancelled() && error.history().is_empty(), "{error}");
    }
    blocker.cancel();
    others.iter().for_each(|other| assert!(other.wait().is_ok()));
    for n in 0..20 {
        assert!(!Path::new(&place.file(&format!("victim{n}"))).exists(), "victim {n} ran");
    }
}

fn while_it_runs() {
    let place = Place::new();
    let pool = Pool::builder().workers(2).function(behave).unwrap();
    let (first, second) = (place.hang(&pool, "first"), place.hang(&pool, "second"));
    let others: Vec<_> = (0..200).map(|_| pool.submit(Behaviour::Ok).unwrap()).collect();
    first.cancel();
    let error = first.wait().unwrap_err();
    assert!(error.is_cancelled() && !error.is_crash(), "{error}");
    assert_eq!(error.history().len(), 1, "the attempt that was killed");
    others.iter().for_each(|other| assert!(other.wait().is_ok()));
    assert!(!second.is_done(), "only its own worker was killed");
    assert_eq!(pool.stats().died, 1);
    second.cancel();
    second.cancel();
    assert!(second.wait().unwrap_err().is_cancelled());
}

fn after_its_end() {
    let pool = Pool::builder().workers(1).function(behave).unwrap();
    let handle = pool.submit(Behaviour::Ok).unwrap();
    handle.wait().unwrap();
    handle.cancel();
    assert_eq!(handle.wait().unwrap(), 0);
    assert_eq!(pool.submit(Behaviour::Ok).unwrap().wait().unwrap(), 1);
    assert_eq!(pool.stats().died, 0);
}

fn grace() {
    let place = Place::new();
    let pool = Pool::builder().workers(1).cancel_grace(Duration::from_secs(600)).function(behave).unwrap();
    let polite = pool.submit(Behaviour::HangPolitely(place.file("polite"))).unwrap();
    wait_until("the task", || Path::new(&place.file("polite")).exists());
    polite.cancel();
    let error = polite.wait().unwrap_err();
    assert!(error.is_task_error() && error.to_string().contains("tidied up"), "{error}");
    assert_eq!(pool.stats().died, 0, "it ended by itself");
}

fn many() {
    let place = Place::new();
    let pool = Pool::builder().workers(2).function(behave).unwrap();
    let hangs = [place.hang(&pool, "a"), place.hang(&pool, "b")];
    let all: Vec<_> = (0..5000).map(|_| pool.submit(Behaviour::Ok).unwrap()).collect();
    let unwanted: Vec<_> = all.iter().step_by(2).collect();
    unwanted.iter().for_each(|handle| handle.cancel());
    hangs.iter().for_each(Handle::cancel);
    all.iter().skip(1).step_by(2).for_each(|handle| assert!(handle.wait().is_ok()));
    assert!(unwanted.iter().all(|handle| handle.wait().is_err_and(|error| error.is_cancelled())));
    pool.join().unwrap();
    assert_eq!(pool.stats().failed, 2502);
}
