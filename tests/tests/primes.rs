//! The `primes` job through the real command: right answers, the same for any number of workers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use serde_json::{Value, json};
use tests::Place;

const TEXTBOOK: &str =
    "kind = \"primes\"\n[input]\nnumbers = [2, 36, 101, 193, 323, 513, 1327, 100000, 9999999, 433785907]\n";

fn textbook() -> (Place, String) {
    let place = Place::new();
    let job = place.write("primes.toml", TEXTBOOK).display().to_string();
    (place, job)
}

/// The job file of the project itself, as the README runs it.
fn shipped_job() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../jobs/primes.toml").to_owned()
}

#[test]
fn the_shipped_job_gives_the_ten_right_results() {
    let place = Place::new();
    let finished = place.run(&["run", &shipped_job(), "--format", "jsonl"]).expect_code(0);
    let got: Vec<(String, bool)> = finished
        .json_lines()
        .iter()
        .map(|line| {
            (line["value"]["number"].as_str().unwrap().to_owned(), line["value"]["prime"].as_bool().unwrap())
        })
        .collect();
    let primes = ["2", "101", "193", "1327", "433785907"];
    let numbers = ["2", "36", "101", "193", "323", "513", "1327", "100000", "9999999", "433785907"];
    let wanted: Vec<_> = numbers.map(|number| (number.to_owned(), primes.contains(&number))).into();
    assert_eq!(got, wanted);
}

#[test]
fn any_number_of_workers_prints_the_same_text() {
    let (place, job) = textbook();
    let one = place.run(&["run", &job, "-w", "1"]).expect_code(0).stdout;
    assert_eq!(one.lines().count(), 10, "{one}");
    for workers in ["2", "4", "64"] {
        assert_eq!(place.run(&["run", &job, "-w", workers]).expect_code(0).stdout, one, "-w {workers}");
    }
}

#[test]
fn reproducible_results_are_the_same_byte_for_byte() {
    let place = Place::new();
    let job = place.write("range.toml", "kind = \"primes\"\n[input]\nrange = { from = 1, to = 3000 }\n");
    let job = job.display().to_string();
    for format in ["jsonl", "csv"] {
        let run = |workers: &str, batch: &str| {
            let arguments =
                ["run", &job, "--format", format, "--reproducible", "-w", workers, "--batch", batch];
            place.run(&arguments).expect_code(0).stdout
        };
        let one = run("1", "auto");
        assert_eq!(one.lines().count(), 2999 + usize::from(format == "csv"));
        assert_eq!(run("4", "auto"), one);
        assert_eq!(run("3", "7"), one);
        assert_eq!(run("16", "1000"), one);
    }
}

#[test]
fn a_line_of_json_has_the_keys_of_the_contract_in_order() {
    let (place, job) = textbook();
    let finished = place.run(&["run", &job, "--format", "jsonl", "-w", "1"]).expect_code(0);
    let line = finished.stdout.lines().nth(8).unwrap().to_owned();
    let start = r#"{"id":8,"input":"9999999","ok":true,"value":{"number":"9999999","prime":false},"attempts":1,"worker":"worker-1","micros":"#;
    assert!(line.starts_with(start), "{line}");
    let keys: Vec<_> =
        serde_json::from_str::<serde_json::Map<String, Value>>(&line).unwrap().keys().cloned().collect();
    assert_eq!(keys, ["id", "input", "ok", "value", "attempts", "worker", "micros"]);
}

