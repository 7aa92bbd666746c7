//! What held a run back, in a line or two for people. Pure.

use crate::summary::{Summary, TimeSummary};

/// Runs that were over sooner need no such line.
const WORTH_TELLING: f64 = 0.5;
/// A part of the time from which on something is said about it.
const MUCH: f64 = 0.25;
/// Workers that spend less than this part of their time in tasks are mostly waiting for the next one.
const BUSY: f64 = 0.5;
/// A worker that spends more than this part of the time in tasks waits for nobody.
const FULL: f64 = 0.9;
/// Tasks that take longer, in seconds and on average, are not short.
const SHORT: f64 = 0.005;

/// `time: 92 % tasks, 5 % starting workers, 3 % last tasks`; none of a run that was over at once.
pub(crate) fn time_line(summary: &Summary) -> Option<String> {
    if summary.wall_seconds < WORTH_TELLING {
        return None;
    }
    let mut parts: Vec<_> =
        parts(&summary.time).into_iter().filter(|(part, _)| part * 100.0 >= 0.5).collect();
    parts.sort_by(|one, other| other.0.total_cmp(&one.0));
    let texts: Vec<String> =
        parts.iter().map(|(part, what)| format!("{:.0} % {what}", part * 100.0)).collect();
    (!texts.is_empty()).then(|| format!("time: {}", texts.join(", ")))
}

/// Each part of the time, from 0 to 1, and what it was spent on.
fn parts(time: &TimeSummary) -> [(f64, &'static str); 5] {
    let TimeSummary { starting, planning, tasks, output, ending, .. } = *time;
    let whole = starting + planning + tasks + output + ending;
    let part = |seconds: f64| if whole > 0.0 { (seconds / whole).clamp(0.0, 1.0) } else { 0.0 };
    let output_name = match Behind::of(time) {
        Behind::Store => "waiting for the store",
        Behind::Combining => "waiting for the combining of results",
        Behind::Writing => "waiting for the output",
    };
    [
        (part(starting), "starting workers"),
        (part(planning), "waiting for planning"),
        (part(tasks), "tasks"),
        (part(output), output_name),
        (part(ending), "last tasks"),
    ]
}

/// What outcomes wait for on their way out.
enum Behind {
    Store,
    Combining,
    Writing,
}

impl Behind {
    fn of(time: &TimeSummary) -> Self {
        match time {
            _ if time.storing > time.writing => Self::Store,
            _ if time.combining > time.writing / 2.0 => Self::Combining,
            _ => Self::Writing,
        }
    }
}

/// What kept the run from going faster, and what to do about it; none where it was the tasks themselves.
pub(crate) fn hint(summary: &Summary) -> Option<&'static str> {
    // How a run that was stopped would have gone on is not known, nor what one without tasks would have come to.
    let nothing = summary.tasks.ok + summary.tasks.failed == 0;
    if summary.wall_seconds < WORTH_TELLING || summary.interrupted || nothing {
        return None;
    }
    let [starting, planning, tasks, output, ending] = parts(&summary.time).map(|(part, _)| part);
    let most = [starting, planning, output, ending].into_iter().fold(0.0, f64::max);
    if most < MUCH {
        return (tasks > 0.0 && are_short(summary)).then_some(
            "the tasks are so short that workers mostly wait for the next ones; larger tasks would go faster",
        );
    }
    Some(match most {
        _ if most == output => match Behind::of(&summary.time) {
            Behind::Store => "held back by the store: a faster disk for --store, or --store none, would help",
            Behind::Combining => {
                "held back by the combining of results, which the coordinator does alone: neither more workers nor a \
                 faster disk would help"
            }
            Behind::Writing => {
                "held back by the output: a faster reader or disk would help; more workers would not"
            }
        },
        // Beside a task that takes all the time, that the others wait says nothing of planning.
        _ if most == planning && busiest(summary) > FULL => return None,
        _ if most == planning => "held back by planning: tasks come slower than they are done",
        _ if most == ending => {
            "held back by the last tasks, too few for all workers: smaller tasks, or long ones first, would help"
        }
        _ => "starting the workers took a large part of the time: fewer of them may do",
    })
}

