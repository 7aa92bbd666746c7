//! The worker side, spoken to over a link in memory.

mod desk;

use std::sync::mpsc;

use desk::{Desk, End, Run, Said};
use protocol::{MAX_VALUE, OutcomeResult, ServeError, Served, Task, TaskError, Why, monotonic_nanos};

fn echo(task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
    value.extend_from_slice(task.payload);
    Ok(())
}

fn value(bytes: &[u8]) -> End {
    End::Value(bytes.to_vec())
}

#[test]
fn a_batch_is_answered_in_order_with_ids_and_values() {
    let mut desk = Desk::started(echo);
    desk.send(&[(3, b"three"), (9, b""), (4, b"four")]);
    assert_eq!(desk.hear_ends(3), [(3, value(b"three")), (9, value(b"")), (4, value(b"four"))]);
    desk.pill();
    assert_eq!(desk.hear(), Said::Goodbye { tasks: 3, why: Why::Pill });
    assert_eq!(desk.join().unwrap(), Served::Pill);
}

#[test]
fn a_task_can_say_how_far_it_has_come() {
    let mut desk =
        Desk::started(|task, _| task.progress(1, 2).map_err(|error| TaskError::new(error.to_string())));
    desk.send(&[(3, b"")]);
    assert_eq!(desk.hear(), Said::Progress { task: 3, done: 1, total: 2 });
    assert_eq!(desk.hear_ends(1), [(3, value(b""))]);
}

#[test]
fn a_running_task_can_know_that_it_is_cancelled() {
    struct Patient(Option<std::sync::Arc<protocol::WorkerCell>>);
    impl protocol::Handler for Patient {
        fn run(&mut self, task: &Task<'_>, _: &mut Vec<u8>) -> Result<(), TaskError> {
            let cell = self.0.as_ref().ok_or_else(|| TaskError::new("no cell"))?;
            task.progress(0, 1).map_err(|error| TaskError::new(error.to_string()))?;
            while !cell.is_cancelled(task.id) {
                std::thread::yield_now();
            }
            Err(TaskError::new("cancelled"))
        }

        fn attach(&mut self, cell: std::sync::Arc<protocol::WorkerCell>) {
            self.0 = Some(cell);
        }
    }
    let mut desk = Desk::new(|_| Ok(Box::new(Patient(None))));
    desk.start();
    assert_eq!(desk.hear(), Said::Ready);
    desk.send(&[(3, b"")]);
    assert_eq!(desk.hear(), Said::Progress { task: 3, done: 0, total: 1 });
    desk.end.cell.warn(protocol::TaskId(3));
    assert_eq!(desk.hear_ends(1), [(3, End::Error("cancelled".into()))]);
}

#[test]
fn a_pill_lets_earlier_work_finish() {
    let mut desk = Desk::started(echo);
    for batch in 0..3 {
        desk.send(&[(batch, b"work")]);
    }
    desk.pill();
    assert_eq!(desk.hear_ends(3).len(), 3);
    assert_eq!(desk.hear(), Said::Goodbye { tasks: 3, why: Why::Pill });
}

#[test]
fn a_pill_before_the_start_is_obeyed_too() {
    let mut desk = Desk::new(|_| Ok(Box::new(Run(echo))));
    desk.pill();
    assert_eq!(desk.hear(), Said::Goodbye { tasks: 0, why: Why::Pill });
}

#[test]
fn a_thousand_tiny_tasks_come_back_one_by_one() {
    let mut desk = Desk::started(echo);
    let payloads: Vec<_> = (0..1000_u64).map(u64::to_le_bytes).collect();
    let tasks: Vec<_> = (0..).zip(payloads.iter().map(<[u8; 8]>::as_slice)).collect();
    desk.send(&tasks);
    for (index, (id, end)) in desk.hear_ends(1000).into_iter().enumerate() {
        assert_eq!((id, end), (index as u64, value(&(index as u64).to_le_bytes())));
    }
}

#[test]
fn a_failing_task_fails_alone_and_leaves_nothing_of_its_value() {
    let mut desk = Desk::started(|task, value| {
        value.extend_from_slice(b"half a value");
        match task.payload {
            b"bad" => Err(TaskError::new("no such file")),
            b"big" => Err(TaskError::memory("9 GiB is too much")),
            b"never" => Err(TaskError::new("no such kind of file").for_good()),
            b"huge" => Err(TaskError::memory("9 TiB is too much").for_good()),
            _ => Ok(()),
        }
    });
    desk.send(&[(0, b"good"), (1, b"bad"), (2, b"big"), (3, b"good"), (4, b"never"), (5, b"huge")]);
    assert_eq!(
        desk.hear_ends(6),
        [
            (0, value(b"half a value")),
            (1, End::Error("no such file".to_owned())),
            (2, End::Memory("9 GiB is too much".to_owned())),
            (3, value(b"half a value")),
            (4, End::ErrorForGood("no such kind of file".to_owned())),
            (5, End::MemoryForGood("9 TiB is too much".to_owned())),
        ]
    );
}

