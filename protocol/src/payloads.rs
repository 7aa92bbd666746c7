//! Many byte strings in one buffer: planning and sending a tiny task must not cost an allocation.

use std::ops::Range;

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
/// assert_eq!(payloads.alike(0..2), None, "not of one length");
///
/// let mut others = Payloads::new();
/// others.append(&payloads, 1..2);
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

    /// Appends copies of those payloads of `other` that stand at `places`, all at once.
    pub fn append(&mut self, other: &Self, places: Range<usize>) {
        let Some(ends) = other.ends.get(places.clone()) else { return };
        let from = other.start(places.start).unwrap_or(0);
        let bytes = other.bytes.get(from..ends.last().copied().unwrap_or(from)).unwrap_or_default();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.ends.extend(ends.iter().map(|end| end - from + start));
    }

    /// The payloads at `places`, end to end, and the length of each, where they all have the same.
    pub fn alike(&self, places: Range<usize>) -> Option<(usize, &[u8])> {
        let start = self.start(places.start)?;
        let ends = self.ends.get(places)?;
        let length = ends.first()?.checked_sub(start)?;
        let mut before = start;
        // Without an early end: this way it is done with several at once.
        let differ = ends.iter().fold(0, |differ, &end| {
            let other = (end - before) ^ length;
            before = end;
            differ | other
        });
        (differ == 0).then(|| Some((length, self.bytes.get(start..before)?))).flatten()
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
        assert_eq!(list.alike(1..4), Some((2, b"bcdefg".as_slice())));
        assert_eq!(list.alike(0..1), Some((1, b"a".as_slice())));
        assert_eq!(list.alike(4..6), Some((0, b"".as_slice())));
        assert!([0..2, 3..5, 2..2, 5..7].into_iter().all(|places| list.alike(places).is_none()));
    }

    #[test]
    fn a_part_of_a_list_can_be_appended_to_another() {
        let mut list = Payloads::new();
        ["one", "", "three", "4"].iter().for_each(|text| list.push(text.as_bytes()));
        let mut other = Payloads::new();
        other.push(b"zero");
        other.append(&list, 1..3);
        other.append(&list, 0..1);
        other.append(&list, 4..4);
        other.append(&list, 3..9);
        let got: Vec<_> = other.iter().collect();
        assert_eq!(got, [b"zero".as_slice(), b"", b"three", b"one"]);
    }
}
