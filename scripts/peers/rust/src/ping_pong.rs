//! The floor of a round trip: eight bytes over a socket pair to another process and back, blocking.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::measure;

/// The argument that makes this program the other process.
pub const ECHO: &str = "socketpair-echo";

pub fn run(case: &str, scale: f64) -> Result<String, String> {
    if case != "trips" {
        return Err(format!("there is no case `{case}`"));
    }
    let text = |error: io::Error| error.to_string();
    let (mut ours, theirs) = UnixStream::pair().map_err(text)?;
    let program = std::env::current_exe().map_err(text)?;
    let mut child = Command::new(program).arg(ECHO).stdin(OwnedFd::from(theirs)).spawn().map_err(text)?;
    let line = measure::trips((2e4 * scale).max(100.0) as u64, |number| {
        let mut bytes = number.to_le_bytes();
        ours.write_all(&bytes).and_then(|()| ours.read_exact(&mut bytes)).map_err(text)?;
        Ok(u64::from_le_bytes(bytes))
    });
    drop(ours);
    child.wait().map_err(text)?;
    line
}

/// The other process: doubles what comes until nothing more does.
pub fn echo() -> Result<String, String> {
    // Standard input is the other end of the pair, which is both read and written.
    let other_end = io::stdin().as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
    let mut stream = UnixStream::from(other_end);
    let mut bytes = [0; 8];
    loop {
        match stream.read_exact(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => std::process::exit(0),
            Err(error) => return Err(error.to_string()),
            Ok(()) => {}
        }
        let doubled = u64::from_le_bytes(bytes).wrapping_mul(2);
        stream.write_all(&doubled.to_le_bytes()).map_err(|error| error.to_string())?;
    }
}