#[test]
fn the_summary_has_all_its_fields_and_every_worker_its_share() {
    let place = Place::new();
    let job = place.write("range.toml", "kind = \"primes\"\n[input]\nrange = { from = 1, to = 257 }\n");
    let job = job.display().to_string();
    place.run(&["run", &job, "-w", "4", "--summary-json", "summary.json"]).expect_code(0);
    let summary: Value = serde_json::from_str(&place.read("summary.json")).unwrap();
    let keys: Vec<_> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "run_id",
        "job",
        "kind",
        "workers",
        "tasks",
        "restarts",
        "wall_seconds",
        "cpu_seconds",
        "tasks_per_second",
        "result",
        "per_worker",
        "interrupted",
        "time",
    ];
    assert_eq!(keys, wanted);
    assert_eq!(summary["tasks"], json!({"planned": 256, "ok": 256, "failed": 0, "retried": 0, "skipped": 0}));
    assert_eq!((&summary["workers"], &summary["restarts"]), (&json!(4), &json!(0)));
    let workers = summary["per_worker"].as_array().unwrap();
    assert_eq!(workers.len(), 4);
    for (index, worker) in workers.iter().enumerate() {
        assert_eq!(worker["name"], format!("worker-{}", index + 1));
        assert_eq!(worker["incarnations"], 1);
        assert!(worker["tasks"].as_u64().unwrap() >= 1, "{worker}");
        assert!(worker["pid"].as_u64().unwrap() > 0 && worker["busy_seconds"].is_number());
    }
    let tasks: u64 = workers.iter().map(|worker| worker["tasks"].as_u64().unwrap()).sum();
    assert_eq!(tasks, 256);
}

#[test]
fn the_range_above_ten_trillion_has_exactly_its_primes() {
    let place = Place::new();
    let from: u64 = 10_000_000_000_000;
    let text = format!("kind = \"primes\"\n[input]\nrange = {{ from = {from}, to = {} }}\n", from + 501);
    let job = place.write("range.toml", text).display().to_string();
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(0);
    let primes: Vec<u64> = finished
        .json_lines()
        .iter()
        .filter(|line| line["value"]["prime"] == true)
        .map(|line| line["input"].as_str().unwrap().parse::<u64>().unwrap() - from)
        .collect();
    let wanted = [37, 51, 99, 129, 183, 259, 267, 273, 279, 283, 313, 343, 391, 411, 433, 453];
    assert_eq!(primes, wanted);
}

#[test]
fn strong_pseudoprimes_and_edges_are_told_right() {
    let place = Place::new();
    let composites = [
        "3215031751",
        "3474749660383",
        "341550071728321",
        "3825123056546413051",
        "318665857834031151167461",
        "0",
        "1",
        "-7",
        "18446744073709551615",
    ];
    let primes = ["18446744073709551557", "170141183460469231731687303715884105727"];
    let all: Vec<&str> = composites.iter().chain(&primes).copied().collect();
    let text = format!("kind = \"primes\"\n[input]\nnumbers = {all:?}\n");
    let job = place.write("hard.toml", text).display().to_string();
    let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(0);
    for line in finished.json_lines() {
        let number = line["input"].as_str().unwrap();
        assert_eq!(line["value"]["prime"], primes.contains(&number), "{number}");
    }
    assert_eq!(finished.json_lines().len(), all.len());
}

#[test]
fn a_range_can_be_counted() {
    let place = Place::new();
    let text = "kind = \"primes\"\n[input]\nrange = { from = 0, to = 1000000 }\n[params]\ncount = true\n";
    let job = place.write("count.toml", text).display().to_string();
    let mut results = Vec::new();
    for workers in ["1", "3"] {
        place.run(&["run", &job, "-w", workers, "--summary-json", "summary.json"]).expect_code(0);
        let summary: Value = serde_json::from_str(&place.read("summary.json")).unwrap();
        assert!(summary["result"].to_string().contains("78498"), "{}", summary["result"]);
        results.push(summary["result"].clone());
    }
    assert_eq!(results[0], results[1]);
}

#[test]
fn the_sentence_of_a_count_is_told_once() {
    let place = Place::new();
    let text = "kind = \"primes\"\n[input]\nrange = { from = 0, to = 100 }\n[params]\ncount = true\n";
    let job = place.write("count.toml", text).display().to_string();
    let told = place.run(&["run", &job]).expect_code(0).stdout;
    assert_eq!(told, "0..100: 25 primes\nthere are 25 primes from 0 up to but not including 100\n");
}

#[test]
fn who_processes_what_is_visible_with_v() {
    let (place, job) = textbook();
    let finished = place.run(&["run", &job, "-w", "2", "-v"]).expect_code(0);
    assert!(finished.stdout.lines().all(|line| line.starts_with("worker-")), "{}", finished.stdout);
}
