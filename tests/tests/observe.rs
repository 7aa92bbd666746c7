//! Runs that are observed from other processes: by those who listen, who don't, who die and who talk nonsense.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use protocol::observe::{Ending, Greeting, Listener, Observation, Observer, RunInfo, Snapshot, WorkerState};
use serde_json::Value;
use tests::{Gauge, Place, Started, processes_of, wait_until};

/// For ever.
const MINUTE: Duration = Duration::from_secs(60);

/// A run of one worker, whose tasks are the lines of shell that the test writes.
struct Shell {
    place: Place,
    run: Started,
    tasks: ChildStdin,
}

impl Shell {
    fn start(place: Place, arguments: &[&str]) -> Self {
        let text = "kind = \"command\"\nparams.argv = [\"sh\", \"-c\"]\n[run]\nworkers = 1\nretries = 0\n";
        let job = place.write("shell.toml", text).display().to_string();
        let fixed = ["run", &job, "--input", "-", "--observe", "run.sock", "--summary-json", "summary.json"];
        let mut command = place.command(&[&fixed, arguments].concat());
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let tasks = child.stdin.take().unwrap();
        Self { place, run: Started { child }, tasks }
    }

    fn socket(&self) -> PathBuf {
        self.place.path().join("run.sock")
    }

    fn observer(&self) -> Observer {
        Observer::connect_within(self.socket(), MINUTE).unwrap()
    }

    fn task(&mut self, line: &str) {
        writeln!(self.tasks, "{line}").unwrap();
    }

    /// A task that runs until the test calls [`open`](Self::open).
    fn gate(&mut self) {
        let gate = self.place.path().join("gate").display().to_string();
        self.task(&format!("touch {gate}.begun; while [ ! -e {gate} ]; do sleep 0.02; done"));
        wait_until("the gate's task", || Path::new(&format!("{gate}.begun")).exists());
    }

    fn open(&self) {
        self.place.write("gate", "");
    }

    /// Ends the input, waits for the run, and checks that nothing of it is left.
    fn end(self, code: i32) -> Place {
        let Self { place, run, tasks } = self;
        drop(tasks);
        run.finish().expect_code(code);
        assert!(!place.path().join("run.sock").exists(), "the socket is left");
        place.check_nothing_is_left();
        place
    }
}

/// Reads observations until one is as wanted.
fn until<T>(observer: &mut Observer, what: &str, mut wanted: impl FnMut(&Observation) -> Option<T>) -> T {
    observer
        .map(Result::unwrap)
        .find_map(|observation| wanted(&observation))
        .unwrap_or_else(|| panic!("no {what}"))
}

fn snapshot(observer: &mut Observer, mut wanted: impl FnMut(&Snapshot) -> bool) -> Snapshot {
    until(observer, "such snapshot", |observation| match observation {
        Observation::Snapshot(snapshot) if wanted(snapshot) => Some(snapshot.clone()),
        _ => None,
    })
}

fn ending(observer: &mut Observer) -> Ending {
    until(observer, "end", |observation| match observation {
        Observation::End(ending) => Some(ending.clone()),
        _ => None,
    })
}

#[test]
fn a_second_process_sees_the_start_failures_deaths_and_the_end() {
    let mut shell = Shell::start(Place::new(), &["--run-id", "mine"]);
    let watch = ["watch", "run.sock", "--json", "--wait", "1m"];
    let mut watcher = shell.place.command(&watch).spawn().unwrap();
    let lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
    let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let run = lines.next().unwrap();
    assert_eq!(run["event"], "run");
    assert_eq!(
        (&run["run_id"], &run["kind"], &run["workers"]),
        (&"mine".into(), &"command".into(), &1.into())
    );
    assert_eq!(run["planned"], Value::Null);
    assert_eq!(lines.next().unwrap()["event"], "snapshot");
    // It watches: now something may happen.
    for task in ["true", "exit 3", "kill -9 $PPID", "true"] {
        shell.task(task);
    }
    let place = shell.end(1);
    let seen: Vec<Value> = lines.collect();
    assert_eq!(Started { child: watcher }.finish().code(), 1, "the exit code is the run's");
    let named = |name: &str| seen.iter().filter(|line| line["event"] == name).collect::<Vec<_>>();
    let failed: Vec<_> =
        named("failed").iter().map(|line| (line["task"].clone(), line["reason"].clone())).collect();
    assert_eq!(failed, [(1.into(), "error".into()), (2.into(), "signal".into())]);
    let died: Vec<_> = named("died").into_iter().filter(|line| line["orderly"] == false).collect();
    assert!(died.len() == 1 && died[0]["how"].to_string().contains("SIGKILL"), "{died:?}");
    let again = named("started").into_iter().find(|line| line["incarnation"] == 2).unwrap();
    assert!(again["worker"] == "worker-1" && again["pid"].as_u64() > Some(1), "{again}");
    let end = seen.last().unwrap();
    let summary: Value = serde_json::from_str(&place.read("summary.json")).unwrap();
    assert_eq!((&end["event"], &end["exit_code"]), (&"end".into(), &1.into()));
    for key in ["planned", "ok", "failed", "retried", "skipped"] {
        assert_eq!(end[key], summary["tasks"][key], "{key}");
    }
    for key in ["restarts", "interrupted", "wall_seconds", "cpu_seconds", "tasks_per_second"] {
        assert_eq!(end[key], summary[key], "{key}");
    }
    assert_eq!(end["workers"], summary["per_worker"]);
}

