//! A disk that fills up in the middle of a run: an error that names the file, and a run that goes on once there
//! is room again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use tests::{Finished, Place};

const TASKS: u64 = 4000;

/// In a mount namespace of its own: a small file system, most of which is taken; the command, whose exit code it
/// prints; room again; the command that goes on, and its exit code; and out with the files.
const SCRIPT: &str = r#"
    ballast=$1 store=$2; shift 2
    mkdir small && mount -t tmpfs -o size=2m,mode=700 none small || exit 99
    head -c "$ballast" /dev/zero > small/ballast || exit 98
    "$@"; echo "first $?"
    rm small/ballast
    if "$1" runs show r1 --store "$store" > /dev/null 2>&1; then
        "$1" resume r1 --store "$store"; echo "second $?"
    else
        "$@"; echo "second $?"
    fi
    cp small/out.jsonl small/runs.db* . 2> /dev/null
    true
"#;

/// A 2 MiB file system that is full but for so many KiB.
struct Small {
    place: Place,
    job: String,
    expected: String,
    /// How many tasks fail: their history takes room in the store.
    failed: u64,
}

impl Small {
    /// Failures only, which take some hundred bytes each.
    fn failing() -> Self {
        let place = Place::new();
        let job = place.faults(&["error*2500"], "retries = 0").display().to_string();
        Self::of(place, job, 2500)
    }

    fn new() -> Self {
        let place = Place::new();
        let from: u64 = 1 << 63;
        let text = format!(
            "kind = \"primes\"\n[input]\nrange = {{ from = \"{from}\", to = \"{}\" }}\n[run]\nworkers = 2\n",
            from + TASKS
        );
        let job = place.write("job.toml", text).display().to_string();
        Self::of(place, job, 0)
    }

    fn of(place: Place, job: String, failed: u64) -> Self {
        let run = ["run", &job, "--store", "none", "--reproducible", "--output", "expected.jsonl", "-q"];
        place.run(&run).expect_code(i32::from(failed > 0));
        let expected = place.read("expected.jsonl");
        Self { place, job, expected, failed }
    }

    /// Runs the job with its store and its output there, and goes on with it once there is room; `None` where
    /// this process may mount nothing.
    fn run(&self, free_kib: u64, store: &str, output: &str) -> Option<Finished> {
        let ballast = (2048 - free_kib) * 1024;
        let run = [
            "run",
            &self.job,
            "--store",
            store,
            "--output",
            output,
            "--run-id",
            "r1",
            "--reproducible",
            "-q",
        ];
        // Root may; others may in a user namespace, where that is allowed.
        for unshare in [&["unshare", "-m"][..], &["unshare", "-rm"]] {
            let _ = std::fs::remove_dir(self.place.path().join("small"));
            let ballast = ballast.to_string();
            let script = ["/bin/sh", "-c", SCRIPT, "sh", ballast.as_str(), store];
            let mut command = self.place.command_through(&[unshare, &script].concat(), &run);
            // The program stands before its arguments, after the script's own.
            command.stdin(std::process::Stdio::null());
            let finished = self.place.run_prepared(command);
            if finished.code() == 0 {
                return Some(finished);
            }
            assert_ne!(finished.code(), 98, "{}", finished.stderr);
        }
        skip();
        None
    }

    /// Fails unless the first command ended with 3 and named one of the files, and the second completed the run.
    fn check(&self, finished: &Finished, files: &[&str]) {
        let codes = format!("first 3\nsecond {}\n", u64::from(self.failed > 0));
        assert_eq!(finished.stdout, codes, "{}", finished.stderr);
        let named = files.iter().any(|file| finished.stderr.contains(file));
        assert!(named, "none of {files:?} is named in:\n{}", finished.stderr);
        assert!(self.place.read("out.jsonl") == self.expected, "another output");
        let connection = rusqlite::Connection::open(self.place.path().join("runs.db")).unwrap();
        let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(found, "ok");
        let sql =
            "SELECT state, ok = (SELECT total(count) FROM blocks), failed, ok + failed = total FROM runs";
        let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let run: (String, bool, u64, bool) = connection.query_row(sql, [], columns).unwrap();
        assert_eq!(run, ("finished".to_owned(), true, self.failed, true));
    }
}

/// This process may mount nothing.
fn skip() {
    eprintln!("SKIPPED: needs a mount namespace (`unshare -m`), to make a file system of its own");
    assert!(std::env::var("CI").is_err(), "in CI a skip is a failure");
}

#[test]
fn a_full_disk_under_store_and_output_ends_the_run_which_goes_on_once_there_is_room() {
    // From hardly enough to begin with to nearly enough to end with.
    for free_kib in [200, 290, 380] {
        let small = Small::new();
        let Some(finished) = small.run(free_kib, "small/runs.db", "small/out.jsonl") else { return };
        small.check(&finished, &["small/runs.db", "small/out.jsonl"]);
        assert!(finished.stderr.contains("resume r1 --store "), "{}", finished.stderr);
    }
}

#[test]
fn a_full_disk_under_the_store_alone_is_told_by_the_stores_name() {
    let small = Small::failing();
    let Some(finished) = small.run(300, "small/runs.db", "out.jsonl") else { return };
    small.check(&finished, &["small/runs.db: the disk is full"]);
}

#[test]
fn a_full_disk_under_the_output_alone_is_told_by_its_name() {
    let small = Small::new();
    let Some(finished) = small.run(100, "runs.db", "small/out.jsonl") else { return };
    small.check(&finished, &["small/out.jsonl"]);
}

#[test]
fn a_disk_that_is_full_from_the_beginning_is_told_before_the_first_task() {
    for free_kib in [0, 4, 16, 60] {
        let small = Small::new();
        let Some(finished) = small.run(free_kib, "small/runs.db", "out.jsonl") else { return };
        small.check(&finished, &["small/runs.db"]);
    }
}

#[test]
fn a_file_system_that_is_read_only_is_told_before_the_first_task() {
    const READ_ONLY: &str = r#"
        mkdir small && mount -t tmpfs -o ro none small || exit 99
        "$@"; echo "first $?"
    "#;
    let small = Small::new();
    for unshare in [&["unshare", "-m"][..], &["unshare", "-rm"]] {
        let script = ["/bin/sh", "-c", READ_ONLY, "sh"];
        let run = ["run", &small.job, "--store", "small/runs.db", "-q"];
        let finished =
            small.place.run_prepared(small.place.command_through(&[unshare, &script].concat(), &run));
        if finished.code() == 0 {
            assert_eq!(finished.stdout, "first 3\n", "{}", finished.stderr);
            let told = ["small/runs.db", "Read-only file system", "--store PATH"];
            assert!(told.iter().all(|part| finished.stderr.contains(part)), "{}", finished.stderr);
            return;
        }
        let _ = std::fs::remove_dir(small.place.path().join("small"));
    }
    skip();
}
