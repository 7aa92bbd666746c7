//! Results in the order of the input: it costs no waiting, no loss, and no memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is how a test fails")]

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use tests::{Gauge, Place, Started, processes_of, wait_until};

/// How many tasks follow the one at the head.
const SHORT: u64 = 200_000;

/// One run's row: how it stands, and how many of its tasks are stored as ok and as failed.
fn stored(place: &Place) -> (u64, u64) {
    let list = place.start(&["runs", "list", "--json"]).finish();
    let runs = if list.code() == 0 { list.json_lines() } else { Vec::new() };
    let count = |run: &serde_json::Value, what: &str| run["tasks"][what].as_u64().unwrap();
    runs.first().map_or((0, 0), |run| (count(run, "ok"), count(run, "failed")))
}

/// Forty items, a program for each. The first waits for a file, the third fails every time, the others end at once.
fn gated(place: &Place, order: &str) -> String {
    place.write("items.txt", (1..=40).map(|item| format!("{item}\n")).collect::<String>());
    let script = "echo {} >> executed.log; [ {} = 3 ] && exit 3; \
                  while [ {} = 1 ] && [ ! -e go ]; do sleep 0.02; done; echo done {}";
    let job = format!(
        "kind = \"command\"\n[input]\nfile = \"items.txt\"\n[params]\nargv = [\"{script}\"]\nshell = true\n\
         [run]\nworkers = 2\norder = \"{order}\"\nretries = 1\ngrace = 0\n[output]\npath = \"out.jsonl\"\n"
    );
    place.write("job.toml", job).display().to_string()
}

/// Waits until all but the first task are stored.
fn wait_for_the_others(place: &Place) {
    wait_until("all other outcomes in the store", || stored(place) == (38, 1));
}

fn executions(place: &Place) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for item in place.read("executed.log").lines() {
        *times.entry(item.trim_matches('\'').to_owned()).or_default() += 1;
    }
    times
}

/// Ends a run while only its first task has no outcome, goes on with it, and counts what was run.
fn nothing_that_has_ended_runs_again(end: impl Fn(Started)) {
    for order in ["input", "completion"] {
        let place = Place::new();
        let job = gated(&place, order);
        let started = place.start(&["run", &job, "--run-id", "x"]);
        wait_for_the_others(&place);
        end(started);
        wait_until("the workers' end", || processes_of(place.path()).is_empty());
        place.write("go", "");
        let resumed = place.start(&["resume", "x"]).finish().expect_code(1);
        assert!(resumed.stderr.contains("39 already done"), "{}", resumed.stderr);
        let mut times = executions(&place);
        assert_eq!(times.remove("1"), Some(2), "{order}: it was in flight");
        assert_eq!(times.remove("3"), Some(2), "{order}: it has two attempts");
        assert!(times.len() == 38 && times.values().all(|times| *times == 1), "{order}: {times:?}");
        let mut inputs: Vec<u64> = place
            .read("out.jsonl")
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_u64().unwrap())
            .collect();
        if order == "completion" {
            inputs.sort_unstable();
        }
        assert!(inputs.into_iter().eq(0..40), "{order}");
    }
}

#[test]
fn nothing_that_has_ended_runs_again_after_an_interrupt_whatever_the_order() {
    nothing_that_has_ended_runs_again(|started| {
        started.signal(Signal::SIGTERM);
        let stopped = started.finish().expect_code(143);
        assert!(stopped.stderr.contains("interrupted: 1 task has no outcome"), "{}", stopped.stderr);
        assert!(stopped.stderr.contains("38 ok, 1 failed"), "{}", stopped.stderr);
    });
}

#[test]
fn nothing_that_has_ended_runs_again_after_a_kill_whatever_the_order() {
    nothing_that_has_ended_runs_again(|started| {
        started.signal(Signal::SIGKILL);
        started.finish();
    });
}

/// A task that never ends, and many short ones behind it.
fn endless_head(place: &Place) -> String {
    let text = format!(
        "kind = \"faults\"\n[input]\ntasks = [\"hang\", \"ok*{SHORT}\"]\n[run]\nworkers = 2\ngrace = 0\n"
    );
    place.write("job.toml", text).display().to_string()
}

