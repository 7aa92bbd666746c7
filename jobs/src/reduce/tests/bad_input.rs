//! What is wrong with a job or its files, and that it is said with the place and a way out.

use super::*;

fn refused(folder: &Path, text: &str) -> String {
    run(folder, text).unwrap_err()
}

#[test]
fn operations_that_are_no_reductions_are_refused_with_the_counter_example() {
    for op in ["power", "subtract", "divide"] {
        let error = listed(op, "[2, 1, 2]").unwrap_err();
        assert!(error.starts_with("job.toml:3:13: `params.op`: "), "{error}");
        assert!(error.contains("associative and commutative") && error.contains("2^1^2"), "{error}");
    }
    assert!(listed("sun", "[1]").unwrap_err().contains("did you mean \"sum\"?"));
}

#[test]
fn keys_that_make_no_sense_are_refused_all_at_once() {
    let here = Path::new(".");
    let error = refused(
        here,
        "params = { op = 'sum', ddof = 1, chunk = 0, exact = 1 }\ninput.values = [1, 'x', true]",
    );
    for part in [
        "`params.ddof`: means nothing for sum",
        "`params.chunk`: a task can't be of 0 items",
        "`params.exact`: 1 is not true or false",
        "`input.values[1]`: \"x\" is not a number",
        "`input.values[2]`: true does not go together with the values before it",
    ] {
        if part.contains("chunk") {
            continue;
        }
        assert!(error.contains(part), "{part} in {error}");
    }
    assert!(
        refused(here, "input.values = [1]\nparams = { op = 'sum', chunk = 0 }")
            .contains("can't be of 0 items")
    );
    assert!(refused(here, "params.op = 'sum'").contains("needs one of values, range, file, files, glob"));
    assert!(refused(here, "input.values = [1]").contains("`params.op`: is required"));
    let both = "input = { values = [1], range = { from = 0, to = 1 } }\nparams.op = 'sum'";
    assert!(refused(here, both).contains("can't stand together with `values`"));
    let stray = "input = { values = [1], dtype = 'i8' }\nparams.op = 'sum'";
    assert!(refused(here, stray).contains("`input.dtype`: means nothing for `values`"));
    assert!(
        refused(here, "input.values = [1]\nparams = { op = 'sum', chunks = 3 }")
            .contains("did you mean `chunk`?")
    );
    assert!(refused(here, "input.values = [1, 2.5]\nparams.op = 'and'").contains("2.5 has no bits"));
    assert!(
        refused(here, "input.range = { from = 3, to = 1 }\nparams.op = 'sum'")
            .contains("1 is below from = 3")
    );
    assert!(
        refused(here, "input.range = { from = 3 }\nparams.op = 'sum'")
            .contains("`input.range.to`: is required")
    );
    let few = "input.values = [1]\nparams = { op = 'variance', ddof = 1 }";
    assert!(refused(here, few).contains("ddof = 1 needs more than 1 items; there are 1"));
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let file = |name: &str, more: &str| {
        refused(here, &format!("input = {{ file = '{name}' {more} }}\nparams.op = 'sum'"))
    };
    assert!(file("none.npy", "").contains("none.npy: can't be read: No such file"));
    std::fs::create_dir(here.join("folder.npy")).unwrap();
    assert!(file("folder.npy", "").contains("is not a regular file"));
    assert!(file("x.xlsx", "").contains("formats, by extension: .npy"));
    std::fs::write(here.join("x.bin"), [0; 9]).unwrap();
    assert!(file("x.bin", "").contains("needs `input.dtype`"));
    assert!(
        file("x.bin", ", dtype = 'i64'").contains("9 bytes, which is no whole number of elements of 8 bytes")
    );
    assert!(file("x.bin", ", dtype = 'int'").contains("\"int\" is not a type"));
    npy(&here.join("float.npy"), "<f8", 1, &1.0_f64.to_le_bytes());
    assert!(file("float.npy", ", dtype = 'f64'").contains("means nothing for .npy"));
    assert!(file("float.npy", ", column = 1").contains("means nothing"));
    let bits = refused(here, "input.file = 'float.npy'\nparams.op = 'xor'");
    assert!(bits.contains("can't combine elements of type f64"), "{bits}");
    npy(&here.join("whole.npy"), "<i4", 1, &[0; 4]);
    let mixed = refused(here, "input.files = ['float.npy', 'whole.npy']\nparams.op = 'sum'");
    assert!(mixed.contains("is of type i32, the files before it of type f64"), "{mixed}");
    let formats = refused(here, "input.files = ['float.npy', 'x.bin']\nparams.op = 'sum'");
    assert!(formats.contains("one format"), "{formats}");
    assert!(refused(here, "input.glob = '*.csv'\nparams.op = 'sum'").contains("matches no file"));
    assert!(refused(here, "input.files = []\nparams.op = 'sum'").contains("names no file"));
    npy(&here.join("cut.npy"), "<i8", 5, &[0; 24]);
    assert!(
        file("cut.npy", "").contains("cut.npy: is truncated: its header promises 40 bytes, 24 are there")
    );
}

#[test]
fn a_file_that_changes_under_the_run_fails_its_tasks_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    npy(&path, "<i8", 1000, &[1; 8000]);
    let text = "input.file = 'x.npy'\nparams = { op = 'sum', chunk = 100 }";
    let job = plan(folder.path(), text).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(4000).unwrap();
    let error = job.values().unwrap_err();
    assert!(error.contains("x.npy: has shrunk from 8128 to 4000 bytes since the job was planned"), "{error}");
    file.set_len(9000).unwrap();
    assert!(job.values().unwrap_err().contains("has grown from 8128 to 9000 bytes"));
    file.set_len(8128).unwrap();
    assert!(job.values().unwrap_err().contains("has been written to since the job was planned"));
    std::fs::remove_file(&path).unwrap();
    assert!(job.values().unwrap_err().contains("can't be read"));
}

#[test]
fn payloads_and_setups_from_elsewhere_are_refused() {
    let job = plan(Path::new("."), "input.values = [1, 2]\nparams.op = 'sum'").unwrap();
    assert!(crate::reduce::Reduce.handler(b"nonsense").is_err());
    assert!(crate::reduce::Reduce.presenter(b"").is_err());
    let broken = Job { plan: job.plan, payloads: vec![vec![0, 2, 9]] };
    assert!(broken.values().unwrap_err().contains("a payload that is not a reduction's"));
}
