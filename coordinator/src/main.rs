//! The `coordinator` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    coordinator::cli::main_with(jobs::registry())
}