#[test]
fn one_long_task_at_the_head_holds_up_nobody() {
    let place = Place::new();
    let job = endless_head(&place);
    let started = place.start(&["run", &job, "--output", "out.jsonl"]);
    wait_until("all short tasks in the store", || stored(&place) == (SHORT, 0));
    started.signal(Signal::SIGTERM);
    let stopped = started.finish().expect_code(143);
    assert!(stopped.stderr.contains("interrupted: 1 task has no outcome"), "{}", stopped.stderr);
    for wrong in ["waiting for planning", "slower than they are done", "faster reader"] {
        assert!(!stopped.stderr.contains(wrong), "{}", stopped.stderr);
    }
    place.check_nothing_is_left();
}

#[test]
fn what_an_interrupted_run_has_done_leaves_in_order_with_gaps() {
    let place = Place::new();
    let job = endless_head(&place);
    let started = place.start(&["run", &job, "--output", "out.jsonl", "--summary-json", "sum.json"]);
    wait_until("all short tasks in the store", || stored(&place) == (SHORT, 0));
    started.signal(Signal::SIGTERM);
    started.finish().expect_code(143);
    let partial = place.read("out.jsonl.partial");
    let ids = partial.lines().map(|line| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_u64().expect("a line with its id")
    });
    assert!(ids.eq(1..=SHORT));
}

#[test]
fn an_interrupt_tells_how_many_of_all_tasks_have_no_outcome() {
    let place = Place::new();
    // More than are ever planned at once, behind workers that are both stuck: a worker has two batches at most.
    let text = format!(
        "kind = \"faults\"\n[input]\ntasks = [\"hang*4\", \"ok*{SHORT}\"]\n[run]\nworkers = 2\ngrace = 0\nbatch = 1\n"
    );
    let job = place.write("job.toml", text).display().to_string();
    let started = place.start(&["run", &job, "--run-id", "stuck"]);
    wait_until("the run", || place.start(&["runs", "show", "stuck"]).finish().code() == 0);
    started.signal(Signal::SIGTERM);
    let stopped = started.finish().expect_code(143);
    assert!(stopped.stderr.contains("interrupted: 200,004 tasks have no outcome"), "{}", stopped.stderr);
}

/// A program a worker whose values have 100 kB each; the first task waits for a file.
fn long_results(place: &Place, tasks: u64) -> String {
    let script = "while read -r line; do task=${line#*:}; task=${task%%,*}; \
                  while [ $task = 0 ] && [ ! -e go ]; do sleep 0.02; done; printf '\"%0100000d\"\\n' $task; done";
    place.write("lines.sh", script);
    place.write("items.txt", (1..=tasks).map(|item| format!("{item}\n")).collect::<String>());
    let job = "kind = \"command\"\n[input]\nfile = \"items.txt\"\n[params]\nmode = \"lines\"\n\
               argv = [\"sh\", \"lines.sh\"]\n[run]\nworkers = 2\n[output]\npath = \"out.jsonl\"\n";
    place.write("job.toml", job).display().to_string()
}

#[test]
fn results_that_wait_beyond_what_memory_holds_leave_in_order_all_the_same() {
    const TASKS: u64 = 2_000;
    for keep in [&["--store", "none"][..], &[]] {
        let place = Place::new();
        let job = long_results(&place, TASKS);
        let arguments = [&["run", job.as_str()], keep].concat();
        let started = place.start(&arguments);
        let gauge = Gauge::of(started.child.id());
        // 200 MB of results wait for the first.
        wait_until("most of the other results", || spilled(&started) > 100_000_000);
        place.write("go", "");
        started.finish().expect_code(0);
        let peak = gauge.peak().resident_kib;
        assert!(peak < 190 * 1024, "{peak} KiB");
        let mut expected = 0..TASKS;
        for line in place.read("out.jsonl").lines() {
            let id = expected.next().unwrap();
            let end = format!("{id:0>60000}\"");
            assert!(line.starts_with(&format!("{{\"id\":{id},")) && line.contains(&end), "{id}");
        }
        assert_eq!(expected.next(), None);
        place.check_nothing_is_left();
    }
}

/// How long the file is, by its descriptor, in which results wait.
fn spilled(started: &Started) -> u64 {
    let folder = format!("/proc/{}/fd", started.child.id());
    let Ok(descriptors) = std::fs::read_dir(folder) else { return 0 };
    let gone = descriptors.flatten().filter(|descriptor| {
        let path = std::fs::read_link(descriptor.path()).unwrap_or_default();
        path.to_string_lossy().ends_with(" (deleted)") && !path.to_string_lossy().contains("memfd:")
    });
    gone.filter_map(|descriptor| std::fs::metadata(descriptor.path()).ok())
        .map(|file| file.len())
        .max()
        .unwrap_or(0)
}
