//! As much of an output as may be kept.

/// The beginning of an output.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    /// There was more.
    pub(super) cut: bool,
}

impl Head {
    /// Keeps of `bytes` what still fits into `most`.
    pub(super) fn push(&mut self, bytes: &[u8], most: usize) {
        let room = most.saturating_sub(self.bytes.len());
        self.cut |= bytes.len() > room;
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.cut = false;
    }
}

/// The end of an output: what a program said last tells why it failed.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) bytes: Vec<u8>,
    /// There was more.
    pub(super) cut: bool,
}

impl Tail {
    /// Keeps the last `most` bytes.
    pub(super) fn push(&mut self, bytes: &[u8], most: usize) {
        self.bytes.extend_from_slice(bytes);
        // Seldom, so that moving what is kept costs little.
        if self.bytes.len() > most.saturating_mul(2) {
            self.trim(most);
        }
    }

    /// Cuts it to its last `most` bytes.
    pub(super) fn trim(&mut self, most: usize) {
        let over = self.bytes.len().saturating_sub(most);
        self.cut |= over > 0;
        self.bytes.drain(..over);
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.cut = false;
    }
}

/// The last lines of what a program said, for a message: a few hundred bytes at most.
pub(super) fn last_words(bytes: &[u8]) -> String {
    const SHOWN: usize = 500;
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    let from = text.ceil_char_boundary(text.len().saturating_sub(SHOWN));
    let shown = text.get(from..).unwrap_or(text);
    // From the beginning of a line, where that leaves something.
    let whole = if from == 0 { shown } else { shown.split_once('\n').map_or(shown, |(_, lines)| lines) };
    if whole.is_empty() { String::new() } else { format!(": {whole}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_or_the_end_is_kept_and_the_cut_told() {
        let (mut head, mut tail) = (Head::default(), Tail::default());
        for part in [b"abc".as_slice(), b"de", b"f"] {
            head.push(part, 4);
            tail.push(part, 4);
        }
        tail.trim(4);
        assert_eq!((head.bytes.as_slice(), head.cut), (b"abcd".as_slice(), true));
        assert_eq!((tail.bytes.as_slice(), tail.cut), (b"cdef".as_slice(), true));
        head.clear();
        head.push(b"abcd", 4);
        assert!(!head.cut);
    }

    #[test]
    fn a_tail_does_not_grow_with_the_output() {
        let mut tail = Tail::default();
        for _ in 0..10_000 {
            tail.push(&[b'x'; 100], 1000);
            assert!(tail.bytes.len() <= 2100);
        }
    }

    #[test]
    fn last_words_are_whole_lines_where_they_can_be() {
        assert_eq!(last_words(b" no such file\n"), ": no such file");
        assert_eq!(last_words(b"\n"), "");
        let long = format!("{}\nthe end", "ä".repeat(600));
        assert_eq!(last_words(long.as_bytes()), ": the end");
    }
}
