//! How a process ended, in words.

use nix::sys::signal::Signal;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
    /// Nobody knows: somebody else has collected its status.
    Unknown,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => write!(f, "was killed by {}", describe_signal(*number)),
            Self::Unknown => f.write_str("ended, and somebody else in this process has collected how"),
        }
    }
}

/// A signal's name, and what it usually means where that helps.
pub fn describe_signal(number: i32) -> String {
    let Ok(signal) = Signal::try_from(number) else { return format!("signal {number}") };
    let meaning = match signal {
        Signal::SIGSEGV => " (invalid memory access)",
        Signal::SIGBUS => " (a mapped file shrank, or bad memory)",
        Signal::SIGABRT => " (it aborted)",
        Signal::SIGILL => " (illegal instruction)",
        Signal::SIGFPE => " (arithmetic fault)",
        Signal::SIGXCPU => " (limit on processor time)",
        Signal::SIGXFSZ => " (limit on file size)",
        _ => "",
    };
    format!("{}{meaning}", signal.as_str())
}
