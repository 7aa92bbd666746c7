//! What can be seen of a pool from outside.

use unhurt::{Event, Pool, TaskId};

use protocol::observe::{Observation, Observer};

use crate::harness::Test;
use crate::tasks::{Behaviour, behave};

pub(crate) const TESTS: &[Test] = &[
    ("events_tell_of_starts_tasks_deaths_and_restarts_in_their_order", events),
    ("a_task_can_say_how_far_it_has_come_and_what_it_thinks", progress),
    ("a_watcher_that_does_not_look_loses_events_and_holds_nobody_up", lost),
    ("a_pool_can_be_observed_through_a_socket_until_it_ends", observed),
];

/// All that happens, a word each.
fn story(events: impl Iterator<Item = Event>) -> Vec<String> {
    let word = |event| match event {
        Event::Started { incarnation, .. } => format!("started {incarnation}"),
        Event::Died { orderly, .. } => format!("died {orderly}"),
        Event::Sent { tasks, .. } => format!("sent {}", tasks.len()),
        Event::Finished { tasks, .. } => format!("finished {}", tasks.len()),
        Event::Failed { task, again, .. } => format!("failed {task} {again}"),
        other => format!("{other:?}"),
    };
    events.map(word).collect()
}

fn events() {
    let pool = Pool::builder().workers(1).retries(1).function(behave).unwrap();
    pool.submit(Behaviour::Ok).unwrap().wait().unwrap();
    let events = pool.events();
    pool.submit(Behaviour::AbortUntil(2)).unwrap().wait().unwrap();
    pool.submit(Behaviour::Exit(1)).unwrap().wait().unwrap_err();
    pool.close();
    pool.join().unwrap();
    let told = story(events);
    let expected = [
        "sent 1",
        "died false",
        "failed 1 true",
        "started 2",
        "sent 1",
        "finished 1",
        "sent 1",
        "died false",
        "failed 2 true",
        "started 3",
        "sent 1",
        "died false",
        "failed 2 false",
    ];
    assert_eq!(told.get(..expected.len()), Some(expected.map(str::to_owned).as_slice()), "{told:?}");
}

fn progress() {
    let pool = Pool::builder().workers(1).function(behave).unwrap();
    let events = pool.events();
    let progress = pool.submit(Behaviour::Progress(1000)).unwrap();
    progress.wait().unwrap();
    pool.submit(Behaviour::Say("all is well".into())).unwrap().wait().unwrap();
    pool.close();
    pool.join().unwrap();
    let mut last = None;
    let mut lines = Vec::new();
    for event in events {
        match event {
            Event::Progress { task, done, total, .. } => {
                assert_eq!((task, total), (TaskId(0), 1000));
                assert!(last.is_none_or(|last| last < done), "progress goes on");
                last = Some(done);
            }
            Event::Printed { line, .. } => lines.push(line),
            _ => {}
        }
    }
    assert_eq!(last, Some(1000));
    assert_eq!(lines, ["all is well"]);
}

fn lost() {
    let pool = Pool::builder()
        .workers(1)
        .batch(unhurt::pool::BatchSize::Fixed(std::num::NonZeroU32::MIN))
        .function(behave)
        .unwrap();
    let events = pool.events();
    let ok = pool.map((0..10_000).map(|_| Behaviour::Ok)).filter(Result::is_ok).count();
    assert_eq!(ok, 10_000);
    // Room for one more: the count of what was lost comes with the next event.
    let first = events.try_next();
    assert!(first.is_some());
    let read = std::iter::from_fn(|| events.try_next()).take(8000).count();
    assert_eq!(read, 8000);
    pool.submit(Behaviour::Ok).unwrap().wait().unwrap();
    let lost: u64 = std::iter::from_fn(|| events.try_next())
        .map(|event| if let Event::Lost(lost) = event { lost } else { 0 })
        .sum();
    assert!(lost > 1000, "{lost}");
}

fn observed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool.sock");
    let builder = Pool::builder().workers(1).retries(0).observe(&path);
    let pool = builder.clone().function(behave).unwrap();
    assert!(builder.function(behave).unwrap_err().to_string().contains("another run is observed there"));
    let mut observer = Observer::connect(&path).unwrap();
    assert_eq!(observer.run().workers, 1);
    pool.submit(Behaviour::Ok).unwrap().wait().unwrap();
    pool.submit(Behaviour::Exit(1)).unwrap().wait().unwrap_err();
    pool.close();
    pool.join().unwrap();
    assert!(!path.exists());
    let (mut failed, mut end) = (Vec::new(), None);
    for observation in observer.by_ref().map(Result::unwrap) {
        match observation {
            Observation::Failed { task, reason, .. } => failed.push((task, reason)),
            Observation::End(ending) => end = Some((ending.ok, ending.failed, ending.exit_code)),
            _ => {}
        }
    }
    assert_eq!((failed, end), (vec![(TaskId(1), "exit".to_owned())], Some((1, 1, None))));
}
