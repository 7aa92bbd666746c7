//! What tells a process that a worker has started from all others: a word in its environment, which its own children
//! inherit.
//!
//! The word is `:RUN.NUMBER:`; a run within a task of another one adds its own to that one's. A program may clear its
//! environment: then only its parents tell whose it is.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tree::{Held, Stat, all, this};

/// The variable that holds it.
pub(super) const VARIABLE: &str = "COORDINATOR_WORKER";

/// A process's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(u64);

/// This process's own word: its number and when it started, which no other process of this machine shares.
fn run() -> &'static str {
    static RUN: OnceLock<String> = OnceLock::new();
    RUN.get_or_init(|| {
        let started = Stat::of(this()).map_or(0, |stat| stat.started);
        format!("{}-{started}", this())
    })
}

impl Mark {
    /// A new one.
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The variable's value for a process with this mark.
    pub(super) fn value(self) -> OsString {
        let mut value = std::env::var_os(VARIABLE).unwrap_or_default().into_vec();
        value.extend_from_slice(self.word().as_bytes());
        OsString::from_vec(value)
    }

    /// As it stands in the value.
    pub(super) fn word(self) -> String {
        format!(":{}.{}:", run(), self.0)
    }
}

/// The beginning of the words of all that this process has started.
pub(super) fn own_words() -> String {
    format!(":{}.", run())
}

/// The value of the variable in a process's environment; `None`: it has none, or can't be looked at.
pub(super) fn value_of(pid: i32) -> Option<OsString> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let name = [VARIABLE.as_bytes(), b"="].concat();
    let value = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(name.as_slice()))?;
    Some(OsStr::from_bytes(value).to_owned())
}

/// True where a process's mark holds this word.
pub(super) fn has(pid: i32, word: &str) -> bool {
    value_of(pid)
        .is_some_and(|value| value.as_bytes().windows(word.len()).any(|part| part == word.as_bytes()))
}

/// All processes that hold one of these words, but this one.
pub(super) fn marked(words: &[String]) -> Vec<Held> {
    let has_one = |pid: i32| words.iter().any(|word| has(pid, word));
    // Looked at before it is held, since most are not it, and once more when it is.
    all()
        .filter(|pid| *pid != this() && has_one(*pid))
        .filter_map(|pid| Held::new(pid, |_| has_one(pid)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_part_of_another() {
        let (one, two) = (Mark::next(), Mark::next());
        assert_ne!(one, two);
        assert!(one.word().starts_with(&own_words()) && one.word().ends_with(':'));
        assert!(!Mark(1).word().contains(&Mark(11).word()) && !Mark(11).word().contains(&Mark(1).word()));
        assert!(one.value().as_bytes().ends_with(one.word().as_bytes()));
    }
}
