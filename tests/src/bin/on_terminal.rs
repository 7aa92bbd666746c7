//! `on_terminal TERMINAL PROGRAM ARGUMENTS…`: becomes the program, in a session of its own whose terminal that is.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

#[expect(clippy::disallowed_methods, reason = "tests start the command as a user's shell does")]
fn become_program() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(terminal), Some(program)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("expected TERMINAL PROGRAM ARGUMENTS…"));
    };
    rustix::process::setsid()?;
    // The first terminal that a session's leader opens becomes the session's.
    let terminal = OpenOptions::new().read(true).write(true).open(terminal)?;
    rustix::stdio::dup2_stdin(&terminal)?;
    rustix::stdio::dup2_stdout(&terminal)?;
    rustix::stdio::dup2_stderr(&terminal)?;
    drop(terminal);
    Err(std::process::Command::new(program).args(arguments).exec())
}

fn main() -> ExitCode {
    if let Err(error) = become_program() {
        eprintln!("on_terminal: {error}");
    }
    ExitCode::FAILURE
}
