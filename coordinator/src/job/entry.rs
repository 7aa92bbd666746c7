//! A key of a job file in words.

/// A key of a job file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its path: `run.workers`; `params.step.op` for the key `op` of each `[[params.step]]`.
    pub path: (&'static str, &'static str),
    /// Its type, in words.
    pub kind: &'static str,
    /// What holds where it is absent; `None`: nothing does.
    pub default: Option<&'static str>,
    /// What it means, in one line.
    pub about: &'static str,
    /// A value as it would stand in a job file.
    pub example: &'static str,
}

impl Entry {
    /// `run.workers`.
    pub fn full_name(&self) -> String {
        let (table, name) = self.path;
        if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") }
    }
}
