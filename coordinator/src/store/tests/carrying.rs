use protocol::TaskId;

use super::support::*;
use crate::outcome::Reason;
use crate::store::{Carried, Purpose, RunEnd, Seen};

#[test]
fn outcomes_are_taken_over_under_other_ids_and_the_run_goes_on_with_the_rest() {
    let place = Place::new();
    let mut store = place.open();
    let why = failure(Reason::Error, 1);
    // More than one group of values.
    let old = stored(&mut store, [good(0..25_000), bad(25_000, &why)], RunEnd::Finished);
    let run = store.create_run(&new_run(), noon()).unwrap();
    let file = place.path();
    let seen = Seen::now(&[file]).unwrap();
    let carried = store
        .carry(run, &old, noon, |outcome| {
            let task = outcome.task.0;
            (outcome.result.is_ok() && task >= 5)
                .then(|| Carried { task: TaskId(task - 5), seen: task.is_multiple_of(2).then_some(seen) })
        })
        .unwrap();
    assert_eq!((carried.info.ok, carried.info.failed, carried.done.len()), (24_995, 0, 24_995));
    // What is done stays, be there another run that has it, too.
    let carried =
        store.carry(carried, &old, noon, |outcome| Some(Carried { task: outcome.task, seen: None })).unwrap();
    let info = carried.info.clone();
    assert_eq!((info.ok, info.failed, carried.done.len()), (25_000, 1, 25_001));
    drop(carried);
    let found = all(&store, &store.find(info.id.as_str()).unwrap());
    assert_eq!(found.len(), 25_001);
    assert_eq!(found[7].result.as_ref().unwrap(), &value(12));
    assert_eq!(store.seen(&info).unwrap().len(), 12_497);
    let resumed = resumed(&mut store, &info, Purpose::Resume, vec![good([25_001])]);
    assert_eq!((resumed.ok, resumed.failed), (25_001, 1));
    store.check().unwrap();
}
