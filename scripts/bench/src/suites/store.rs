//! What keeping a run costs: throughput with and without a store, bytes for each outcome, and the listing of a store
//! with many runs in it.

use std::fs;

use anyhow::ensure;

use crate::build::Build;
use crate::comparison::{Comparison, Figures, Goal, Metric, Side, Unit};
use crate::jobs::{Job, Store};
use crate::programs::{command, run};
use crate::suites::Bench;

pub(super) fn comparisons(bench: &Bench) -> Vec<Comparison<'_>> {
    vec![throughput(bench), list(bench)]
}

fn throughput(bench: &Bench) -> Comparison<'_> {
    let side = |name: &str, store: Store<'static>| {
        Side::ours(name, move |build| {
            let count = bench.many(1e6);
            let text = format!("kind = 'primes'\n[input]\nrange = {{ from = 0, to = {count} }}\n");
            let (_, summary) = bench.place.run(build, Job::new(&text).store(store), Some(count))?;
            let rate = summary["tasks_per_second"].as_f64().unwrap_or_default();
            let mut figures = Figures::from([("per_second".to_owned(), rate)]);
            if store == Store::New {
                figures.insert("bytes".into(), stored_bytes(bench)? as f64 / count as f64);
            }
            Ok(figures)
        })
    };
    // 30 % of the throughput at most.
    let costs = Goal { side: "`run`", most: 1.0 / 0.7, of_ratio: true };
    let bytes = Goal { side: "`run`", most: 16.0, of_ratio: false };
    let metrics = vec![
        Metric::more("per_second", Unit::Rate).with_goal(costs),
        Metric::less("bytes", Unit::Bytes).named("on disk for each outcome").with_goal(bytes),
    ];
    let sides = vec![side("`run --store none`", Store::None), side("`run`", Store::New)];
    Comparison::new("10⁶ tiny tasks, kept", metrics, sides).warm()
}

/// The store with what SQLite keeps beside it.
fn stored_bytes(bench: &Bench) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(bench.place.at("run"))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("runs.db") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

fn list(bench: &Bench) -> Comparison<'_> {
    let ours = |build: &Build| {
        let path = bench.place.at(&format!("full-{}-{}.db", bench.runs, build.name));
        let list = |flags: &[&str]| {
            let mut list = command([&build.coordinator]);
            list.args(["runs", "list", "--store"]).arg(&path).args(flags);
            run(list, b"")
        };
        let known = || -> anyhow::Result<u64> {
            if !path.exists() {
                return Ok(0);
            }
            Ok(String::from_utf8(list(&["--json"])?.out)?.lines().count() as u64)
        };
        // It is filled once, and lasts for all rounds.
        for _ in known()?..bench.runs {
            let job = Job::new("kind = 'primes'\n[input]\nnumbers = [7]\n").store(Store::At(&path));
            bench.place.run(build, job, Some(1))?;
        }
        ensure!(known()? == bench.runs, "{} runs are listed, not {}", known()?, bench.runs);
        Ok(Figures::from([("wall_seconds".to_owned(), list(&[])?.wall)]))
    };
    let goal = Goal { side: "`runs list`", most: 0.1, of_ratio: false };
    let metrics = vec![Metric::less("wall_seconds", Unit::Seconds).with_goal(goal)];
    let name = format!("a store of {} runs", bench.runs);
    Comparison::new(name, metrics, vec![Side::ours("`runs list`", ours)]).repeated(11)
}
