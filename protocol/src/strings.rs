//! Byte strings end to end, borrowed, and how long each is: the one shape in which payloads and values of many tasks go
//! from the plan to the wire, and from the wire to whoever keeps them.

use std::ops::Range;

/// Byte strings end to end, borrowed.
///
/// ```
/// use protocol::{Lengths, Strings};
///
/// let alike = Strings::new(b"aabbcc", Lengths::All(2), 3);
/// assert_eq!((alike.len(), alike.get(1)), (3, Some(b"bb".as_slice())));
///
/// let others = Strings::new(b"abbccc", Lengths::Ends { ends: &[1, 3, 6], base: 0 }, 3);
/// assert_eq!(others.part(1..3).bytes(), b"bbccc");
/// assert!(others.iter().eq([b"a".as_slice(), b"bb", b"ccc"]));
/// assert_eq!(others.alike(), None, "not of one length");
/// assert!(!others.is_empty() && alike.lengths() == Lengths::All(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strings<'a> {
    bytes: &'a [u8],
    lengths: Lengths<'a>,
    count: usize,
}

/// How long strings are.
///
/// ```
/// let lengths = protocol::Lengths::Ends { ends: &[11, 13], base: 10 };
/// assert_eq!(protocol::Strings::new(b"abb", lengths, 2).get(1), Some(b"bb".as_slice()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths<'a> {
    /// All of them.
    All(usize),
    /// Where each ends; the first begins at `base`, which is the first of the bytes.
    Ends {
        /// Where each ends.
        ends: &'a [usize],
        /// Where the first begins.
        base: usize,
    },
}

impl<'a> Strings<'a> {
    /// `count` strings. Lengths that don't add up to the bytes make some shorter, and harm nobody.
    ///
    /// ```
    /// use protocol::{Lengths, Strings};
    ///
    /// assert_eq!(Strings::new(b"abc", Lengths::All(1), 3).get(2), Some(b"c".as_slice()));
    /// assert_eq!(Strings::new(b"abc", Lengths::All(1), 9).get(8), None, "a liar's");
    /// ```
    pub fn new(bytes: &'a [u8], lengths: Lengths<'a>, count: usize) -> Self {
        Self { bytes, lengths, count }
    }

    /// One string.
    ///
    /// ```
    /// assert_eq!(protocol::Strings::one(b"abc").get(0), Some(b"abc".as_slice()));
    /// ```
    pub fn one(bytes: &'a [u8]) -> Self {
        Self::new(bytes, Lengths::All(bytes.len()), 1)
    }

    /// As many strings without a byte.
    ///
    /// ```
    /// assert_eq!(protocol::Strings::empty(3).get(2), Some(b"".as_slice()));
    /// ```
    pub fn empty(count: usize) -> Self {
        Self::new(&[], Lengths::All(0), count)
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them, end to end.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How long they are.
    pub fn lengths(&self) -> Lengths<'a> {
        self.lengths
    }

    /// The length of each, if they all have the same. It may take a look at each.
    pub fn alike(&self) -> Option<usize> {
        let (ends, base) = match self.lengths {
            Lengths::All(length) => return Some(length),
            Lengths::Ends { ends, base } => (ends, base),
        };
        let length = ends.first()?.checked_sub(base)?;
        let mut before = base;
        // Without an early end: this way it is done with several at once.
        let differ = ends.iter().fold(0, |differ, &end| {
            let other = end.wrapping_sub(before) ^ length;
            before = end;
            differ | other
        });
        (differ == 0).then_some(length)
    }

    /// The string at `index`, from 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.count {
            return None;
        }
        let range = match self.lengths {
            Lengths::All(length) => {
                let start = index.checked_mul(length)?;
                start..start.checked_add(length)?
            }
            Lengths::Ends { ends, base } => {
                let start = index.checked_sub(1).map_or(Some(base), |before| ends.get(before).copied())?;
                start.checked_sub(base)?..ends.get(index)?.checked_sub(base)?
            }
        };
        self.bytes.get(range)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let strings = *self;
        (0..self.count).map_while(move |index| strings.get(index))
    }

    /// Those at `places`; none if `places` are not among them.
    ///
    /// ```
    /// let all = protocol::Strings::new(b"aabbcc", protocol::Lengths::All(2), 3);
    /// assert_eq!(all.part(1..3).bytes(), b"bbcc");
    /// assert!(all.part(1..9).is_empty());
    /// ```
    #[inline]
    pub fn part(&self, places: Range<usize>) -> Self {
        self.try_part(places).unwrap_or(Self::empty(0))
    }

    #[inline]
    fn try_part(&self, places: Range<usize>) -> Option<Self> {
        if places.end > self.count {
            return None;
        }
        let (range, lengths) = match self.lengths {
            Lengths::All(length) => {
                (places.start.checked_mul(length)?..places.end.checked_mul(length)?, self.lengths)
            }
            Lengths::Ends { ends, base } => {
                let end = |place: usize| place.checked_sub(1).map_or(Some(base), |at| ends.get(at).copied());
                let (start, stop) = (end(places.start)?, end(places.end)?);
                let lengths = Lengths::Ends { ends: ends.get(places.clone())?, base: start };
                (start.checked_sub(base)?..stop.checked_sub(base)?, lengths)
            }
        };
        Some(Self::new(self.bytes.get(range)?, lengths, places.len()))
    }
}

