//! The whole command, against whole programs.

use std::f64::consts::PI;
use std::fs;
use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use super::library::{Case, library_memory, python, rust};
use crate::build::Build;
use crate::comparison::{Comparison, Figures, Metric, Side, Unit};
use crate::jobs::{Job, Store};
use crate::programs::{self, command, peak_memory, run};
use crate::suites::Bench;

/// A line of `primes` over 10⁷ small numbers, on average.
const BYTES_A_LINE: u64 = 130;

pub(super) fn comparisons(bench: &Bench) -> Vec<Comparison<'_>> {
    vec![
        primes(bench),
        progress(bench),
        start(bench),
        memory(bench),
        pi(bench),
        processes(bench),
        lines(bench),
        idle(bench),
    ]
}

fn one(key: &str, value: f64) -> Figures {
    Figures::from([(key.to_owned(), value)])
}

fn per_second(count: u64, seconds: f64) -> Figures {
    one("per_second", count as f64 / seconds)
}

fn rate() -> Vec<Metric> {
    vec![Metric::more("per_second", Unit::Rate)]
}

fn primes(bench: &Bench) -> Comparison<'_> {
    let sides = vec![
        Side::ours("`run --store none`", |build| primes_to_file(bench, build, Store::None)),
        Side::ours("`run`", |build| primes_to_file(bench, build, Store::New)),
        Side::ours("`run --store none`, to /dev/null", |build| primes_on_terminal(bench, build, "never")),
        Side::peer("the file alone, by dd (floor)", None, || file_alone(bench)),
    ];
    Comparison::new("`primes` over 10⁷ small numbers into JSONL, 2 workers", rate(), sides)
}

fn range(count: u64) -> String {
    format!("kind = 'primes'\n[input]\nrange = {{ from = 0, to = {count} }}\n")
}

fn primes_to_file(bench: &Bench, build: &Build, store: Store<'_>) -> anyhow::Result<Figures> {
    let (count, path) = (bench.many(1e7), bench.place.at("primes.jsonl"));
    // What others have left to be written must not weigh on this one.
    run(command(["sync"]), b"")?;
    let (text, path) = (range(count), path.display().to_string());
    let flags = ["--force", "--output", &path];
    let job = Job::new(&text).flags(&flags).store(store);
    let (ran, _) = bench.place.run(build, job, Some(count))?;
    let results = fs::read_to_string(&path)?;
    fs::remove_file(&path)?;
    let found = results.lines().filter(|line| line.contains("\"prime\":true")).count();
    ensure!(found == sieve(count), "{found} primes below {count}, not {}", sieve(count));
    Ok(per_second(count, ran.wall))
}

/// Results to /dev/null; progress, if any, to a terminal of 80 columns.
fn primes_on_terminal(bench: &Bench, build: &Build, mode: &str) -> anyhow::Result<Figures> {
    let count = bench.many(1e7);
    let text = range(count);
    let flags = ["--format", "jsonl", "--progress", mode];
    let job = Job::new(&text).flags(&flags).store(Store::None);
    Ok(per_second(count, bench.place.run_on_terminal(build, job, Some(count))?))
}

/// As many bytes as a line of JSON a task takes, written by dd and brought to the disk.
fn file_alone(bench: &Bench) -> anyhow::Result<Figures> {
    let (count, path) = (bench.many(1e7), bench.place.at("alone"));
    let blocks = count * BYTES_A_LINE / (128 << 10) + 1;
    run(command(["sync"]), b"")?;
    let mut dd = command(["dd", "if=/dev/zero", "bs=128k", "conv=fsync"]);
    dd.arg(format!("of={}", path.display())).arg(format!("count={blocks}"));
    let ran = run(dd, b"")?;
    fs::remove_file(path)?;
    Ok(per_second(count, ran.wall))
}

fn progress(bench: &Bench) -> Comparison<'_> {
    let side = |mode: &'static str| {
        Side::ours(format!("`--progress {mode}`"), move |build| primes_on_terminal(bench, build, mode))
    };
    let sides = ["always", "full", "never"].map(side).into();
    Comparison::new("10⁷ tiny tasks with progress on a terminal", rate(), sides).repeated(5)
}

