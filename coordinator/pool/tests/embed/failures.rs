//! What goes wrong harms nothing but itself, and is told.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use unhurt::Pool;
use unhurt::outcome::Reason;

use crate::harness::Test;
use crate::tasks::{Behaviour, Sick, abort_at, behave, double, whoami};

pub(crate) const TESTS: &[Test] = &[
    ("an_error_answers_what_went_wrong_and_tells_of_every_attempt", predicates),
    ("a_task_that_takes_too_long_is_killed_and_tried_again", timeout),
    ("of_tasks_that_abort_exactly_those_fail", aborts),
    ("a_state_that_cannot_be_made_breaks_the_pool_in_a_sentence", broken_state),
    ("a_worker_of_another_version_is_refused_in_a_sentence_that_names_both", other_version),
    ("a_worker_program_that_is_not_there_breaks_the_pool", no_program),
    ("a_crash_costs_one_process_and_the_next_takes_its_place", replaced),
];

fn predicates() {
    let pool = Pool::builder().workers(1).retries(1).function(behave).unwrap();
    let fail = |behaviour| pool.submit(behaviour).unwrap().wait().unwrap_err();
    let panic = fail(Behaviour::Panic);
    assert!(panic.is_panic() && panic.to_string().contains("as told at "), "{panic}");
    assert_eq!(panic.history().len(), 1, "it would only come again");
    let crash = fail(Behaviour::Abort);
    assert!(crash.is_crash() && !crash.is_timeout() && !crash.is_panic(), "{crash}");
    let signals: Vec<_> = crash.history().iter().map(|attempt| attempt.signal).collect();
    assert_eq!(signals, [Some(6), Some(6)]);
    let exit = fail(Behaviour::Exit(3));
    assert!(exit.is_crash());
    assert_eq!(exit.failure().unwrap().reason, Reason::Exit);
    assert_eq!(
        pool.submit(Behaviour::AbortUntil(2)).unwrap().wait().unwrap(),
        2,
        "the second attempt counts"
    );
}

fn timeout() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("runs").display().to_string();
    let limit = Duration::from_millis(500);
    let pool = Pool::builder().workers(1).timeout(limit).retries(2).function(behave).unwrap();
    let error = pool.submit(Behaviour::Hang(file)).unwrap().wait().unwrap_err();
    assert!(error.is_timeout() && !error.is_crash(), "{error}");
    assert_eq!(error.history().len(), 3);
    assert!(error.to_string().contains("500ms"), "{error}");
    assert_eq!(pool.submit(Behaviour::Ok).unwrap().wait().unwrap(), 1);
}

fn aborts() {
    let pool = Pool::builder().workers(2).retries(0).function(abort_at).unwrap();
    let handles: Vec<_> = (1..=10_000_u64).map(|n| (n, pool.submit((n, 1000)).unwrap())).collect();
    let failed: Vec<u64> = handles
        .into_iter()
        .filter_map(|(n, handle)| match handle.wait() {
            Ok(value) => {
                assert_eq!(value, n);
                None
            }
            Err(error) => {
                assert!(error.is_crash(), "{n}: {error}");
                Some(n)
            }
        })
        .collect();
    assert!(failed.into_iter().eq((1..=10).map(|n| n * 1000)));
}

fn broken_state() {
    let pool = Pool::builder().workers(1).task_type::<Sick>(&()).unwrap();
    let error = pool.submit(()).and_then(|handle| handle.wait()).unwrap_err();
    assert!(error.is_broken() && error.to_string().contains("there is no medicine"), "{error}");
    assert!(pool.join().unwrap_err().is_broken());
    assert!(pool.try_submit(()).unwrap_err().is_broken());
    assert!(pool.map([()]).next().unwrap().unwrap_err().is_broken());
}

/// A built program of this workspace.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join(name);
    assert!(path.exists(), "{} is not built: run `cargo build --workspace --bins`", path.display());
    path
}

fn other_version() {
    let place = tempfile::tempdir().unwrap();
    let script = place.path().join("worker");
    let (turns, hostile) = (place.path().join("turns"), program("hostile"));
    std::fs::create_dir(&turns).unwrap();
    let (turns, hostile) = (turns.display(), hostile.display());
    let text = format!("#!/bin/sh\nHOSTILE_SIN=version HOSTILE_TURNS={turns} exec {hostile} \"$@\"\n");
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let began = protocol::monotonic_nanos();
    let pool = Pool::builder().workers(1).worker_program(script).function(double).unwrap();
    let error = pool.submit(1_u64).and_then(|handle| handle.wait()).unwrap_err();
    println!("refused after {} ms", (protocol::monotonic_nanos() - began) / 1_000_000);
    let sentence = error.to_string();
    assert!(error.is_broken(), "{error}");
    let version = |version| format!("version {version}");
    let ours = version(protocol::PROTOCOL_VERSION);
    assert!(sentence.contains(&ours) && sentence.matches("version ").count() >= 2, "{sentence}");
}

fn no_program() {
    let pool = Pool::builder().workers(1).worker_program("/nowhere/worker").function(double).unwrap();
    let error = pool.submit(1_u64).and_then(|handle| handle.wait()).unwrap_err();
    assert!(error.is_broken(), "{error}");
}

fn replaced() {
    let pool = Pool::builder().workers(1).function(whoami).unwrap();
    let first = pool.submit(0_u32).unwrap().wait().unwrap();
    assert_eq!(pool.submit(0_u32).unwrap().wait().unwrap(), first);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(first).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    crate::harness::wait_until("the next process", || pool.stats().started == 2);
    assert_ne!(pool.submit(0_u32).unwrap().wait().unwrap(), first);
}
