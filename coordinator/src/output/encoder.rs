//! What a format of results is: its names, and an encoder that turns outcomes into text.

use jobs::Presenter;

use super::columns::Columns;
use crate::outcome::Outcome;

/// A format of results, as its file describes it. `format.rs` has the list of them.
pub(super) struct Entry {
    /// What `--format` calls it.
    pub(super) name: &'static str,
    /// What it is, in one line, for help.
    pub(super) about: &'static str,
    /// The extensions of its files, in small letters, the usual one first; none for one that is never a file.
    pub(super) extensions: &'static [&'static str],
    /// People read it: it may have colours, and ends with the combined result.
    pub(super) for_people: bool,
    /// Makes an encoder for one destination.
    pub(super) encoder: fn(Look) -> Box<dyn Encoder>,
}

/// How text for people looks; other formats have no look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Look {
    /// Say who did it.
    pub(super) worker: bool,
    /// Failures in red.
    pub(super) colour: bool,
}

/// Turns outcomes into text, one after the other. It may keep buffers between them, and nothing else: what it writes of
/// an outcome depends on that outcome only.
pub(super) trait Encoder: Send {
    /// Appends what stands before the first outcome.
    fn push_header(&self, _presenter: &dyn Presenter, _columns: Columns, _text: &mut String) {}

    /// Appends one outcome, its line's end included. What a kind can't present is told as a failure.
    fn push(&mut self, outcome: &Outcome<'_>, presenter: &dyn Presenter, columns: Columns, text: &mut String);
}
