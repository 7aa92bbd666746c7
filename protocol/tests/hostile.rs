//! Peers that lie: no bytes make a decoder panic, or take more memory than a message may have.

#![allow(unsafe_code, reason = "a counting allocator is how an allocation is seen")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is how it fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::os::unix::net::UnixStream;

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::{
    BatchEncoder, FrameReader, FromWorker, Hello, Limits, MAX_FRAME, MAX_MESSAGE, OutcomeResult,
    PROTOCOL_VERSION, Piece, Start, TaskId, ToWorker, Why,
};

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// Counts what this thread allocates.
struct Counting;

// SAFETY: everything is the system allocator's; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATED.try_with(|allocated| allocated.set(allocated.get().saturating_add(layout.size())));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocated(work: impl FnOnce()) -> usize {
    let before = ALLOCATED.get();
    work();
    ALLOCATED.get() - before
}

/// Reads a frame to its last byte, as a coordinator does.
fn read_frame(bytes: &[u8]) {
    match FromWorker::decode(bytes) {
        Ok(FromWorker::Outcomes(outcomes)) => outcomes.iter().for_each(|outcome| {
            if let Ok(OutcomeResult::Ok(value)) = outcome.map(|outcome| outcome.result) {
                assert!(value.len() <= bytes.len());
            }
        }),
        Ok(FromWorker::Chunk { bytes: chunk, .. }) => assert!(chunk.len() <= bytes.len()),
        _ => {}
    }
}

/// Reads a message to its last byte, as a worker does.
fn read_message(bytes: &[u8]) {
    if let Ok(ToWorker::Batch(batch)) = ToWorker::decode(bytes) {
        batch.tasks().for_each(|task| assert!(task.map_or(0, |task| task.payload.len()) <= bytes.len()));
    }
}

fn read_everything(bytes: &[u8]) {
    assert_eq!(allocated(|| read_frame(bytes)), 0, "reading a frame allocates nothing");
    assert_eq!(allocated(|| read_message(bytes)), 0, "reading a message allocates nothing");
    let taken = allocated(|| drop(Hello::decode(bytes)));
    assert!(taken <= 64 << 10, "a greeting took {taken} bytes");
}

/// One of every message, in both directions.
fn valid() -> Vec<Vec<u8>> {
    let limits = Limits { memory: Some(1 << 30), ..Limits::default() };
    let start =
        Start { kind: "primes", setup: b"setup", worker: "worker-1", number: 1, incarnation: 1, limits };
    let mut encoder = BatchEncoder::new();
    encoder.begin(3);
    for id in [5, 6, 900, 7] {
        assert!(encoder.push(TaskId(id), 1, &[id as u8; 5]));
    }
    let mut all = vec![
        ToWorker::Start(start).encode().unwrap(),
        ToWorker::Pill.encode().unwrap(),
        encoder.bytes().to_vec(),
        // Three outcomes; the goldens say what they mean.
        b"\x02\xfc\x80\xa3\x04\x00\x0e\xd8\x04\x08\xac\x02\x02\x00\x11\x01\x01\x00\x0a\x01\x01\x04abem"
            .to_vec(),
    ];
    let frames = [
        FromWorker::Ready,
        FromWorker::Refused { message: "no such kind" },
        FromWorker::Chunk { task: TaskId(9), attempt: 2, bytes: b"chunk" },
        FromWorker::WantsOutbox,
        FromWorker::Piece(Piece { task: TaskId(9), attempt: 2, offset: 4096, length: 1 << 40, more: 7 }),
        FromWorker::Goodbye { tasks: 4, busy_nanos: 1 << 33, why: Why::Recycle },
    ];
    for frame in frames {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        all.push(bytes);
    }
    let mut bytes = Vec::new();
    Hello { version: PROTOCOL_VERSION, build: "0.1.0", kinds: vec!["primes", "sleep"] }.encode(&mut bytes);
    all.push(bytes);
    all
}

/// A small change somewhere: a byte replaced, taken out, put in, or the rest cut off.
fn mutate(bytes: &mut Vec<u8>, (how, place, byte): (u8, usize, u8)) {
    let place = place % bytes.len().max(1);
    match how % 4 {
        0 if place < bytes.len() => bytes[place] = byte,
        1 if place < bytes.len() => drop(bytes.remove(place)),
        2 => bytes.insert(place.min(bytes.len()), byte),
        _ => bytes.truncate(place),
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..600)) {
        read_everything(&bytes);
    }

    #[test]
    fn messages_with_small_changes_are_read_or_refused(
        which: prop::sample::Index,
        changes in vec(any::<(u8, usize, u8)>(), 1..5),
    ) {
        let mut bytes = which.get(&valid()).clone();
        changes.into_iter().for_each(|change| mutate(&mut bytes, change));
        read_everything(&bytes);
    }

    #[test]
    fn a_stream_of_arbitrary_bytes_never_takes_more_than_a_frame_of_memory(
        pieces in vec(vec(any::<u8>(), 1..300), 1..20),
        length in 0_u32..=2 * MAX_FRAME as u32,
    ) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.write_all(&length.to_le_bytes()).unwrap();
        let mut reader = FrameReader::new();
        let taken = allocated(|| for piece in &pieces {
            theirs.write_all(piece).unwrap();
            reader.fill(&ours).unwrap();
            loop {
                match reader.next_frame() {
                    Ok(Some(frame)) => read_frame(frame),
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
        });
        prop_assert!(taken <= 2 * MAX_FRAME, "{taken}");
    }
}

#[test]
fn the_valid_messages_are_valid_before_they_are_changed() {
    for (index, bytes) in valid().iter().enumerate() {
        let known = ToWorker::decode(bytes).is_ok()
            || FromWorker::decode(bytes).is_ok()
            || Hello::decode(bytes).is_ok();
        assert!(known, "message {index}");
        read_everything(bytes);
    }
}

#[test]
fn a_claimed_length_is_not_believed() {
    // Refused, Outcomes and Chunk with lengths of 2⁶³ and of just more than there is.
    for head in [b"\x01".as_slice(), b"\x02\x00", b"\x02\x00\x00", b"\x03\x00\x01"] {
        for length in [b"\xfd\0\0\0\0\0\0\0\x80".as_slice(), b"\xfd\xff\xff\xff\xff\xff\xff\xff\xff", b"\x02"]
        {
            let bytes = [head, length, b"x"].concat();
            assert_eq!(allocated(|| assert!(FromWorker::decode(&bytes).is_err())), 0, "{bytes:?}");
        }
    }
}

#[test]
fn what_is_longer_than_its_direction_allows_is_refused_unread() {
    let mut message = b"\x02".to_vec();
    message.resize(MAX_MESSAGE + 1, 0);
    assert!(ToWorker::decode(&message).is_err());
    message.resize(MAX_FRAME + 1, 0);
    assert!(FromWorker::decode(&message).is_err());
    assert!(Hello::decode(&message).is_err());
}
