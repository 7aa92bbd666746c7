//! Errors of a machine that gives no more, in words that help.

use std::io;

use nix::errno::Errno;

/// What to do about an error that means that this process has reached one of its limits.
pub fn advice(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error().map(Errno::from_raw)? {
        Errno::EMFILE => Some("raise the limit on open files (`ulimit -n`) or use fewer workers"),
        Errno::ENFILE => Some("the machine has no more files to open: use fewer workers"),
        Errno::EAGAIN => Some("raise the limit on processes and threads (`ulimit -u`) or use fewer workers"),
        Errno::ENOMEM => Some("there is not enough memory: use fewer workers"),
        _ => None,
    }
}

/// The error, with the advice where there is some.
pub fn with_advice(error: &io::Error) -> String {
    match advice(error) {
        Some(advice) => format!("{error}: {advice}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_reached_says_which() {
        let told = with_advice(&Errno::EMFILE.into());
        assert!(told.contains("Too many open files") && told.contains("ulimit -n"), "{told}");
        assert_eq!(advice(&Errno::ENOENT.into()), None);
    }
}
