use proptest::prelude::*;
use protocol::TaskId;

use super::format::{BadBlock, FORMAT};
use super::*;
use crate::outcome::Outcome;

#[derive(Debug, Clone, PartialEq)]
struct Good {
    task: u64,
    attempts: u32,
    worker: u32,
    micros: u64,
    slow: bool,
    value: Vec<u8>,
}

fn pack_all(outcomes: &[Good]) -> Vec<Vec<u8>> {
    let mut builder = BlockBuilder::default();
    let mut blocks = Vec::new();
    for good in outcomes {
        if builder.is_full_for(TaskId(good.task)) {
            blocks.extend(builder.finish().map(|packed| packed.data.to_vec()));
        }
        let outcome = Outcome {
            task: TaskId(good.task),
            payload: b"never stored",
            attempts: good.attempts,
            worker: good.worker,
            micros: good.micros,
            slow: good.slow,
            result: Ok(&good.value),
        };
        builder.push(&outcome, &good.value);
    }
    blocks.extend(builder.finish().map(|packed| packed.data.to_vec()));
    assert!(builder.finish().is_none());
    blocks
}

fn unpack_all(blocks: Vec<Vec<u8>>) -> Vec<Good> {
    let mut out = Vec::new();
    for data in blocks {
        let mut tasks = Vec::new();
        read_tasks(&data, |task| tasks.push(task)).unwrap();
        let block = Block::read(data).unwrap();
        for (index, &task) in tasks.iter().enumerate() {
            assert_eq!(block.task(index), Some(task));
            let outcome = block.get(index).unwrap();
            out.push(Good {
                task: outcome.task.0,
                attempts: outcome.attempts,
                worker: outcome.worker,
                micros: outcome.micros,
                slow: outcome.slow,
                value: outcome.result.unwrap().to_vec(),
            });
        }
        assert!(block.get(tasks.len()).is_none());
    }
    out
}

fn good() -> impl Strategy<Value = Good> {
    (
        prop_oneof![9 => Just(1_u64), 1 => 1..100_000_u64],
        prop_oneof![9 => Just(1_u32), 1 => any::<u32>()],
        prop_oneof![9 => 1..3_u32, 1 => any::<u32>()],
        prop_oneof![9 => 0..300_u64, 1 => any::<u64>()],
        prop::bool::weighted(0.01),
        prop_oneof![9 => prop::collection::vec(any::<u8>(), 0..12), 1 => prop::collection::vec(any::<u8>(), 0..200)],
    )
        .prop_map(|(task, attempts, worker, micros, slow, value)| Good { task, attempts, worker, micros, slow, value })
}

proptest! {
    #[test]
    fn what_was_packed_comes_back(first in any::<u32>(), mut outcomes in prop::collection::vec(good(), 0..300)) {
        let mut task = u64::from(first);
        for outcome in &mut outcomes {
            task += outcome.task;
            outcome.task = task;
        }
        let back = unpack_all(pack_all(&outcomes));
        prop_assert_eq!(back, outcomes);
    }

    #[test]
    fn any_bytes_give_a_block_or_an_error(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Block::read(body.clone());
        // Past the checksum, too.
        let mut sealed = vec![FORMAT];
        sealed.extend_from_slice(&body);
        let crc = crc32fast::hash(&sealed);
        sealed.extend_from_slice(&crc.to_le_bytes());
        let _ = read_tasks(&sealed, |_| ());
        let _ = Block::read(sealed);
    }

    #[test]
    fn a_block_with_a_changed_byte_is_refused(place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let outcomes: Vec<_> = (0..50).map(|task| tiny(task, &[1, 2, 3])).collect();
        let mut data = pack_all(&outcomes).remove(0);
        let place = place.index(data.len());
        data[place] ^= flip;
        prop_assert_eq!(Block::read(data).unwrap_err(), BadBlock::Checksum);
    }

    #[test]
    fn a_sealed_block_with_a_changed_byte_never_panics(place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let outcomes: Vec<_> = (0..50).map(|task| tiny(task, &[1, 2, 3])).collect();
        let mut data = pack_all(&outcomes).remove(0);
        data.truncate(data.len() - 4);
        let place = place.index(data.len());
        data[place] ^= flip;
        let crc = crc32fast::hash(&data);
        data.extend_from_slice(&crc.to_le_bytes());
        if let Ok(block) = Block::read(data) {
            let count = (0..).take_while(|&index| block.get(index).is_some()).count();
            prop_assert!(count <= 65_536);
        }
    }
}

fn tiny(task: u64, value: &[u8]) -> Good {
    Good { task, attempts: 1, worker: 1, micros: task % 7, slow: false, value: value.to_vec() }
}

#[test]
fn a_block_never_crosses_a_multiple_of_65_536() {
    let outcomes: Vec<_> = (65_530..65_540).map(|task| tiny(task, &[])).collect();
    let sizes: Vec<_> = pack_all(&outcomes).into_iter().map(|block| unpack_all(vec![block]).len()).collect();
    assert_eq!(sizes, [6, 4]);
}

#[test]
fn large_values_end_a_block_early() {
    let outcomes: Vec<_> = (0..10).map(|task| tiny(task, &[7; 40_000])).collect();
    let sizes: Vec<_> = pack_all(&outcomes).into_iter().map(|block| unpack_all(vec![block]).len()).collect();
    assert_eq!(sizes, [2; 5]);
}

#[test]
fn a_thousand_tiny_outcomes_take_little_more_than_their_times_and_values() {
    let outcomes: Vec<_> = (5000..6000).map(|task| tiny(task, &[1])).collect();
    let blocks = pack_all(&outcomes);
    assert_eq!(blocks.len(), 1);
    assert!(blocks[0].len() < 2 * 1000 + 40, "{}", blocks[0].len());
}

#[test]
fn a_column_that_varies_before_it_settles_comes_back() {
    let outcomes: Vec<_> = (0..100).map(|task| Good { micros: task.min(20), ..tiny(task, &[]) }).collect();
    assert_eq!(unpack_all(pack_all(&outcomes)), outcomes);
}

#[test]
fn an_id_that_does_not_ascend_is_refused() {
    // Two outcomes, both of task 7: a step of 0 in the second place.
    let mut data = vec![FORMAT, 2, 7, 1, 0, 2];
    data.extend_from_slice(&[1, 1, 2, 1, 2, 2, 1, 0, 2, 1, 0, 2]);
    let crc = crc32fast::hash(&data);
    data.extend_from_slice(&crc.to_le_bytes());
    assert_eq!(Block::read(data).unwrap_err(), BadBlock::Nonsense);
}

#[test]
fn golden_bytes_of_a_block_stay_as_they_are() {
    let outcomes: Vec<_> = (300..304).map(|task| tiny(task, b"x")).collect();
    let block = pack_all(&outcomes).remove(0);
    let mut golden = vec![1, 4, 0xac, 2];
    golden.extend_from_slice(&[0, 0, 1, 1, 1]); // ids: the first, then steps of one
    golden.extend_from_slice(&[1, 1, 4]); // attempts: 1, four times
    golden.extend_from_slice(&[1, 2, 4]); // worker 1, never slow, four times
    golden.extend_from_slice(&[0, 6, 0, 1, 2]); // micros
    golden.extend_from_slice(&[1, 1, 4]); // lengths: 1, four times
    golden.extend_from_slice(b"xxxx");
    golden.extend_from_slice(&[0xb1, 0xd5, 0x4c, 0x2c]);
    assert_eq!(block, golden);
}
