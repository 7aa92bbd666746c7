//! Every message byte for byte. Where one of these must change, so must [`PROTOCOL_VERSION`].

use super::*;
use crate::PROTOCOL_VERSION;
use crate::TaskId;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn to_worker(message: &ToWorker<'_>, golden: &str) {
    let bytes = message.encode().unwrap();
    assert_eq!(hex(&bytes), golden);
    assert_eq!(ToWorker::decode(&bytes).as_ref(), Ok(message));
}

#[track_caller]
fn from_worker(frame: &FromWorker<'_>, golden: &str) {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    assert_eq!(hex(&bytes), golden);
    assert_eq!(FromWorker::decode(&bytes).as_ref(), Ok(frame));
}

#[test]
fn golden_version() {
    assert_eq!(PROTOCOL_VERSION, 4, "new goldens for a new version");
}

#[test]
fn golden_hello() {
    let mut bytes = Vec::new();
    Hello { version: 4, build: "0.1.0", kinds: vec!["primes", "sleep"] }.encode(&mut bytes);
    assert_eq!(
        hex(&bytes),
        "43 4f 4f 52 44 57 52 4b 04 00 00 00 05 00 30 2e 31 2e 30 02 00 06 00 70 72 69 6d 65 73 05 00 73 6c 65 65 70"
    );
}

#[test]
fn golden_start() {
    let limits = Limits { memory: Some(1 << 30), cpu_seconds: Some(60), open_files: None, file_size: None };
    let start =
        Start { kind: "primes", setup: &[1, 2], worker: "worker-1", number: 1, incarnation: 300, limits };
    to_worker(
        &ToWorker::Start(start),
        "00 06 70 72 69 6d 65 73 02 01 02 08 77 6f 72 6b 65 72 2d 31 01 fb 2c 01 01 fc 00 00 00 40 01 3c 00 00",
    );
}

#[test]
fn golden_batch() {
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
    assert_eq!(
        hex(encoder.bytes()),
        "01 07 15 d8 04 01 01 04 00 01 02 00 05 01 01 02 c8 01 03 01 01 01 01 02 07 61 62 63 64 65 66 67"
    );
}

#[test]
fn golden_pill() {
    to_worker(&ToWorker::Pill, "02");
}

#[test]
fn golden_large() {
    let large = Large { batch: 7, task: 300, attempt: 2, offset: 8192, length: 1 << 20 };
    to_worker(&ToWorker::Large(large), "03 07 fb 2c 01 02 fb 00 20 fc 00 00 10 00");
}

#[test]
fn golden_ready() {
    from_worker(&FromWorker::Ready, "00");
}

#[test]
fn golden_refused() {
    from_worker(&FromWorker::Refused { message: "no" }, "01 02 6e 6f");
}

#[test]
fn golden_outcomes() {
    let mut encoder = OutcomeEncoder::new();
    encoder.blob.extend_from_slice(b"ab");
    encoder.push(TaskId(300), 1, Status::Ok, 2);
    encoder.settle(300_000);
    encoder.blob.extend_from_slice(b"cdefg");
    encoder.push(TaskId(7), 1, Status::Ok, 2);
    encoder.push(TaskId(8), 1, Status::Ok, 2);
    encoder.push(TaskId(10), 1, Status::Ok, 0);
    encoder.push(TaskId(11), 1, Status::Ok, 1);
    encoder.settle(8_000);
    encoder.push_failure(TaskId(301), 2, Status::Error, "e");
    encoder.push_failure(TaskId(302), 1, Status::Memory, "m");
    encoder.push_failure(TaskId(303), 1, Status::Panic, "p");
    encoder.push(TaskId(299), 1, Status::Chunked, 70_000);
    encoder.push_failure(TaskId(304), 1, Status::ErrorForGood, "E");
    encoder.push_failure(TaskId(305), 1, Status::MemoryForGood, "M");
    encoder.settle(6_000);
    from_worker(
        &FromWorker::Outcomes(encoder.outcomes().unwrap()),
        "02 fc 90 ca 04 00 35 d8 04 01 08 ac 02 04 cb 04 02 08 02 04 02 02 08 02 01 00 01 c2 04 01 11 01 02 00 01 0a 01 02 00 01 0b 01 02 09 01 0c 01 e0 c5 08 08 01 0d 01 02 00 01 0e 01 02 0c 61 62 63 64 65 66 67 65 6d 70 45 4d",
    );
}

#[test]
fn golden_chunk() {
    from_worker(
        &FromWorker::Chunk { task: TaskId(299), attempt: 1, bytes: &[0xff, 0] },
        "03 fb 2b 01 01 02 ff 00",
    );
}

#[test]
fn golden_progress() {
    from_worker(
        &FromWorker::Progress { task: TaskId(300), attempt: 1, done: 7, total: 1000 },
        "05 fb 2c 01 01 07 fb e8 03",
    );
}

#[test]
fn golden_wants_outbox() {
    from_worker(&FromWorker::WantsOutbox, "06");
}

#[test]
fn golden_piece() {
    let piece = Piece { task: TaskId(299), attempt: 1, offset: 8192, length: 1 << 20, more: 5 };
    from_worker(&FromWorker::Piece(piece), "07 fb 2b 01 01 fb 00 20 fc 00 00 10 00 05");
}

#[test]
fn golden_goodbye() {
    let goodbye = |why| FromWorker::Goodbye { tasks: 5, busy_nanos: 1 << 40, why };
    from_worker(&goodbye(Why::Pill), "04 05 fd 00 00 00 00 00 01 00 00 00");
    from_worker(&goodbye(Why::Recycle), "04 05 fd 00 00 00 00 00 01 00 00 01");
}
