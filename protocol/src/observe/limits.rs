//! The version, and the most of everything.

/// The version of everything that follows the beginning of the greeting. An observer of another version goes.
///
/// ```
/// println!("observes runs of version {}", protocol::observe::OBSERVE_VERSION);
/// ```
pub const OBSERVE_VERSION: u32 = 1;

/// How many workers a [`Snapshot`](super::Snapshot) or an [`Ending`](super::Ending) lists at most; the counts are of all of them.
///
/// ```
/// # fn example(snapshot: &protocol::observe::Snapshot, workers: usize) {
/// assert!(snapshot.workers.len() <= protocol::observe::MAX_LISTED);
/// println!("{} more", workers - snapshot.workers.len());
/// # }
/// ```
pub const MAX_LISTED: usize = 1024;

/// The longest text in an observation, in bytes. A run cuts what is longer.
///
/// ```
/// use protocol::observe::{MAX_WORDS, cut};
///
/// assert!(cut(&"ä".repeat(MAX_WORDS)).len() <= MAX_WORDS);
/// ```
pub const MAX_WORDS: usize = 1024;

/// As much of a text as an observation takes.
///
/// ```
/// assert_eq!(protocol::observe::cut("short"), "short");
/// assert_eq!(protocol::observe::cut(&"x".repeat(5000)).len(), protocol::observe::MAX_WORDS);
/// ```
pub fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_WORDS)).unwrap_or_default()
}
