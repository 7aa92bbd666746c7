//! The library, as `bench_pool` measures it, against other pools.

use crate::build::Build;
use crate::comparison::{Comparison, Figures, Metric, Side, Unit};
use crate::programs::{command, line, peak_memory};
use crate::suites::Bench;
use crate::suites::command::near_pi;

pub(super) fn comparisons(bench: &Bench) -> Vec<Comparison<'_>> {
    let mut all = vec![tiny(bench), by_number(bench), by_workers(bench), trips(bench)];
    all.extend([mebibytes(bench), echo(bench), start(bench)]);
    all.extend(shares(bench));
    all
}

fn rate() -> Vec<Metric> {
    vec![Metric::more("per_second", Unit::Rate)]
}

fn throughput() -> Vec<Metric> {
    vec![Metric::more("gb_per_second", Unit::GigabytesPerSecond)]
}

fn tiny(bench: &Bench) -> Comparison<'_> {
    let sides = vec![
        Case::new("tiny").side(bench, "ours"),
        python(bench, "Pool.imap", "pool", "tiny", &[]),
        python(bench, "Pool.map, chunks of 16,000", "pool-map", "tiny", &[]),
        python(bench, "ProcessPoolExecutor.map", "executor", "tiny", &[]),
        python(bench, "JoinableQueue and pills", "queue", "tiny", &[]),
        python(bench, "joblib (loky)", "joblib", "tiny", &["joblib"]),
        python(bench, "Ray", "ray", "tiny", &["ray"]),
        python(bench, "Dask", "dask", "tiny", &["distributed"]),
        rust(bench, "procspawn", "procspawn", "tiny"),
        rust(bench, "rayon, a spawn a task (threads)", "rayon", "tiny"),
        rust(bench, "rayon, par_iter (threads)", "rayon", "tiny-split"),
    ];
    Comparison::new("tiny tasks, 2 workers", rate(), sides)
}

fn by_number(bench: &Bench) -> Comparison<'_> {
    // 20 million of them have the scale 1.
    let counts = [("10⁶", 1e6), ("10⁴", 1e4), ("10⁵", 1e5), ("10⁷", 1e7), ("10⁸", 1e8)];
    let side = |(name, count): (&str, f64)| Case::new("tiny").scale(count / 2e7).side(bench, name);
    Comparison::new("tiny tasks by their number, 2 workers", rate(), counts.map(side).into())
}

fn by_workers(bench: &Bench) -> Comparison<'_> {
    let side = |workers: u32| {
        let name = if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") };
        Case::new("tiny").workers(workers).scale(0.5).side(bench, &name)
    };
    Comparison::new("10⁷ tiny tasks by workers", rate(), [2, 1, 4, 8, 16, 32, 64].map(side).into())
}

fn trips(bench: &Bench) -> Comparison<'_> {
    let metrics = [("p50_micros", "p50"), ("p99_micros", "p99")];
    let metrics = metrics.map(|(key, name)| Metric::less(key, Unit::Micros).named(name));
    let sides = vec![
        Case::new("trips").workers(1).side(bench, "ours"),
        rust(bench, "bare socket pair (floor)", "socketpair", "trips"),
        python(bench, "Pool.apply", "pool", "trips", &[]),
        python(bench, "JoinableQueue", "queue", "trips", &[]),
        rust(bench, "procspawn", "procspawn", "trips"),
        rust(bench, "rayon (threads)", "rayon", "trips"),
    ];
    Comparison::new("round trip, idle pool", metrics.into(), sides)
}

fn mebibytes(bench: &Bench) -> Comparison<'_> {
    let sides = vec![
        Case::new("mib-copied").side(bench, "ours, copied in"),
        Case::new("mib-in-place").side(bench, "ours, made in place"),
        python(bench, "Pool.imap", "pool", "mib-copied", &[]),
        python(bench, "JoinableQueue", "queue", "mib-copied", &[]),
        rust(bench, "procspawn", "procspawn", "mib-copied"),
    ];
    Comparison::new("tasks of 1 MiB, small answers", throughput(), sides)
}