#[test]
fn a_person_sees_it_line_by_line() {
    let mut shell = Shell::start(Place::new(), &["--soft-timeout", "100ms"]);
    let mut watcher = shell.place.command(&["watch", "run.sock", "--wait", "1m"]).spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.starts_with("run ") && first.ends_with(": shell (command), 1 worker"), "{first}");
    shell.task("sleep 0.5");
    shell.task("exit 3");
    shell.end(1);
    let seen: Vec<String> = lines.collect();
    let has = |part: &str| assert!(seen.iter().any(|line| line.contains(part)), "no {part:?} in {seen:#?}");
    has("tasks done");
    has("task 0 on worker-1 runs past the soft time limit");
    has("task 1 failed after 1 attempt (error): ");
    assert!(seen.last().unwrap().ends_with("1 ok, 1 failed; exit code 1"), "{seen:#?}");
    assert_eq!(Started { child: watcher }.finish().code(), 1);
}

#[test]
fn who_comes_late_sees_how_the_run_stands() {
    let mut shell = Shell::start(Place::new(), &[]);
    for task in ["true", "exit 3", "true"] {
        shell.task(task);
    }
    let mut early = shell.observer();
    shell.gate();
    // The gate's task may have begun before the coordinator has heard of those before it.
    snapshot(&mut early, |snapshot| snapshot.ok + snapshot.failed == 3);
    let mut late = shell.observer();
    assert_eq!(late.run().workers, 1);
    let first = snapshot(&mut late, |_| true);
    assert_eq!((first.ok, first.failed, first.skipped), (2, 1, 0));
    // Another one comes only where something has changed.
    let running = match first.running {
        1 => first,
        _ => snapshot(&mut late, |snapshot| snapshot.running == 1),
    };
    let [worker] = &running.workers[..] else { panic!("{running:?}") };
    assert_eq!((worker.name.as_str(), worker.incarnation), ("worker-1", 1));
    assert!(
        matches!(worker.state, WorkerState::Running { task, attempt: 1, .. } if task.0 == 3),
        "{worker:?}"
    );
    shell.open();
    shell.end(1);
    let end = ending(&mut late);
    assert_eq!((end.ok, end.failed, end.exit_code), (3, 1, Some(1)));
    assert!(late.next().is_none() && late.is_over());
}

/// Many tasks that fail as fast as they can, after one that lets observers connect for so many seconds.
fn failing(place: &Place, seconds: u32) -> Started {
    let first = format!("sleep:{seconds}");
    let job = place.faults(&[&first, "error*30000"], "workers = 1\nretries = 0").display().to_string();
    place.start(&["-q", "run", &job, "--observe", "run.sock", "--output", "out.jsonl", "--force"])
}

