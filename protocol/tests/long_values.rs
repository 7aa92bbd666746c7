//! Long values, through an outbox or in chunks, spoken about over a link in memory.

mod desk;

use desk::{Desk, End, Run, Said};
use protocol::{Arena, Limits, MAX_PIECES, Served, Task, TaskError, TaskId};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A value of this length, each part of which is told from the others.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 8) ^ (at >> 16) ^ (at >> 24)) as u8).collect()
}

/// The payload says how long the value is to be.
fn as_long_as_said(task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
    let length = task.payload.try_into().map(u64::from_le_bytes);
    value.extend(pattern(length.map_err(|_| TaskError::new("no number"))? as usize));
    Ok(())
}

/// Has values of these lengths made, and checks them; returns the desk.
fn check(mut desk: Desk, lengths: &[usize]) -> Desk {
    for (task, &length) in (0..).zip(lengths) {
        desk.send(&[(task, &(length as u64).to_le_bytes())]);
        let ends = desk.hear_ends(1);
        // No `assert_eq`: nobody wants to read the difference.
        assert!(ends == [(task, End::Value(pattern(length)))], "{length} bytes");
    }
    desk
}

#[test]
fn values_around_every_border_come_back_whole() {
    for outbox in [0, 1, 4 * KIB, 64 * KIB, MIB, 3 * MIB + 4 * KIB, 8 * MIB] {
        let mut desk = Desk::started(as_long_as_said);
        desk.outbox = outbox;
        let inline = 64 * KIB;
        let mut lengths = vec![0, 1, inline - 1, inline, inline + 1, 256 * KIB, MIB - 1, MIB, MIB + 1];
        lengths.extend([outbox.saturating_sub(1), outbox, outbox + 1, 3 * outbox, 3 * outbox + 1]);
        lengths.push(inline + 1);
        let desk = check(desk, &lengths);
        assert_eq!(desk.asked, 1, "a worker asks once");
        // An outbox shorter than a page is of no use.
        assert_eq!(desk.pieces > 0, outbox >= 4 * KIB, "outbox of {outbox}");
        assert_eq!(desk.chunked > 0, outbox < 4 * KIB, "outbox of {outbox}");
    }
}

#[test]
fn who_has_no_long_value_asks_for_no_outbox() {
    assert_eq!(check(Desk::started(as_long_as_said), &[0, 1, 64 * KIB]).asked, 0);
}

#[test]
fn a_worker_offers_no_more_than_its_outbox_holds_before_it_is_told() {
    // Many short values, and one long one.
    for (outbox, lengths) in [(8 * MIB, vec![100 * KIB; 100]), (3 * MIB, vec![20 * MIB])] {
        let mut desk = Desk::started(as_long_as_said);
        desk.outbox = outbox;
        desk.hold_until_waiting = true;
        let payloads: Vec<_> = lengths.iter().map(|length| (*length as u64).to_le_bytes()).collect();
        let tasks: Vec<_> = (0..).zip(&payloads).map(|(task, payload)| (task, payload.as_slice())).collect();
        desk.send(&tasks);
        let ends = desk.hear_ends(lengths.len());
        assert!(ends.iter().zip(lengths).all(|((_, end), length)| *end == End::Value(pattern(length))));
        // The link itself refuses pieces that overlap, lie outside or are too many.
        assert!(desk.most_held > 1 && desk.most_held <= MAX_PIECES, "{}", desk.most_held);
    }
}

#[test]
fn an_outbox_is_mapped_only_while_it_is_used_where_address_space_is_limited() {
    let mut desk = Desk::new(|_| Ok(Box::new(Run(as_long_as_said))));
    desk.start_with(Limits { memory: Some(1 << 40), ..Limits::default() });
    assert_eq!(desk.hear(), Said::Ready);
    // It is this process that has it mapped: once for the coordinator, and once more where the worker keeps it.
    desk.outbox = 5 * MIB + 4 * KIB;
    let desk = check(desk, &[100 * KIB, 6 * MIB, 100 * KIB]);
    assert!(desk.pieces > 0 && desk.chunked == 0);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let of_this_size = |line: &&str| {
        let ends = line.split(' ').next().and_then(|range| range.split_once('-'));
        let number = |text| usize::from_str_radix(text, 16).unwrap_or(0);
        ends.is_some_and(|(start, end)| number(end) - number(start) == 5 * MIB + 4 * KIB)
    };
    let outboxes = maps.lines().filter(|line| line.contains("coordinator-outbox")).filter(of_this_size);
    assert_eq!(outboxes.count(), 1);
}

#[test]
fn payloads_and_values_in_shared_memory_do_not_get_into_each_others_way() {
    let mut desk = Desk::started(|task, value| {
        value.extend_from_slice(task.payload);
        Ok(())
    });
    desk.outbox = MIB;
    let arena = Arena::new(8 * MIB).unwrap();
    let payload = pattern(2 * MIB + 3);
    let mut extent = arena.take(payload.len()).unwrap();
    extent.copy_from_slice(&payload);
    // The first value comes before the arena does; the arena is handed over while the outbox is in use.
    desk.send(&[(0, &payload[..40 * KIB])]);
    for task in 1..4 {
        desk.send_large(TaskId(task), &extent);
    }
    let ends = desk.hear_ends(4);
    assert!(ends[0].1 == End::Value(pattern(2 * MIB)[..40 * KIB].to_vec()));
    assert!(ends[1..].iter().all(|(_, end)| *end == End::Value(payload.clone())));
}

#[test]
fn a_worker_that_waits_for_room_ends_with_its_coordinator() {
    let mut desk = Desk::started(as_long_as_said);
    desk.outbox = MIB;
    desk.send(&[(0, &(4 * MIB as u64).to_le_bytes())]);
    desk.hear_piece();
    assert_eq!(desk.join().unwrap(), Served::CoordinatorGone);
}

#[test]
fn a_worker_that_waits_for_an_answer_ends_with_its_coordinator() {
    let mut desk = Desk::started(as_long_as_said);
    desk.send(&[(0, &(MIB as u64).to_le_bytes())]);
    desk.hear_wish();
    assert_eq!(desk.join().unwrap(), Served::CoordinatorGone);
}
