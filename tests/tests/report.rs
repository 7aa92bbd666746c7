//! `--report` and `runs show --html`: a run as a page that can be handed on.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use tests::Place;

const PARTS: [&str; 5] =
    ["Where the time went", "Tasks a second", "Workers over time", "How long tasks took", "Each worker"];

#[test]
fn a_report_has_all_of_a_run_and_is_the_same_from_the_store() {
    let place = Place::new();
    let tasks = ["sleep:0.02*20", "segfault", "error*2"];
    let job = place.faults(&tasks, "workers = 2\nretries = 1").display().to_string();
    place.run(&["run", &job, "--run-id", "r1", "--report", "live.html"]).expect_code(1);
    place.run(&["runs", "show", "r1", "--html", "stored.html"]).expect_code(0);
    for page in ["live.html", "stored.html"] {
        let page = place.read(page);
        for part in PARTS.into_iter().chain([
            "finished, 3 tasks failed",
            "killed by SIGSEGV",
            "segfault",
            "signal · 1",
        ]) {
            assert!(page.contains(part), "no {part:?} in:\n{page}");
        }
        assert_eq!(page.matches("<details").count(), 3);
        // Both attempts of the task that crashes.
        assert_eq!(page.matches("signal: the worker was killed").count(), 2);
    }
}

#[test]
fn hostile_names_are_only_text_on_the_page() {
    let place = Place::new();
    let job = place.write(
        "job.toml",
        "kind = \"faults\"\nname = \"<script>alert(1)</script>\"\n[input]\ntasks = [\"error\"]\n",
    );
    let job = job.display().to_string();
    place.run(&["run", &job, "--report", "r.html", "--store", "none"]).expect_code(1);
    let page = place.read("r.html");
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"), "{page}");
}

#[test]
fn a_combined_result_stands_in_the_report() {
    let place = Place::new();
    let job =
        place.write("job.toml", "kind = \"reduce\"\n[input]\nvalues = [20, 22]\n[params]\nop = \"sum\"\n");
    let job = job.display().to_string();
    place.run(&["run", &job, "--run-id", "r1", "--report", "live.html"]).expect_code(0);
    place.run(&["runs", "show", "r1", "--html", "stored.html"]).expect_code(0);
    for page in ["live.html", "stored.html"] {
        let page = place.read(page);
        let result =
            page.split_once("<h2>Result</h2>").map(|(_, rest)| rest.split("</section>").next().unwrap());
        assert!(result.is_some_and(|result| result.contains("42")), "{page}");
    }
}

#[test]
fn a_run_that_was_stored_without_a_timeline_is_shown_without_it() {
    let place = Place::new();
    let job = place.faults(&["ok*3"], "workers = 1").display().to_string();
    place.run(&["run", &job, "--run-id", "r1", "--store", "runs.db"]).expect_code(0);
    let store = rusqlite::Connection::open(place.path().join("runs.db")).unwrap();
    let cut = "UPDATE details SET summary = json_remove(summary, '$.timeline', '$.time')";
    assert_eq!(store.execute(cut, []).unwrap(), 1);
    drop(store);
    place.run(&["runs", "show", "r1", "--store", "runs.db", "--html", "r.html"]).expect_code(0);
    let page = place.read("r.html");
    assert!(page.contains("No timeline was stored") && page.contains("Each worker"), "{page}");
    assert!(!page.contains("Workers over time"), "{page}");
}
