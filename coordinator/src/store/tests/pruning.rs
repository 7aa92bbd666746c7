use std::fs;

use super::support::*;
use crate::outcome::Reason;
use crate::store::{NewRun, Prune, Purpose, RunEnd, RunInfo, Store, StoreError};

fn ids(runs: &[RunInfo]) -> Vec<&str> {
    runs.iter().map(|run| run.id.as_str()).collect()
}

fn named(store: &mut Store, id: &str, millis: u64) {
    let new = NewRun { id: Some(id.parse().unwrap()), ..new_run() };
    drop(store.create_run(&new, at(millis)).unwrap());
}

/// Five runs, ten milliseconds after each other, of which only `c` can be resumed.
fn five(store: &mut Store) {
    for (id, millis) in [("a", 10), ("b", 20), ("c", 30), ("d", 40), ("e", 50)] {
        named(store, id, millis);
    }
    store.connection.execute("UPDATE runs SET state = 'finished' WHERE id != 'c'", []).unwrap();
}

#[test]
fn rules_protect_together_and_what_can_be_resumed_stays_unless_it_is_named() {
    let place = Place::new();
    let mut store = place.open();
    five(&mut store);
    let old = |store: &Store, keep, interrupted, runs: &[&str]| {
        let runs = runs.iter().map(|id| id.parse().unwrap()).collect();
        let prune = Prune { older_than: Some(at(45)), keep, interrupted, runs };
        ids(&store.prunable(&prune).unwrap()).join("")
    };
    assert_eq!(old(&store, None, false, &[]), "dba");
    assert_eq!(old(&store, Some(3), false, &[]), "ba", "no union");
    assert_eq!(old(&store, Some(5), false, &[]), "");
    assert_eq!(old(&store, None, true, &[]), "dcba");
    assert_eq!(old(&store, Some(3), false, &["c", "e"]), "ecba", "what is named goes");
    let newest = Prune { keep: Some(1), ..Prune::default() };
    assert_eq!(ids(&store.prunable(&newest).unwrap()), ["d", "b", "a"]);
    let none = Prune { interrupted: true, ..Prune::default() };
    assert!(store.prunable(&none).unwrap().is_empty(), "that is no rule");
}

#[test]
fn runs_are_pruned_by_age_number_or_name() {
    let place = Place::new();
    let mut store = place.open();
    five(&mut store);
    let runs = vec!["d".parse().unwrap()];
    let prune = Prune { older_than: Some(at(25)), keep: Some(3), runs, ..Prune::default() };
    let pruned = store.prune(&prune).unwrap();
    assert_eq!(ids(&pruned.removed), ["d", "b", "a"]);
    assert!(pruned.alive.is_empty());
    assert_eq!(ids(&store.runs(None).unwrap()), ["e", "c"]);
    assert_eq!(store.prune(&Prune::default()).unwrap().removed, []);
}

#[test]
fn a_run_at_work_is_not_pruned() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let all = Prune { keep: Some(0), ..Prune::default() };
    let pruned = store.prune(&all).unwrap();
    assert_eq!((pruned.removed.len(), ids(&pruned.alive)), (0, vec![run.info.id.as_str()]));
    let writer = start(&store, run, options(1));
    send(&writer, good([1]));
    writer.finish(RunEnd::Finished, None).unwrap();
    assert_eq!(store.prune(&all).unwrap().removed.len(), 1);
}

#[test]
fn pruning_leaves_other_runs_alone_and_gives_the_room_back() {
    let place = Place::new();
    let mut store = place.open();
    let why = failure(Reason::Signal, 3);
    let kept = stored(&mut store, [good(0..50), bad(50, &why)], RunEnd::Finished);
    store.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let small = fs::metadata(place.path()).unwrap().len();
    let batches = (0..60).map(|first| good(first * 5000..first * 5000 + 5000));
    let gone = stored(
        &mut store,
        batches.chain((0..2500).map(|task| bad(1_000_000 + task, &why)).take(40)),
        RunEnd::Finished,
    );
    let pruned = store.prune(&Prune { runs: vec![gone.id.clone()], ..Prune::default() }).unwrap();
    assert_eq!(ids(&pruned.removed), [gone.id.as_str()]);
    for table in ["blocks", "failures", "attempts", "inputs", "outputs", "events"] {
        let sql = format!("SELECT count(*) FROM {table} WHERE run = {}", gone.key);
        let left: i64 = store.connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    assert_eq!(tasks(&store, &kept), (0..51).collect::<Vec<_>>());
    store.check().unwrap();
    assert!(fs::metadata(place.path()).unwrap().len() <= small + 8 * 4096);
}

#[test]
fn a_prune_that_was_stopped_is_completed_by_the_next() {
    let place = Place::new();
    let mut store = place.open();
    let run = stored(&mut store, [good(0..50)], RunEnd::Finished);
    store.connection.execute("UPDATE runs SET state = 'deleting'", []).unwrap();
    assert!(store.runs(None).unwrap().is_empty());
    assert!(matches!(store.find(run.id.as_str()), Err(StoreError::NoSuchRun { .. })));
    let claimed = store.claim(&run, Purpose::Resume, noon()).map(drop);
    assert!(matches!(claimed, Err(StoreError::NoSuchRun { .. })), "{claimed:?}");
    store.prune(&Prune::default()).unwrap();
    let rows: i64 = store
        .connection
        .query_row("SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM blocks)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 0);
}
