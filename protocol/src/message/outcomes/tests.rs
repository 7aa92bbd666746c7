//! Outcomes into a frame and out again.

use super::*;
use crate::message::{OutcomeEncoder, Status};

fn read(heads: &[u8], blob: &[u8]) -> Vec<Result<WireOutcome<'static>, DecodeError>> {
    let (heads, blob) = (heads.to_vec().leak(), blob.to_vec().leak());
    Outcomes { busy_nanos: 0, heads, blob }.iter().collect()
}

#[test]
fn outcomes_come_back_as_they_went_in() {
    let mut encoder = OutcomeEncoder::new();
    encoder.blob.extend_from_slice(b"value");
    encoder.push(TaskId(4), 1, Status::Ok, 5);
    encoder.settle(7_900);
    encoder.push_failure(TaskId(6), 2, Status::Error, "no such file");
    encoder.push(TaskId(5), u32::MAX, Status::Chunked, MAX_VALUE);
    encoder.settle(4_000);
    let outcomes = encoder.outcomes().unwrap();
    assert_eq!(outcomes.busy_nanos, 11_900);
    let outcome = |task, attempt, micros, result| Ok(WireOutcome { task, attempt, micros, result });
    assert_eq!(
        outcomes.iter().collect::<Vec<_>>(),
        [
            outcome(TaskId(4), 1, 7, OutcomeResult::Ok(b"value")),
            outcome(TaskId(6), 2, 2, OutcomeResult::Error("no such file")),
            outcome(TaskId(5), u32::MAX, 2, OutcomeResult::Chunked(MAX_VALUE)),
        ]
    );
}

#[test]
fn tiny_outcomes_in_a_row_share_one_head() {
    let mut encoder = OutcomeEncoder::new();
    for task in 0..5000_u64 {
        encoder.blob.extend_from_slice(&task.to_le_bytes());
        encoder.push(TaskId(70 + task), 1, Status::Ok, 8);
        if task % 100 == 7 {
            encoder.settle(300 * encoder.waiting() as u64);
        }
    }
    encoder.settle(10);
    let outcomes = encoder.outcomes().unwrap();
    assert!(outcomes.heads.len() < 12, "{:?}", outcomes.heads);
    let runs: Vec<_> = outcomes.runs().map(Result::unwrap).collect();
    let [run] = runs.as_slice() else { panic!("{} runs", runs.len()) };
    let RunResult::Values(values) = run.result else { panic!("{run:?}") };
    assert_eq!((run.first, values.len(), values.all()), (TaskId(70), 5000, Some(8)));
    for (outcome, task) in outcomes.iter().map(Result::unwrap).zip(0..) {
        assert_eq!((outcome.task.0, outcome.micros), (70 + task, 0));
        assert_eq!(outcome.result, OutcomeResult::Ok(&task.to_le_bytes()));
    }
    assert_eq!(outcomes.iter().count(), 5000);
}

proptest::proptest! {
    #[test]
    fn any_outcomes_come_back(ends: Vec<(u8, u8, u8, Vec<u8>)>) {
        let mut encoder = OutcomeEncoder::new();
        let (mut wanted, mut task, mut from) = (Vec::new(), 0_u64, 0);
        for (gap, kind, settle, value) in &ends {
            let attempt = 1 + u32::from(gap % 5 == 0);
            task += u64::from(gap % 7 == 0);
            if kind % 16 == 0 {
                encoder.push_failure(TaskId(task), attempt, Status::Panic, "oh");
            } else {
                encoder.blob.extend_from_slice(value);
                encoder.push(TaskId(task), attempt, Status::Ok, value.len() as u64);
            }
            let result =
                if kind % 16 == 0 { OutcomeResult::Panic("oh") } else { OutcomeResult::Ok(value) };
            wanted.push(WireOutcome { task: TaskId(task), attempt, micros: 0, result });
            task += 1;
            if settle % 4 == 0 {
                let count = encoder.waiting() as u64;
                let micros = u64::from(settle % 8);
                encoder.settle(micros * 1000 * count);
                for outcome in &mut wanted[from..] {
                    outcome.micros = micros;
                }
                from = wanted.len();
            }
        }
        encoder.settle(0);
        let size = encoder.size();
        let got: Vec<_> = encoder.outcomes().map(|all| all.iter().collect()).unwrap_or_default();
        proptest::prop_assert_eq!(got, wanted.into_iter().map(Ok).collect::<Vec<_>>());
        proptest::prop_assert!(encoder.heads.len() + encoder.blob.len() <= size);
    }
}

#[test]
fn only_values_come_in_runs_and_never_more_than_a_batch_has() {
    assert_eq!(read(&[0, 2, 8 | 1, 0, 2], b"ab"), [Err(DecodeError::Heads)]);
    assert_eq!(read(&[0, 1, 8 | 1, 0, 1, 2], b"ab"), [Err(DecodeError::Heads)]);
    assert_eq!(read(&[0, 0, 8, 0, 0], b""), [Err(DecodeError::Heads)]);
    assert_eq!(read(&[0, 0x80, 0x80, 4, 8, 0, 0], b""), [Err(DecodeError::Heads)]);
    let many = read(&[0, 0xff, 0xff, 3, 8, 0, 0, 0, 1, 8, 0, 0], b"");
    assert_eq!((many.len(), many.last()), (MAX_TASKS + 1, Some(&Err(DecodeError::Heads))));
    let mut endless = vec![0, 2, 8, 0];
    varint::put(&mut endless, u64::MAX - 1);
    assert_eq!(read(&endless, b"ab"), [Err(DecodeError::Lengths)]);
}

#[test]
fn a_long_sentence_is_cut_between_two_characters() {
    let mut encoder = OutcomeEncoder::new();
    encoder.push_failure(TaskId(0), 1, Status::Panic, &"é!x".repeat(MAX_TEXT));
    encoder.settle(0);
    let Some(Ok(outcome)) = encoder.outcomes().unwrap().iter().next() else { panic!("no outcome") };
    let OutcomeResult::Panic(text) = outcome.result else { panic!("{outcome:?}") };
    assert!(text.len() <= MAX_TEXT && text.len() > MAX_TEXT - 4);
}

#[test]
fn values_that_do_not_add_up_are_refused() {
    assert_eq!(read(&[0, 1, 8, 0, 8], b"abc"), [Err(DecodeError::Lengths)]);
    assert_eq!(read(&[0, 1, 8, 0, 4], b"abc").last(), Some(&Err(DecodeError::Lengths)));
    assert_eq!(read(&[], b"abc"), [Err(DecodeError::Lengths)]);
}

#[test]
fn unknown_status_foreign_text_and_broken_heads_are_refused() {
    assert_eq!(read(&[0, 1, 8 | 7, 0, 0], b""), [Err(DecodeError::Status(7))]);
    assert_eq!(read(&[0, 1, 8 | 1, 0, 4], b"\xff\xfe"), [Err(DecodeError::Text)]);
    assert_eq!(read(&[0, 1, 8, 0], b""), [Err(DecodeError::Heads)]);
    let attempt_of_33_bits = [0, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 0];
    assert_eq!(read(&attempt_of_33_bits, b""), [Err(DecodeError::Heads)]);
}

#[test]
fn a_chunked_value_beyond_the_limit_is_refused() {
    let mut heads = vec![0, 1, 8 | 4, 0];
    varint::put(&mut heads, (MAX_VALUE + 1) << 1);
    assert_eq!(read(&heads, b""), [Err(DecodeError::Lengths)]);
}
