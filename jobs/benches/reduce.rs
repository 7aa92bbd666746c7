//! How fast one worker reduces files in the page cache. Run with `cargo bench -p unhurt-jobs --bench reduce`;
//! `REDUCE_BENCH_MB` sets the size of each file (default 64).
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where its job can't be run")]

use std::io::{BufWriter, Write};
use std::path::Path;

use divan::Bencher;
use divan::counter::BytesCount;
use jobs::PlanOptions;
use jobs::spec::JobSpec;
use protocol::{Context, Payloads, Task, TaskId};

fn main() {
    divan::main();
}

fn megabytes() -> usize {
    std::env::var("REDUCE_BENCH_MB").ok().and_then(|size| size.parse().ok()).unwrap_or(64)
}

/// Runs all tasks of a job, one after the other, as a worker would, and combines their values.
fn reduce(folder: &Path, text: &str) -> serde_json::Value {
    let kind = jobs::find("reduce").unwrap();
    let mut job = JobSpec::parse("bench.toml", text, folder, &[]).unwrap();
    let mut plan = kind.plan(&mut job, &PlanOptions::default()).unwrap();
    let mut handler = kind.handler(&plan.setup).unwrap();
    let mut combine = plan.combine.take().unwrap();
    let mut payloads = Payloads::new();
    while plan.tasks.next(1000, &mut payloads).unwrap() {}
    let mut value = Vec::new();
    for (id, payload) in payloads.iter().enumerate() {
        let context = Context { worker: "worker-1", link: None };
        value.clear();
        handler.run(&Task { id: TaskId(id as u64), attempt: 1, payload, context }, &mut value).unwrap();
        combine.add(id as u64, payload, &value, "worker-1").unwrap();
    }
    combine.finish().unwrap()
}

/// Pseudo-random numbers: a linear congruential generator is enough to keep branches honest.
fn numbers() -> impl Iterator<Item = i64> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state as i64 >> 16
    })
}

fn bench(bencher: Bencher<'_, '_>, name: &str, params: &str, write: impl Fn(&mut dyn Write)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut file = BufWriter::new(std::fs::File::create(&path).unwrap());
    write(&mut file);
    drop(file);
    let text = format!("kind = 'reduce'\n{params}");
    reduce(folder.path(), &text);
    bencher
        .counter(BytesCount::new(std::fs::metadata(&path).unwrap().len()))
        .bench(|| reduce(folder.path(), &text));
}

fn integers(file: &mut dyn Write) {
    numbers().take(megabytes() << 17).for_each(|number| file.write_all(&number.to_le_bytes()).unwrap());
}

fn floats(file: &mut dyn Write) {
    let floats = numbers().take(megabytes() << 17).map(|number| number as f64 / 1e9);
    floats.for_each(|float| file.write_all(&float.to_le_bytes()).unwrap());
}

#[divan::bench(sample_count = 10, args = ["sum", "min", "xor", "variance"])]
fn i64_array(bencher: Bencher<'_, '_>, op: &str) {
    let params = format!("input = {{ file = 'x.bin', dtype = 'i64' }}\nparams.op = '{op}'");
    bench(bencher, "x.bin", &params, integers);
}

#[divan::bench(sample_count = 10, args = ["op = 'sum'", "op = 'sum', exact = true", "op = 'variance'", "op = 'max'"])]
fn f64_array(bencher: Bencher<'_, '_>, params: &str) {
    let params = format!("input = {{ file = 'x.bin', dtype = 'f64' }}\nparams = {{ {params} }}");
    bench(bencher, "x.bin", &params, floats);
}

#[divan::bench(sample_count = 10)]
fn integer_column(bencher: Bencher<'_, '_>) {
    let params = "input = { file = 'x.csv', header = false }\nparams.op = 'sum'";
    bench(bencher, "x.csv", params, |file| {
        numbers().take(megabytes() << 17).for_each(|number| writeln!(file, "{}", number >> 20).unwrap());
    });
}

#[divan::bench(sample_count = 10)]
fn third_of_four_columns(bencher: Bencher<'_, '_>) {
    let params = "input = { file = 'x.csv', header = false, column = 3 }\nparams.op = 'sum'";
    bench(bencher, "x.csv", params, |file| {
        let rows = numbers().take(megabytes() << 15);
        rows.for_each(|number| writeln!(file, "row,{},{},\"note\"", number >> 30, number >> 24).unwrap());
    });
}

#[divan::bench(sample_count = 10)]
fn float_column(bencher: Bencher<'_, '_>) {
    let params = "input = { file = 'x.csv', header = false }\nparams.op = 'sum'";
    bench(bencher, "x.csv", params, |file| {
        let floats = numbers().take(megabytes() << 16).map(|number| number as f64 / 1e9);
        floats.for_each(|float| writeln!(file, "{float}").unwrap());
    });
}
