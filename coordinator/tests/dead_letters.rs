//! The history of a task that failed for good, as the pool hands it to its sink.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use coordinator::outcome::{AttemptRecord, Failure, OutcomeBatch, Reason};
use coordinator::pool::{
    BatchSize, Control, End, Engine as _, Incoming, Limits, LocalWorkers, Offer, PoolOptions, PoolReport,
    Seams, Sink, Source, Supply, Work,
};

/// Payloads of the `faults` kind, handed over at once.
struct Behaviours(Vec<&'static str>);

impl Source for Behaviours {
    fn take(&mut self, _max: usize, into: &mut Incoming) -> Supply {
        if self.0.is_empty() {
            return Supply::End;
        }
        self.0.drain(..).for_each(|behaviour| into.payloads.push(behaviour.as_bytes()));
        Supply::Some
    }
}

/// Keeps every outcome by its task: none for a task that is well.
#[derive(Default)]
struct Kept(BTreeMap<u64, Option<Failure>>);

impl Sink for Kept {
    fn offer(&mut self, batch: OutcomeBatch) -> Offer {
        self.0.extend(batch.iter().map(|outcome| (outcome.task.0, outcome.result.err().cloned())));
        Offer::Taken(OutcomeBatch::new())
    }
}

/// The limit of a task that would never end.
const LIMIT: Duration = Duration::from_millis(700);

/// Runs the behaviours on two workers, with two attempts each. Only who has a limit can run into it, on however busy
/// a machine.
fn run(behaviours: Vec<&'static str>, timeout: Option<Duration>) -> (PoolReport, Vec<Option<Failure>>) {
    let options = PoolOptions {
        workers: NonZeroU32::new(2).unwrap(),
        batch: BatchSize::Fixed(NonZeroU32::MIN),
        retries: 1,
        retry_on: Reason::ALL.to_vec(),
        timeout,
        limits: Limits { memory: Some(1 << 30), ..Limits::default() },
        worker_program: Some(env!("CARGO_BIN_EXE_coordinator").into()),
        ..PoolOptions::default()
    };
    let work = Work { kind: "faults".into(), setup: Vec::new() };
    let (_control, controlled) = Control::new().unwrap();
    let mut sink = Kept::default();
    let seams = Seams { source: &mut Behaviours(behaviours), sink: &mut sink, observer: &mut () };
    let report = LocalWorkers.run(&options, &work, &controlled, seams).unwrap();
    (report, sink.0.into_values().collect())
}

/// What of a record does not differ between runs.
fn ends(record: &AttemptRecord) -> (u32, Reason, Option<i32>, Option<i32>) {
    (record.attempt, record.reason, record.signal, record.exit_code)
}

#[test]
fn a_dead_letter_tells_of_every_attempt() {
    let expected = [
        ("segfault", Reason::Signal, Some(11), None),
        ("abort", Reason::Signal, Some(6), None),
        ("exit:3", Reason::Exit, None, Some(3)),
        ("garbage", Reason::Protocol, Some(9), None),
        ("memory:2GiB", Reason::Memory, None, None),
        ("panic", Reason::Panic, None, None),
        ("error", Reason::Error, None, None),
        ("hang", Reason::Timeout, Some(9), None),
    ];
    let mut behaviours: Vec<_> = expected[..7].iter().map(|(behaviour, ..)| *behaviour).collect();
    behaviours.push("ok");
    let (report, mut outcomes) = run(behaviours, None);
    assert_eq!((report.end, report.counts.ok, report.counts.failed), (End::Done, 1, 7));
    assert_eq!((outcomes.len(), outcomes.pop()), (8, Some(None)));
    let (report, hung) = run(vec!["hang"], Some(LIMIT));
    assert_eq!((report.end, report.counts.failed, hung.len()), (End::Done, 1, 1));
    outcomes.extend(hung);
    for ((behaviour, reason, signal, code), failure) in expected.into_iter().zip(outcomes) {
        let failure = failure.unwrap_or_else(|| panic!("{behaviour} went well"));
        let history = &failure.history;
        assert_eq!(failure.reason, reason, "{behaviour}");
        assert_eq!(history.len(), 2, "{behaviour}: {history:#?}");
        assert_eq!(ends(&history[0]), (1, reason, signal, code), "{behaviour}: {history:#?}");
        assert_eq!(ends(&history[1]), (2, reason, signal, code), "{behaviour}: {history:#?}");
        assert_eq!(failure.message, history[1].message, "{behaviour}");
        for record in history {
            assert!((1..=2).contains(&record.worker) && record.pid > 1, "{behaviour}: {record:?}");
            assert!(!record.message.is_empty(), "{behaviour}");
        }
        let lives_on = matches!(reason, Reason::Error | Reason::Memory);
        assert!(lives_on || history[0].pid != history[1].pid, "{behaviour}: {history:#?}");
    }
}

#[test]
fn a_record_has_the_time_and_the_last_words() {
    let (_, hung) = run(vec!["hang"], Some(LIMIT));
    for record in &hung[0].as_ref().unwrap().history {
        assert!(record.micros >= 695_000, "{record:?}");
        assert!(record.message.contains("700ms"), "{record:?}");
    }
    let (_, overflown) = run(vec!["overflow"], None);
    for record in &overflown[0].as_ref().unwrap().history {
        let told = record.last_lines.iter().any(|line| line.contains("overflowed its stack"));
        assert!(told, "{record:?}");
    }
}
