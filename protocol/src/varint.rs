//! Heads of tasks and outcomes: small numbers in few bytes (LEB128, seven bits a byte, low bits first).

use crate::DecodeError;

/// The longest encoding of a `u64`.
pub(crate) const MAX_LENGTH: usize = 10;

/// Appends `value`.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes the encoding of `value` has.
#[inline]
pub(crate) fn length(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Takes a number off the front of `bytes`.
#[inline]
pub(crate) fn take(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    // Nearly every number of a head fits in one byte.
    match bytes.split_first() {
        Some((&byte, rest)) if byte < 0x80 => {
            *bytes = rest;
            Ok(u64::from(byte))
        }
        _ => take_long(bytes),
    }
}

fn take_long(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut value = 0_u64;
    for shift in (0..MAX_LENGTH as u32).map(|index| 7 * index) {
        let (&byte, rest) = bytes.split_first().ok_or(DecodeError::Heads)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if shift == 63 && bits > 1 {
            return Err(DecodeError::Heads);
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(DecodeError::Heads)
}

/// Takes a number that must fit in 32 bits.
#[inline]
pub(crate) fn take_u32(bytes: &mut &[u8]) -> Result<u32, DecodeError> {
    u32::try_from(take(bytes)?).map_err(|_| DecodeError::Heads)
}

/// Ids as steps from the one before: the id that follows directly is a zero.
///
/// Steps wrap around, so that every pair of ids has exactly one and there is nothing that could overflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    expected: u64,
}

impl Steps {
    /// The first id is expected to be 0.
    pub(crate) fn new() -> Self {
        Self { expected: 0 }
    }

    /// The step to `id`: near ids give small numbers, in either direction.
    #[inline]
    pub(crate) fn to(&mut self, id: u64) -> u64 {
        let step = id.wrapping_sub(self.expected).cast_signed();
        self.expected = id.wrapping_add(1);
        (step << 1 ^ step >> 63).cast_unsigned()
    }

    /// Passes over the `count` ids that follow the last one.
    #[inline]
    pub(crate) fn skip(&mut self, count: u64) {
        self.expected = self.expected.wrapping_add(count);
    }

    /// The id that a step leads to.
    #[inline]
    pub(crate) fn follow(&mut self, step: u64) -> u64 {
        let signed = (step >> 1) ^ (step & 1).wrapping_neg();
        let id = self.expected.wrapping_add(signed);
        self.expected = id.wrapping_add(1);
        id
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_that_follow_each_other_take_one_zero_byte_each() {
        let mut steps = Steps::new();
        assert_eq!((0..5).map(|id| steps.to(id)).collect::<Vec<_>>(), [0; 5]);
        assert_eq!(steps.to(3), 3, "two back");
        assert_eq!(steps.to(5), 2, "one on");
    }

    #[test]
    fn a_number_that_does_not_end_is_refused() {
        assert_eq!(take(&mut [0x80; 10].as_slice()), Err(DecodeError::Heads));
        assert_eq!(take(&mut [0xff; 3].as_slice()), Err(DecodeError::Heads));
        assert_eq!(take(&mut [].as_slice()), Err(DecodeError::Heads));
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        let mut bytes = [0xff; 10];
        bytes[9] = 2;
        assert_eq!(take(&mut bytes.as_slice()), Err(DecodeError::Heads));
        bytes[9] = 1;
        assert_eq!(take(&mut bytes.as_slice()), Ok(u64::MAX));
    }

    proptest! {
        #[test]
        fn every_number_comes_back(value: u64) {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            prop_assert!(bytes.len() <= MAX_LENGTH);
            prop_assert_eq!(bytes.len(), length(value));
            prop_assert_eq!(take(&mut bytes.as_slice()), Ok(value));
        }

        #[test]
        fn any_list_of_ids_comes_back(ids: Vec<u64>) {
            let (mut there, mut back) = (Steps::new(), Steps::new());
            let got: Vec<_> = ids.iter().map(|&id| back.follow(there.to(id))).collect();
            prop_assert_eq!(got, ids);
        }
    }
}