fn start(bench: &Bench) -> Comparison<'_> {
    let two = |name: &str, kept: Option<bool>| {
        Side::ours(name, move |build| {
            let stored = bench.place.at(&format!("kept-{}.db", build.name));
            let store = match kept {
                None => Store::None,
                Some(true) => Store::At(&stored),
                Some(false) => Store::New,
            };
            let job = Job::new("kind = 'primes'\n[input]\nnumbers = [7, 9]\n").store(store);
            let (ran, _) = bench.place.run(build, job, Some(2))?;
            ensure!(
                ran.out == b"7 is prime\n9 is not prime\n",
                "it printed {:?}",
                String::from_utf8_lossy(&ran.out)
            );
            Ok(one("wall_seconds", ran.wall))
        })
    };
    let sides = vec![
        two("`run`", Some(true)),
        two("`run`, which makes its store", Some(false)),
        two("`run --store none`", None),
        Case::new("start").side(bench, "bench_pool (library)"),
        rust(bench, "procspawn", "procspawn", "start"),
        python(bench, "Pool", "pool", "start", &[]),
        Side::peer("/bin/true (floor)", None, || {
            Ok(one("wall_seconds", run(command(["/bin/true"]), b"")?.wall))
        }),
    ];
    let metrics = vec![Metric::less("wall_seconds", Unit::Seconds)];
    Comparison::new("start 2 workers, 2 tasks, stop: the whole program", metrics, sides).repeated(5)
}

fn memory(bench: &Bench) -> Comparison<'_> {
    let sides = vec![
        Side::ours("`run`", |build| {
            let job = Job::new("kind = 'sleep'\n[input]\nseconds = [1, 1]\n");
            peak_memory(bench.place.command(build, job)?)
        }),
        Side::ours("library", library_memory),
        Side::peer("procspawn", bench.peers.lacks_rust(), || {
            let mut command = bench.peers.rust();
            command.args(["procspawn", "hold"]);
            peak_memory(command)
        }),
        Side::peer("Pool", None, || {
            let mut command = bench.peers.python("pools.py");
            command.args(["pool", "hold"]);
            peak_memory(command)
        }),
    ];
    let metrics = vec![Metric::less("bytes", Unit::Bytes)];
    Comparison::new("memory with 2 workers at 2 tasks, all processes", metrics, sides)
}

fn pi(bench: &Bench) -> Comparison<'_> {
    let ours = |build: &Build| {
        let samples = bench.many(1e6);
        let text = format!("kind = 'pi'\n[input]\nsamples = {samples}\nseed = 1\n");
        let (ran, summary) = bench.place.run(build, Job::new(&text), None)?;
        let mut figures = per_second(samples, ran.wall);
        figures.insert("samples".into(), samples as f64);
        figures.insert("pi".into(), summary["result"]["pi"].as_f64().unwrap_or_default());
        near_pi(figures)
    };
    let sides = vec![
        Side::ours("`run`, kind `pi`, 10⁶ samples", ours),
        python(bench, "Pool, a sample a task", "pool", "pi", &[]),
        python(bench, "Pool, 64 chunks by hand", "pool-map", "pi", &[]),
    ];
    Comparison::new("the textbook's pi, samples", rate(), sides)
}

/// Within five standard errors: once in two million runs, chance alone is further off.
pub(super) fn near_pi(figures: Figures) -> anyhow::Result<Figures> {
    let of = |key: &str| figures.get(key).copied().unwrap_or_default();
    let error = (PI * (4.0 - PI) / of("samples")).sqrt();
    ensure!(error.is_finite() && (of("pi") - PI).abs() < 5.0 * error, "pi = {}", of("pi"));
    Ok(figures)
}

