//! The `coordinator` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(exit) = worker::main_if_worker().or_else(coordinator::supervisor::main_if_guard) {
        return exit;
    }
    coordinator::cli::main_with(jobs::registry())
}