/// Where strings lie in a [`StringStore`].
///
/// ```
/// let mut store = protocol::StringStore::default();
/// let span: protocol::Span = store.append(protocol::Strings::one(b"abc"));
/// assert_eq!(store.get(span, 0), b"abc");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: usize,
    lengths: SpanLengths,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SpanLengths {
    All(usize),
    /// They end at the `ends` from this index on, after as many bytes as `base` says.
    Ends {
        from: usize,
        base: usize,
    },
}

impl Span {
    /// Strings without a byte, as many as are asked for.
    ///
    /// ```
    /// assert_eq!(protocol::StringStore::default().get(protocol::Span::EMPTY, 7), b"");
    /// ```
    pub const EMPTY: Self = Self { start: 0, lengths: SpanLengths::All(0) };
}

/// Owned strings of many groups in one buffer: each group is all alike or has ends.
///
/// ```
/// use protocol::{Lengths, StringStore, Strings};
///
/// let mut store = StringStore::default();
/// let alike = store.append(Strings::new(b"aabb", Lengths::All(2), 2));
/// let others = store.append(Strings::new(b"abb", Lengths::Ends { ends: &[1, 3], base: 0 }, 2));
/// assert_eq!((store.get(alike, 1), store.get(others, 1)), (b"bb".as_slice(), b"bb".as_slice()));
/// assert_eq!(store.get(store.behind(others, 1), 0), b"bb");
/// assert_eq!(store.total_bytes(), 7);
/// store.clear();
/// assert!(store.total_bytes() == 0 && store.footprint() > 0, "its memory stays");
/// ```
#[derive(Debug, Clone, Default)]
pub struct StringStore {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl StringStore {
    /// Appends copies of strings, and says where they lie.
    pub fn append(&mut self, strings: Strings<'_>) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(strings.bytes());
        let lengths = match strings.lengths() {
            Lengths::All(length) => SpanLengths::All(length),
            Lengths::Ends { ends, base } => {
                let from = self.ends.len();
                self.ends.extend_from_slice(ends);
                SpanLengths::Ends { from, base }
            }
        };
        Span { start, lengths }
    }

    /// The string at `index` of a group; nothing if there is none.
    #[inline]
    pub fn get(&self, span: Span, index: usize) -> &[u8] {
        let range = match span.lengths {
            SpanLengths::All(length) => {
                let start = span.start + index * length;
                start..start + length
            }
            SpanLengths::Ends { from, base } => {
                let end = |index: usize| self.ends.get(from + index).map_or(base, |end| *end) - base;
                let start = if index == 0 { 0 } else { end(index - 1) };
                span.start + start..span.start + end(index)
            }
        };
        self.bytes.get(range).unwrap_or_default()
    }

    /// What is left of a group without its first `count`, of which it has more.
    pub fn behind(&self, span: Span, count: usize) -> Span {
        match span.lengths {
            SpanLengths::All(length) => Span { start: span.start + count * length, ..span },
            SpanLengths::Ends { from, base } => {
                let last = (from + count).checked_sub(1).filter(|_| count > 0);
                let end = last.and_then(|last| self.ends.get(last)).copied().unwrap_or(base);
                Span {
                    start: span.start + (end - base),
                    lengths: SpanLengths::Ends { from: from + count, base: end },
                }
            }
        }
    }

    /// The bytes of all strings.
    pub fn total_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How much memory it takes, in bytes.
    pub fn footprint(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// Forgets the strings and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_the_strings_of_its_places() {
        let same = Strings::new(b"aabbcc", Lengths::All(2), 3).part(1..3);
        assert_eq!((same.bytes(), same.len()), (b"bbcc".as_slice(), 2));
        let all = Strings::new(b"abbccc", Lengths::Ends { ends: &[11, 13, 16], base: 10 }, 3);
        assert_eq!(all.part(0..1).bytes(), b"a");
        let part = all.part(1..3);
        assert_eq!((part.bytes(), part.len()), (b"bbccc".as_slice(), 2));
        assert_eq!(part.part(1..2).bytes(), b"ccc");
        assert_eq!(part.part(0..1).bytes(), b"bb");
        assert!(part.iter().eq([b"bb".as_slice(), b"ccc"]));
    }

    #[test]
    fn lengths_that_lie_harm_nobody() {
        let lies = [
            Lengths::All(usize::MAX),
            Lengths::Ends { ends: &[5, 3, 9], base: 4 },
            Lengths::Ends { ends: &[1, 2, usize::MAX], base: 7 },
            Lengths::Ends { ends: &[], base: 0 },
        ];
        for lengths in lies {
            let strings = Strings::new(b"abc", lengths, 3);
            let read: usize = strings.iter().map(<[u8]>::len).sum();
            assert!(read <= 9 && strings.part(1..3).bytes().len() <= 3, "{lengths:?}");
            assert!(strings.alike().is_none_or(|length| length == usize::MAX), "{lengths:?}");
        }
    }

    #[test]
    fn a_group_can_be_divided_where_it_lies() {
        let mut store = StringStore::default();
        store.append(Strings::one(b"before"));
        let alike = store.append(Strings::new(b"aabbcc", Lengths::All(2), 3));
        let others =
            store.append(Strings::new(b"abbccc", Lengths::Ends { ends: &[11, 13, 16], base: 10 }, 3));
        let rest =
            |span, count| (0..2).map(|at| store.get(store.behind(span, count), at)).collect::<Vec<_>>();
        assert_eq!(rest(alike, 1), [b"bb", b"cc"]);
        assert_eq!(rest(others, 1), [b"bb".as_slice(), b"ccc"]);
        assert_eq!(store.behind(others, 0), others);
    }
}
