//! What a task can be told to do, as people write it: `exit:3`, `memory:4GiB`.

use std::fmt;
use std::path::PathBuf;

use crate::size::bytes;
use crate::words::nearest;

/// One way of behaving, mostly badly.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Behaviour {
    /// Succeeds.
    Ok,
    /// Fails with an error.
    Error,
    /// Panics.
    Panic,
    /// Aborts the process.
    Abort,
    /// Dies of SIGSEGV.
    Segfault,
    /// Exits with this code.
    Exit(u8),
    /// Kills its own process with SIGKILL.
    Kill,
    /// Never ends.
    Hang,
    /// Stops its own process with SIGSTOP, and succeeds once it is continued.
    Stop,
    /// Burns so many seconds of CPU time, then succeeds.
    Busy(f64),
    /// Sleeps so many seconds, then succeeds.
    Sleep(f64),
    /// Allocates and touches so many bytes, then succeeds.
    Memory(u64),
    /// Leaves a process behind that sleeps for 1,000 seconds, then succeeds.
    Child,
    /// Writes nonsense to its link, then succeeds.
    Garbage,
    /// Closes its link, waits a little, then succeeds.
    Close,
    /// Writes so many bytes to standard output, in lines, then succeeds.
    Stdout(u64),
    /// Writes so many bytes to standard error, in lines, then succeeds.
    Stderr(u64),
    /// Overflows the stack.
    Overflow,
    /// Fails in so many first attempts, then succeeds. Only attempts charged to the task count.
    Flaky(u32),
    /// Appends a line with its task and attempt to this file, then succeeds.
    Mark(PathBuf),
}

/// Why a text names no behaviour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadBehaviour {
    /// What is wrong.
    pub(super) message: String,
    /// What would be right.
    pub(super) hint: String,
}

/// How behaviours are written: their names and examples.
const FORMS: [(&str, &str); 20] = [
    ("ok", "ok"),
    ("error", "error"),
    ("panic", "panic"),
    ("abort", "abort"),
    ("segfault", "segfault"),
    ("exit", "exit:3"),
    ("kill", "kill"),
    ("hang", "hang"),
    ("stop", "stop"),
    ("busy", "busy:0.5"),
    ("sleep", "sleep:0.5"),
    ("memory", "memory:4GiB"),
    ("child", "child"),
    ("garbage", "garbage"),
    ("close", "close"),
    ("stdout", "stdout:100MB"),
    ("stderr", "stderr:100MB"),
    ("overflow", "overflow"),
    ("flaky", "flaky:2"),
    ("mark", "mark:seen.txt"),
];

/// The longest time, in seconds: a day.
const LONGEST: f64 = 86_400.0;

impl Behaviour {
    /// Reads a name, and behind a colon what it needs.
    pub(super) fn parse(text: &str) -> Result<Self, BadBehaviour> {
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let Some((_, form)) = FORMS.into_iter().find(|(known, _)| *known == name) else {
            return Err(unknown(name));
        };
        Self::from_parts(name, argument).ok_or_else(|| {
            let message = match argument {
                _ if !form.contains(':') => format!("`{name}` takes nothing after it"),
                Some(argument) => format!("`{argument}` can't follow `{name}:`"),
                None => format!("`{name}` needs something after it"),
            };
            BadBehaviour { message, hint: format!("write it like `{form}`") }
        })
    }

