//! Many byte strings in one buffer: planning and sending a tiny task must not cost an allocation.

/// A list of payloads, stored end to end.
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
    pub fn push(&mut self, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.ends.push(self.bytes.len());
    }

    /// Appends what `write` adds to the buffer as one payload. What already stands there is not its to touch.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Forgets all but the first `count` payloads.
    pub fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// The payload at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start..end)
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
        list.truncate(2);
        assert_eq!((list.len(), list.total_bytes(), list.get(0)), (2, 3, Some(b"one".as_slice())));
        list.truncate(0);
        assert_eq!(list.total_bytes(), 0);
    }
}
