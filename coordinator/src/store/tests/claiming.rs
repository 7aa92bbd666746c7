use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use protocol::TaskId;
use rustix::fs::inotify;

use super::support::*;
use crate::store::{
    Fingerprint, InputFile, NewRun, PayloadHash, Purpose, Reader, RunEnd, RunState, StoreError,
};

#[test]
fn a_run_at_work_is_refused_to_others_with_its_owner() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    assert_eq!(run.info.state, RunState::Running);
    assert_eq!(run.info.pid, Some(std::process::id()));

    let mut other = place.open();
    let error = other.claim(&run.info, Purpose::Resume, noon()).map(drop).unwrap_err();
    let StoreError::Alive { pid, .. } = error else { panic!("{error:?}") };
    assert_eq!(pid, Some(std::process::id()));
    assert!(error.to_string().contains(&format!("by process {}", std::process::id())), "{error}");
    assert_eq!(other.newest_unfinished().unwrap(), None);
}

#[test]
fn a_run_whose_owner_is_gone_is_interrupted_and_can_be_claimed() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let info = run.info.clone();
    // As a death would, this lets go of the lock and of nothing else.
    drop(run);
    let unfinished = store.newest_unfinished().unwrap().unwrap();
    assert_eq!((unfinished.state, unfinished.pid), (RunState::Interrupted, None));
    assert_eq!(unfinished.id, info.id);
    let again = store.claim(&unfinished, Purpose::Resume, at(7)).unwrap();
    assert_eq!(again.info.state, RunState::Running);
    assert_eq!(again.info.updated, at(7));
    let kinds: Vec<_> = store.events(&again.info).unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["started", "resumed"]);
}

/// Tells of every look at who has which run.
fn looks_at_locks(place: &Place) -> OwnedFd {
    let mut locks = place.path().into_os_string();
    locks.push("-locks");
    let looks = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&looks, &locks, inotify::WatchFlags::OPEN).unwrap();
    looks
}

#[test]
fn a_lock_that_follows_its_dead_owner_late_keeps_nobody_out() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let info = run.info.clone();
    // The owner is dead, and something still has a copy of its lock.
    let sql = "UPDATE runs SET owner_start = owner_start + 1";
    rusqlite::Connection::open(place.path()).unwrap().execute(sql, []).unwrap();
    let looks = looks_at_locks(&place);
    let copy = std::thread::spawn(move || {
        // Who looks a second time has found it taken the first time, and waits.
        let mut buffer = [MaybeUninit::uninit(); 64];
        let mut looks = inotify::Reader::new(looks, &mut buffer);
        (0..2).for_each(|_| assert!(looks.next().is_ok()));
        drop(run);
    });
    let unfinished = store.newest_unfinished().unwrap().unwrap();
    assert_eq!((&unfinished.id, unfinished.state), (&info.id, RunState::Interrupted));
    copy.join().unwrap();
    store.claim(&info, Purpose::Resume, at(7)).unwrap();
}

