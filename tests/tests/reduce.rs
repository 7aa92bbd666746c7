//! The `reduce` job through the real command: right to the last digit, and to the last bit the same however
//! the work is split and whoever dies.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::io::{BufRead, BufReader, Read};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tests::{Finished, Place, processes_of, wait_until};

/// Writes a reduction's job file.
fn job(place: &Place, input: &str, params: &str) -> String {
    let text = format!("kind = \"reduce\"\n[input]\n{input}\n[params]\n{params}\n");
    place.write("job.toml", text).display().to_string()
}

#[test]
fn tables_are_read_as_python_reads_them_or_refused_with_the_key_to_set() {
    let place = Place::new();
    let summed = |input: &str| {
        let job = job(&place, input, "op = \"add\"");
        let finished = place.run(&["run", &job, "--summary-json", "summary.json"]).expect_code(0);
        assert!(finished.stdout.contains("\"op\":\"sum\""), "{}", finished.stdout);
        let summary: Value = serde_json::from_str(&place.read("summary.json")).unwrap();
        summary["result"]["value"].clone()
    };
    place.write("returns.csv", "x,y\r1,2\r3,4\r");
    assert_eq!(summed("file = \"returns.csv\"\ncolumn = \"x\""), 4);
    place.write("inches.csv", "id,h1,h2,w,age\n1,5'10\",6'2\",170,40\n2,5,6,100,50\n");
    assert_eq!(summed("file = \"inches.csv\"\ncolumn = \"w\""), 270);
    place.write("lines.csv", "note,n\n\"a\n9,9\n\",1\n,2\n");
    assert_eq!(summed("file = \"lines.csv\"\ncolumn = \"n\""), 3);
    place.write("numbers.csv", "5\n10\n15\n");
    let job = job(&place, "file = \"numbers.csv\"", "op = \"sum\"");
    for command in ["check", "run"] {
        let refused = place.run(&[command, &job]).expect_code(2).stderr;
        assert!(refused.contains("set input.header = false"), "{refused}");
    }
    assert_eq!(summed("file = \"numbers.csv\"\nheader = false"), 30);
}

/// Writes an array of one axis.
fn npy(place: &Place, name: &str, descr: &str, order: &str, elements: &[[u8; 8]]) {
    let shape = elements.len();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape},), }}");
    header.push_str(&" ".repeat(117 - header.len()));
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(length.iter().chain(header.as_bytes()).chain(elements.as_flattened()));
    place.write(name, bytes);
}

/// Floats near one, of either sign: their products neither overflow nor vanish.
fn floats(seed: u64, count: usize) -> Vec<[u8; 8]> {
    println!("seed {seed}");
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 12
    };
    (0..count).map(|_| (f64::from_bits(0x3FF0_0000_0000_0000 | next()) - 0.56).to_le_bytes()).collect()
}

/// Runs it, and returns the summary's `result`, having checked that the text ends with the same line.
fn result(place: &Place, job: &str, more: &[&str]) -> Value {
    let arguments = [&["run", job, "--summary-json", "summary.json"], more].concat();
    let finished = place.run(&arguments).expect_code(0);
    let result = summary(place)["result"].clone();
    assert_eq!(finished.stdout.lines().last().unwrap(), result.to_string());
    result
}

fn summary(place: &Place) -> Value {
    serde_json::from_str(&place.read("summary.json")).unwrap()
}

fn reduced(input: &str, params: &str) -> Value {
    let place = Place::new();
    let job = job(&place, input, params);
    result(&place, &job, &[])
}

/// What a job that is wrong is told, before anything runs.
fn refused(place: &Place, input: &str, params: &str) -> String {
    let job = job(place, input, params);
    let finished = place.run(&["run", &job]).expect_code(2);
    assert_eq!(finished.stdout, "");
    finished.stderr
}

fn assert_tells(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }
}

