//! Frames of a liar's own making: the protocol's encoder does not write what is wrong.

use protocol::FromWorker;

/// A frame with its length in front.
pub(crate) fn framed(frame: &[u8]) -> Vec<u8> {
    let mut bytes = announced(frame.len() as u32);
    bytes.extend_from_slice(frame);
    bytes
}

/// A length, and nothing behind it.
pub(crate) fn announced(length: u32) -> Vec<u8> {
    length.to_le_bytes().to_vec()
}

/// A frame as the protocol's encoder writes it.
pub(crate) fn encoded(frame: &FromWorker<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    bytes
}

/// How an outcome's head says how the attempt ended.
pub(crate) mod status {
    pub(crate) const OK: u64 = 0;
    pub(crate) const ERROR: u64 = 1;
    pub(crate) const CHUNKED: u64 = 4;
    pub(crate) const UNKNOWN: u64 = 7;
}

/// A frame with one outcome, of any status and length.
pub(crate) fn outcome(task: u64, attempt: u32, status: u64, length: u64, blob: &[u8]) -> Vec<u8> {
    run(task, 1, attempt, status, length, blob)
}

/// A frame with as many outcomes, of tasks with consecutive ids, under one head.
pub(crate) fn run(task: u64, count: u64, attempt: u32, status: u64, length: u64, blob: &[u8]) -> Vec<u8> {
    let mut heads = Vec::new();
    // The first id is written as the step from zero, its sign in the lowest bit; then how many there are; and the
    // length that all of them have as its double.
    for number in [task << 1, count, u64::from(attempt) << 3 | status, 1, length << 1] {
        put_head(&mut heads, number);
    }
    // The tag of `Outcomes`, no time.
    let mut frame = vec![2, 0];
    for part in [heads.as_slice(), blob] {
        put_length(&mut frame, part.len());
        frame.extend_from_slice(part);
    }
    frame
}

/// LEB128, as heads are written.
fn put_head(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A length as the codec writes it: one byte, or a mark and two or four.
fn put_length(out: &mut Vec<u8>, length: usize) {
    match length {
        0..251 => out.push(length as u8),
        251..=0xffff => {
            out.push(251);
            out.extend_from_slice(&(length as u16).to_le_bytes());
        }
        _ => {
            out.push(252);
            out.extend_from_slice(&(length as u32).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::{OutcomeResult, TaskId};

    use super::*;

    #[test]
    fn a_frame_of_ones_own_making_is_read_as_it_was_meant() {
        let value = vec![7; 300];
        let frame = outcome(1 << 40, 9, status::OK, 300, &value);
        let Ok(FromWorker::Outcomes(outcomes)) = FromWorker::decode(&frame) else { panic!("{frame:?}") };
        let all: Vec<_> = outcomes.iter().map(Result::unwrap).collect();
        assert_eq!((all.len(), all[0].task, all[0].attempt), (1, TaskId(1 << 40), 9));
        assert_eq!(all[0].result, OutcomeResult::Ok(&value));
    }
}
