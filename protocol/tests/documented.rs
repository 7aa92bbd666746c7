//! The examples in docs/protocol.md are what the code reads and writes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is how it fails")]

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;

use protocol::observe::{
    Ending, Greeting, Observation, RunInfo, Snapshot, WorkerEnding, WorkerState, WorkerView,
};
use protocol::{
    BatchEncoder, Bootstrap, Filled, FrameReader, FromWorker, Hello, Large, Limits, OutcomeResult, Piece,
    Start, TaskId, ToWorker, Why,
};

/// Every `name  hex` of the document's code blocks, with the lines of nothing but hex that follow it; `None` where the
/// package stands alone.
fn examples() -> Option<BTreeMap<String, Vec<u8>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let text = std::fs::read_to_string(path).ok()?;
    let mut examples: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let byte = |word: &str| (word.len() == 2).then(|| u8::from_str_radix(word, 16).ok()).flatten();
    let mut last = None;
    for line in text.split("```").skip(1).step_by(2).flat_map(str::lines) {
        let mut words = line.split_whitespace();
        if line.starts_with(' ') {
            let more: Option<Vec<u8>> = words.map(byte).collect();
            let example = last.as_ref().and_then(|name| examples.get_mut(name));
            if let Some((example, more)) = example.zip(more) {
                example.extend(more);
            }
            continue;
        }
        let Some(name) = words.next() else { continue };
        let bytes: Vec<u8> = words.map_while(byte).collect();
        if !bytes.is_empty() {
            assert!(examples.insert(name.to_owned(), bytes).is_none(), "{name} stands there twice");
            last = Some(name.to_owned());
        }
    }
    Some(examples)
}

fn example(name: &str) -> Option<Vec<u8>> {
    let mut examples = examples()?;
    Some(examples.remove(name).unwrap_or_else(|| panic!("no example of {name}")))
}

#[test]
fn there_is_an_example_of_every_message() {
    let Some(examples) = examples() else { return };
    let names: Vec<_> = examples.keys().map(String::as_str).collect();
    let all = "batch chunk died end failed frame full goodbye greeting hello interrupted large lost outcomes piece pill \
               progress ready refused slow snapshot start started wants welcome";
    assert_eq!(names.join(" "), all);
}

#[test]
fn the_greetings_are_as_written_down() {
    let Some(bytes) = example("hello") else { return };
    let hello = Hello { version: 4, build: "0.1.0", kinds: vec!["primes", "sleep"] };
    assert_eq!(Hello::decode(&bytes), Ok(hello.clone()));
    let mut encoded = Vec::new();
    hello.encode(&mut encoded);
    assert_eq!(encoded, bytes);
    let mut welcome = [0; 64];
    let mut stdin = UnixStream::from(Bootstrap::new().unwrap().child_stdin().unwrap());
    let length = stdin.read(&mut welcome).unwrap();
    assert_eq!(example("welcome").as_deref(), welcome.get(..length));
}

#[test]
fn a_frame_is_as_written_down() {
    let Some(bytes) = example("frame") else { return };
    let (ours, theirs) = UnixStream::pair().unwrap();
    std::io::Write::write_all(&mut &theirs, &bytes).unwrap();
    let mut reader = FrameReader::new();
    assert_eq!(reader.fill(&ours).unwrap(), Filled::Bytes(bytes.len()));
    assert_eq!(reader.next_frame().unwrap(), example("ready").as_deref());
}

#[test]
fn messages_to_the_worker_are_as_written_down() {
    let Some(bytes) = example("start") else { return };
    let limits = Limits { memory: Some(1 << 30), cpu_seconds: Some(60), open_files: None, file_size: None };
    let (kind, setup, worker) = ("primes", [1, 2].as_slice(), "worker-1");
    let start = ToWorker::Start(Start { kind, setup, worker, number: 1, incarnation: 300, limits });
    assert_eq!((ToWorker::decode(&bytes).as_ref(), start.encode().as_ref()), (Ok(&start), Ok(&bytes)));
    assert_eq!(ToWorker::Pill.encode().ok(), example("pill"));
    let large = Large { batch: 7, task: 300, attempt: 2, offset: 8192, length: 1 << 20 };
    assert_eq!(ToWorker::Large(large).encode().ok(), example("large"));
    let mut encoder = BatchEncoder::new();
    encoder.begin(7);
    for (id, attempt, payload) in [
        (300, 1, b"ab".as_slice()),
        (301, 2, b""),
        (299, 1, b"c"),
        (400, 1, b"d"),
        (401, 1, b"e"),
        (402, 1, b"fg"),
    ] {
        assert!(encoder.push(TaskId(id), attempt, payload));
    }
    assert_eq!(Some(encoder.bytes()), example("batch").as_deref());
}