#[test]
fn observers_that_never_read_neither_hold_the_run_up_nor_take_memory() {
    let place = Place::new();
    let socket = place.path().join("run.sock");
    let mut peaks = Vec::new();
    for (deaf, seconds) in [(0, 4), (24, 8)] {
        let run = failing(&place, seconds);
        let gauge = Gauge::of(run.child.id());
        let mut reading = Observer::connect_within(&socket, MINUTE).unwrap();
        let observers: Vec<_> = (0..deaf).map(|_| Observer::connect(&socket).unwrap()).collect();
        let (mut failed, mut lost) = (0, 0);
        let end = until(&mut reading, "end", |observation| match observation {
            Observation::Failed { .. } => {
                failed += 1;
                None
            }
            Observation::Lost { events } => {
                lost += events;
                None
            }
            Observation::End(end) => Some(end.clone()),
            _ => None,
        });
        run.finish().expect_code(1);
        assert_eq!((end.ok, end.failed), (1, 30_000));
        // Among the lost may be a worker's end, too.
        assert!(failed <= 30_000 && failed + lost >= 30_000, "{failed} failures seen, {lost} events lost");
        println!("{deaf} that never read: {failed} failures seen, {lost} events lost");
        peaks.push(gauge.peak().resident_kib);
        place.check_nothing_is_left();
        for mut observer in observers {
            // What it could have had, and no end: that found no room.
            let told: Vec<_> = observer.by_ref().collect();
            assert!(told.len() > 10 && told.len() < 30_000, "{} observations", told.len());
            assert!(told.last().unwrap().as_ref().is_err_and(protocol::observe::ObserveError::is_cut));
        }
    }
    println!("resident at most, in KiB: {peaks:?}");
    assert!(peaks[1] < peaks[0] + (24 << 10), "{peaks:?}");
}

#[test]
fn an_observer_that_is_killed_or_talks_nonsense_harms_nobody() {
    let mut shell = Shell::start(Place::new(), &[]);
    let mut listening = shell.observer();
    shell.gate();
    let killed = shell.place.start(&["watch", "run.sock"]);
    wait_until("its connection", || {
        processes_of(shell.place.path()).iter().any(|line| line.contains("watch"))
    });
    killed.signal(Signal::SIGKILL);
    let _ = killed.finish();
    for length in [1_usize, 1000, 1 << 20] {
        let mut rude = UnixStream::connect(shell.socket()).unwrap();
        rude.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        // It may be refused at any point.
        let _ = rude.write_all(&vec![0xff; length]);
        let _ = rude.write_all(&vec![0; length]);
    }
    for _ in 0..100 {
        drop(UnixStream::connect(shell.socket()).unwrap());
    }
    shell.open();
    shell.task("true");
    shell.end(0);
    assert_eq!(ending(&mut listening).ok, 2);
}

#[test]
fn there_is_a_bound_on_observers_and_who_is_too_many_is_told() {
    let mut shell = Shell::start(Place::new(), &[]);
    shell.gate();
    let mut observers: Vec<_> = (0..32).map(|_| shell.observer()).collect();
    let refused = Observer::connect(shell.socket()).unwrap_err();
    assert!(refused.is_full() && refused.to_string().contains("32"), "{refused}");
    observers.pop();
    // As soon as it is noticed that one has gone.
    wait_until("a free place", || Observer::connect(shell.socket()).is_ok());
    shell.open();
    shell.end(0);
    assert!(observers.iter_mut().all(|observer| ending(observer).ok == 1));
}

#[test]
fn the_socket_is_private_and_goes_with_an_interrupted_run() {
    let mut shell = Shell::start(Place::new(), &["--grace", "100ms"]);
    let mut observer = shell.observer();
    let metadata = std::fs::symlink_metadata(shell.socket()).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    shell.gate();
    shell.run.signal(Signal::SIGINT);
    let at_once = until(&mut observer, "interruption", |observation| match observation {
        Observation::Interrupted { at_once } => Some(*at_once),
        _ => None,
    });
    assert!(!at_once);
    let end = ending(&mut observer);
    assert_eq!((end.interrupted, end.exit_code), (true, Some(130)));
    shell.end(130);
}

#[test]
fn a_run_that_can_not_begin_leaves_no_socket_either() {
    let place = Place::new();
    place.write("out.jsonl", "mine");
    let job = place.faults(&["ok"], "").display().to_string();
    place.run(&["run", &job, "--observe", "run.sock", "--output", "out.jsonl"]).expect_code(2);
    assert!(!place.path().join("run.sock").exists());
    let said = place.run(&["run", &job, "--observe", "t.json", "--trace", "t.json"]).expect_code(2).stderr;
    assert!(said.contains("--observe t.json: that is the --trace"), "{said}");
}