#[test]
fn a_panic_is_an_outcome_and_ends_the_worker_with_the_rest_unstarted() {
    let mut desk = Desk::started(|task, value| {
        assert_ne!(task.payload, b"odd", "an odd task");
        echo(task, value)
    });
    let batch = desk.send(&[(0, b"good"), (1, b"odd"), (2, b"good"), (3, b"good")]);
    assert_eq!(desk.hear_ends(1), [(0, value(b"good"))]);
    let [(1, End::Panic(sentence))] = &desk.hear_ends(1)[..] else { panic!("no panic") };
    assert!(sentence.contains("an odd task") && sentence.contains("serve.rs:"), "{sentence}");
    assert_eq!(desk.hear(), Said::Goodbye { tasks: 2, why: Why::Recycle });
    assert_eq!(desk.end.cell.recall(batch), 2..4);
    assert_eq!(desk.end.cell.running(), None);
    assert_eq!(desk.join().unwrap(), Served::Recycled);
}

#[test]
fn a_handler_that_can_not_be_made_is_refused_in_a_sentence() {
    let mut desk = Desk::new(|start| Err(TaskError::new(format!("`{}` is no kind of mine", start.kind))));
    desk.start();
    assert_eq!(desk.hear(), Said::Refused("`test` is no kind of mine".to_owned()));
    assert_eq!(desk.join().unwrap(), Served::Refused);
}

#[test]
fn a_panic_in_the_making_of_a_handler_is_a_refusal() {
    let mut desk = Desk::new(|_| panic!("no setup"));
    desk.start();
    let Said::Refused(sentence) = desk.hear() else { panic!("not refused") };
    assert!(sentence.starts_with("panic: no setup at "), "{sentence}");
}

#[test]
fn a_handler_sees_the_start_and_where_it_runs() {
    let mut desk = Desk::new(|start| {
        let setup = start.setup.to_vec();
        Ok(Box::new(Run(move |task: &Task<'_>, value: &mut Vec<u8>| {
            assert!(task.context.link.is_some());
            value.extend_from_slice(&setup);
            value.extend_from_slice(task.context.worker.as_bytes());
            value.push(task.attempt as u8);
            Ok(())
        })))
    });
    desk.start();
    assert_eq!(desk.hear(), Said::Ready);
    desk.send(&[(0, b"")]);
    assert_eq!(desk.hear_ends(1), [(0, value(b"setupworker-1\x01"))]);
}

#[test]
fn values_of_every_size_come_whole() {
    const SIZES: [u32; 6] = [0, 64 << 10, (64 << 10) + 1, (256 << 10) - 64, 1 << 20, 5_000_000];
    let mut desk = Desk::started(|task, value| {
        let size = u32::from_le_bytes(task.payload.try_into().unwrap());
        value.resize(size as usize, task.id.0 as u8);
        Ok(())
    });
    let payloads = SIZES.map(u32::to_le_bytes);
    let tasks: Vec<_> = (0..).zip(payloads.iter().map(<[u8; 4]>::as_slice)).collect();
    desk.send(&tasks);
    let ends = desk.hear_ends(SIZES.len());
    for (index, ((id, end), size)) in ends.into_iter().zip(SIZES).enumerate() {
        assert_eq!(id, index as u64);
        assert!(end == value(&vec![index as u8; size as usize]), "task {index}");
    }
}

#[test]
fn many_long_inline_values_never_overflow_a_frame() {
    let mut desk = Desk::started(|_, value| {
        value.resize(64 << 10, 1);
        Ok(())
    });
    let tasks: Vec<_> = (0..100).map(|id| (id * 1_000_000_007, b"".as_slice())).collect();
    desk.send(&tasks);
    assert_eq!(desk.hear_ends(100).len(), 100);
}

#[test]
fn a_value_beyond_the_limit_fails_its_task_with_what_to_do() {
    let mut desk = Desk::started(|_, value| {
        value.resize(MAX_VALUE as usize + 1, 0);
        Ok(())
    });
    desk.send(&[(0, b"")]);
    let [(0, End::Error(sentence))] = &desk.hear_ends(1)[..] else { panic!("no error") };
    assert!(sentence.contains("67108865 bytes") && sentence.contains("file"), "{sentence}");
}

