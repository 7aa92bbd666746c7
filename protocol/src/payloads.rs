//! Many byte strings in one buffer: planning and sending a tiny task must not cost an allocation.

use std::ops::Range;

use crate::{Lengths, Strings};

/// A list of payloads, stored end to end.
///
/// ```
/// use protocol::Payloads;
///
/// let mut payloads = Payloads::new();
/// payloads.push(b"one");
/// payloads.push_with(|bytes| bytes.extend_from_slice(b"three"));
/// assert_eq!((payloads.len(), payloads.total_bytes(), payloads.is_empty()), (2, 8, false));
/// assert_eq!(payloads.get(1), Some(b"three".as_slice()));
/// assert!(payloads.iter().map(<[u8]>::len).eq(payloads.lengths()));
/// assert_eq!(payloads.strings().alike(), None, "not of one length");
///
/// let mut others = Payloads::new();
/// others.append(payloads.part(1..2));
/// assert_eq!(others.get(0), Some(b"three".as_slice()));
/// payloads.truncate(1);
/// others.clear();
/// assert!(others.capacity() > 0, "its memory stays");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payloads {
    bytes: Vec<u8>,
    // Invariant: ascending, and the last one is `bytes.len()`.
    ends: Vec<usize>,
}

impl Payloads {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many payloads it holds.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True where it holds none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The sum of all payloads' lengths, in bytes.
    pub fn total_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes of payloads fit without another allocation.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends a copy of `payload`.
    #[inline]
    pub fn push(&mut self, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.ends.push(self.bytes.len());
    }

    /// Appends what `write` adds to the buffer as one payload. What already stands there is not its to touch.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Appends copies of strings, all at once: of another list's, for example.
    pub fn append(&mut self, strings: Strings<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(strings.bytes());
        match strings.lengths() {
            Lengths::All(length) => self.ends.extend((1..=strings.len()).map(|count| start + count * length)),
            Lengths::Ends { ends, base } => self.ends.extend(ends.iter().map(|end| end - base + start)),
        }
    }

    /// The payloads, borrowed.
    pub fn strings(&self) -> Strings<'_> {
        Strings::new(&self.bytes, Lengths::Ends { ends: &self.ends, base: 0 }, self.ends.len())
    }

    /// The payloads at `places`, borrowed; none if `places` are not among them.
    #[inline]
    pub fn part(&self, places: Range<usize>) -> Strings<'_> {
        self.strings().part(places)
    }

    /// Where the payload at `index` begins.
    #[inline]
    fn start(&self, index: usize) -> Option<usize> {
        match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied(),
            None => Some(0),
        }
    }

    /// The lengths of all payloads, in bytes, in order.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        self.ends.iter().scan(0, |start, end| Some(end - std::mem::replace(start, *end)))
    }

    /// Forgets all but the first `count` payloads.
    pub fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// The payload at `index`, counted from 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        self.bytes.get(self.start(index)?..end)
    }

    /// All payloads, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Forgets the payloads and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_back_as_they_went_in() {
        let mut list = Payloads::new();
        list.push(b"one");
        list.push(b"");
        list.push_with(|bytes| bytes.extend_from_slice(b"three"));
        let got: Vec<_> = list.iter().collect();
        assert_eq!(got, [b"one".as_slice(), b"", b"three"]);
        assert_eq!(list.get(3), None);
        assert_eq!(list.total_bytes(), 8);
        assert!(list.lengths().eq([3, 0, 5]));
        list.truncate(2);
        assert_eq!((list.len(), list.total_bytes(), list.get(0)), (2, 3, Some(b"one".as_slice())));
        list.truncate(0);
        assert_eq!(list.total_bytes(), 0);
    }

    #[test]
    fn payloads_of_one_length_can_be_had_together() {
        let mut list = Payloads::new();
        ["a", "bc", "de", "fg", "", ""].iter().for_each(|text| list.push(text.as_bytes()));
        let alike = |places: Range<usize>| (list.part(places.clone()).alike(), list.part(places).bytes());
        assert_eq!(alike(1..4), (Some(2), b"bcdefg".as_slice()));
        assert_eq!(alike(0..1), (Some(1), b"a".as_slice()));
        assert_eq!(alike(4..6), (Some(0), b"".as_slice()));
        assert!([0..2, 3..5, 2..2].into_iter().all(|places| list.part(places).alike().is_none()));
        assert!(list.part(5..7).is_empty());
    }

    #[test]
    fn a_part_of_a_list_can_be_appended_to_another() {
        let mut list = Payloads::new();
        ["one", "", "three", "4"].iter().for_each(|text| list.push(text.as_bytes()));
        let mut other = Payloads::new();
        other.push(b"zero");
        other.append(list.part(1..3));
        other.append(list.part(0..1));
        other.append(list.part(4..4));
        other.append(list.part(3..9));
        other.append(crate::Strings::new(b"xxyy", crate::Lengths::All(2), 2));
        let got: Vec<_> = other.iter().collect();
        assert_eq!(got, [b"zero".as_slice(), b"", b"three", b"one", b"xx", b"yy"]);
    }
}
