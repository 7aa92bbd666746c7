//! The kinds against the best tools for the same work. Ours is always the whole command, process start included.
//! NumPy's and Polars' reductions are the call alone, in a Python that has started already, on a file that is mapped or
//! read anew (`scripts/peers/arrays.py`, which makes the data and says what is right); the others are whole programs.

use std::cell::RefCell;
use std::f64::consts::PI;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::build::Build;
use crate::comparison::{Comparison, Figures, Metric, Side, Unit};
use crate::jobs::{Job, Store};
use crate::programs::{Ran, Server, command, numbers, run};
use crate::suites::Bench;

pub(super) fn comparisons(bench: &Bench) -> Vec<Comparison<'_>> {
    let arrays = Arrays::default();
    let reductions = [
        ("i64", "sum", false),
        ("i64", "min", false),
        ("f64", "sum", false),
        ("f64", "sum", true),
        ("f64", "variance", false),
    ];
    let mut all: Vec<_> =
        reductions.map(|(dtype, op, exact)| reduction(bench, &arrays, dtype, op, exact)).into();
    all.push(table(bench, &arrays));
    all.extend([primes(bench, 1), primes(bench, 2), pi(bench)]);
    all.push(images(bench, "the textbook's 400 crops", "crops"));
    all.push(images(bench, "40 photos of 12 MP", "photos"));
    all
}

/// Wall-clock time and processor time of all processes: that one says what the clock can't on a busy machine.
fn times(bytes: Option<u64>) -> Vec<Metric> {
    let wall = Metric::less("wall_seconds", Unit::Seconds);
    let wall = bytes.map_or(wall.clone(), |bytes| wall.on_bytes(bytes));
    vec![wall, Metric::less("cpu_seconds", Unit::Seconds).named("processor time")]
}

fn figures(ran: &Ran) -> Figures {
    Figures::from([("wall_seconds".to_owned(), ran.wall), ("cpu_seconds".to_owned(), ran.cpu)])
}

/// The peer that stays, started when it is first asked.
#[derive(Debug, Clone, Default)]
struct Arrays(Rc<RefCell<Option<Server>>>);

impl Arrays {
    fn ask(&self, bench: &Bench, question: &Value) -> anyhow::Result<Value> {
        let mut server = self.0.borrow_mut();
        if server.is_none() {
            *server = Some(Server::start(bench.peers.python("arrays.py"))?);
        }
        server.as_mut().context("the peer has not started")?.ask(question)
    }

    /// Makes sure that a file of data is there.
    fn make(&self, bench: &Bench, question: &Value) -> anyhow::Result<()> {
        self.ask(bench, question).map(drop)
    }
}

fn reduction<'a>(
    bench: &'a Bench,
    arrays: &Arrays,
    dtype: &'static str,
    op: &'static str,
    exact: bool,
) -> Comparison<'a> {
    let count = bench.megabytes * 1_000_000 / 8;
    let path = bench.place.at(&format!("{dtype}-{count}.npy"));
    let data = json!({"make": dtype, "path": path, "count": count});
    let lacks = bench.peers.lacks(&["numpy"]);
    let ours = {
        let (arrays, path, data) = (arrays.clone(), path.clone(), data.clone());
        move |build: &Build| {
            arrays.make(bench, &data)?;
            let exact_key = if exact { "exact = true\n" } else { "" };
            let text = format!(
                "kind = 'reduce'\n[input]\nfile = '{}'\n[params]\nop = '{op}'\n{exact_key}",
                path.display()
            );
            let (ran, summary) = run_on_all_cores(bench, build, &text, &[])?;
            let value = &summary["result"]["value"];
            let right =
                arrays.ask(bench, &json!({"right": op, "path": path, "exact": exact, "value": value}))?;
            ensure!(right == json!(true), "{op} gave {value}");
            let mut figures = figures(&ran);
            figures.insert("busy_seconds".into(), busy_seconds(&summary));
            Ok(figures)
        }
    };
    let numpy = {
        let (arrays, path, data) = (arrays.clone(), path.clone(), data.clone());
        move || {
            arrays.make(bench, &data)?;
            Ok(numbers(&arrays.ask(bench, &json!({"time": op, "path": path}))?))
        }
    };
    let floor = {
        let arrays = arrays.clone();
        move || {
            arrays.make(bench, &data)?;
            let mut floor = command([bench.root.join("target/read_floor")]);
            floor.arg("2").arg(&path);
            let ran = run(floor, b"")?;
            Ok(Figures::from([("busy_seconds".to_owned(), String::from_utf8(ran.out)?.trim().parse()?)]))
        }
    };
    let sides = vec![
        side_with(lacks, "`run`, kind `reduce`", ours),
        Side::peer("NumPy, the call", lacks, numpy),
        Side::peer("two processes that only read (floor)", lacks.or(lacks_floor(bench)), floor),
    ];
    let mut metrics = times(Some(count * 8));
    metrics.push(Metric::less("busy_seconds", Unit::Seconds).named("workers alone").on_bytes(count * 8));
    let name = format!("{op} {dtype}{}, {} M", if exact { ", exact" } else { "" }, count / 1_000_000);
    Comparison::new(name, metrics, sides).warm()
}