#[test]
fn of_many_who_claim_a_run_at_once_one_gets_it() {
    let place = Place::new();
    let run = stored(&mut place.open(), [good([1])], RunEnd::Interrupted);
    let claims = std::thread::scope(|scope| {
        let claim = || place.open().claim(&run, Purpose::Resume, noon());
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1);
    let refused = claims.iter().filter(|claim| matches!(claim, Err(StoreError::Alive { .. })));
    assert_eq!(refused.count(), 7);
}

#[test]
fn a_finished_writer_lets_go_of_its_run() {
    let place = Place::new();
    let mut store = place.open();
    let run = stored(&mut store, [good([1])], RunEnd::Interrupted);
    assert_eq!(run.pid, None);
    let claimed = store.claim(&run, Purpose::Resume, noon()).unwrap();
    assert_eq!(claimed.done.len(), 1);
}

#[test]
fn what_a_run_was_made_from_comes_back() {
    let place = Place::new();
    let mut store = place.open();
    let input = |name: &str, sha256, reader| InputFile {
        name: name.to_owned(),
        size: 3,
        modified_ns: -5,
        changed_ns: Some(8),
        sha256,
        reader,
    };
    let reader = Reader { task: TaskId(3), payload: PayloadHash::of(b"a.png") };
    let inputs = vec![input("a.png", Some([7; 32]), Some(reader)), input("b.png", None, None)];
    let new = NewRun {
        fingerprint: Fingerprint { job_text: "kind = \"images\"".to_owned(), inputs },
        parent: Some("older".parse().unwrap()),
        ..new_run()
    };
    let run = store.create_run(&new, noon()).unwrap();
    let details = store.details(&run.info).unwrap();
    assert_eq!(details.fingerprint, new.fingerprint);
    assert_eq!(details.overrides, new.overrides);
    assert_eq!(details.job_path, new.job_path);
    assert_eq!((details.setup, details.options), (new.setup, new.options));
    assert_eq!(details.summary, None);
    assert_eq!(run.info.parent, new.parent);
    assert_eq!((run.info.created, run.info.updated, run.info.finished), (noon(), noon(), None));
}

#[test]
fn an_id_that_is_taken_is_refused() {
    let place = Place::new();
    let mut store = place.open();
    let new = NewRun { id: Some("nightly".parse().unwrap()), ..new_run() };
    let run = store.create_run(&new, noon()).unwrap();
    assert_eq!(run.info.id.as_str(), "nightly");
    let error = store.create_run(&new, noon()).map(drop).unwrap_err();
    assert!(matches!(&error, StoreError::Exists { id } if id == "nightly"), "{error:?}");
}

#[test]
fn a_run_that_another_has_finished_in_the_meantime_is_not_resumed() {
    let place = Place::new();
    let mut store = place.open();
    let seen_before = stored(&mut store, [good([1])], RunEnd::Interrupted);
    resumed(&mut store, &seen_before, Purpose::Resume, vec![good([2])]);
    let late = store.claim(&seen_before, Purpose::Resume, noon()).map(drop);
    assert!(matches!(late, Err(StoreError::Finished { .. })), "{late:?}");
    assert_eq!(store.find(seen_before.id.as_str()).unwrap().state, RunState::Finished);
    assert!(store.claim(&seen_before, Purpose::Retry, noon()).is_ok());
}

#[test]
fn a_run_whose_place_another_takes_is_passed_over_until_it_is_named() {
    let place = Place::new();
    let mut store = place.open();
    let old = stored(&mut store, [good([1])], RunEnd::Interrupted);
    let new = NewRun { parent: Some(old.id.clone()), ..new_run() };
    let alive = store.claim(&old, Purpose::Resume, noon()).unwrap();
    let refused = store.create_run(&new, noon()).map(drop);
    assert!(matches!(refused, Err(StoreError::Alive { .. })), "{refused:?}");
    assert_eq!(store.runs(None).unwrap().len(), 1);
    drop(alive);
    let new = store.create_run(&new, noon()).unwrap().info;
    assert_eq!(store.find(old.id.as_str()).unwrap().replaced_by, Some(new.id.clone()));
    assert_eq!(store.newest_unfinished().unwrap().map(|run| run.id), Some(new.id.clone()));
    stored_as(&mut store, &new, RunEnd::Finished);
    assert_eq!(store.newest_unfinished().unwrap(), None);
    let again = store.claim(&old, Purpose::Resume, noon()).unwrap();
    assert_eq!(again.info.replaced_by, None);
    // A run that has finished keeps its place, whoever comes after it.
    store.create_run(&NewRun { parent: Some(new.id.clone()), ..new_run() }, noon()).unwrap();
    assert_eq!(store.find(new.id.as_str()).unwrap().replaced_by, None);
}

fn stored_as(store: &mut crate::store::Store, run: &crate::store::RunInfo, end: RunEnd) {
    let claimed = store.claim(run, Purpose::Resume, noon()).unwrap();
    start(store, claimed, options(1)).finish(end, None).unwrap();
}