#[test]
fn the_cell_shows_the_running_task_and_a_recall_takes_back_only_the_unstarted() {
    let (release, gate) = mpsc::channel::<()>();
    let (reached, running) = mpsc::channel::<()>();
    let before = monotonic_nanos();
    let mut desk = Desk::started(move |task, _| {
        if task.payload == b"wait" {
            reached.send(()).unwrap();
            gate.recv().unwrap();
        }
        Ok(())
    });
    let batch = desk.send(&[(7, b"go"), (8, b"wait"), (9, b"go"), (10, b"go")]);
    running.recv().unwrap();
    let blamed = desk.end.cell.running().unwrap();
    assert_eq!((blamed.task.0, blamed.attempt), (8, 1));
    assert!(blamed.started_nanos >= before && blamed.started_nanos <= monotonic_nanos());
    assert_eq!((desk.end.cell.finished(), desk.end.cell.claimed(batch)), (1, 2));
    assert_eq!(desk.end.cell.recall_tail(batch, 1), 3..4);
    assert_eq!(desk.end.cell.recall(batch), 2..3);
    release.send(()).unwrap();
    assert_eq!(desk.hear_ends(2).into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [7, 8]);
    desk.pill();
    assert_eq!(desk.hear(), Said::Goodbye { tasks: 2, why: Why::Pill });
}

#[test]
fn outcomes_that_have_waited_leave_before_a_long_batch_ends() {
    let (release, gate) = mpsc::channel::<()>();
    let mut desk = Desk::started(move |task, _| {
        match task.payload {
            b"busy" => {
                let until = monotonic_nanos() + 10_000_000;
                while monotonic_nanos() < until {}
            }
            b"wait" => gate.recv().unwrap(),
            _ => {}
        }
        Ok(())
    });
    desk.send(&[(0, b"busy"), (1, b"wait")]);
    assert_eq!(desk.hear_ends(1)[0].0, 0, "heard while the next task runs");
    release.send(()).unwrap();
    assert_eq!(desk.hear_ends(1)[0].0, 1);
}

#[test]
fn a_worker_whose_coordinator_is_gone_returns() {
    assert_eq!(Desk::started(echo).join().unwrap(), Served::CoordinatorGone);
    assert_eq!(Desk::new(|_| Ok(Box::new(Run(echo)))).join().unwrap(), Served::CoordinatorGone);
}

#[test]
fn a_coordinator_that_leaves_in_mid_batch_ends_the_worker_in_an_orderly_way() {
    let mut desk = Desk::started(|_, value| {
        value.resize(64 << 10, 0);
        Ok(())
    });
    let tasks: Vec<_> = (0..1000).map(|id| (id, b"".as_slice())).collect();
    desk.send(&tasks);
    assert_eq!(desk.join().unwrap(), Served::CoordinatorGone);
}

#[test]
fn what_is_out_of_turn_or_no_message_ends_the_worker_with_an_error() {
    let desk = Desk::new(|_| Ok(Box::new(Run(echo))));
    desk.end.sender.send(b"\xff nonsense").unwrap();
    assert!(matches!(desk.join(), Err(ServeError::Decode(_))));

    let mut desk = Desk::new(|_| Ok(Box::new(Run(echo))));
    desk.send(&[(0, b"")]);
    assert!(matches!(desk.join(), Err(ServeError::OutOfTurn(_))));

    let desk = Desk::started(echo);
    desk.start();
    assert!(matches!(desk.join(), Err(ServeError::OutOfTurn(_))));
}

#[test]
fn a_long_task_is_timed_by_itself_and_a_tiny_one_is_not_charged_for_it() {
    let mut desk = Desk::started(|task, _| {
        let until = monotonic_nanos() + if task.payload == b"long" { 30_000_000 } else { 0 };
        while monotonic_nanos() < until {}
        Ok(())
    });
    desk.send(&[(0, b"long"), (1, b"tiny")]);
    let mut reader = protocol::FrameReader::new();
    let mut micros = Vec::new();
    while micros.len() < 2 {
        reader.fill(&desk.end.stream).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            let protocol::FromWorker::Outcomes(outcomes) = protocol::FromWorker::decode(frame).unwrap()
            else {
                panic!("not outcomes")
            };
            for outcome in outcomes.iter().map(Result::unwrap) {
                assert!(matches!(outcome.result, OutcomeResult::Ok(b"")));
                micros.push(outcome.micros);
            }
        }
    }
    assert!(micros[0] >= 30_000, "{micros:?}");
    assert!(micros[1] < micros[0], "{micros:?}");
}