/// Ours, unless that which makes its data is missing.
fn side_with<'a>(
    missing: Option<&'static str>,
    name: &str,
    run: impl Fn(&Build) -> anyhow::Result<Figures> + 'a,
) -> Side<'a> {
    match missing {
        Some(_) => Side::peer(name, missing, || Ok(Figures::new())),
        None => Side::ours(name, run),
    }
}

fn lacks_floor(bench: &Bench) -> Option<&'static str> {
    (!bench.root.join("target/read_floor").exists()).then_some("scripts/peers/read_floor.rs")
}

/// How long a worker had tasks, on average.
fn busy_seconds(summary: &Value) -> f64 {
    let workers = summary["per_worker"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let busy: f64 = workers.iter().filter_map(|worker| worker["busy_seconds"].as_f64()).sum();
    busy / (workers.len().max(1) as f64)
}

/// A run with the store that users have, which lasts, and as many workers as there are cores.
fn run_on_all_cores(
    bench: &Bench,
    build: &Build,
    text: &str,
    flags: &[&str],
) -> anyhow::Result<(Ran, Value)> {
    let store = bench.place.at(&format!("kept-{}.db", build.name));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    bench.place.run(build, Job::new(text).flags(flags).store(Store::At(&store)).workers(cores), None)
}

fn table<'a>(bench: &'a Bench, arrays: &Arrays) -> Comparison<'a> {
    let rows = bench.megabytes * 1_000_000 * 5 / 8 / 11;
    let path = bench.place.at(&format!("column-{rows}.csv"));
    let data = json!({"make": "column", "path": path, "count": rows});
    let lacks = bench.peers.lacks(&["numpy", "polars"]);
    let ours = {
        let (arrays, path, data) = (arrays.clone(), path.clone(), data.clone());
        move |build: &Build| {
            arrays.make(bench, &data)?;
            let text = format!(
                "kind = 'reduce'\n[input]\nfile = '{}'\ncolumn = 'n'\n[params]\nop = 'sum'\n",
                path.display()
            );
            let (ran, summary) = run_on_all_cores(bench, build, &text, &[])?;
            let value = &summary["result"]["value"];
            let right = arrays.ask(bench, &json!({"right": "column", "path": path, "value": value}))?;
            ensure!(right == json!(true), "the sum is {value}");
            with_throughput(figures(&ran), &path)
        }
    };
    let arrays = arrays.clone();
    let polars = move || {
        arrays.make(bench, &data)?;
        with_throughput(numbers(&arrays.ask(bench, &json!({"time": "column", "path": path}))?), &path)
    };
    let sides =
        vec![side_with(lacks, "`run`, kind `reduce`", ours), Side::peer("Polars, the call", lacks, polars)];
    let name = format!("sum of a CSV column, {} M rows", rows / 1_000_000);
    let mut metrics = times(None);
    metrics.push(Metric::more("gb_per_second", Unit::GigabytesPerSecond).named("throughput"));
    Comparison::new(name, metrics, sides).warm()
}

/// The same with the bytes of the file by the time that it took: how long a table of so many rows is, its maker knows.
fn with_throughput(mut figures: Figures, path: &Path) -> anyhow::Result<Figures> {
    let bytes = fs::metadata(path)?.len() as f64;
    let seconds = figures.get("wall_seconds").copied().unwrap_or_default();
    figures.insert("gb_per_second".into(), bytes / seconds / 1e9);
    Ok(figures)
}

fn primes(bench: &Bench, workers: usize) -> Comparison<'_> {
    const FROM: u64 = 10_000_000_000_000;
    const TO: u64 = FROM + 1_000_000_000;
    /// As primesieve has counted them.
    const COUNT: u64 = 33_405_006;
    let peer = move || {
        let threads = workers.to_string();
        let (first, last) = (FROM.to_string(), (TO - 1).to_string());
        let ran =
            run(command(["primesieve", &first, &last, "--quiet", "--count", "--threads", &threads]), b"")?;
        let said = String::from_utf8_lossy(&ran.out);
        ensure!(said.split_whitespace().next_back() == Some(&COUNT.to_string()), "it counted {said}");
        Ok(figures(&ran))
    };
    let ours = move |build: &Build| {
        let text = format!(
            "kind = 'primes'\n[input]\nrange = {{ from = {FROM}, to = {TO} }}\n[params]\ncount = true\n"
        );
        let store = bench.place.at(&format!("kept-{}.db", build.name));
        let job = Job::new(&text).store(Store::At(&store)).workers(workers);
        let (ran, summary) = bench.place.run(build, job, None)?;
        let result = summary["result"].to_string();
        ensure!(result.contains(&COUNT.to_string()), "it counted {result}, not {COUNT}");
        Ok(figures(&ran))
    };
    let sides = vec![
        Side::ours("`run`, kind `primes`", ours),
        Side::peer("primesieve", bench.peers.lacks_program("primesieve"), peer),
    ];
    let name =
        format!("primes in [10¹³, 10¹³ + 10⁹), {workers} worker{}", if workers == 1 { "" } else { "s" });
    Comparison::new(name, times(None), sides).warm()
}

