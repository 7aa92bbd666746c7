//! Traces, written and read back.

use super::*;
use crate::outcome::{AttemptRecord, Reason};
use crate::queue::{Fate, KillReason, Leases};
use protocol::TaskId;
use serde_json::Value;

/// Writes a trace of these events and reads it back.
fn traced(tell: impl FnOnce(&mut dyn Observer)) -> (Value, u64, TraceEnd) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    let (file, mut observer) = TraceFile::start(&path, "a \"job\"").unwrap();
    tell(&mut *observer);
    assert!(!path.exists(), "it is there before it is whole");
    drop(observer);
    let end = file.finish().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), bytes.len() as u64, end)
}

fn events<'a>(trace: &'a Value, name: &str) -> Vec<&'a Value> {
    let all = trace["traceEvents"].as_array().unwrap();
    all.iter().filter(|event| event["name"] == name).collect()
}

const WORKER: WorkerId = WorkerId(1);

fn done(observer: &mut dyn Observer, at: u64, first: u64, count: u64) {
    let runs: Vec<_> = (first..first + count).map(|task| crate::testing::done(TaskId(task), 1)).collect();
    let busy = std::time::Duration::from_micros(count);
    let tasks = crate::pool::Done::new(&runs, busy);
    observer.on_event(Time(at), &PoolEvent::Done { worker: WORKER, tasks });
}

#[test]
fn everything_that_happens_to_a_worker_is_on_its_track() {
    let (trace, _, end) = traced(|observer| {
        let mut tell = |at, event: PoolEvent<'_>| observer.on_event(Time(at), &event);
        tell(1_000_000, PoolEvent::Started { worker: WORKER, incarnation: 1, pid: 77 });
        tell(2_000_000, PoolEvent::Greeted { worker: WORKER });
        tell(2_000_000, PoolEvent::Limited(Limit::Tasks));
        let tasks = [Leases::one(TaskId(7), 1)];
        tell(2_500_000, PoolEvent::Sent { worker: WORKER, tasks: &tasks });
        done(observer, 3_000_000, 7, 3);
        let mut tell = |at, event: PoolEvent<'_>| observer.on_event(Time(at), &event);
        tell(
            4_000_000,
            PoolEvent::Killed { worker: WORKER, pid: 77, reason: KillReason::Timeout(TaskId(9)) },
        );
        tell(
            4_100_000,
            PoolEvent::Died { worker: WORKER, pid: 77, orderly: false, how: "was \"killed\"\u{1b}" },
        );
        let mut record = AttemptRecord::new(1, 2, Reason::Timeout, "ran past\nthe limit".into());
        (record.pid, record.micros) = (77, 500);
        let fate = Fate::Failed;
        tell(4_200_000, PoolEvent::Failed { worker: WORKER, task: TaskId(9), record: &record, fate });
        tell(4_300_000, PoolEvent::Started { worker: WORKER, incarnation: 2, pid: 78 });
        tell(4_900_000, PoolEvent::Greeted { worker: WORKER });
    });
    let one = |name: &str| match events(&trace, name)[..] {
        [event] => event.clone(),
        _ => panic!("not one {name:?} in {trace:#}"),
    };
    assert_eq!(one("start")["ts"].as_f64(), Some(0.0));
    assert_eq!(one("start")["dur"].as_f64(), Some(1000.0));
    assert_eq!(one("restart")["args"]["pid"], 78);
    assert_eq!(one("batch")["args"]["tasks"], 3);
    // Three tasks of a microsecond, one after the other, the last of which ends with the report.
    let ends = ["task 7", "task 8", "task 9"].map(|name| one(name)["ts"].as_f64().unwrap());
    assert_eq!(ends, [1997.0, 1998.0, 1999.0]);
    assert_eq!(events(&trace, "wait").len(), 2);
    assert_eq!(one("task 9: failed (timeout)")["args"]["message"], "ran past\nthe limit");
    assert_eq!(one("died")["args"]["detail"], "was \"killed\"\u{1b}");
    assert_eq!((one("killed")["tid"].as_u64(), one("sent")["args"]["first"].as_u64()), (Some(2), Some(7)));
    assert_eq!(one("tasks")["tid"], 0);
    assert_eq!(end, TraceEnd { tasks: 3, recorded: 3, lost: 0 });
}

#[test]
fn a_million_tasks_stay_small_and_valid_and_are_said_to_be_sampled() {
    for each in [1, 500] {
        let (trace, bytes, end) = traced(|observer| {
            observer.on_event(Time(1), &PoolEvent::Started { worker: WORKER, incarnation: 1, pid: 1 });
            for batch in 0..1_000_000 / each {
                done(observer, (batch + 1) * 1_000_000, batch * each, each);
            }
        });
        assert!(bytes < 50_000_000, "{bytes} bytes");
        assert_eq!(end.tasks, 1_000_000);
        assert_eq!(trace["otherData"]["tasks_recorded"], end.recorded);
        let notes = trace["otherData"]["notes"].to_string();
        assert!(notes.contains("sampled: ") && end.recorded < 300_000, "{notes}");
        let named = events(&trace, "thread_name");
        assert!(named.iter().any(|event| event["args"]["name"] == "worker-2"), "{named:?}");
    }
}
