use std::time::Duration;

use super::support::*;
use crate::outcome::{OutcomeBatch, Reason};
use crate::store::{Ended, Event, Purpose, RunEnd, RunState, Store, StoreError, Writer, WriterOptions};

#[test]
fn outcomes_come_back_in_input_order_as_they_went_in() {
    let place = Place::new();
    let mut store = place.open();
    let why = failure(Reason::Signal, 3);
    let mut mixed = good([9, 3, 4]);
    push_bad(&mut mixed, 5, &why);
    push_good(&mut mixed, 99);
    let run = stored(&mut store, [mixed, good([0, 7])], RunEnd::Finished);

    let seen = all(&store, &run);
    let order: Vec<_> = seen.iter().map(|outcome| outcome.task).collect();
    assert_eq!(order, [0, 3, 4, 5, 7, 9, 99]);
    for outcome in &seen {
        if outcome.task == 5 {
            assert_eq!(outcome.payload, b"payload 5");
            assert_eq!((outcome.attempts, outcome.worker, outcome.micros), (3, 2, 77));
            assert_eq!(outcome.result, Err(why.clone()));
        } else {
            assert!(outcome.payload.is_empty());
            assert_eq!((outcome.attempts, outcome.micros), (1, outcome.task % 200));
            assert_eq!(outcome.slow, outcome.task == 99);
            assert_eq!(outcome.result, Ok(value(outcome.task)));
        }
    }
    assert_eq!((run.ok, run.failed, run.state), (6, 1, RunState::Finished));
}

#[test]
fn the_first_outcome_of_a_task_stays() {
    let place = Place::new();
    let mut store = place.open();
    let why = failure(Reason::Error, 1);
    let mut twice = good([1]);
    push_bad(&mut twice, 1, &why);
    push_bad(&mut twice, 2, &why);
    push_good(&mut twice, 2);
    let run = stored(&mut store, [twice, good([1, 2, 3]), bad(3, &why)], RunEnd::Interrupted);
    assert_eq!((run.ok, run.failed), (2, 1));
    let good_ones: Vec<_> = all(&store, &run).iter().map(|outcome| outcome.result.is_ok()).collect();
    assert_eq!(good_ones, [true, false, true]);

    // Also over a resumption.
    let run = resumed(&mut store, &run, Purpose::Resume, vec![good([2]), bad(1, &why), good([4])]);
    assert_eq!((run.ok, run.failed), (3, 1));
    assert_eq!(tasks(&store, &run), [1, 2, 3, 4]);
}

#[test]
fn a_cancelled_task_has_no_outcome_and_is_left_to_a_resumption() {
    let place = Place::new();
    let mut store = place.open();
    let cancelled = bad(1, &failure(Reason::Cancelled, 0));
    let run = stored(&mut store, [good([0]), cancelled], RunEnd::Interrupted);
    assert_eq!((run.ok, run.failed), (1, 0));
    let run = resumed(&mut store, &run, Purpose::Resume, vec![good([1])]);
    assert_eq!(tasks(&store, &run), [0, 1]);
}

#[test]
fn what_was_sent_before_a_barrier_is_committed_when_it_returns() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let info = run.info.clone();
    // Without the barrier, the group would wait for an hour.
    let writer = start(&store, run, options(1000));
    send(&writer, good([0, 1]));
    send(&writer, good([2]));
    assert!(tasks(&place.open(), &info).is_empty());
    writer.barrier().unwrap();
    assert_eq!(tasks(&place.open(), &info), [0, 1, 2]);
    writer.finish(RunEnd::Finished, None).unwrap();
}

#[test]
fn a_small_group_is_committed_once_it_is_old_enough() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let info = run.info.clone();
    let writer = start(&store, run, WriterOptions { delay: Duration::from_millis(1), ..options(1_000_000) });
    send(&writer, good([0]));
    let reader = place.open();
    while tasks(&reader, &info).is_empty() {
        std::thread::yield_now();
    }
    drop(writer);
}