#[test]
fn frames_from_the_worker_are_as_written_down() {
    if examples().is_none() {
        return;
    }
    let frames = [
        ("ready", FromWorker::Ready),
        ("refused", FromWorker::Refused { message: "no" }),
        ("chunk", FromWorker::Chunk { task: TaskId(299), attempt: 1, bytes: &[0xff, 0] }),
        ("goodbye", FromWorker::Goodbye { tasks: 5, busy_nanos: 1 << 40, why: Why::Pill }),
        ("progress", FromWorker::Progress { task: TaskId(300), attempt: 1, done: 7, total: 1000 }),
        ("wants", FromWorker::WantsOutbox),
        (
            "piece",
            FromWorker::Piece(Piece {
                task: TaskId(299),
                attempt: 1,
                offset: 8192,
                length: 1 << 20,
                more: 5,
            }),
        ),
    ];
    for (name, frame) in frames {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        assert_eq!(Some(bytes), example(name), "{name}");
    }
    let bytes = example("outcomes").unwrap_or_default();
    let Ok(FromWorker::Outcomes(outcomes)) = FromWorker::decode(&bytes) else { panic!("no outcomes") };
    assert_eq!(outcomes.busy_nanos, 314_000);
    let ends: Vec<_> = outcomes
        .iter()
        .map(Result::unwrap)
        .map(|end| (end.task.0, end.attempt, end.micros, end.result))
        .collect();
    let expected = [
        (300, 1, 300, OutcomeResult::Ok(b"ab")),
        (7, 1, 2, OutcomeResult::Ok(b"cd")),
        (8, 1, 2, OutcomeResult::Ok(b"ef")),
        (10, 1, 2, OutcomeResult::Ok(b"")),
        (11, 1, 2, OutcomeResult::Ok(b"g")),
        (301, 2, 1, OutcomeResult::Error("e")),
        (302, 1, 1, OutcomeResult::Memory("m")),
        (303, 1, 1, OutcomeResult::Panic("p")),
        (299, 1, 1, OutcomeResult::Chunked(70_000)),
        (304, 1, 1, OutcomeResult::ErrorForGood("E")),
        (305, 1, 1, OutcomeResult::MemoryForGood("M")),
    ];
    assert_eq!(ends, expected);
}

#[test]
fn greetings_to_observers_are_as_written_down() {
    if examples().is_none() {
        return;
    }
    let run = RunInfo {
        run_id: "1hkz3q".into(),
        job: "night".into(),
        kind: "primes".into(),
        workers: 2,
        planned: Some(300),
    };
    for (name, greeting) in [("greeting", Greeting::Run(run)), ("full", Greeting::Full { observers: 32 })] {
        assert_eq!(greeting.to_frame().get(4..), example(name).as_deref(), "{name}");
    }
}

#[test]
fn observations_are_as_written_down() {
    if examples().is_none() {
        return;
    }
    let worker = || "worker-1".to_owned();
    let view = |name: &str, incarnation, state| WorkerView { name: name.into(), pid: 7, incarnation, state };
    let running = WorkerState::Running { task: TaskId(300), attempt: 2, seconds: 1.5 };
    let snapshot = Snapshot {
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
            view("a", 1, WorkerState::Starting),
            view("b", 1, WorkerState::Waiting),
            view("c", 2, running),
            view("d", 3, WorkerState::Gone),
        ],
    };
    let end = Ending {
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
        workers: vec![WorkerEnding {
            name: worker(),
            pid: 4711,
            incarnations: 2,
            tasks: 300,
            busy_seconds: 1.5,
        }],
    };
    let (reason, message) = ("exit".to_owned(), "no".to_owned());
    let observations = [
        ("snapshot", Observation::Snapshot(snapshot)),
        ("started", Observation::Started { worker: worker(), pid: 4711, incarnation: 2 }),
        ("died", Observation::Died { worker: worker(), pid: 4711, orderly: false, how: "no".into() }),
        ("failed", Observation::Failed { task: TaskId(300), reason, message, attempts: 3 }),
        ("slow", Observation::Slow { worker: worker(), task: TaskId(300) }),
        ("interrupted", Observation::Interrupted { at_once: true }),
        ("lost", Observation::Lost { events: 300 }),
        ("end", Observation::End(end)),
    ];
    for (name, observation) in observations {
        assert_eq!(observation.to_frame().get(4..), example(name).as_deref(), "{name}");
        assert_eq!(Observation::decode(&example(name).unwrap_or_default()), Ok(observation), "{name}");
    }
}
