use proptest::prelude::*;
use protocol::TaskId;

use super::support::*;
use crate::outcome::Reason;
use crate::store::{Purpose, RunEnd, RunState, StoreError};

#[test]
fn an_empty_run_has_no_outcomes() {
    let place = Place::new();
    let mut store = place.open();
    let run = stored(&mut store, [], RunEnd::Finished);
    assert!(all(&store, &run).is_empty());
    assert!(store.done(&run).unwrap().is_empty());
    assert!(store.dead_letters(&run, TaskId(0), 10).unwrap().is_empty());
}

#[test]
fn stragglers_and_runs_of_many_blocks_are_merged() {
    let place = Place::new();
    let mut store = place.open();
    // Task 0 ends last; the rest in strides that overlap and cross a block's natural end.
    let batches = (1..8).map(|start| good((start..70_000).step_by(7))).chain([good([0])]);
    let run = stored(&mut store, batches, RunEnd::Finished);
    let expected: Vec<_> = (0..70_000).collect();
    assert_eq!(tasks(&store, &run), expected);
    let done = store.done(&run).unwrap();
    assert_eq!((done.len(), done.first_missing(TaskId(0))), (70_000, Some(TaskId(70_000))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn whatever_the_order_of_commits_reading_is_in_input_order(
        order in Just((0..150_u64).collect::<Vec<_>>()).prop_shuffle(),
        cuts in prop::collection::vec(1..30_usize, 1..20),
    ) {
        let place = Place::new();
        let mut store = place.open();
        let why = failure(Reason::Panic, 1);
        let mut rest = order.as_slice();
        let mut batches = Vec::new();
        for &cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            let mut batch = good(now.iter().copied().filter(|task| task % 10 != 0).map(|task| task * 1000));
            now.iter().filter(|task| *task % 10 == 0).for_each(|task| push_bad(&mut batch, task * 1000, &why));
            batches.push(batch);
            rest = later;
            if rest.is_empty() { break; }
        }
        let run = stored(&mut store, batches, RunEnd::Finished);
        let seen = all(&store, &run);
        let expected: Vec<_> = (0..150).map(|task| task * 1000).collect();
        prop_assert_eq!(seen.iter().map(|outcome| outcome.task).collect::<Vec<_>>(), expected);
        for outcome in seen {
            match outcome.result {
                Ok(stored) => prop_assert_eq!(stored, value(outcome.task)),
                Err(stored) => prop_assert_eq!(stored, why.clone()),
            }
        }
        prop_assert_eq!((run.ok, run.failed), (135, 15));
    }
}

#[test]
fn dead_letters_come_in_pages_with_payload_and_history() {
    let place = Place::new();
    let mut store = place.open();
    let why = failure(Reason::Signal, 2);
    let run = stored(&mut store, (0..200).map(|task| bad(task * 2, &why)), RunEnd::Finished);
    let page = store.dead_letters(&run, TaskId(3), 2).unwrap();
    assert_eq!(page.iter().map(|letter| letter.task.0).collect::<Vec<_>>(), [4, 6]);
    assert_eq!(page[0].payload, b"payload 4");
    assert_eq!(page[0].failure, why);
    assert_eq!(tasks(&store, &run).len(), 200);
    assert!(store.dead_letters(&run, TaskId(u64::MAX), 2).unwrap().is_empty());
}

#[test]
fn a_retry_replaces_dead_letters_and_keeps_their_history() {
    let place = Place::new();
    let mut store = place.open();
    let (first, second) = (failure(Reason::Timeout, 2), failure(Reason::Memory, 1));
    let run =
        stored(&mut store, [good([0]), bad(1, &first), bad(2, &first), bad(3, &first)], RunEnd::Finished);

    let claimed = store.claim(&run, Purpose::Retry, noon()).unwrap();
    assert_eq!(claimed.done.first_missing(TaskId(0)), Some(TaskId(1)));
    assert_eq!(claimed.done.len(), 1);
    drop(claimed);

    // Task 3 is not reached: its dead letter stays. Task 0 is good and can't be replaced.
    let run = resumed(&mut store, &run, Purpose::Retry, vec![good([1]), bad(2, &second), bad(0, &second)]);
    assert_eq!((run.ok, run.failed), (2, 2));
    let seen = all(&store, &run);
    assert_eq!(
        seen.iter().map(|outcome| outcome.result.is_ok()).collect::<Vec<_>>(),
        [true, true, false, false]
    );
    let Err(merged) = &seen[2].result else { panic!("task 2 failed") };
    assert_eq!(merged.reason, Reason::Memory);
    let reasons: Vec<_> = merged.history.iter().map(|attempt| attempt.reason).collect();
    assert_eq!(reasons, [Reason::Timeout, Reason::Timeout, Reason::Memory]);
    assert_eq!(seen[3].result, Err(first));
    assert_eq!(run.state, RunState::Finished);
}

#[test]
fn a_block_that_was_tampered_with_is_an_error_that_names_it() {
    let place = Place::new();
    let mut store = place.open();
    let run = stored(&mut store, [good(0..100), good(100..200)], RunEnd::Interrupted);
    let garble = "UPDATE blocks SET data = CAST(substr(data, 1, length(data) - 9) || x'ff' || substr(data, -8) AS BLOB) \
                  WHERE first = 100";
    assert_eq!(store.connection.execute(garble, []).unwrap(), 1);
    let mut outcomes = store.outcomes(&run);
    for _ in 0..100 {
        assert!(outcomes.next().unwrap().is_some());
    }
    for error in [
        outcomes.next().map(drop).unwrap_err(),
        store.claim(&run, Purpose::Resume, noon()).map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(
            error.to_string().contains("the block of task 100: a block's checksum does not fit"),
            "{error}"
        );
    }
}

#[test]
fn a_block_in_another_blocks_place_is_refused() {
    let place = Place::new();
    let mut store = place.open();
    let run = stored(&mut store, [good(0..100)], RunEnd::Finished);
    store.connection.execute("UPDATE blocks SET first = 1", []).unwrap();
    assert!(matches!(store.outcomes(&run).next(), Err(StoreError::Corrupt { .. })));
}

#[test]
fn rows_that_make_no_sense_are_errors() {
    let place = Place::new();
    let mut store = place.open();
    let run = stored(&mut store, [bad(0, &failure(Reason::Exit, 1))], RunEnd::Finished);
    for change in [
        "UPDATE attempts SET last_lines = 'no json'",
        "UPDATE attempts SET last_lines = '[]', signal = 1 << 40",
        "UPDATE failures SET reason = 'boredom'",
        "UPDATE failures SET reason = 'exit', task = -5",
    ] {
        store.connection.execute(change, []).unwrap();
        let error = store.dead_letters(&run, TaskId(0), 1);
        let hidden = change.contains("-5") && error.as_ref().is_ok_and(Vec::is_empty);
        assert!(hidden || matches!(error, Err(StoreError::Corrupt { .. })), "{change}: {error:?}");
    }
    store.connection.execute("UPDATE runs SET ok = -1", []).unwrap();
    assert!(matches!(store.runs(None), Err(StoreError::Corrupt { .. })));
}
