//! Digests of runs short and long.

use super::*;
use crate::pool::Done;
use crate::testing;
use protocol::TaskId;

fn done(chronicle: &mut Chronicle, at: Duration, worker: u32, micros: &[u64]) {
    let runs: Vec<_> = micros.iter().map(|micros| testing::done(TaskId(0), *micros)).collect();
    let busy = Duration::from_micros(micros.iter().sum());
    let tasks = Done::new(&runs, busy);
    let worker = WorkerId(worker);
    chronicle.on_event(Time(at.as_nanos() as u64), &PoolEvent::Done { worker, tasks });
}

fn begun() -> Chronicle {
    let mut chronicle = Chronicle::default();
    let started = PoolEvent::Started { worker: WorkerId(0), incarnation: 1, pid: 1 };
    chronicle.on_event(Time(1), &started);
    chronicle
}

#[test]
fn busy_time_lies_where_it_was_spent() {
    let mut chronicle = begun();
    done(&mut chronicle, Duration::from_millis(35), 0, &[20_000]);
    let digest = chronicle.digest();
    assert_eq!(digest.slot_seconds, 0.01);
    assert_eq!(digest.busy, [vec![0, 50, 100, 49]]);
    assert_eq!(digest.ok, [0, 0, 0, 1]);
}

#[test]
fn a_digest_is_small_however_long_the_run() {
    let mut chronicle = begun();
    for minute in 1..=10_000 {
        done(&mut chronicle, Duration::from_secs(60 * minute), (minute % 100) as u32, &[30_000_000, 5]);
    }
    let digest = chronicle.digest();
    assert!(digest.ok.len() <= SLOTS && digest.busy.len() == ROWS && digest.more_workers == 36);
    assert_eq!(digest.ok.iter().sum::<u64>(), 20_000);
    assert_eq!(digest.histogram.iter().sum::<u64>(), 20_000);
    assert_eq!(digest.longest_micros, 30_000_000);
    let text = serde_json::to_string(&digest).unwrap();
    assert!(text.len() < 64 * 1024, "{} bytes", text.len());
    assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
}

#[test]
fn a_time_is_counted_between_its_floor_and_the_next() {
    for micros in (0..100_000).chain([u64::MAX / 2, u64::MAX - 1, 1 << 40]) {
        let place = histogram_place(micros);
        assert!(histogram_floor(place) <= micros, "{micros} at {place}");
        assert!(micros < histogram_floor(place + 1), "{micros} at {place}");
    }
}
