use super::support::*;
use crate::store::{NewRun, RunEnd, Store, StoreError};

fn named(store: &mut Store, id: &str, millis: u64) {
    let new = NewRun { id: Some(id.parse().unwrap()), ..new_run() };
    store.create_run(&new, at(millis)).unwrap();
}

fn ids(store: &Store, limit: Option<u32>) -> Vec<String> {
    store.runs(limit).unwrap().into_iter().map(|run| run.id.to_string()).collect()
}

#[test]
fn runs_are_listed_newest_first_whatever_the_clock_said() {
    let place = Place::new();
    let mut store = place.open();
    for (id, millis) in [("b", 20), ("c", 10), ("a", 30), ("same", 30)] {
        named(&mut store, id, millis);
    }
    assert_eq!(ids(&store, None), ["same", "a", "c", "b"]);
    assert_eq!(ids(&store, Some(2)), ["same", "a"]);
}

#[test]
fn a_run_is_found_by_its_id_or_by_any_beginning_that_only_it_has() {
    let place = Place::new();
    let mut store = place.open();
    for (id, millis) in [("abc", 1), ("abcd", 2), ("abx", 3), ("b-1", 4), ("b~", 5)].into_iter().take(4) {
        named(&mut store, id, millis);
    }
    let found = |name: &str| store.find(name).map(|run| run.id.to_string());
    assert_eq!(found("abc").unwrap(), "abc");
    assert_eq!(found("abcd").unwrap(), "abcd");
    assert_eq!(found("abx").unwrap(), "abx");
    assert_eq!(found("b").unwrap(), "b-1");
    let Err(StoreError::Ambiguous { candidates, .. }) = found("ab") else { panic!("found one") };
    assert_eq!(candidates, ["abx", "abcd", "abc"]);
    for nothing in ["", "c", "ABC", "abce", "%", "a%", "_", "'"] {
        assert!(matches!(found(nothing), Err(StoreError::NoSuchRun { .. })), "{nothing:?}");
    }
}

#[test]
fn made_ids_are_found_by_their_beginning_too() {
    let place = Place::new();
    let mut store = place.open();
    let first = store.create_run(&new_run(), at(0)).unwrap().info.id;
    let second = store.create_run(&new_run(), at(60_000)).unwrap().info.id;
    assert!(first < second);
    assert_eq!(store.find(&second.as_str()[..8]).unwrap().id, second);
    assert!(matches!(store.find(&first.as_str()[..4]), Err(StoreError::Ambiguous { .. })));
}

#[test]
fn the_runs_of_a_job_are_found_by_its_path_but_not_those_that_are_alive_or_mixed() {
    let place = Place::new();
    let mut store = place.open();
    let older = stored(&mut store, [], RunEnd::Finished);
    let newer = stored(&mut store, [], RunEnd::Interrupted);
    let alive = store.create_run(&new_run(), noon()).unwrap();
    let runs = |store: &crate::store::Store| store.runs_of("jobs/primes.toml".as_ref()).unwrap();
    assert_eq!(runs(&store), [newer.clone(), older]);
    assert_eq!(store.runs_of("jobs/other.toml".as_ref()).unwrap(), []);
    store.note_mixed(&alive).unwrap();
    drop(alive);
    assert_eq!(runs(&store)[0], newer);
}