#[test]
fn who_sends_to_a_full_queue_waits_until_there_is_room_and_loses_nothing() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let info = run.info.clone();
    let writer = start(&store, run, WriterOptions { queue: 1, ..options(1) });
    (0..200).for_each(|task| send(&writer, good([task])));
    writer.finish(RunEnd::Finished, None).unwrap();
    assert_eq!(tasks(&store, &info), (0..200).collect::<Vec<_>>());
}

#[test]
fn a_batch_is_shared_with_the_store_and_goes_home_once_it_is_committed() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let writer = start(&store, run, options(1000));
    let (home, returned) = crossbeam_channel::bounded(1);
    let batch = crate::outcome::SharedBatch::lent(good(0..100), home);
    writer.send(batch.clone(), Vec::new()).unwrap();
    drop(batch);
    writer.finish(RunEnd::Finished, None).unwrap();
    assert!(returned.recv().unwrap().is_empty());
}

#[test]
fn events_counts_and_the_summary_are_stored_at_the_end() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let id = run.info.id.to_string();
    let writer = start(&store, run, options(1000));
    writer.set_planned(3);
    let death = Event { at: at(5), kind: "worker-died".to_owned(), detail: "worker-2: SIGSEGV".to_owned() };
    assert!(writer.note(death.clone()));
    send(&writer, good([0, 1]));
    send(&writer, bad(2, &failure(Reason::Exit, 1)));
    writer.finish(RunEnd::Finished, Some(&summary(&id))).unwrap();

    let run = store.find(&id).unwrap();
    assert_eq!((run.planned, run.ok, run.failed, run.total), (3, 2, 1, Some(10)));
    assert_eq!((run.state, run.wall, run.pid), (RunState::Finished, Duration::from_millis(1500), None));
    assert_eq!(run.finished, Some(noon()));
    let events = store.events(&run).unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["started", "worker-died", "finished"]);
    assert_eq!(events[1], death);
    let stored: crate::summary::Summary =
        serde_json::from_str(&store.details(&run).unwrap().summary.unwrap()).unwrap();
    assert_eq!(stored, summary(&id));
}

#[test]
fn a_dropped_writer_stores_what_it_has_and_leaves_the_run_interrupted() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let id = run.info.id.to_string();
    let writer = start(&store, run, options(1000));
    send(&writer, good(0..10));
    drop(writer);
    let run = store.find(&id).unwrap();
    assert_eq!((run.state, run.ok), (RunState::Interrupted, 10));
}

/// A writer that may not let the file grow past `pages`.
fn cramped(store: &Store, run: crate::store::ClaimedRun, pages: u32) -> Writer {
    let store = store.again().unwrap();
    store.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    Writer::start(store, run, options(1)).unwrap()
}

#[test]
fn a_full_disk_ends_the_writer_with_its_file_named_and_loses_nothing_that_was_committed() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let info = run.info.clone();
    let writer = cramped(&store, run, 40);
    let large = |task: u64| {
        let mut batch = OutcomeBatch::new();
        batch.push(crate::outcome::Outcome {
            task: protocol::TaskId(task),
            payload: &[],
            attempts: 1,
            worker: 1,
            micros: 1,
            slow: false,
            result: Ok(&[task as u8; 10_000]),
        });
        batch
    };
    let mut sent = 0;
    while writer.send(large(sent).into(), Vec::new()).is_ok() {
        sent += 1;
        // Either it is committed, or the writer has ended.
        if writer.barrier().is_err() {
            break;
        }
    }
    assert_eq!(writer.send(large(sent).into(), Vec::new()), Err(Ended));
    let error = writer.finish(RunEnd::Finished, None).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("runs.db: the disk is full"), "{error}");

    store.check().unwrap();
    let run = store.find(info.id.as_str()).unwrap();
    assert_eq!(run.state, RunState::Interrupted);
    let committed = sent - 1;
    assert!(committed > 3, "{committed}");
    assert_eq!(tasks(&store, &run), (0..committed).collect::<Vec<_>>());
    assert_eq!(run.ok, committed);
    // With room again, it goes on.
    let run = resumed(&mut store, &run, Purpose::Resume, (committed..30).map(large).collect());
    assert_eq!(tasks(&store, &run), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_run_that_was_taken_over_gets_nothing_more_from_its_old_writer() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let info = run.info.clone();
    let writer = start(&store, run, options(1));
    store.connection.execute("UPDATE runs SET owner_token = owner_token + 1", []).unwrap();
    send(&writer, good([0]));
    let error = writer.finish(RunEnd::Finished, None).unwrap_err();
    assert!(matches!(error, StoreError::Lost { .. }), "{error:?}");
    assert!(tasks(&store, &info).is_empty());
}

