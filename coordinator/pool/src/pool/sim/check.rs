//! What must be true once a run has ended.

use super::process::Verdict;
use super::truth::Left;
use super::world::World;
use crate::outcome::{AttemptRecord, Reason};
use crate::pool::{End, PoolReport};
use protocol::TaskId;

/// Returns an error with the message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}

/// Holds the end of a run against what has really happened.
pub(super) fn check(world: &mut World, report: &PoolReport) -> Result<(), String> {
    world.take_effect();
    let truth = &world.truth;
    ensure!(truth.made.values().all(|made| made.buried), "a process is left");
    let made = truth.made.len() as u64;
    let told = &truth.told;
    ensure!((told.started, told.died) == (made, made), "{made} processes: {told:?}");
    ensure!(told.lines == truth.lines, "{} of {} lines are told", told.lines, truth.lines);
    for (worker, pills) in report.workers.iter().zip(&truth.pills) {
        ensure!(worker.pills == *pills, "{} pills, not {pills}", worker.pills);
    }
    let counts = report.counts;
    ensure!(counts.planned == world.planned, "{} tasks are planned, not {}", counts.planned, world.planned);
    let restored = world.restored.len() as u64;
    ensure!(report.skipped == restored, "{} skipped, not {restored}", report.skipped);
    let failed = told.failed + told.cancelled.len() as u64;
    ensure!(counts.ok == told.ok + restored, "{} ok, not {} + {restored}", counts.ok, told.ok);
    ensure!(counts.failed == failed, "{} failed, not {failed}", counts.failed);
    ensure!(counts.ok + counts.failed + report.unfinished == counts.planned, "{counts:?} {report:?}");
    check_end(world, report)?;
    if !world.sink.closed {
        let left = world.truth.left.len() as u64;
        ensure!(left + report.unfinished == counts.planned, "{left} outcomes have left: {counts:?}");
    }
    for (task, left) in &world.truth.left {
        check_outcome(world, *task, left).map_err(|why| format!("task {task}: {why}: {left:?}"))?;
    }
    Ok(())
}

fn check_end(world: &mut World, report: &PoolReport) -> Result<(), String> {
    let options = &world.scenario.options;
    let done = report.unfinished == 0;
    match &report.end {
        End::Done => ensure!(done && !world.asked.stopped && !world.scenario.bad_input, "{report:?}"),
        End::Stopped => ensure!(world.asked.stopping, "stopped, though nobody asked"),
        End::TooManyFailures => ensure!(options.max_failures.is_some(), "there is no limit on failures"),
        End::NoWorkers { .. } => {
            world.met.insert("no workers");
        }
        End::BadInput(_) => {
            let stopped = world.asked.stopping || world.sink.closed || options.max_failures.is_some();
            ensure!(world.scenario.bad_input && (done || stopped || given_up(world)), "{report:?}");
        }
        End::SinkClosed => ensure!(world.sink.closed, "the sink is open"),
    }
    Ok(())
}

/// A run that ended in one way may have lost its last worker afterwards.
fn given_up(world: &World) -> bool {
    world.scenario.faults.stillbirth > 0
        || world.scenario.faults.leave > 0
        || !world.scenario.strikes.is_empty()
}

fn check_outcome(world: &World, task: TaskId, left: &Left) -> Result<(), String> {
    if world.restored.contains(&task) {
        ensure!(left.failed.is_none() && left.attempts == 2, "its outcome is not the earlier session's");
        return Ok(());
    }
    let told = world.truth.told.failures.get(&task).copied().unwrap_or(0);
    match &left.failed {
        None => {
            ensure!(left.attempts == told + 1, "{told} failures were told");
            let lease = (task, left.attempts);
            let said = world.truth.claimed.iter().any(|((pid, claimed), verdicts)| {
                let by = world.truth.made.get(pid).is_some_and(|made| made.worker.number() == left.worker);
                by && *claimed == lease && verdicts.contains(&Verdict::Ok)
            });
            ensure!(said, "no worker has said so");
        }
        Some((reason, history)) => {
            ensure!(history.len() as u32 == told, "{told} failures were told");
            ensure!(left.attempts == told, "attempts and history differ");
            for (record, attempt) in history.iter().zip(1..) {
                ensure!(record.attempt == attempt, "attempt {attempt} is missing");
                check_record(world, task, record)?;
            }
            match world.truth.told.cancelled.get(&task) {
                Some(attempts) => {
                    ensure!(
                        *reason == Reason::Cancelled && *attempts == told && left.worker == 0,
                        "it is told to be cancelled"
                    );
                }
                None => {
                    ensure!(history.last().map(|last| last.reason) == Some(*reason), "another reason");
                }
            }
        }
    }
    Ok(())
}

/// An attempt that failed: by a process that had it, and for a reason that is true.
fn check_record(world: &World, task: TaskId, record: &AttemptRecord) -> Result<(), String> {
    let truth = &world.truth;
    let lease = (task, record.attempt);
    let made = truth.made.get(&record.pid).ok_or("its process was never made")?;
    ensure!(made.worker.number() == record.worker, "process {} is {}'s", record.pid, made.worker);
    // A liar may have guessed what the queue was about to send it.
    ensure!(made.lies || truth.held.contains(&(record.pid, lease)), "process {} did not have it", record.pid);
    let by_death = record.signal.is_some() || record.exit_code.is_some();
    if !by_death {
        let said = truth.claimed.get(&(record.pid, lease));
        let wanted = Verdict::Failed(record.reason);
        ensure!(said.is_some_and(|verdicts| verdicts.contains(&wanted)), "its worker did not say so");
        return Ok(());
    }
    use crate::supervisor::Exit;
    let exit = match made.exit.ok_or("its process lives")? {
        Exit::Signal(number) => (Some(number), None),
        Exit::Code(code) => (None, Some(code)),
        Exit::Unknown => (None, None),
    };
    ensure!(exit == (record.signal, record.exit_code), "its process ended by {exit:?}");
    let cancelled = record.reason == Reason::Cancelled;
    ensure!(!cancelled || world.asked.cancelled.contains(&task), "nobody has cancelled it");
    Ok(())
}
