//! Every observation byte for byte. Where one of these must change, so must [`OBSERVE_VERSION`].

use super::*;
use crate::TaskId;

fn hex(frame: &[u8]) -> String {
    // Without the frame's length.
    frame.iter().skip(4).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn greets(greeting: &Greeting, golden: &str) {
    let frame = greeting.to_frame();
    assert_eq!(hex(&frame), golden);
    assert_eq!(&Greeting::decode(&frame[4..]).unwrap(), greeting);
}

#[track_caller]
fn tells(observation: &Observation, golden: &str) {
    let frame = observation.to_frame();
    assert_eq!(hex(&frame), golden);
    assert_eq!(Observation::decode(&frame[4..]).as_ref(), Ok(observation));
}

#[test]
fn golden_version() {
    assert_eq!(OBSERVE_VERSION, 1, "new goldens for a new version");
}

#[test]
fn golden_greeting() {
    let run = RunInfo {
        run_id: "1hkz3q".into(),
        job: "night".into(),
        kind: "primes".into(),
        workers: 2,
        planned: Some(300),
    };
    greets(
        &Greeting::Run(run),
        "43 4f 4f 52 44 4f 42 53 01 00 00 00 00 06 31 68 6b 7a 33 71 05 6e 69 67 68 74 06 70 72 69 6d 65 73 02 01 fb 2c 01",
    );
    greets(&Greeting::Full { observers: 32 }, "43 4f 4f 52 44 4f 42 53 01 00 00 00 01 20");
}

#[test]
fn golden_snapshot() {
    let worker =
        |name: &str, incarnation, state| WorkerView { name: name.into(), pid: 7, incarnation, state };
    let running = WorkerState::Running { task: TaskId(300), attempt: 2, seconds: 1.5 };
    tells(
        &Observation::Snapshot(Snapshot {
            elapsed_seconds: 0.5,
            planned: None,
            skipped: 1,
            ok: 2,
            failed: 3,
            retried: 4,
            restarts: 5,
            running: 1,
            tasks_per_second: Some(2.0),
            remaining_seconds: None,
            workers: vec![
                worker("a", 1, WorkerState::Starting),
                worker("b", 1, WorkerState::Waiting),
                worker("c", 2, running),
                worker("d", 3, WorkerState::Gone),
            ],
        }),
        "00 00 00 00 00 00 00 e0 3f 00 01 02 03 04 05 01 01 00 00 00 00 00 00 00 40 00 04 01 61 07 01 00 01 62 07 01 01 01 63 07 02 02 fb 2c 01 02 00 00 00 00 00 00 f8 3f 01 64 07 03 03",
    );
}

#[test]
fn golden_started() {
    tells(
        &Observation::Started { worker: "worker-1".into(), pid: 4711, incarnation: 2 },
        "01 08 77 6f 72 6b 65 72 2d 31 fb 67 12 02",
    );
}

#[test]
fn golden_died() {
    tells(
        &Observation::Died { worker: "worker-1".into(), pid: 4711, orderly: false, how: "no".into() },
        "02 08 77 6f 72 6b 65 72 2d 31 fb 67 12 00 02 6e 6f",
    );
}

#[test]
fn golden_failed() {
    let (reason, message) = ("exit".to_owned(), "no".to_owned());
    tells(
        &Observation::Failed { task: TaskId(300), reason, message, attempts: 3 },
        "03 fb 2c 01 04 65 78 69 74 02 6e 6f 03",
    );
}

#[test]
fn golden_slow() {
    tells(
        &Observation::Slow { worker: "worker-1".into(), task: TaskId(300) },
        "04 08 77 6f 72 6b 65 72 2d 31 fb 2c 01",
    );
}

#[test]
fn golden_interrupted() {
    tells(&Observation::Interrupted { at_once: true }, "05 01");
}

#[test]
fn golden_lost() {
    tells(&Observation::Lost { events: 300 }, "06 fb 2c 01");
}

#[test]
fn golden_end() {
    let workers = vec![WorkerEnding {
        name: "worker-1".into(),
        pid: 4711,
        incarnations: 2,
        tasks: 300,
        busy_seconds: 1.5,
    }];
    tells(
        &Observation::End(Ending {
            exit_code: Some(1),
            interrupted: false,
            planned: 300,
            ok: 298,
            failed: 2,
            retried: 4,
            skipped: 1,
            restarts: 3,
            wall_seconds: 2.0,
            cpu_seconds: 3.0,
            tasks_per_second: 149.5,
            workers,
        }),
        "07 01 01 00 fb 2c 01 fb 2a 01 02 04 01 03 00 00 00 00 00 00 00 40 00 00 00 00 00 00 08 40 00 00 00 00 00 b0 62 40 01 08 77 6f 72 6b 65 72 2d 31 fb 67 12 02 fb 2c 01 00 00 00 00 00 00 f8 3f",
    );
}