fn echo(bench: &Bench) -> Comparison<'_> {
    let sides = vec![
        Case::new("16mib-echo").side(bench, "ours"),
        python(bench, "Pool.imap", "pool", "16mib-echo", &[]),
        rust(bench, "procspawn", "procspawn", "16mib-echo"),
    ];
    Comparison::new("tasks of 16 MiB, echoed back", throughput(), sides)
}

fn start(bench: &Bench) -> Comparison<'_> {
    let sides = vec![
        Case::new("start").side(bench, "ours"),
        rust(bench, "procspawn", "procspawn", "start"),
        python(bench, "Pool", "pool", "start", &[]),
    ];
    let metrics = vec![Metric::less("seconds", Unit::Seconds)];
    Comparison::new("start 2 workers, 2 tasks, stop: the calls", metrics, sides).repeated(5)
}

fn shares(bench: &Bench) -> Vec<Comparison<'_>> {
    let cases = [
        ("1ms", "1,000 tasks of 1 ms"),
        ("1us", "10⁶ tasks of 1 µs"),
        ("pareto", "Pareto, 20 µs to 50 ms"),
        ("giant-in-the-middle", "a giant in the middle"),
        ("rising", "rising"),
        ("falling", "falling"),
    ];
    let compare = |(case, name): (&'static str, &str)| {
        // Alone in their messages, a million tasks would take too long.
        let alone = if case == "1us" { 0.1 } else { 1.0 };
        let sides = vec![
            Case::new(case).side(bench, "automatic batches"),
            Case::new(case).scale(alone).batch(1).side(bench, "batches of 1"),
            Case::new(case).batch(512).side(bench, "batches of 512"),
        ];
        let metrics = vec![Metric::more("of_ideal", Unit::Share)];
        Comparison::new(format!("share of the ideal, 2 workers: {name}"), metrics, sides)
    };
    cases.into_iter().map(compare).collect()
}

/// What `bench_pool` is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    name: &'static str,
    workers: u32,
    scale: f64,
    batch: Option<u32>,
}

impl Case {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, workers: 2, scale: 1.0, batch: None }
    }

    fn workers(self, workers: u32) -> Self {
        Self { workers, ..self }
    }

    fn scale(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    fn batch(self, batch: u32) -> Self {
        Self { batch: Some(batch), ..self }
    }

    pub(super) fn side<'a>(self, bench: &'a Bench, name: &str) -> Side<'a> {
        Side::ours(name, move |build| self.measure(build, bench.scale))
    }

    fn measure(self, build: &Build, scale: f64) -> anyhow::Result<Figures> {
        let mut command = command([build.library()?]);
        command.args([self.name, &self.workers.to_string(), &(scale * self.scale).to_string()]);
        if let Some(batch) = self.batch {
            command.env("BENCH_BATCH", batch.to_string());
        }
        line(command)
    }
}

/// The library's memory.
pub(super) fn library_memory(build: &Build) -> anyhow::Result<Figures> {
    let mut command = command([build.library()?]);
    command.args(["hold", "2"]);
    peak_memory(command)
}

/// One of `scripts/peers/pools.py`, which needs these modules.
pub(super) fn python<'a>(
    bench: &'a Bench,
    name: &str,
    peer: &'static str,
    case: &'static str,
    modules: &[&'static str],
) -> Side<'a> {
    Side::peer(name, bench.peers.lacks(modules), move || {
        let mut command = bench.peers.python("pools.py");
        command.args([peer, case, &bench.scale.to_string()]);
        let figures = line(command)?;
        if case == "pi" { near_pi(figures) } else { Ok(figures) }
    })
}

/// One of `scripts/peers/rust`.
pub(super) fn rust<'a>(bench: &'a Bench, name: &str, peer: &'static str, case: &'static str) -> Side<'a> {
    Side::peer(name, bench.peers.lacks_rust(), move || {
        let mut command = bench.peers.rust();
        command.args([peer, case, &bench.scale.to_string()]);
        line(command)
    })
}
