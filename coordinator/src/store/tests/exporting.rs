use std::fs;

use rusqlite::Connection;

use super::support::*;
use crate::outcome::Reason;
use crate::store::{ExportError, RunEnd, Shown};

#[test]
fn an_export_is_a_plain_database_with_a_row_for_each_outcome() {
    let place = Place::new();
    let mut store = place.open();
    let why = failure(Reason::Signal, 2);
    let run = stored(&mut store, [good([0, 2]), bad(1, &why)], RunEnd::Finished);
    let target = place.directory.path().join("run.sqlite");
    fs::write(&target, "an older export").unwrap();
    store
        .export_sqlite(&run, &target, |outcome| {
            let value = outcome.result.ok().map(|value| format!("{{\"length\":{}}}", value.len()));
            Ok(Some(Shown { input: Some(format!("n{}", outcome.task)), value }))
        })
        .unwrap();
    let export = Connection::open(&target).unwrap();
    let rows = |sql: &str| {
        let mut statement = export.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let outcomes = "SELECT concat_ws('|', id, input, ok, value, reason, message, attempts, worker, micros, slow) FROM outcomes";
    assert_eq!(
        rows(outcomes),
        [
            "0|n0|1|{\"length\":0}|1|worker-1|0|0",
            "1|n1|0|signal|failed 2 times|2|worker-2|77|0",
            "2|n2|1|{\"length\":2}|1|worker-1|2|0",
        ]
    );
    assert_eq!(rows("SELECT value ->> 'length' || '' FROM outcomes WHERE ok ORDER BY id"), ["0", "2"]);
    let attempts =
        "SELECT concat_ws('|', id, number, attempt, pid, reason, signal, last_lines ->> 0) FROM attempts";
    assert_eq!(
        rows(attempts),
        ["1|1|1|4001|signal|11|thread 'main' panicked", "1|2|2|4002|signal|11|thread 'main' panicked"]
    );
    assert_eq!(rows("SELECT job || ok || failed || created FROM run"), ["primes212023-11-14 22:13:20"]);
}

#[test]
fn an_export_may_leave_outcomes_out() {
    let place = Place::new();
    let mut store = place.open();
    let run = stored(&mut store, [good([0, 2]), bad(1, &failure(Reason::Exit, 1))], RunEnd::Finished);
    let target = place.directory.path().join("failed.sqlite");
    let failed = |outcome: &crate::outcome::Outcome<'_>| Ok(outcome.result.is_err().then(Shown::default));
    store.export_sqlite(&run, &target, failed).unwrap();
    let export = Connection::open(&target).unwrap();
    let ids: i64 =
        export.query_row("SELECT sum(id) + 100 * count(*) FROM outcomes", [], |row| row.get(0)).unwrap();
    assert_eq!(ids, 101);
}

#[test]
fn an_export_that_fails_leaves_no_file_and_keeps_the_old_one() {
    let place = Place::new();
    let mut store = place.open();
    let run = stored(&mut store, [good([0, 1])], RunEnd::Finished);
    let target = place.directory.path().join("run.sqlite");
    fs::write(&target, "an older export").unwrap();
    let refuse = |outcome: &crate::outcome::Outcome<'_>| match outcome.task.0 {
        0 => Ok(Some(Shown::default())),
        _ => Err("not a prime's value".to_owned()),
    };
    let error = store.export_sqlite(&run, &target, refuse).unwrap_err();
    assert!(matches!(error, ExportError::Value { task: 1, .. }), "{error:?}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "an older export");
    assert!(!place.directory.path().join("run.sqlite.partial").exists());

    let nowhere = place.directory.path().join("no/such/run.sqlite");
    assert!(store.export_sqlite(&run, &nowhere, |_| Ok(None)).is_err());
}

#[test]
fn an_export_of_a_run_whose_outcomes_are_not_all_there_fails() {
    let place = Place::new();
    let mut store = place.open();
    let run = stored(&mut store, [good(0..10), good(10..20)], RunEnd::Finished);
    store.connection.execute("DELETE FROM blocks WHERE first = 10", []).unwrap();
    let mut outcomes = store.outcomes(&run);
    while outcomes.next().unwrap().is_some() {}
    let lacking = outcomes.check_all_there().unwrap_err().to_string();
    assert!(lacking.contains("has 20 outcomes by its row, and 10 are there"), "{lacking}");
    let target = place.directory.path().join("export.db");
    assert!(store.export_sqlite(&run, &target, |_| Ok(None)).is_err());
    assert!(!target.exists());
}
