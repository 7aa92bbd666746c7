//! Machines that give little: few files, few processes, little memory. Fewer workers or a clear error, and never
//! a hang.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use tests::{Finished, Place, program};

/// All tasks done, or an end that says why not.
fn check(what: &str, finished: &Finished, tasks: usize) {
    let told = finished.stderr.lines().find(|line| line.contains("error: ") || line.contains(" tasks in "));
    println!("{what}: exit {}: {}", finished.code(), told.unwrap_or_default());
    assert!(!finished.stderr.contains("panicked"), "{what}: {}", finished.stderr);
    match finished.code() {
        0 => assert_eq!(finished.json_lines().len(), tasks, "{what}"),
        code => {
            assert_eq!(code, 3, "{what}: {}", finished.stderr);
            let clear = finished.stderr.contains("error: ") && finished.stderr.contains("`ulimit -");
            assert!(clear, "{what}: {}", finished.stderr);
        }
    }
}

// Without the store, which needs files of its own: this is about workers.

#[test]
fn few_files_mean_fewer_workers_or_a_clear_error() {
    let place = Place::new();
    let job = place.faults(&["sleep:0.002*200"], "workers = 32").display().to_string();
    for files in [256, 100, 64, 40, 29, 24, 20, 18, 16, 12, 10, 8] {
        let limit = format!("ulimit -n {files}; exec \"$@\"");
        let starter = ["/bin/sh", "-c", limit.as_str(), "sh"];
        let command = place.command_through(&starter, &["run", &job, "--format", "jsonl", "--store", "none"]);
        let finished = place.run_prepared(command);
        check(&format!("{files} files"), &finished, 200);
        // Enough for some workers.
        assert!(files < 64 || finished.code() == 0, "{files} files: {}", finished.stderr);
    }
}

#[test]
fn few_files_for_the_store_are_told_as_such() {
    let place = Place::new();
    let job = place.faults(&["ok*20"], "workers = 2").display().to_string();
    for files in [64, 40, 29, 24, 22, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8] {
        let limit = format!("ulimit -n {files}; exec \"$@\"");
        let starter = ["/bin/sh", "-c", limit.as_str(), "sh"];
        let finished =
            place.run_prepared(place.command_through(&starter, &["run", &job, "--format", "jsonl"]));
        check(&format!("{files} files"), &finished, 20);
        assert!(!finished.stderr.contains("unable to open"), "{files} files: {}", finished.stderr);
    }
}

#[test]
fn few_processes_mean_fewer_workers_or_a_clear_error() {
    // The limit does not hold for root: another user must run the command, and be able to read it.
    if !rustix::process::geteuid().is_root() || !fs::exists("/usr/bin/setpriv").unwrap() {
        eprintln!("SKIPPED: needs root and setpriv, to become a user that the limit on processes holds for");
        assert!(std::env::var("CI").is_err(), "in CI a skip is a failure");
        return;
    }
    let place = Place::new();
    let command_file = place.path().join("coordinator");
    fs::copy(program("coordinator"), &command_file).unwrap();
    for folder in [place.path().to_owned(), place.tmp(), place.path().join("state")] {
        fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    }
    let job = place.faults(&["sleep:0.002*200"], "workers = 32").display().to_string();
    for processes in [80, 40, 20, 10, 6, 4, 2, 1] {
        let file = command_file.display();
        let limit = format!("shift; exec prlimit --nproc={processes} {file} \"$@\"");
        let starter = [
            "/usr/bin/setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
            "/bin/sh",
            "-c",
            limit.as_str(),
            "sh",
        ];
        let command = place.command_through(&starter, &["run", &job, "--format", "jsonl", "--store", "none"]);
        let finished = place.run_prepared(command);
        check(&format!("{processes} processes"), &finished, 200);
        assert!(processes < 40 || finished.code() == 0, "{processes} processes: {}", finished.stderr);
    }
}

#[test]
fn small_tasks_need_less_than_128_mib() {
    let place = Place::new();
    let text = "kind = \"primes\"\n[input]\nrange = { from = 0, to = 20000 }\n[run]\nmemory = \"128MiB\"\n";
    let job = place.write("job.toml", text).display().to_string();
    let finished = place.run(&["run", &job, "-w", "4", "--format", "jsonl"]).expect_code(0);
    assert_eq!(finished.json_lines().len(), 20_000);
    let job = place.faults(&["ok*3", "memory:200MiB", "ok*3"], "memory = \"128MiB\"\nretries = 0");
    let finished = place.run(&["run", &job.display().to_string(), "--format", "jsonl"]).expect_code(1);
    let lines = finished.json_lines();
    assert_eq!(lines[3]["error"]["reason"], "memory", "{}", lines[3]);
    assert_eq!(lines.iter().filter(|line| line["ok"] == true).count(), 6);
}