fn pi(bench: &Bench) -> Comparison<'_> {
    // The peer makes a million at a time.
    let millions = bench.many(2e8).div_ceil(1_000_000);
    let ours = move |build: &Build| {
        let text = format!("kind = 'pi'\n[input]\nsamples = {}\nseed = 1\n", millions * 1_000_000);
        let (ran, summary) = run_on_all_cores(bench, build, &text, &[])?;
        let of = |key: &str| summary["result"][key].as_f64().unwrap_or_default();
        ensure!((of("pi") - PI).abs() < 4.0 * of("standard_error"), "pi = {}", of("pi"));
        Ok(figures(&ran))
    };
    let peer = move || {
        let mut command = bench.peers.python("pi.py");
        command.args([cores(), millions.to_string()]);
        let ran = run(command, b"")?;
        let pi: f64 = String::from_utf8_lossy(&ran.out).trim().parse()?;
        ensure!((pi - PI).abs() < 1e-3, "pi = {pi}");
        Ok(figures(&ran))
    };
    let sides = vec![
        Side::ours("`run`, kind `pi`", ours),
        Side::peer("NumPy and Pool", bench.peers.lacks(&["numpy"]), peer),
    ];
    Comparison::new("pi from 200 M points", times(None), sides).warm()
}

fn cores() -> String {
    std::thread::available_parallelism().map_or(1, usize::from).to_string()
}

fn images<'a>(bench: &'a Bench, name: &str, photos: &'static str) -> Comparison<'a> {
    let lacks = bench.peers.lacks(&["numpy", "cv2"]);
    let ours = move |build: &Build| {
        let folder = pictures(bench, photos)?;
        let out = fresh(bench, "images-out")?;
        let text = format!(
            "kind = 'images'\n[input]\nglob = '{}/*.jpg'\n[[params.step]]\nop = 'grayscale'\n[[params.step]]\n\
             op = 'adaptive-threshold'\nmethod = 'gaussian'\nblock = 11\nc = 2\n[output]\ndir = '{}'\n\
             format = 'png'\n",
            folder.display(),
            out.display()
        );
        let (ran, _) = run_on_all_cores(bench, build, &text, &[])?;
        all_there(&folder, &out)?;
        Ok(figures(&ran))
    };
    let peer = move || {
        let folder = pictures(bench, photos)?;
        let out = fresh(bench, "images-peer")?;
        let mut command = bench.peers.python("crops.py");
        command.arg(cores()).arg(&folder).arg(&out);
        let ran = run(command, b"")?;
        all_there(&folder, &out)?;
        Ok(figures(&ran))
    };
    let sides =
        vec![side_with(lacks, "`run`, kind `images`", ours), Side::peer("OpenCV and Pool", lacks, peer)];
    Comparison::new(name, times(None), sides).warm()
}

/// The folder of pictures, made once.
fn pictures(bench: &Bench, name: &str) -> anyhow::Result<PathBuf> {
    let folder = bench.place.at(name);
    let mut make = bench.peers.python("photos.py");
    make.arg(name).arg(bench.root.join("jobs/photos")).arg(&folder);
    run(make, b"")?;
    Ok(folder)
}

/// A folder that is not there. What an earlier round made is only put aside: within minutes of many deletions ext4 is
/// slow to make files.
fn fresh(bench: &Bench, name: &str) -> anyhow::Result<PathBuf> {
    let (folder, aside) = (bench.place.at(name), bench.place.at("aside"));
    fs::create_dir_all(&aside)?;
    if folder.exists() {
        let number = fs::read_dir(&aside)?.count();
        fs::rename(&folder, aside.join(format!("{name}-{}-{number}", std::process::id())))?;
    }
    Ok(folder)
}

fn all_there(folder: &Path, out: &Path) -> anyhow::Result<()> {
    let (wanted, found) = (fs::read_dir(folder)?.count(), fs::read_dir(out)?.count());
    ensure!(wanted == found, "{found} pictures came of {wanted}");
    Ok(())
}