#[test]
fn two_runs_are_written_to_one_store_at_once() {
    let place = Place::new();
    let write = |offset: u64| {
        let mut store = place.open();
        let run = store.create_run(&new_run(), noon()).unwrap();
        let info = run.info.clone();
        let writer = start(&store, run, options(1));
        for first in (0..2000).step_by(20) {
            send(&writer, good((first..first + 20).map(|task| task + offset)));
        }
        writer.finish(RunEnd::Finished, None).unwrap();
        assert_eq!(tasks(&store, &info), (offset..offset + 2000).collect::<Vec<_>>());
        info.id
    };
    let ids = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|run| scope.spawn(move || write(run * 1000))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let store = place.open();
    store.check().unwrap();
    for id in ids {
        assert_eq!(store.find(id.as_str()).unwrap().ok, 2000);
    }
}

/// Bytes on disk for each of many tiny outcomes that are committed `group` at a time, the way two workers
/// return them.
fn bytes_per_outcome(group: u64, groups: u64) -> f64 {
    let place = Place::new();
    let mut store = place.open();
    let batches = (0..groups).map(|index| {
        let first = index * group;
        good((first..first + group).step_by(2).chain((first + 1..first + group).step_by(2)))
    });
    let run = stored(&mut store, batches, RunEnd::Finished);
    assert_eq!(run.ok, group * groups);
    drop(store);
    std::fs::metadata(place.path()).unwrap().len() as f64 / (group * groups) as f64
}

#[test]
fn a_tiny_outcome_takes_at_most_sixteen_bytes_on_disk() {
    // A thousand is the least that a busy run commits at once; twenty is 10 ms of 1 ms tasks on two workers.
    for (group, groups) in [(1000, 100), (20, 1000)] {
        let bytes = bytes_per_outcome(group, groups);
        println!("{bytes} bytes for each outcome in groups of {group}");
        assert!(bytes <= 16.0, "{bytes} bytes for each outcome in groups of {group}");
    }
}

#[test]
fn a_store_that_goes_or_is_replaced_while_it_is_written_ends_the_writer() {
    for gone in ["runs.db", "runs.db-wal"] {
        for replaced in [false, true] {
            let place = Place::new();
            let mut store = place.open();
            let run = store.create_run(&new_run(), noon()).unwrap();
            let writer = start(&store, run, options(1));
            send(&writer, good([0]));
            writer.barrier().unwrap();
            let file = place.directory.path().join(gone);
            std::fs::rename(&file, place.directory.path().join("aside")).unwrap();
            if replaced {
                std::fs::copy(place.directory.path().join("aside"), &file).unwrap();
            }
            send(&writer, good([1]));
            assert_eq!(writer.barrier(), Err(Ended), "{gone} {replaced}");
            let error = writer.finish(RunEnd::Finished, None).unwrap_err();
            assert!(matches!(error, StoreError::Gone { .. }) && !error.is_usage(), "{error}");
        }
    }
}