    fn from_parts(name: &str, argument: Option<&str>) -> Option<Self> {
        Some(match (name, argument) {
            ("ok", None) => Self::Ok,
            ("error", None) => Self::Error,
            ("panic", None) => Self::Panic,
            ("abort", None) => Self::Abort,
            ("segfault", None) => Self::Segfault,
            ("exit", Some(code)) => Self::Exit(code.parse().ok()?),
            ("kill", None) => Self::Kill,
            ("hang", None) => Self::Hang,
            ("stop", None) => Self::Stop,
            ("busy", Some(time)) => Self::Busy(seconds(time)?),
            ("sleep", Some(time)) => Self::Sleep(seconds(time)?),
            ("memory", Some(size)) => Self::Memory(bytes(size)?),
            ("child", None) => Self::Child,
            ("garbage", None) => Self::Garbage,
            ("close", None) => Self::Close,
            ("stdout", Some(size)) => Self::Stdout(bytes(size)?),
            ("stderr", Some(size)) => Self::Stderr(bytes(size)?),
            ("overflow", None) => Self::Overflow,
            ("flaky", Some(times)) => Self::Flaky(times.parse().ok()?),
            ("mark", Some(path)) if !path.is_empty() => Self::Mark(path.into()),
            _ => return None,
        })
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Error => f.write_str("error"),
            Self::Panic => f.write_str("panic"),
            Self::Abort => f.write_str("abort"),
            Self::Segfault => f.write_str("segfault"),
            Self::Exit(code) => write!(f, "exit:{code}"),
            Self::Kill => f.write_str("kill"),
            Self::Hang => f.write_str("hang"),
            Self::Stop => f.write_str("stop"),
            Self::Busy(seconds) => write!(f, "busy:{seconds}"),
            Self::Sleep(seconds) => write!(f, "sleep:{seconds}"),
            Self::Memory(bytes) => write!(f, "memory:{bytes}"),
            Self::Child => f.write_str("child"),
            Self::Garbage => f.write_str("garbage"),
            Self::Close => f.write_str("close"),
            Self::Stdout(bytes) => write!(f, "stdout:{bytes}"),
            Self::Stderr(bytes) => write!(f, "stderr:{bytes}"),
            Self::Overflow => f.write_str("overflow"),
            Self::Flaky(times) => write!(f, "flaky:{times}"),
            Self::Mark(path) => write!(f, "mark:{}", path.display()),
        }
    }
}

fn unknown(name: &str) -> BadBehaviour {
    let near = nearest(name, FORMS.map(|(known, _)| known));
    let form = near.and_then(|near| FORMS.into_iter().find(|(known, _)| *known == near));
    let hint = match form {
        Some((_, form)) => format!("did you mean `{form}`?"),
        None => format!("known are: {}", FORMS.map(|(_, form)| form).join(", ")),
    };
    BadBehaviour { message: format!("`{name}` is not a known behaviour"), hint }
}

fn seconds(text: &str) -> Option<f64> {
    text.parse().ok().filter(|seconds| (0.0..=LONGEST).contains(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_alike() {
        for (name, form) in FORMS {
            let behaviour = Behaviour::parse(form).unwrap_or_else(|bad| panic!("{form}: {}", bad.message));
            assert_eq!(Behaviour::parse(&behaviour.to_string()), Ok(behaviour), "{form}");
            assert_eq!(form.split(':').next(), Some(name));
        }
    }

    #[test]
    fn what_is_no_behaviour_is_refused_with_a_way_out() {
        for (text, message, hint) in [
            ("segfalt", "`segfalt` is not a known behaviour", "did you mean `segfault`?"),
            ("stdou:1", "`stdou` is not a known behaviour", "did you mean `stdout:100MB`?"),
            ("exit", "`exit` needs something after it", "write it like `exit:3`"),
            ("exit:256", "`256` can't follow `exit:`", "write it like `exit:3`"),
            ("busy:-1", "`-1` can't follow `busy:`", "write it like `busy:0.5`"),
            ("ok:1", "`ok` takes nothing after it", "write it like `ok`"),
            ("mark:", "`` can't follow `mark:`", "write it like `mark:seen.txt`"),
        ] {
            let expected = BadBehaviour { message: message.into(), hint: hint.into() };
            assert_eq!(Behaviour::parse(text), Err(expected), "{text}");
        }
        assert!(Behaviour::parse("fly to the moon").unwrap_err().hint.starts_with("known are: ok, error"));
    }
}