fn processes(bench: &Bench) -> Comparison<'_> {
    let items = |count: u64| (0..count).map(|number| format!("{number}\n")).collect::<String>();
    let ours = move |build: &Build| {
        let (count, path) = (bench.many(1000.0), bench.place.at("items.txt"));
        fs::write(&path, items(count))?;
        let text = format!(
            "kind = 'command'\n[input]\nfile = '{}'\n[params]\nargv = ['/bin/true']\n",
            path.display()
        );
        let (ran, _) = bench.place.run(build, Job::new(&text), Some(count))?;
        Ok(per_second(count, ran.wall))
    };
    let xargs = move || {
        let count = bench.many(1000.0);
        // Its exit code is 0 only where all of theirs were.
        let ran = run(command(["xargs", "-P", "2", "-n", "1", "/bin/true"]), items(count).as_bytes())?;
        Ok(per_second(count, ran.wall))
    };
    let parallel = move || {
        let (count, home) = (bench.many(200.0), bench.place.at("parallel"));
        fs::create_dir_all(&home)?;
        let log = home.join("log");
        let mut command = command(["parallel", "-j", "2", "--joblog"]);
        command.arg(&log).arg("/bin/true").env("PARALLEL_HOME", &home);
        let ran = run(command, items(count).as_bytes())?;
        let rows = fs::read_to_string(log)?.lines().skip(1).count() as u64;
        ensure!(rows == count, "{rows} of {count} were run");
        Ok(per_second(count, ran.wall))
    };
    let sides = vec![
        Side::ours("`run`, kind `command`", ours),
        Side::peer("xargs -P 2", bench.peers.lacks_program("xargs"), xargs),
        Side::peer("GNU parallel", bench.peers.lacks_program("parallel"), parallel),
    ];
    Comparison::new("processes: /bin/true again and again, 2 at a time", rate(), sides)
}

fn lines(bench: &Bench) -> Comparison<'_> {
    let ours = |build: &Build| {
        let (count, path) = (bench.many(20_000.0), bench.place.at("items.txt"));
        let words: String = (0..count).map(|number| format!("word-{number}\n")).collect();
        fs::write(&path, &words)?;
        let text = format!(
            "kind = 'command'\n[input]\nfile = '{}'\n[params]\nmode = 'lines'\nargv = ['{}', '{}']\n",
            path.display(),
            bench.peers.interpreter().display(),
            bench.root.join("jobs/upper.py").display()
        );
        let (ran, _) = bench.place.run(build, Job::new(&text).flags(&["--format", "jsonl"]), Some(count))?;
        let out = String::from_utf8(ran.out)?;
        for (line, word) in out.lines().zip(words.lines()) {
            let line: Value = serde_json::from_str(line)?;
            let answer = &line["value"]["answer"];
            ensure!(*answer == word.to_uppercase(), "{word} gave {answer}");
        }
        Ok(per_second(count, ran.wall))
    };
    Comparison::new(
        "a Python program asked in lines, 2 workers",
        rate(),
        vec![Side::ours("`run`, `mode = \"lines\"`", ours)],
    )
}

fn idle(bench: &Bench) -> Comparison<'_> {
    const WORKERS: usize = 64;
    let ours = |build: &Build| {
        let job =
            Job::new("kind = 'primes'\n[input]\nnumbers = []\n").flags(&["--input", "-"]).workers(WORKERS);
        let command = bench.place.command(build, job)?;
        let length = Duration::from_secs(5);
        let (out, figures) = programs::idle(command, WORKERS, "7\n".repeat(WORKERS).as_bytes(), length)?;
        ensure!(
            out == "7 is prime\n".repeat(WORKERS).as_bytes(),
            "it printed {:?}",
            String::from_utf8_lossy(&out)
        );
        Ok(figures)
    };
    let metrics = vec![
        Metric::less("cpu_seconds", Unit::Seconds).named("processor time"),
        Metric::less("switches", Unit::Count).named("context switches"),
    ];
    Comparison::new("64 idle workers, over 5 s", metrics, vec![Side::ours("`run --input -`", ours)])
}

/// How many primes there are below a number.
fn sieve(below: u64) -> usize {
    let mut prime = vec![true; below as usize];
    prime.iter_mut().take(2).for_each(|each| *each = false);
    for number in 2..=(below as usize).isqrt() {
        if prime.get(number) == Some(&true) {
            prime.iter_mut().skip(number * number).step_by(number).for_each(|each| *each = false);
        }
    }
    prime.into_iter().filter(|prime| *prime).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_counted_by_a_sieve_of_our_own() {
        assert_eq!([0, 2, 3, 100, 1000].map(sieve), [0, 0, 1, 25, 168]);
    }

    #[test]
    fn a_pi_that_chance_does_not_explain_is_refused() {
        let with = |pi: f64| Figures::from([("pi".to_owned(), pi), ("samples".to_owned(), 1e6)]);
        assert!(near_pi(with(PI + 0.001)).is_ok());
        assert!(near_pi(with(3.2)).is_err());
        assert!(near_pi(Figures::new()).is_err());
    }
}
