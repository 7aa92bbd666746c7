//! Frames that were valid before chance had its way with them.

use protocol::{FromWorker, Piece, TaskId, Why};
use tests::Random;

use crate::frames::{encoded, framed, outcome, status};

/// An id and an attempt that no task of a test has: a mutant may be valid, but it must not be a credible lie,
/// which nobody could tell from the truth.
const NOBODY: u64 = 0x5a5a_5a5a_5a5a;
const NEVER: u32 = 0x00ab_cdef;

/// The mutant with this number, its length (which may be wrong) in front.
pub(crate) fn mutant(seed: u64, number: u64) -> Vec<u8> {
    let mut random = Random::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = framed(&valid(&mut random));
    for _ in 0..1 + random.below(4) {
        change(&mut bytes, &mut random);
    }
    bytes
}

fn valid(random: &mut Random) -> Vec<u8> {
    let text = "a sentence of some length, to be broken";
    match random.below(8) {
        0 => encoded(&FromWorker::Ready),
        1 => encoded(&FromWorker::Refused { message: text }),
        2 => encoded(&FromWorker::Goodbye { tasks: 300, busy_nanos: 1 << 40, why: Why::Recycle }),
        3 => {
            let bytes = vec![1; random.below(4000)];
            encoded(&FromWorker::Chunk { task: TaskId(NOBODY), attempt: NEVER, bytes: &bytes })
        }
        4 => outcome(NOBODY, NEVER, status::ERROR, text.len() as u64, text.as_bytes()),
        5 => outcome(NOBODY, NEVER, status::CHUNKED, 1 << 20, b""),
        6 => {
            let (offset, length, more) =
                (random.number() >> random.below(64), 1 << random.below(24), 1 << 20);
            let piece = Piece { task: TaskId(NOBODY), attempt: NEVER, offset, length, more };
            encoded(&FromWorker::Piece(piece))
        }
        _ => {
            let blob = vec![2; random.below(2000)];
            outcome(NOBODY, NEVER, status::OK, blob.len() as u64, &blob)
        }
    }
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let place = random.below(bytes.len());
    match random.below(5) {
        0 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = random.number() as u8;
            }
        }
        2 => bytes.truncate(place.max(1)),
        3 => bytes.insert(place, random.number() as u8),
        _ => {
            let piece = bytes.get(place..).unwrap_or_default().to_vec();
            bytes.extend(piece.into_iter().take(random.below(64)));
        }
    }
}
