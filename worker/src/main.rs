//! A worker and nothing else, for `--worker-program` and for packagers who want two programs.

use std::process::ExitCode;

fn main() -> ExitCode {
    worker::main_if_worker().unwrap_or_else(|| {
        eprintln!(
            "worker: only a coordinator starts this program, to run tasks for it; see `coordinator --help`"
        );
        ExitCode::from(worker::EXIT_USAGE)
    })
}
