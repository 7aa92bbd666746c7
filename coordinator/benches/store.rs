//! How fast the store's writer takes tiny outcomes, as a busy pool would hand them over.
//!
//! `cargo bench -p coordinator --bench store [-- OUTCOMES [DIRECTORY]]`

#![expect(clippy::disallowed_methods, reason = "a benchmark reads clocks")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop at the first error")]

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use coordinator::outcome::{Outcome, OutcomeBatch};
use coordinator::store::{Fingerprint, NewRun, RunEnd, RunInfo, Store, Writer, WriterOptions};
use protocol::TaskId;

/// Tasks in a batch: what a link brings at once under load.
const BATCH: u64 = 512;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let outcomes = arguments.next().map_or(5_000_000, |text| text.parse().unwrap());
    let directory = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let place = tempfile::tempdir_in(directory).unwrap();
    let mut store = Store::open(&place.path().join("runs.db")).unwrap();

    // What is not the store's: making the batches.
    let clock = Clock::start();
    let made: u64 = (0..outcomes / BATCH).map(|index| batch(index).len() as u64).sum();
    clock.report("making batches", made);

    let run = write(&mut store, outcomes);
    let clock = Clock::start();
    let mut read = store.outcomes(&run);
    let mut count = 0_u64;
    while read.next().unwrap().is_some() {
        count += 1;
    }
    clock.report("reading in input order", count);
    let clock = Clock::start();
    clock.report("finding what is done", store.done(&run).unwrap().len());
    drop(store);
    let bytes = std::fs::metadata(place.path().join("runs.db")).unwrap().len();
    println!("{:.2} bytes for each outcome", bytes as f64 / count as f64);

    list_a_thousand(&place.path().join("many.db"));
}

/// Wall time, and processor time of the whole process, which a busy machine disturbs less.
struct Clock {
    wall: Instant,
    cpu: Duration,
}

impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu() }
    }

    fn report(&self, what: &str, count: u64) {
        let (wall, cpu) = (self.wall.elapsed(), cpu() - self.cpu);
        let rate = count as f64 / wall.as_secs_f64() / 1e6;
        let each = cpu.as_nanos() as f64 / count as f64;
        println!(
            "{what}: {count} in {:.3} s, {rate:.2} M/s, {each:.1} ns of processor time each",
            wall.as_secs_f64()
        );
    }
}

/// proc(5): fields 14 and 15 of the process's stat, in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    Duration::from_millis(10 * ticks.map(|field| field.parse::<u64>().unwrap()).sum::<u64>())
}

/// Two workers' batches, in turn.
fn batch(index: u64) -> OutcomeBatch {
    let mut batch = OutcomeBatch::new();
    for task in index * BATCH..(index + 1) * BATCH {
        batch.push(Outcome {
            task: TaskId(task),
            payload: &task.to_le_bytes(),
            attempts: 1,
            worker: (index % 2 + 1) as u32,
            micros: task.wrapping_mul(0x9e37_79b9) >> 7 & 3,
            slow: false,
            result: Ok(&[(task % 3) as u8, 1]),
        });
    }
    batch
}

fn write(store: &mut Store, outcomes: u64) -> RunInfo {
    let run = store.create_run(&new_run(), SystemTime::now()).unwrap();
    let id = run.info.id.clone();
    let clock = Clock::start();
    let writer = Writer::start(store.again().unwrap(), run, WriterOptions::default()).unwrap();
    for index in 0..outcomes / BATCH {
        writer.send(batch(index).into(), Vec::new()).unwrap();
    }
    writer.finish(RunEnd::Finished, None).unwrap();
    clock.report("writing, durable", outcomes / BATCH * BATCH);
    store.find(id.as_str()).unwrap()
}

fn list_a_thousand(path: &std::path::Path) {
    let mut store = Store::open(path).unwrap();
    for _ in 0..1000 {
        drop(store.create_run(&new_run(), SystemTime::now()).unwrap());
    }
    drop(store);
    let clock = Clock::start();
    let store = Store::open_existing(path).unwrap();
    clock.report("opening and listing runs", store.runs(None).unwrap().len() as u64);
}

fn new_run() -> NewRun {
    NewRun {
        id: None,
        job: "bench".to_owned(),
        kind: "bench".to_owned(),
        job_path: None,
        overrides: Vec::new(),
        options: "{}".to_owned(),
        setup: Vec::new(),
        fingerprint: Fingerprint::default(),
        total: None,
        parent: None,
    }
}