#[test]
fn a_live_socket_and_other_files_are_refused_and_that_of_a_killed_run_is_replaced() {
    let mut shell = Shell::start(Place::new(), &[]);
    let mut observer = shell.observer();
    shell.gate();
    let job = shell.place.faults(&["ok"], "").display().to_string();
    let again = ["run", &job, "--observe", "run.sock"];
    let refused = |path: &str| {
        let child = shell.place.command(&["run", &job, "--observe", path]).spawn().unwrap();
        Started { child }.finish().expect_code(2).stderr
    };
    assert_eq!(refused("run.sock"), "error: --observe run.sock: another run is observed there\n");
    let taken = refused("job.toml");
    assert_eq!(taken, "error: --observe job.toml: something else is there: it is not replaced\n");
    let nowhere = refused("no/run.sock");
    assert!(nowhere.starts_with("error: --observe no/run.sock: no socket can be made there: "), "{nowhere}");
    shell.run.signal(Signal::SIGKILL);
    let Shell { place, run, tasks } = shell;
    let _ = run.finish();
    drop(tasks);
    assert!(observer.find_map(Result::err).unwrap().is_cut());
    wait_until("the workers' end", || processes_of(place.path()).is_empty());
    assert!(place.path().join("run.sock").exists());
    // It leaves what the killed run has left to the next run.
    let said = place.start(&["watch", "run.sock"]).finish().expect_code(2).stderr;
    assert!(said.contains("run.sock: no run can be observed there: Connection refused"), "{said}");
    assert!(said.contains("begin one with `coordinator run JOB --observe run.sock`"), "{said}");
    place.run(&again).expect_code(0);
    assert!(!place.path().join("run.sock").exists());
}

#[test]
fn a_run_of_another_version_is_refused_in_a_sentence_that_names_both() {
    let place = Place::new();
    let path = place.path().join("run.sock");
    let listener = Listener::open(&path).unwrap();
    let watcher = place.start(&["watch", "run.sock"]);
    let mut accepted = None;
    wait_until("the observer", || {
        accepted = listener.accept().unwrap();
        accepted.is_some()
    });
    let info = RunInfo { run_id: "r".into(), job: "j".into(), kind: "k".into(), workers: 1, planned: None };
    let mut greeting = Greeting::Run(info).to_frame();
    // Behind the frame's length and the magic.
    greeting[12] = 9;
    UnixStream::from(accepted.unwrap()).write_all(&greeting).unwrap();
    let said = watcher.finish().expect_code(3).stderr;
    let sentence = "the run speaks version 9 of the protocol for observers, this observer version 1";
    assert!(said.contains(sentence), "{said}");
}

#[test]
fn a_resumed_run_is_observed_where_the_command_is_given() {
    let place = Place::new();
    let job = place.faults(&["ok*3", "sleep:60"], "workers = 1\nretries = 0").display().to_string();
    let run = place.start(&["run", &job, "--grace", "0s", "--observe", "first.sock", "--format", "jsonl"]);
    let mut observer = Observer::connect_within(place.path().join("first.sock"), MINUTE).unwrap();
    snapshot(&mut observer, |snapshot| snapshot.ok == 3 && snapshot.running == 1);
    run.signal(Signal::SIGTERM);
    run.finish().expect_code(143);
    std::fs::create_dir(place.path().join("elsewhere")).unwrap();
    let mut resume = place.command(&["resume", "--observe", "second.sock", "--timeout", "5s"]);
    let resumed = Started { child: resume.current_dir(place.path().join("elsewhere")).spawn().unwrap() };
    let mut observer = Observer::connect_within(place.path().join("elsewhere/second.sock"), MINUTE).unwrap();
    let standing = snapshot(&mut observer, |snapshot| snapshot.planned == Some(4) && snapshot.running == 1);
    assert_eq!((standing.skipped, standing.ok), (3, 0));
    let end = ending(&mut observer);
    assert_eq!((end.ok, end.failed, end.skipped, end.exit_code), (3, 1, 3, Some(1)));
    resumed.finish().expect_code(1);
    place.check_nothing_is_left();
}

/// The names of a process's threads.
fn threads(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).collect()
}

#[test]
fn a_run_that_is_not_observed_has_neither_thread_nor_socket_for_it() {
    let place = Place::new();
    let begun = format!("mark:{}", place.path().join("begun").display());
    let job = place.faults(&[&begun, "sleep:3"], "workers = 1").display().to_string();
    for (observed, arguments) in [(false, &[][..]), (true, &["--observe", "run.sock"])] {
        let run = place.start(&[&["run", &job], arguments].concat());
        wait_until("the first task", || place.path().join("begun").exists());
        assert_eq!(threads(run.child.id()).contains(&"observers".to_owned()), observed);
        run.finish().expect_code(0);
        std::fs::remove_file(place.path().join("begun")).unwrap();
        place.check_nothing_is_left();
    }
}
