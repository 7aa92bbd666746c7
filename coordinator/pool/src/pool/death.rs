//! What a dead worker died of, in the queue's terms and in a sentence.

use protocol::TaskId;

use super::Limits;
use super::lines::Lines;
use crate::outcome::Reason;
use crate::supervisor::Exit;
use queue::{Death, KillReason};

/// Everything that is known about a worker's end.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub(super) exit: Exit,
    /// It had greeted.
    pub(super) greeted: bool,
    /// It said that it can't run this job.
    pub(super) refused: Option<&'a str>,
    /// It said goodbye.
    pub(super) goodbye: bool,
    /// Why it was killed, if it was us.
    pub(super) killed: Option<KillReason>,
    /// What it said that makes no sense.
    pub(super) broke: Option<&'a str>,
    pub(super) lines: &'a Lines,
    pub(super) limits: &'a Limits,
}

impl Evidence<'_> {
    /// How the worker's process ended, as far as the queue is concerned.
    pub(super) fn death(&self) -> Death {
        if !self.greeted || self.refused.is_some() {
            return Death::NeverBorn;
        }
        if self.broke.is_some() {
            return Death::Crash(Reason::Protocol);
        }
        match self.exit {
            Exit::Code(0) | Exit::Unknown if self.goodbye => Death::Orderly,
            Exit::Code(_) => Death::Crash(Reason::Exit),
            // By which signal, if by any, nobody can say; a crash is what it was.
            Exit::Signal(_) | Exit::Unknown if self.lines.tell_of_memory() => Death::Crash(Reason::Memory),
            Exit::Signal(_) | Exit::Unknown => Death::Crash(Reason::Signal),
        }
    }

    /// A sentence about the end, without the worker's name.
    pub(super) fn sentence(&self) -> String {
        if let Some(why) = self.refused {
            return format!("can't run this job: {why}");
        }
        if let Some(why) = self.broke {
            // Before the greeting is through, it may be of another version, or we may be out of files.
            let what = if self.greeted { "broke the protocol" } else { "could not be taken on" };
            return format!("{what}: {why}");
        }
        match self.killed {
            Some(KillReason::StartTimeout) => return "did not greet in time and was killed".into(),
            Some(KillReason::Stalled) => return "showed no sign of life and was killed".into(),
            Some(KillReason::Stop) => return "was killed at the end of the run".into(),
            Some(KillReason::Timeout(_)) => return "was killed at the time limit".into(),
            Some(KillReason::Cancelled(_)) => return "was killed for a cancelled task".into(),
            Some(KillReason::Protocol) | None => {}
        }
        if !self.greeted {
            let said = self.lines.last_of(None).join(" / ");
            let said = if said.is_empty() { String::new() } else { format!(" (it said: {said})") };
            return format!("{} before it greeted{said}", self.exit);
        }
        if self.lines.tell_of_memory() && matches!(self.exit, Exit::Signal(_)) {
            return match self.limits.memory {
                Some(bytes) => format!("needed more memory than the limit of {}", format_bytes(bytes)),
                None => "ran out of memory".into(),
            };
        }
        self.exit.to_string()
    }

    /// The sentence for an attempt that this death ended.
    pub(super) fn attempt(&self, reason: Reason, timeout: Option<std::time::Duration>) -> String {
        match (reason, timeout) {
            (Reason::Timeout, Some(limit)) => format!("ran past the limit of {limit:?}"),
            (Reason::Memory, _) => self.sentence(),
            (Reason::Cancelled, _) => "cancelled while it ran".into(),
            _ => format!("the worker {}", self.sentence()),
        }
    }

    /// The last lines that the worker printed while this task ran.
    pub(super) fn last_lines(&self, task: TaskId) -> Vec<String> {
        self.lines.last_of(Some(task))
    }
}

/// `1 GiB`, `1.5 MiB`, `300 bytes`.
fn format_bytes(bytes: u64) -> String {
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) if bytes.is_multiple_of(size) => format!("{} {unit}", bytes / size),
        Some((size, unit)) => format!("{:.1} {unit}", bytes as f64 / size as f64),
        None => format!("{bytes} bytes"),
    }
}
