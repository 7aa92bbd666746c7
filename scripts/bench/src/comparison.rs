//! What is compared: sides that do the same, and what of each is looked at.

use std::collections::BTreeMap;

use crate::build::Build;

/// What a side has measured, by the keys of metrics.
pub(crate) type Figures = BTreeMap<String, f64>;

/// What of a side's figures goes into the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    pub(crate) key: String,
    pub(crate) unit: Unit,
    /// Larger is better.
    pub(crate) more: bool,
    /// Stands behind the comparison's name; empty for the only metric.
    pub(crate) name: String,
    /// How many bytes a time was spent on: the table then has GB/s beside it.
    pub(crate) bytes: Option<u64>,
    pub(crate) goal: Option<Goal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Micros,
    /// Nanoseconds.
    Nanos,
    /// Things in a second.
    Rate,
    GigabytesPerSecond,
    /// A share, told as a percentage.
    Share,
    Bytes,
    Count,
}

/// What a side is to reach; the program fails where it is missed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Goal {
    /// The side that is to reach it.
    pub(crate) side: &'static str,
    pub(crate) most: f64,
    /// Of the side's median; or of how much better than it the comparison's first side is.
    pub(crate) of_ratio: bool,
}

impl Metric {
    /// More is better.
    pub(crate) fn more(key: &str, unit: Unit) -> Self {
        let (key, name) = (key.to_owned(), String::new());
        Self { key, unit, more: true, name, bytes: None, goal: None }
    }

    /// Less is better.
    pub(crate) fn less(key: &str, unit: Unit) -> Self {
        Self { more: false, ..Self::more(key, unit) }
    }

    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    pub(crate) fn on_bytes(self, bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    pub(crate) fn with_goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }
}

type Ours<'a> = Box<dyn Fn(&Build) -> anyhow::Result<Figures> + 'a>;
type Peer<'a> = Box<dyn Fn() -> anyhow::Result<Figures> + 'a>;

/// How a side is run once: its answers are checked, and its figures returned.
pub(crate) enum Run<'a> {
    /// Programs of ours, of whichever build.
    Ours(Ours<'a>),
    /// Something else.
    Peer(Peer<'a>),
    /// Something else that is not installed: what is missing.
    Missing(&'static str),
}

pub(crate) struct Side<'a> {
    pub(crate) name: String,
    pub(crate) run: Run<'a>,
}

impl<'a> Side<'a> {
    pub(crate) fn ours(
        name: impl Into<String>,
        run: impl Fn(&Build) -> anyhow::Result<Figures> + 'a,
    ) -> Self {
        Self { name: name.into(), run: Run::Ours(Box::new(run)) }
    }

    pub(crate) fn peer(
        name: impl Into<String>,
        missing: Option<&'static str>,
        run: impl Fn() -> anyhow::Result<Figures> + 'a,
    ) -> Self {
        let run = missing.map_or_else(|| Run::Peer(Box::new(run)), Run::Missing);
        Self { name: name.into(), run }
    }
}

/// Sides that are run in turns. The others are held against the first.
pub(crate) struct Comparison<'a> {
    pub(crate) name: String,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) sides: Vec<Side<'a>>,
    /// How often each side runs in a round; the round's figure is the median.
    pub(crate) repeat: usize,
    /// Each side runs once before anything counts.
    pub(crate) warm: bool,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(name: impl Into<String>, metrics: Vec<Metric>, sides: Vec<Side<'a>>) -> Self {
        Self { name: name.into(), metrics, sides, repeat: 1, warm: false }
    }

    pub(crate) fn repeated(self, repeat: usize) -> Self {
        Self { repeat, ..self }
    }

    pub(crate) fn warm(self) -> Self {
        Self { warm: true, ..self }
    }

    /// The same of two builds: for each side of ours a comparison of what this build and the other one do.
    pub(crate) fn of_builds(self, this: &'a Build, other: &'a Build) -> Vec<Comparison<'a>> {
        let Self { name, metrics, sides, repeat, warm } = self;
        let ours = sides.into_iter().filter_map(|side| match side.run {
            Run::Ours(run) => Some((side.name, std::rc::Rc::new(run))),
            Run::Peer(_) | Run::Missing(_) => None,
        });
        let both = ours.map(|(side, run)| {
            let sides = [this, other].map(|build| {
                let run = std::rc::Rc::clone(&run);
                Side { name: build.name.clone(), run: Run::Peer(Box::new(move || run(build))) }
            });
            let metrics = metrics.iter().cloned().map(|metric| Metric { goal: None, ..metric }).collect();
            let name = if side == "ours" { name.clone() } else { format!("{name}: {side}") };
            Comparison { name, metrics, sides: sides.into(), repeat, warm }
        });
        both.collect()
    }
}
