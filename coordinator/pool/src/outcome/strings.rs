//! Byte strings end to end, borrowed.

use std::ops::Range;

/// Byte strings end to end, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strings<'a> {
    bytes: &'a [u8],
    lengths: Lengths<'a>,
    count: usize,
}

/// How long strings are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lengths<'a> {
    /// All of them.
    All(usize),
    /// Where each ends; the first begins at `base`, which is the first of the bytes.
    Ends { ends: &'a [u32], base: u32 },
}

impl<'a> Strings<'a> {
    /// `count` strings. Lengths that don't add up to the bytes make some shorter, and harm nobody.
    pub(crate) fn new(bytes: &'a [u8], lengths: Lengths<'a>, count: usize) -> Self {
        Self { bytes, lengths, count }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn lengths(&self) -> Lengths<'a> {
        self.lengths
    }

    /// Those at `places`, which must be among them.
    pub(crate) fn part(&self, places: Range<usize>) -> Self {
        let (range, lengths) = match self.lengths {
            Lengths::All(length) => (places.start * length..places.end * length, self.lengths),
            Lengths::Ends { ends, base } => {
                let end = |place: usize| {
                    place.checked_sub(1).and_then(|place| ends.get(place)).map_or(base, |e| *e)
                };
                let (start, stop) = (end(places.start), end(places.end));
                let ends = ends.get(places.clone()).unwrap_or_default();
                ((start - base) as usize..(stop - base) as usize, Lengths::Ends { ends, base: start })
            }
        };
        Self { bytes: self.bytes.get(range).unwrap_or_default(), lengths, count: places.len() }
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
    }
}
