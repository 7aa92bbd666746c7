//! How plain things become bytes and come back: the one place that knows the layout of this kind's setups,
//! payloads and values.
//!
//! Reading trusts nothing: every length is checked against what is there before anything is allocated.

use num_bigint::BigInt;

use crate::BadValue;

/// Appends `value` in 7-bit groups, lowest first, the high bit saying that more follow.
pub(super) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length and that many bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends an integer of any size: a length and two's complement bytes, lowest first; nothing for zero.
pub(super) fn put_big(out: &mut Vec<u8>, value: &BigInt) {
    if value.sign() == num_bigint::Sign::NoSign {
        put_u64(out, 0);
    } else {
        put_bytes(out, &value.to_signed_bytes_le());
    }
}

/// Appends the 8 bytes of a float, so that every bit comes back.
pub(super) fn put_f64(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Bytes being read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    // What the bytes are, for the complaint.
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`, which complaints call `what`.
    pub(super) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// A complaint about these bytes.
    pub(super) fn bad(&self, why: &str) -> BadValue {
        BadValue(format!("{} that is not a reduction's: {why}", self.what))
    }

    /// Takes the next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], BadValue> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.bad("it is cut short"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes one byte.
    pub(super) fn byte(&mut self) -> Result<u8, BadValue> {
        let (&byte, rest) = self.rest.split_first().ok_or_else(|| self.bad("it is cut short"))?;
        self.rest = rest;
        Ok(byte)
    }

    /// Takes what [`put_u64`] wrote.
    pub(super) fn u64(&mut self) -> Result<u64, BadValue> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && group > 1 {
                break;
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.bad("a number is too long"))
    }

    /// Takes what [`put_bytes`] wrote.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], BadValue> {
        let len = self.u64()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// Takes what [`put_big`] wrote.
    pub(super) fn big(&mut self) -> Result<BigInt, BadValue> {
        Ok(BigInt::from_signed_bytes_le(self.bytes()?))
    }

    /// Takes what [`put_f64`] wrote.
    pub(super) fn f64(&mut self) -> Result<f64, BadValue> {
        let bytes = self.take(8)?.first_chunk().ok_or_else(|| self.bad("it is cut short"))?;
        Ok(f64::from_bits(u64::from_le_bytes(*bytes)))
    }

    /// Takes a byte that is 0 or 1.
    pub(super) fn flag(&mut self) -> Result<bool, BadValue> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.bad("a flag is neither 0 nor 1")),
        }
    }

    /// True where nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends the reading.
    pub(super) fn end(self) -> Result<(), BadValue> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.bad("bytes are left over")) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_comes_back(number: u64, float: u64, big: i128, text: Vec<u8>) {
            let mut out = Vec::new();
            put_u64(&mut out, number);
            put_f64(&mut out, f64::from_bits(float));
            put_big(&mut out, &BigInt::from(big));
            put_bytes(&mut out, &text);
            let mut reader = Reader::new(&out, "a test");
            prop_assert_eq!(reader.u64().unwrap(), number);
            prop_assert_eq!(reader.f64().unwrap().to_bits(), float);
            prop_assert_eq!(reader.big().unwrap(), BigInt::from(big));
            prop_assert_eq!(reader.bytes().unwrap(), &text[..]);
            prop_assert!(reader.end().is_ok());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes, "a test");
            let _ = (reader.u64(), reader.big(), reader.f64(), reader.bytes(), reader.flag());
        }
    }

    #[test]
    fn a_length_that_is_not_there_is_refused_before_it_is_believed() {
        let mut out = Vec::new();
        put_u64(&mut out, u64::MAX);
        assert!(Reader::new(&out, "a test").bytes().is_err());
    }

    #[test]
    fn a_number_beyond_64_bits_is_refused() {
        assert!(Reader::new(&[0xff; 11], "a test").u64().is_err());
        let top = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2];
        assert!(Reader::new(&top, "a test").u64().is_err());
    }
}
