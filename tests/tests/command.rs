//! Programs as tasks, through the real command: nothing that a program does is lost, and none outlives its run.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tests::{Place, processes_of, wait_until};

/// The folder of the project's own jobs.
fn jobs() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../jobs").to_owned()
}

/// A job of one shell script.
fn script(place: &Place, items: &str, script: &str, run: &str) -> String {
    let text = format!(
        "kind = \"command\"\n[input]\nargs = {items}\n[params]\nshell = true\nargv = ['''{script}''']\n[run]\n{run}\n"
    );
    place.write("job.toml", text).display().to_string()
}

/// False where there is no Python: told, and in CI a failure.
fn has_python() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a test looks for what its job needs")]
    let there = std::process::Command::new("python3").arg("--version").output().is_ok();
    if !there {
        eprintln!("SKIPPED: there is no python3");
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "in CI a skip is a failure");
    }
    there
}

fn sleepers(place: &Place) -> usize {
    processes_of(place.path()).iter().filter(|line| line.ends_with(": sleep 1000 ")).count()
}

#[test]
fn the_shipped_job_runs_a_program_for_each_item() {
    let place = Place::new();
    let finished = place.run(&["run", &format!("{}/command.toml", jobs())]).expect_code(0);
    assert_eq!(
        finished.stdout,
        "240512 photos/chelsea.png\n75825 photos/coins.png\n112525 photos/rocket.jpg\n"
    );
}

#[test]
fn the_shipped_python_program_answers_line_by_line() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let job = format!("{}/upper.toml", jobs());
    let finished = place.run(&["run", &job, "--format", "jsonl", "-w", "2"]).expect_code(0);
    let answers: Vec<Value> = finished.json_lines().iter().map(|line| line["value"].clone()).collect();
    let expected = ["CRASH", "ISOLATED", "PROCESS", "POOL"].map(|word| json!({ "answer": word }));
    assert_eq!(answers, expected);
}

#[test]
fn a_result_holds_the_code_and_both_outputs_and_a_failure_the_last_words() {
    let place = Place::new();
    let job = script(&place, "[0, 3]", "echo out {}; echo err >&2; exit {};:", "retries = 0");
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(1);
    let lines = finished.json_lines();
    assert_eq!(lines[0]["value"], json!({ "exit": 0, "stdout": "out 0\n", "stderr": "err\n", "cut": false }));
    assert_eq!(lines[1]["error"], json!({ "reason": "error", "message": "exit code 3: err" }));
}

#[test]
fn a_program_that_fails_now_and_then_is_tried_again() {
    let place = Place::new();
    // Each item fails once.
    let job = script(&place, "[1, 2, 3]", "test -e seen{} || { touch seen{}; exit 1; };:", "");
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(0);
    assert!(finished.json_lines().iter().all(|line| line["attempts"] == 2), "{}", finished.stdout);
}

#[test]
fn a_time_limit_ends_a_program_and_all_that_it_has_started() {
    let place = Place::new();
    // The last item runs behind the hung one, on the same worker, and ends only when the hung ones are dead.
    let script_text = "case {} in hang) sleep 1000 & sleep 1000;; *) : ;; esac;:";
    let job = script(&place, "[\"hang\", \"well\"]", script_text, "workers = 1\nretries = 0\nbatch = 1");
    let finished = place.run(&["run", &job, "--timeout", "4s", "--format", "jsonl"]).expect_code(1);
    let lines = finished.json_lines();
    assert_eq!(lines[0]["error"]["reason"], "timeout");
    assert_eq!(lines[1]["ok"], true);
}

#[test]
fn programs_do_not_outlive_a_killed_coordinator() {
    let place = Place::new();
    let job = script(&place, "[1, 2]", "sleep 1000 & sleep 1000;:", "workers = 2");
    let started = place.start(&["run", &job]);
    wait_until("four sleepers", || sleepers(&place) == 4);
    started.signal(Signal::SIGKILL);
    let _ = started.finish();
    wait_until("everybody's end", || processes_of(place.path()).is_empty());
}

#[test]
fn a_second_ctrl_c_ends_programs_at_once_and_the_run_goes_on_later() {
    let place = Place::new();
    let job =
        script(&place, "[1, 2]", "echo {} >> ran; test -e go || sleep 1000;:", "workers = 1\nbatch = 1");
    let started = place.start(&["run", &job, "--run-id", "stopped", "--grace", "1h"]);
    wait_until("a sleeper", || sleepers(&place) >= 1);
    started.signal(Signal::SIGINT);
    started.signal(Signal::SIGTERM);
    let stopped = started.finish();
    assert!(stopped.stderr.contains("resume stopped"), "{}", stopped.stderr);
    wait_until("the sleepers' end", || processes_of(place.path()).is_empty());
    place.write("go", "");
    let finished = place.run(&["resume", "stopped"]).expect_code(0);
    assert_eq!(finished.stdout.lines().count(), 2, "{}", finished.stdout);
}

#[test]
fn signals_reach_programs_as_usual() {
    let place = Place::new();
    // A program that holds signals back could not be ended by another one.
    let text = "sh -c 'kill -TERM $$; echo lived'; echo $?;:";
    let job = script(&place, "[1]", text, "");
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(0);
    assert_eq!(finished.json_lines()[0]["value"]["stdout"], "143\n");
}

#[test]
fn what_a_program_leaves_behind_is_gone_with_the_run_and_no_zombies_pile_up() {
    let place = Place::new();
    let items: Vec<u32> = (0..200).collect();
    let script_text =
        "(true &) ; test {} -lt 199 || { sleep 1000 & ps -o stat= --ppid $PPID | grep -c Z; };:";
    let job = script(&place, &format!("{items:?}"), script_text, "workers = 1");
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(0);
    let zombies: usize =
        finished.json_lines()[199]["value"]["stdout"].as_str().unwrap().trim().parse().unwrap();
    assert!(zombies < 20, "{zombies} zombies");
}

#[test]
fn one_program_is_asked_line_by_line_through_crashes() {
    let place = Place::new();
    let items: Vec<String> =
        (0..300).map(|id| if id % 50 == 7 { "die".into() } else { id.to_string() }).collect();
    let program =
        "while read -r line; do case $line in *die*) echo sorry >&2; exit 9;; *) echo 1;; esac; done";
    let text = format!(
        "kind = \"command\"\n[input]\nargs = {items:?}\n[params]\nmode = \"lines\"\nargv = [\"sh\", \"-c\", '''{program}''']\n[run]\nworkers = 2\nretries = 1\n"
    );
    let job = place.write("job.toml", text).display().to_string();
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(1);
    let lines = finished.json_lines();
    assert_eq!(lines.len(), 300);
    for (id, line) in lines.iter().enumerate() {
        if id % 50 == 7 {
            assert_eq!(line["error"]["message"], "the program ended (exit code 9): sorry", "{line}");
            assert_eq!(line["attempts"], 2, "{line}");
        } else {
            assert_eq!(line["value"], json!({ "answer": 1 }), "{line}");
        }
    }
}

#[test]
fn a_program_is_given_the_time_to_finish_when_its_input_ends() {
    let place = Place::new();
    let program = "while read -r line; do echo 1; done; echo done > finished";
    let text = format!(
        "kind = \"command\"\ninput.args = [1]\n[params]\nmode = \"lines\"\nargv = [\"sh\", \"-c\", '''{program}''']\n"
    );
    let job = place.write("job.toml", text).display().to_string();
    place.run(&["run", &job]).expect_code(0);
    assert_eq!(place.read("finished"), "done\n");
}
