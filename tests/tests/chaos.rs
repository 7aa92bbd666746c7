//! Chaos: random workers are killed, stopped and made to crash at random moments of a long run, and the
//! results are those of an undisturbed one.
//!
//! `CHAOS_TASKS`, `CHAOS_SIGNALS` and `CHAOS_SEED` make it longer or repeat it (`scripts/chaos.sh`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::{Place, Random, Started, number, processes_of, wait_until};

/// What is sent, in this order: SIGKILL, SIGSEGV, SIGABRT, SIGSTOP.
const SIGNALS: [Signal; 4] = [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGABRT, Signal::SIGSTOP];

/// Every signal that is to be sent, in an order of chance: five eighths SIGKILL, one of each other; fewer stops
/// where there is little time, since a stopped worker hangs until its time limit.
fn deck(signals: u64, random: &mut Random) -> Vec<Signal> {
    let eighth = signals / 8;
    let stops = if signals >= 1000 { eighth } else { signals / 24 };
    let counts = [signals - 2 * eighth - stops, eighth, eighth, stops];
    let mut deck: Vec<Signal> =
        SIGNALS.into_iter().zip(counts).flat_map(|(signal, count)| (0..count).map(move |_| signal)).collect();
    for place in (1..deck.len()).rev() {
        deck.swap(place, random.below(place + 1));
    }
    deck
}

/// How often a worker is seen before it is struck: one that is never given the time to get anything done is given
/// up in the end, as it should be.
const SIGHTS: u32 = 3;

/// A worker that runs, is not stopped, has not been sent anything and has been there for a while.
fn victim(
    place: &Place,
    seen: &mut HashMap<i32, u32>,
    struck: &HashSet<i32>,
    random: &mut Random,
) -> Option<i32> {
    let candidate = |line: String| {
        let mut words = line.split([' ', ':']);
        let pid = words.next()?.parse().ok()?;
        let runs = words.next()? != "T" && line.contains("__worker");
        (runs && !struck.contains(&pid)).then_some(pid)
    };
    let mut candidates: Vec<i32> = processes_of(place.path()).into_iter().filter_map(candidate).collect();
    candidates.retain(|pid| {
        let sights = seen.entry(*pid).or_default();
        *sights += 1;
        *sights >= SIGHTS
    });
    candidates.get(random.below(candidates.len())).copied()
}

/// Sends a worker a signal; false where it was gone before. Of two SIGSEGV a Rust program takes the first for a
/// stack overflow, finds none and steps aside, and the second one kills it: that one is sent where it must be.
fn strike(victim: i32, signal: Signal) -> bool {
    let sent = kill(Pid::from_raw(victim), signal).is_ok();
    let state = || std::fs::read_to_string(format!("/proc/{victim}/stat")).unwrap_or_default();
    let lives = || !state().is_empty() && !state().contains(") Z ");
    if sent && signal == Signal::SIGSEGV {
        wait_until("the end of a worker that was sent SIGSEGV", || {
            let lived = lives();
            let _ = kill(Pid::from_raw(victim), signal);
            !lived
        });
    }
    sent
}

/// Numbers, one a line.
fn lines(numbers: Range<u64>) -> String {
    numbers.fold(String::new(), |mut lines, number| {
        writeln!(lines, "{number}").unwrap();
        lines
    })
}

#[test]
fn chaos_changes_no_result_alone() {
    let tasks = number("CHAOS_TASKS", 40_000);
    let signals = number("CHAOS_SIGNALS", 120);
    let seed = number("CHAOS_SEED", 1 + u64::from(std::process::id()));
    println!("CHAOS_SEED={seed}");
    let mut random = Random::new(seed);
    let place = Place::new();
    let from: u64 = 100_000_000_000_000_000;
    place.write("numbers.txt", lines(from..from + tasks));
    let text = "kind = \"primes\"\n[input]\nfile = \"numbers.txt\"\n[params]\nfactor = true\n\
                [run]\nworkers = 4\nretries = 30\ntimeout = \"500ms\"\n";
    let job = place.write("job.toml", text).display().to_string();
    let run = ["run", &job, "--reproducible", "--summary-json", "summary.json", "--output"];
    place.run(&[&run[..], &["calm.jsonl", "-q"]].concat()).expect_code(0);

    let mut command = place.command(&[&run[..], &["chaos.jsonl", "--input", "-", "--force"]].concat());
    let mut started = Started { child: command.stdin(Stdio::piped()).spawn().unwrap() };
    let mut input = started.child.stdin.take().unwrap();
    // Before each signal some tasks come in, and the last ones after it: the run can't be over before.
    let deck = deck(signals, &mut random);
    let share = tasks / (signals + 1);
    let (mut given, mut sent) = (0, [0; SIGNALS.len()]);
    let (mut seen, mut struck) = (HashMap::new(), HashSet::new());
    'deck: for signal in deck {
        let mut work = Some(from + given..from + given + share);
        given += share;
        loop {
            if started.child.try_wait().unwrap().is_some() {
                break 'deck;
            }
            let Some(victim) = victim(&place, &mut seen, &struck, &mut random) else {
                std::thread::sleep(Duration::from_millis(2));
                continue;
            };
            // Where the run is over, its end tells why.
            work.take().map(|numbers| input.write_all(lines(numbers).as_bytes()));
            // In the middle of this work, or behind it.
            std::thread::sleep(Duration::from_micros(random.number() % 4_000));
            struck.insert(victim);
            if strike(victim, signal) {
                sent[SIGNALS.iter().position(|one| *one == signal).unwrap()] += 1;
                break;
            }
        }
    }
    let _ = input.write_all(lines(from + given..from + tasks).as_bytes());
    drop(input);
    let finished = started.finish().expect_code(0);
    let [kills, crashes, aborts, stops] = sent;
    println!(
        "{tasks} tasks, {} signals sent: {kills} SIGKILL, {crashes} SIGSEGV, {aborts} SIGABRT, {stops} SIGSTOP",
        sent.iter().sum::<u64>()
    );
    println!("{}", finished.stderr);
    place.check_nothing_is_left();
    assert_eq!(sent.iter().sum::<u64>(), signals, "the run was over before");
    assert!(place.read("calm.jsonl") == place.read("chaos.jsonl"), "results differ; CHAOS_SEED={seed}");
    assert_eq!(place.read("chaos.jsonl").lines().count() as u64, tasks);
    let summary: serde_json::Value = serde_json::from_str(&place.read("summary.json")).unwrap();
    // Nearly every one of them cost a worker its life of its own; a few are on their way out anyway.
    let restarts = summary["restarts"].as_u64().unwrap();
    assert!(restarts >= signals * 9 / 10, "{restarts} restarts");
}
