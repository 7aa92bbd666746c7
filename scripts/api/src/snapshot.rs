//! What a crate promised, as a file in the tree: the version that promised it, and a line an item.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use anyhow::Context;

/// Three numbers; what follows them does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u64,
    minor: u64,
    patch: u64,
}

impl Version {
    /// The lowest version that may break what this one promises.
    pub(crate) fn next_incompatible(self) -> Self {
        match self {
            Self { major: 0, minor: 0, patch } => Self { major: 0, minor: 0, patch: patch + 1 },
            Self { major: 0, minor, .. } => Self { major: 0, minor: minor + 1, patch: 0 },
            Self { major, .. } => Self { major: major + 1, minor: 0, patch: 0 },
        }
    }
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let numbers: Result<Vec<u64>, _> = numbers.split('.').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[major, minor, patch]) => Ok(Self { major, minor, patch }),
            _ => anyhow::bail!("{text:?} is no version"),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A crate's public API at some version, and the released version whose promise it must keep.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    version: Version,
    pub(crate) released: Version,
    lines: Vec<String>,
}

impl Snapshot {
    /// Nothing was promised yet.
    pub(crate) fn first(version: Version) -> Self {
        Self { version, released: version, lines: Vec::new() }
    }

    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines();
        let mut header = |name: &str| {
            let value = lines.next().and_then(|line| line.strip_prefix(name));
            value.with_context(|| format!("{name:?} is missing"))?.parse()
        };
        let (version, released) = (header("# version ")?, header("# released ")?);
        Ok(Self { version, released, lines: lines.map(str::to_owned).collect() })
    }

    /// True where this version may take away what the released one has.
    pub(crate) fn may_break(&self, version: Version) -> bool {
        version >= self.released.next_incompatible()
    }

    /// The snapshot of a crate that is like this now.
    pub(crate) fn followed_by(&self, version: Version, lines: Vec<String>, is_released: bool) -> Self {
        Self { version, released: if is_released { version } else { self.released }, lines }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# version {}\n# released {}", self.version, self.released)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The lines that only one of two has.
pub(crate) struct Difference {
    pub(crate) removed: BTreeSet<String>,
    added: BTreeSet<String>,
}

impl Difference {
    pub(crate) fn between(old: &Snapshot, new: &[String]) -> Self {
        let old: BTreeSet<_> = old.lines.iter().cloned().collect();
        let new: BTreeSet<_> = new.iter().cloned().collect();
        Self { removed: &old - &new, added: &new - &old }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.removed.iter().try_for_each(|line| writeln!(f, "- {line}"))?;
        self.added.iter().try_for_each(|line| writeln!(f, "+ {line}"))
    }
}