#[test]
fn the_shipped_job_gives_the_textbook_s_sum_and_product() {
    let place = Place::new();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../jobs/reduce.toml");
    let finished = place.run(&["run", shipped, "--summary-json", "summary.json"]).expect_code(0);
    let line = r#"{"op":"sum","value":23,"count":6}"#;
    assert_eq!(finished.stdout.lines().last(), Some(line));
    assert_eq!(summary(&place)["result"].to_string(), line);
    let product = result(&place, shipped, &["--set", "params.op='product'"]);
    assert_eq!(product.to_string(), r#"{"op":"product","value":960,"count":6}"#);
}

#[test]
fn the_textbook_s_range_sums_to_190() {
    let sum = reduced("range = { from = 0, to = 20 }", "op = \"sum\"");
    assert_eq!(sum.to_string(), r#"{"op":"sum","value":190,"count":20}"#);
}

/// The decimal digits of n!, by school multiplication.
fn factorial(n: u64) -> String {
    const BASE: u64 = 1_000_000_000;
    let mut limbs = vec![1_u64];
    for factor in 2..=n {
        let mut carry = 0;
        for limb in &mut limbs {
            carry += *limb * factor;
            *limb = carry % BASE;
            carry /= BASE;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let (head, tail) = limbs.split_last().unwrap();
    head.to_string() + &tail.iter().rev().map(|limb| format!("{limb:09}")).collect::<String>()
}

#[test]
fn a_thousand_factorial_is_right_to_the_last_digit() {
    let digits = factorial(1000);
    assert_eq!((digits.len(), &digits[..8]), (2568, "40238726"));
    for chunk in ["", "\nchunk = 7", "\nchunk = 1"] {
        let product = reduced("range = { from = 1, to = 1001 }", &format!("op = \"product\"{chunk}"));
        assert_eq!(product, json!({"op": "product", "value": digits, "count": 1000}));
    }
}

#[test]
fn an_empty_input_has_a_sum_and_a_product_but_no_least_item() {
    let place = Place::new();
    for (op, value) in [("sum", json!(0)), ("product", json!(1)), ("count", json!(0))] {
        let empty = reduced("values = []", &format!("op = \"{op}\""));
        assert_eq!(empty, json!({"op": op, "value": value, "count": 0}));
    }
    for op in ["min", "max", "mean", "variance", "stddev"] {
        let said = refused(&place, "values = []", &format!("op = \"{op}\""));
        assert_tells(&said, &["job.toml:5", "`params.op`", &format!("no {op} of no items")]);
    }
}

#[test]
fn empty_files_have_no_least_item_and_are_refused_before_anything_runs() {
    let place = Place::new();
    npy(&place, "x.npy", "<f8", "False", &[]);
    place.write("x.bin", "");
    place.write("x.csv", "n\n\n\r\n");
    place.write("y.csv", "n");
    for input in [
        "file = \"x.npy\"",
        "file = \"x.bin\"\ndtype = \"u8\"",
        "file = \"x.csv\"",
        "files = [\"x.csv\", \"y.csv\"]",
    ] {
        for op in ["min", "max", "mean"] {
            let said = refused(&place, input, &format!("op = \"{op}\""));
            assert_tells(
                &said,
                &["`params.op`", &format!("no {op} of no items"), "sum, product and count have"],
            );
        }
        let job = job(&place, input, "op = \"count\"");
        assert_eq!(result(&place, &job, &[])["value"], 0, "{input}");
    }
    // One row in any of them is enough.
    place.write("y.csv", "n\n5\n");
    let job = job(&place, "files = [\"x.csv\", \"y.csv\"]", "op = \"min\"");
    assert_eq!(result(&place, &job, &[]), json!({"op": "min", "value": 5, "count": 1}));
}

#[test]
fn nan_and_infinities_are_what_ieee_says() {
    for (values, op, expected) in [
        ("1.0, inf", "sum", json!("inf")),
        ("inf, -inf", "sum", json!("NaN")),
        ("nan, 1.0", "min", json!("NaN")),
        ("nan, 1.0", "mean", json!("NaN")),
        ("1.0, -inf", "min", json!("-inf")),
        ("0.0, -0.0", "min", json!(-0.0)),
        ("0.0, inf", "product", json!("NaN")),
        ("0.1, 0.2", "sum", json!(0.30000000000000004)),
    ] {
        let result = reduced(&format!("values = [{values}]"), &format!("op = \"{op}\""));
        assert_eq!(result["value"].to_string(), expected.to_string(), "{op} of {values}");
    }
}

/// Runs the job for several numbers of workers and sizes of batches; the summary's result must not have a
/// bit of difference, nor the results.
fn assert_the_same_for_all(place: &Place, job: &str) -> Value {
    let run = |workers: &str, batch: &str| {
        let arguments = ["run", job, "-w", workers, "--batch", batch, "--summary-json", "summary.json"];
        let stdout = place.run(&arguments).expect_code(0).stdout;
        (summary(place)["result"].clone(), stdout)
    };
    let one = run("1", "auto");
    assert!(one.1.ends_with(&format!("{}\n", one.0)));
    for workers in ["1", "2", "7", "16"] {
        for batch in ["1", "5", "auto"] {
            assert_eq!(run(workers, batch), one, "-w {workers} --batch {batch}");
        }
    }
    one.0
}

#[test]
fn any_workers_and_batches_give_the_same_bits_of_a_compensated_sum() {
    let place = Place::new();
    let items = floats(1, (1 << 20) + 12_345);
    npy(&place, "x.npy", "<f8", "False", &items);
    let compensated = job(&place, "file = \"x.npy\"", "op = \"sum\"");
    let sum = assert_the_same_for_all(&place, &compensated);
    let exact = result(&place, &job(&place, "file = \"x.npy\"", "op = \"sum\"\nexact = true"), &[]);
    let (sum, exact) = (sum["value"].as_f64().unwrap(), exact["value"].as_f64().unwrap());
    assert!((sum - exact).abs() <= exact.abs() * f64::EPSILON, "{sum} is not {exact}");
}

#[test]
fn any_workers_and_batches_give_the_same_bits_of_a_product_of_floats() {
    let place = Place::new();
    npy(&place, "x.npy", "<f8", "False", &floats(2, 999));
    let job = job(&place, "file = \"x.npy\"", "op = \"product\"\nchunk = 4");
    assert_the_same_for_all(&place, &job);
}

#[test]
fn any_workers_and_batches_give_the_same_bits_of_a_table_s_variance() {
    let place = Place::new();
    let rows: String =
        floats(3, 2000).iter().map(|bytes| format!("x,{}\n", f64::from_le_bytes(*bytes))).collect();
    place.write("t.csv", format!("name,price\n{rows}"));
    let job = job(&place, "file = \"t.csv\"\ncolumn = \"price\"", "op = \"variance\"\nchunk = 300");
    assert_eq!(assert_the_same_for_all(&place, &job)["count"], 2000);
}

/// The worker processes of a place.
fn workers(place: &Place) -> Vec<Pid> {
    let is_worker = |line: &String| line.contains("__worker");
    let pid = |line: String| line.split(' ').next().and_then(|pid| pid.parse().ok());
    processes_of(place.path()).into_iter().filter(is_worker).filter_map(pid).map(Pid::from_raw).collect()
}

/// Starts a job that prints more than a pipe holds, so that it can't end before its results are read, and
/// calls `meddle` after every 2,000 lines.
fn meddled_with(place: &Place, arguments: &[&str], mut meddle: impl FnMut()) -> Finished {
    let mut started = place.start(arguments);
    let mut results = BufReader::new(started.child.stdout.take().unwrap());
    let mut stdout = String::new();
    for _ in 0..4 {
        for _ in 0..2000 {
            assert!(results.read_line(&mut stdout).unwrap() > 0, "the run ended early:\n{stdout}");
        }
        meddle();
    }
    results.read_to_string(&mut stdout).unwrap();
    let finished = Finished { stdout, ..started.finish() };
    place.check_nothing_is_left();
    finished
}

#[test]
fn workers_killed_in_the_middle_change_no_bit() {
    let place = Place::new();
    npy(&place, "x.npy", "<f8", "False", &floats(4, 90_000));
    let job = job(&place, "file = \"x.npy\"", "op = \"product\"\nchunk = 1\n[run]\nretries = 10");
    let undisturbed = result(&place, &job, &[]);
    for workers_given in ["1", "2", "3"] {
        let arguments = ["run", &job, "-w", workers_given, "--summary-json", "summary.json"];
        let mut killed = 0;
        let finished = meddled_with(&place, &arguments, || {
            wait_until("a worker", || !workers(&place).is_empty());
            let victim = workers(&place)[0];
            // SIGBUS has a handler in such a worker, which leaves alone what is not its own.
            let signal = if killed % 2 == 0 { Signal::SIGKILL } else { Signal::SIGBUS };
            let _ = kill(victim, signal);
            killed += 1;
            wait_until("its end", || !workers(&place).contains(&victim));
        })
        .expect_code(0);
        let summary = summary(&place);
        assert_eq!(summary["result"], undisturbed, "-w {workers_given}");
        assert!(summary["restarts"].as_u64().unwrap() >= 3, "{summary}");
        assert_eq!(finished.stdout.lines().last().unwrap(), undisturbed.to_string());
        assert_eq!(finished.stdout.lines().count(), 90_001);
    }
}

#[test]
fn a_file_that_shrinks_under_the_run_fails_its_tasks_and_gives_no_result() {
    let place = Place::new();
    let items: Vec<[u8; 8]> = (0..20_000_i64).map(i64::to_le_bytes).collect();
    npy(&place, "x.npy", "<i8", "False", &items);
    let job = job(&place, "file = \"x.npy\"", "op = \"sum\"\nchunk = 1");
    let path = place.path().join("x.npy");
    let arguments = ["run", &job, "-w", "2", "--summary-json", "summary.json"];
    let finished = meddled_with(&place, &arguments, || {
        std::fs::File::options().write(true).open(&path).unwrap().set_len(8_000).unwrap();
    })
    .expect_code(1);
    assert_tells(&finished.stdout, &["x.npy: has shrunk from 160128 to 8000 bytes", "failed (error)"]);
    assert!(summary(&place)["result"].is_null(), "{}", summary(&place));
    assert!(!finished.stdout.contains("\"op\""), "a result of half a file");
}

#[test]
fn the_tree_and_who_combined_what_are_visible_with_v() {
    let place = Place::new();
    let job = job(&place, "values = [1, 4, 8, 3, 2, 5]", "op = \"sum\"\nchunk = 2");
    let finished = place.run(&["run", &job, "-w", "2", "-v"]).expect_code(0);
    let parts = [
        "sum of tasks 0 to 2 = 23  [worker-",
        "├─ sum of tasks 0 to 1 = 16  [worker-",
        "│  ├─ sum of task 0 (items 0 to 1) = 5  [worker-",
        "│  └─ sum of task 1 (items 2 to 3) = 11  [worker-",
        "└─ sum of task 2 (items 4 to 5) = 7  [worker-",
    ];
    assert_tells(&finished.stderr, &parts);
    assert!(!finished.stdout.contains("├─"), "{}", finished.stdout);
    assert!(!place.run(&["run", &job]).expect_code(0).stderr.contains("├─"));
}

#[test]
fn operations_whose_answer_depends_on_brackets_are_refused_with_the_counter_example() {
    let place = Place::new();
    for op in ["power", "subtract", "divide"] {
        let said = refused(&place, "values = [2, 1, 2]", &format!("op = \"{op}\""));
        assert_tells(&said, &["job.toml:5:6", op, "associative and commutative", "2^1^2"]);
    }
    assert_tells(&refused(&place, "values = [1]", "op = \"sun\""), &["did you mean \"sum\"?"]);
}

#[test]
fn files_that_are_no_arrays_are_refused_before_anything_runs() {
    let place = Place::new();
    let refused = |input: &str, op: &str| refused(&place, input, &format!("op = \"{op}\""));
    npy(&place, "x.npy", ">i8", "False", &[[0; 8]]);
    assert_tells(&refused("file = \"x.npy\"", "sum"), &["job.toml:3:8", "x.npy", "big-endian"]);
    let header = "{'descr': '<i8', 'fortran_order': True, 'shape': (2, 2), }\n";
    let start = [b"\x93NUMPY\x01\x00".as_slice(), &[header.len() as u8, 0]].concat();
    place.write("x.npy", [start, header.into(), vec![0; 32]].concat());
    assert_tells(&refused("file = \"x.npy\"", "sum"), &["x.npy", "Fortran order", "ascontiguousarray"]);
    npy(&place, "x.npy", "<i8", "False", &[[0; 8]; 5]);
    let whole = std::fs::read(place.path().join("x.npy")).unwrap();
    for (length, what) in [(152, "truncated"), (60, "cut short in its header"), (3, "cut short")] {
        place.write("x.npy", &whole[..length]);
        assert_tells(&refused("file = \"x.npy\"", "sum"), &["x.npy", what]);
    }
    place.write("x.npy", b"a zip archive, perhaps");
    assert_tells(&refused("file = \"x.npy\"", "sum"), &["x.npy", "is not a .npy file"]);
    place.write("x.bin", [0; 9]);
    assert_tells(&refused("file = \"x.bin\"", "sum"), &["`input.file`", "input.dtype"]);
    assert_tells(&refused("file = \"x.bin\"\ndtype = \"i64\"", "sum"), &["x.bin", "9 bytes"]);
}

#[test]
fn types_that_do_not_fit_the_operation_are_refused() {
    let place = Place::new();
    npy(&place, "x.npy", "<f8", "False", &[[0; 8]]);
    for op in ["and", "or", "xor"] {
        let said = refused(&place, "file = \"x.npy\"", &format!("op = \"{op}\""));
        assert_tells(&said, &["job.toml:5", "type f64", "no bits"]);
    }
    assert_tells(&refused(&place, "values = [1, 2.5]", "op = \"xor\""), &["input.values[1]", "2.5"]);
    npy(&place, "x.npy", "<c8", "False", &[[0; 8]]);
    assert_tells(&refused(&place, "file = \"x.npy\"", "op = \"sum\""), &["x.npy", "<c8"]);
    assert_tells(&refused(&place, "values = [1, true]", "op = \"sum\""), &["input.values[1]", "true"]);
}

#[test]
fn a_text_cell_fails_its_task_and_names_file_line_and_column() {
    let place = Place::new();
    let mut rows: String = (0..3000).map(|row| format!("{row},{row}\n")).collect();
    rows.push_str("3000,abc\n");
    place.write("t.csv", format!("id,price\n{rows}"));
    let job = job(&place, "file = \"t.csv\"\ncolumn = \"price\"", "op = \"sum\"\nchunk = 1000");
    let arguments = ["run", &job, "--format", "jsonl", "--summary-json", "summary.json"];
    let finished = place.run(&arguments).expect_code(1);
    let lines = finished.json_lines();
    let failed: Vec<&Value> = lines.iter().filter(|line| line["ok"] == false).collect();
    assert_eq!(failed.len(), 1, "only the task with the bad cell fails");
    assert_eq!(failed[0]["error"]["reason"], "error");
    let message = failed[0]["error"]["message"].as_str().unwrap();
    assert_tells(message, &["t.csv:3002: column 2 (price): \"abc\" is not a number"]);
    assert!(summary(&place)["result"].is_null());
    assert_tells(&refused(&place, "file = \"t.csv\"\ncolumn = \"cost\"", "op = \"sum\""), &["cost", "price"]);
}
