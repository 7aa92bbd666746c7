//! Frames that were valid before chance had its way with them.

use ::tests::Random;
use protocol::{FromWorker, MAX_FRAME, OutcomeResult, Piece, TaskId, Why};

use crate::frames::{encoded, framed, outcome, status};

/// An id and an attempt that no task of a test has: a mutant may be valid, but it must not be a credible lie,
/// which nobody could tell from the truth.
const NOBODY: u64 = 0x5a5a_5a5a_5a5a;
const NEVER: u32 = 0x00ab_cdef;

/// What bytes on a worker's stream amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Not of the protocol, whatever came before.
    Malformed,
    /// Messages of the protocol, one of which speaks of a value in pieces, which may not have been sent.
    Pieces,
    /// Messages of the protocol.
    WellFormed,
}

impl Nature {
    /// What notes call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Pieces => "pieces",
            Self::WellFormed => "well-formed",
        }
    }
}

/// Bytes that end where a frame does, or where they are no frames any more.
#[derive(Debug)]
pub(crate) struct Mutant {
    pub(crate) nature: Nature,
    /// What chance has made of a frame, the length in front (which may be wrong).
    pub(crate) beginning: Vec<u8>,
    /// Where it announces more than it has: the rest of it, of chance. Never both empty.
    pub(crate) rest: Vec<u8>,
}

impl Mutant {
    /// The mutant with this number.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut random = Random::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bytes = framed(&valid(&mut random));
        for _ in 0..1 + random.below(4) {
            change(&mut bytes, &mut random);
        }
        let length = bytes.len();
        loop {
            match judge(&bytes) {
                Judgement::Is(nature) => {
                    // Where nothing is missing, all of it is written at once.
                    let rest = if bytes.len() > length { bytes.split_off(length) } else { Vec::new() };
                    let (beginning, rest) = if rest.is_empty() { (rest, bytes) } else { (bytes, rest) };
                    return Self { nature, beginning, rest };
                }
                Judgement::Lacks(missing) => bytes.extend((0..missing).map(|_| random.number() as u8)),
            }
        }
    }
}

/// What can be told of bytes.
enum Judgement {
    Is(Nature),
    /// So many more must come before anything can be told.
    Lacks(usize),
}

fn judge(bytes: &[u8]) -> Judgement {
    let mut nature = Nature::WellFormed;
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some((prefix, behind)) = rest.split_first_chunk() else {
            return Judgement::Lacks(4 - rest.len());
        };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length == 0 || length > MAX_FRAME {
            return Judgement::Is(Nature::Malformed);
        }
        let Some((frame, behind)) = behind.split_at_checked(length) else {
            return Judgement::Lacks(length - behind.len());
        };
        match nature_of(frame) {
            Nature::Malformed => return Judgement::Is(Nature::Malformed),
            Nature::Pieces => nature = Nature::Pieces,
            Nature::WellFormed => {}
        }
        rest = behind;
    }
    Judgement::Is(nature)
}

fn nature_of(frame: &[u8]) -> Nature {
    let outcomes = match FromWorker::decode(frame) {
        Ok(FromWorker::Outcomes(outcomes)) => outcomes,
        Ok(FromWorker::Chunk { .. } | FromWorker::Piece(_)) => return Nature::Pieces,
        Ok(_) => return Nature::WellFormed,
        Err(_) => return Nature::Malformed,
    };
    outcomes.iter().fold(Nature::WellFormed, |nature, outcome| match (nature, outcome) {
        (Nature::Malformed, _) | (_, Err(_)) => Nature::Malformed,
        (_, Ok(outcome)) if matches!(outcome.result, OutcomeResult::Chunked(_)) => Nature::Pieces,
        _ => nature,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bytes_amount_to_is_told() {
        let ready = framed(&encoded(&FromWorker::Ready));
        let nature = |bytes: &[u8]| match judge(bytes) {
            Judgement::Is(nature) => Some(nature),
            Judgement::Lacks(_) => None,
        };
        assert_eq!(nature(&[ready.clone(), ready.clone()].concat()), Some(Nature::WellFormed));
        assert_eq!(nature(&[ready.clone(), framed(&[77])].concat()), Some(Nature::Malformed));
        assert_eq!(nature(&framed(&outcome(NOBODY, 1, status::OK, 9, b"short"))), Some(Nature::Malformed));
        assert_eq!(nature(&framed(&outcome(NOBODY, 1, status::CHUNKED, 9, b""))), Some(Nature::Pieces));
        assert_eq!(nature(&ready[..3]), None);
        assert_eq!(nature(&ready[..4]), None);
    }

    #[test]
    fn a_mutant_can_be_judged_and_made_again() {
        for number in 0..200 {
            let [one, other] = [Mutant::new(7, number), Mutant::new(7, number)];
            assert_eq!((&one.beginning, &one.rest), (&other.beginning, &other.rest));
            let whole = [one.beginning, one.rest].concat();
            assert!(matches!(judge(&whole), Judgement::Is(nature) if nature == one.nature));
        }
    }
}
