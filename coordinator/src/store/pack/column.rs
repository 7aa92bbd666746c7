//! A list of integers, written whichever of two ways is shorter.

use super::format::BadBlock;

const PLAIN: u8 = 0;
const RUNS: u8 = 1;

/// The runs may be this much longer than the plain form before they are given up: a column that varies at
/// first may still settle.
const PATIENCE: usize = 64;

/// Collects one column: as runs, as long as they might be the shorter form, and plain from then on.
#[derive(Debug, Default)]
pub(super) struct Column {
    given_up: bool,
    // The finished runs, or the plain form.
    bytes: Vec<u8>,
    // How long the finished runs would be in the plain form.
    plain: usize,
    // The run that may still grow.
    value: u64,
    times: u64,
}

impl Column {
    #[inline]
    pub(super) fn push(&mut self, value: u64) {
        if self.given_up {
            push_varint(&mut self.bytes, value);
        } else if value == self.value {
            self.times += 1;
        } else {
            self.end_run();
            self.value = value;
            self.times = 1;
            if self.bytes.len() > self.plain + PATIENCE {
                self.give_up();
                push_varint(&mut self.bytes, value);
            }
        }
    }

    fn end_run(&mut self) {
        if self.times > 0 {
            let before = self.bytes.len();
            push_varint(&mut self.bytes, self.value);
            let each = self.bytes.len() - before;
            push_varint(&mut self.bytes, self.times);
            // No more than 65,536 times ten bytes.
            self.plain += each * self.times as usize;
        }
    }

    fn give_up(&mut self) {
        self.given_up = true;
        let runs = std::mem::take(&mut self.bytes);
        let mut rest = runs.as_slice();
        while let (Ok(value), Ok(times)) = (take_varint(&mut rest), take_varint(&mut rest)) {
            (0..times).for_each(|_| push_varint(&mut self.bytes, value));
        }
    }

    /// Appends the column and empties it.
    pub(super) fn finish(&mut self, into: &mut Vec<u8>) {
        if !self.given_up {
            self.end_run();
            if self.bytes.len() >= self.plain {
                self.give_up();
            }
        }
        into.push(if self.given_up { PLAIN } else { RUNS });
        into.extend_from_slice(&self.bytes);
        self.bytes.clear();
        self.given_up = false;
        self.plain = 0;
        self.times = 0;
    }
}

#[inline]
pub(super) fn push_varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// Takes a varint off the front.
pub(super) fn take_varint(input: &mut &[u8]) -> Result<u64, BadBlock> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first().ok_or(BadBlock::Short)?;
        *input = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(BadBlock::Nonsense);
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(BadBlock::Nonsense)
}

/// Takes a column of `count` values off the front and hands them to `each` with their places.
pub(super) fn take_column(
    input: &mut &[u8],
    count: usize,
    mut each: impl FnMut(usize, u64) -> Result<(), BadBlock>,
) -> Result<(), BadBlock> {
    let (&tag, rest) = input.split_first().ok_or(BadBlock::Short)?;
    *input = rest;
    match tag {
        PLAIN => (0..count).try_for_each(|place| each(place, take_varint(input)?)),
        RUNS => {
            let mut place = 0;
            while place < count {
                let value = take_varint(input)?;
                let times = usize::try_from(take_varint(input)?).map_err(|_| BadBlock::Nonsense)?;
                if times == 0 || times > count - place {
                    return Err(BadBlock::Nonsense);
                }
                (place..place + times).try_for_each(|place| each(place, value))?;
                place += times;
            }
            Ok(())
        }
        _ => Err(BadBlock::Nonsense),
    }
}
