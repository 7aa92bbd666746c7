//! Where a run finds itself: without a folder for temporary files, in a directory that is gone.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use tests::Place;

fn primes(place: &Place) -> String {
    place.write("primes.toml", "kind = \"primes\"\ninput.numbers = [7]\n").display().to_string()
}

#[test]
fn a_missing_folder_for_temporary_files_is_gone_round() {
    let place = Place::new();
    let job = primes(&place);
    for (variable, path) in
        [("TMPDIR", "/no/such/folder"), ("XDG_RUNTIME_DIR", "/no/such/folder"), ("TMPDIR", "relative")]
    {
        let mut command = place.command(&["run", &job, "--store", "none"]);
        command.env(variable, path);
        let finished = place.run_prepared(command).expect_code(0);
        assert_eq!(finished.stdout, "7 is prime\n");
    }
    // The first that will do is taken: there the sockets lie while the run goes, and nothing is left.
    let runtime = place.path().join("runtime");
    std::fs::create_dir(&runtime).unwrap();
    let look =
        place.write("look.toml", "kind = \"command\"\ninput.args = [\"runtime\"]\nparams.argv = [\"ls\"]\n");
    let mut command = place.command(&["run", &look.display().to_string(), "--store", "none"]);
    command.env("XDG_RUNTIME_DIR", &runtime);
    let finished = place.run_prepared(command).expect_code(0);
    assert!(finished.stdout.starts_with("coordinator."), "{finished:?}");
    assert_eq!(std::fs::read_dir(&runtime).unwrap().count(), 0);
}

#[test]
fn in_a_directory_that_is_gone_it_says_so() {
    let place = Place::new();
    let job = primes(&place);
    // A shell is in it when it goes.
    let gone = |arguments: &[&str]| {
        let folder = place.path().join("gone");
        std::fs::create_dir(&folder).unwrap();
        let starter = ["sh", "-c", "cd gone && rmdir ../gone && exec \"$@\"", "sh"];
        place.run_prepared(place.command_through(&starter, arguments))
    };
    for arguments in
        [&["run", &job][..], &["check", "primes.toml"], &["run", &job, "--store", "none", "-o", "x.jsonl"]]
    {
        let finished = gone(arguments);
        assert!(finished.stderr.contains("go to one that is there (cd)"), "{arguments:?}: {finished:?}");
        assert!(finished.code() == 2 || finished.code() == 3, "{finished:?}");
    }
    let kept = gone(&["run", &job]).expect_code(2);
    assert!(kept.stderr.contains("--store none"), "{kept:?}");
    assert_eq!(gone(&["run", &job, "--store", "none"]).expect_code(0).stdout, "7 is prime\n");
}
