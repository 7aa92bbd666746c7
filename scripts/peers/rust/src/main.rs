//! Other Rust ways to run tasks, measured as `bench_pool` measures ours: `peers NAME CASE [SCALE]` checks the
//! answers and prints one line of JSON. Two workers, one for round trips; starts and stops are timed in the case `start` only.

#![allow(clippy::disallowed_methods, reason = "benchmarks read clocks, and the floor needs a process")]

mod measure;
mod ping_pong;
mod processes;
mod threads;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A worker of procspawn's stays in this line.
    procspawn::init();
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let case = arguments.next().unwrap_or_default();
    let scale = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let measured = match name.as_str() {
        "procspawn" => processes::run(&case, scale),
        "rayon" => threads::run(&case, scale),
        "socketpair" => ping_pong::run(&case, scale),
        ping_pong::ECHO => ping_pong::echo(),
        other => Err(format!("there is no peer `{other}`")),
    };
    match measured {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("peers {name} {case}: {why}");
            ExitCode::FAILURE
        }
    }
}
