//! Times the pool as a library, and is its own worker: `bench_pool CASE [WORKERS] [SCALE]` prints one line of
//! JSON. `BENCH_BATCH` fixes the number of tasks to a message, `BENCH_MEMORY` limits the workers (bytes).
//! `scripts/bench.sh` runs it beside its peers.

#![allow(clippy::print_stdout, reason = "what it measured is its output")]

mod cases;
mod ends;
mod handlers;

use std::process::ExitCode;

fn main() -> ExitCode {
    if worker::is_worker_invocation(std::env::args_os()) {
        return worker::run(&["bench"], |start| handlers::make(start.setup));
    }
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let workers = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2);
    let scale = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    match cases::run(&name, workers, scale) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("bench_pool: {why}");
            ExitCode::FAILURE
        }
    }
}
