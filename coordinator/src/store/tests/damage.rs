//! What is left after a crash in the middle of a write: a write-ahead log with a torn tail.

use std::fs;
use std::path::Path;

use super::support::*;
use crate::store::{Purpose, RunEnd, RunId, RunState, Store};

const GROUPS: u64 = 12;

/// A store as a killed coordinator leaves it, with each group of ten tasks in the log; the log's length after
/// each group; and the run.
fn crashed(place: &Place) -> (Vec<u8>, Vec<u8>, Vec<usize>, RunId) {
    let mut store = place.open();
    // Nothing of it is in the log.
    store.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let id = run.info.id.clone();
    let log = wal(&place.path());
    let mut ends = vec![fs::metadata(&log).unwrap().len() as usize];
    let writer = start(&store, run, options(1));
    for group in 0..GROUPS {
        send(&writer, good(group * 10..group * 10 + 10));
        writer.barrier().unwrap();
        ends.push(fs::metadata(&log).unwrap().len() as usize);
    }
    // Taken while the writer is still there, as a kill would.
    let state = (fs::read(place.path()).unwrap(), fs::read(&log).unwrap(), ends, id);
    drop(writer);
    state
}

fn wal(path: &Path) -> std::path::PathBuf {
    path.with_file_name("runs.db-wal")
}

/// Opens a copy with this log: how many groups are there? They must be the first ones, and whole.
fn groups_left(database: &[u8], log: &[u8], id: &RunId) -> u64 {
    let place = Place::new();
    fs::write(place.path(), database).unwrap();
    fs::write(wal(&place.path()), log).unwrap();
    let mut store = Store::open(&place.path()).unwrap();
    store.check().unwrap();
    let Ok(run) = store.find(id.as_str()) else { return 0 };
    assert_eq!(run.state, RunState::Interrupted);
    let found = tasks(&store, &run);
    assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
    assert_eq!(found.len() % 10, 0);
    assert_eq!(run.ok, found.len() as u64);
    // And the run can go on.
    let rest = good(found.len() as u64..GROUPS * 10);
    let run = resumed(&mut store, &run, Purpose::Resume, vec![rest]);
    assert_eq!(tasks(&store, &run), (0..GROUPS * 10).collect::<Vec<_>>());
    store.check().unwrap();
    found.len() as u64 / 10
}

fn groups_before(ends: &[usize], length: usize) -> u64 {
    (ends.iter().filter(|end| **end <= length).count() as u64).saturating_sub(1)
}

#[test]
fn a_log_that_was_cut_short_keeps_every_group_before_the_cut() {
    let (database, log, ends, id) = crashed(&Place::new());
    let cuts = (0..log.len()).step_by(6007).chain(ends.iter().flat_map(|&end| [end - 1, end, end + 1]));
    for cut in cuts.filter(|cut| *cut <= log.len()) {
        assert_eq!(groups_left(&database, &log[..cut], &id), groups_before(&ends, cut), "cut at {cut}");
    }
}

#[test]
fn a_log_with_a_garbled_tail_keeps_every_group_before_it() {
    let (database, log, ends, id) = crashed(&Place::new());
    for place in (32..log.len()).step_by(9001) {
        let mut garbled = log.clone();
        for (index, byte) in garbled.iter_mut().enumerate().skip(place) {
            *byte = byte.wrapping_mul(31).wrapping_add(index as u8) ^ 0xa5;
        }
        assert_eq!(
            groups_left(&database, &garbled, &id),
            groups_before(&ends, place),
            "garbled from {place}"
        );
    }
}

#[test]
fn a_log_with_one_changed_byte_keeps_every_group_before_it() {
    let (database, log, ends, id) = crashed(&Place::new());
    for place in (32..log.len()).step_by(8009) {
        let mut garbled = log.clone();
        garbled[place] ^= 0x10;
        assert_eq!(groups_left(&database, &garbled, &id), groups_before(&ends, place), "changed at {place}");
    }
}

#[test]
fn a_store_with_garbage_in_it_never_panics() {
    let place = Place::new();
    let run = stored(
        &mut place.open(),
        [good(0..3000), bad(3000, &failure(crate::outcome::Reason::Exit, 3))],
        RunEnd::Interrupted,
    );
    let sound = fs::read(place.path()).unwrap();
    let mut whole = 0;
    for start in (0..sound.len()).step_by(1009) {
        let place = Place::new();
        let mut bytes = sound.clone();
        for (index, byte) in bytes.iter_mut().enumerate().skip(start).take(16) {
            *byte ^= (index as u8).wrapping_mul(37) | 1;
        }
        fs::write(place.path(), bytes).unwrap();
        let Ok(mut store) = Store::open(&place.path()) else { continue };
        let _ = store.check();
        let Ok(found) = store.find(run.id.as_str()) else { continue };
        let _ = store.details(&found);
        let mut outcomes = store.outcomes(&found);
        let mut good_ones = 0;
        while let Ok(Some(outcome)) = outcomes.next() {
            // A wrong value would be worse than none.
            if let Ok(stored) = outcome.result {
                assert_eq!(stored, value(outcome.task.0), "garbage at {start}");
                good_ones += 1;
            }
        }
        whole += u32::from(good_ones == 3000);
        let _ = store.claim(&found, Purpose::Resume, noon()).map(drop);
        let _ = store.prune(&crate::store::Prune { keep: Some(0), ..Default::default() });
    }
    // Some of the garbage was where it does no harm.
    assert!(whole > 0);
}
