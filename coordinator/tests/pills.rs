//! The orderly end: every worker has worked, takes exactly one pill and is not replaced.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::num::NonZeroU32;

use coordinator::outcome::OutcomeBatch;
use coordinator::pool::{
    Control, End, Engine as _, Incoming, LocalWorkers, Offer, PoolOptions, Seams, Sink, Source, Supply, Work,
};

/// So many tasks that are well.
struct Well(u32);

impl Source for Well {
    fn take(&mut self, max: usize, into: &mut Incoming) -> Supply {
        if self.0 == 0 {
            return Supply::End;
        }
        let count = self.0.min(u32::try_from(max).unwrap());
        (0..count).for_each(|_| into.payloads.push(b"ok"));
        self.0 -= count;
        Supply::Some
    }
}

/// Counts outcomes.
#[derive(Default)]
struct Count(usize);

impl Sink for Count {
    fn offer(&mut self, batch: OutcomeBatch) -> Offer {
        self.0 += batch.iter().filter(|outcome| outcome.result.is_ok()).count();
        Offer::Taken(OutcomeBatch::new())
    }
}

#[test]
fn every_worker_works_and_takes_exactly_one_pill() {
    let options = PoolOptions {
        workers: NonZeroU32::new(4).unwrap(),
        worker_program: Some(env!("CARGO_BIN_EXE_coordinator").into()),
        ..PoolOptions::default()
    };
    let work = Work { kind: "faults".into(), setup: Vec::new() };
    let (_control, controlled) = Control::new().unwrap();
    let mut sink = Count::default();
    let seams = Seams { source: &mut Well(256), sink: &mut sink, observer: &mut () };
    let report = LocalWorkers.run(&options, &work, &controlled, seams).unwrap();
    assert_eq!((&report.end, sink.0), (&End::Done, 256));
    for worker in &report.workers {
        assert_eq!((worker.pills, worker.incarnations), (1, 1), "{worker:?}");
        assert!(worker.tasks >= 1, "{worker:?}");
    }
}