/// True where no worker has spent much of its time in tasks, and the tasks were short: beside one long task all the
/// others wait, too.
fn are_short(summary: &Summary) -> bool {
    let busy: f64 = summary.per_worker.iter().map(|worker| worker.busy_seconds).sum();
    let tasks: u64 = summary.per_worker.iter().map(|worker| worker.tasks).sum();
    busiest(summary) < BUSY && tasks > 0 && busy / (tasks as f64) < SHORT
}

/// Which part of the time in which there were tasks the worker that was in tasks longest spent in them.
fn busiest(summary: &Summary) -> f64 {
    let busy = summary.per_worker.iter().map(|worker| worker.busy_seconds).fold(0.0, f64::max);
    let there = summary.time.planning + summary.time.tasks + summary.time.ending;
    if there > 0.0 { busy / there } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{TaskCounts, WorkerSummary};

    fn summary(time: TimeSummary, busy: f64) -> Summary {
        let worker = WorkerSummary {
            name: "worker-1".into(),
            pid: 1,
            incarnations: 1,
            tasks: 1_000,
            busy_seconds: busy,
        };
        let tasks = TaskCounts { planned: 1_000, ok: 1_000, ..TaskCounts::default() };
        Summary {
            wall_seconds: 10.0,
            workers: 1,
            tasks,
            per_worker: vec![worker],
            time,
            ..Summary::default()
        }
    }

    #[test]
    fn the_time_is_told_in_parts_largest_first() {
        let time = TimeSummary { starting: 0.3, tasks: 9.0, ending: 0.7, ..TimeSummary::default() };
        let line = time_line(&summary(time, 9.0));
        assert_eq!(line.as_deref(), Some("time: 90 % tasks, 7 % last tasks, 3 % starting workers"));
        assert_eq!(hint(&summary(time, 9.0)), None);
        let short = Summary { wall_seconds: 0.1, ..summary(time, 9.0) };
        assert_eq!((time_line(&short), hint(&short)), (None, None));
    }

    #[test]
    fn what_held_it_back_is_named() {
        let says = |time, busy, part: &str| {
            let hint = hint(&summary(time, busy)).unwrap_or_default();
            assert!(hint.contains(part), "{hint:?} does not say {part:?}");
        };
        let none = TimeSummary { tasks: 6.0, ..TimeSummary::default() };
        says(TimeSummary { planning: 4.0, ..none }, 6.0, "planning");
        says(TimeSummary { output: 4.0, writing: 3.0, storing: 1.0, ..none }, 6.0, "the output");
        says(TimeSummary { output: 4.0, writing: 1.0, storing: 3.0, ..none }, 6.0, "the store");
        says(
            TimeSummary { output: 4.0, writing: 3.0, combining: 2.9, ..none },
            6.0,
            "the combining of results",
        );
        says(TimeSummary { output: 4.0, writing: 3.0, combining: 0.1, ..none }, 6.0, "a faster reader");
        says(TimeSummary { ending: 4.0, ..none }, 6.0, "the last tasks");
        says(TimeSummary { starting: 4.0, ..none }, 6.0, "starting");
        says(none, 1.0, "so short");
    }

    #[test]
    fn a_run_that_was_stopped_and_one_with_a_long_task_get_no_wrong_advice() {
        let time = TimeSummary { tasks: 10.0, ..TimeSummary::default() };
        let stopped = Summary { interrupted: true, ..summary(TimeSummary { ending: 9.0, ..time }, 0.0) };
        assert_eq!(hint(&stopped), None);
        // One worker is at one task all the time, and seven have done all else.
        let mut beside = summary(time, 10.0);
        let idle = WorkerSummary { busy_seconds: 0.1, tasks: 30_000, ..beside.per_worker[0].clone() };
        beside.per_worker.extend(vec![idle; 7]);
        beside.workers = 8;
        assert_eq!(hint(&beside), None);
        let waiting =
            Summary { time: TimeSummary { planning: 9.0, tasks: 1.0, ..TimeSummary::default() }, ..beside };
        assert_eq!(hint(&waiting), None);
        // Few tasks that are not short: whatever it was, it was not that.
        let mut few = summary(time, 1.0);
        few.per_worker[0].tasks = 2;
        assert_eq!(hint(&few), None);
    }

    #[test]
    fn a_run_without_time_is_no_division_by_zero() {
        let nothing = summary(TimeSummary::default(), 0.0);
        assert_eq!((time_line(&nothing), hint(&nothing)), (None, None));
    }
}
