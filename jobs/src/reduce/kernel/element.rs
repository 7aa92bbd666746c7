//! Elements as they lie in files: little endian, at any address.

/// An element type and its bytes.
pub(super) trait Element: Copy {
    /// One element's bytes.
    type Raw: Copy;

    /// The bytes as elements; what is left over is ignored.
    fn raws(bytes: &[u8]) -> &[Self::Raw];

    /// One element.
    fn load(raw: Self::Raw) -> Self;
}

macro_rules! elements {
    ($($type:ty, $size:literal;)*) => {$(
        impl Element for $type {
            type Raw = [u8; $size];

            #[inline(always)]
            fn raws(bytes: &[u8]) -> &[Self::Raw] {
                bytes.as_chunks().0
            }

            #[inline(always)]
            fn load(raw: Self::Raw) -> Self {
                Self::from_le_bytes(raw)
            }
        }
    )*};
}

elements! {
    i8, 1; i16, 2; i32, 4; i64, 8;
    u8, 1; u16, 2; u32, 4; u64, 8;
    f32, 4; f64, 8;
}

/// A boolean as NumPy stores it: one byte, true where it is not zero. Arithmetic sees 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bool(pub(super) u8);

impl Element for Bool {
    type Raw = [u8; 1];

    #[inline(always)]
    fn raws(bytes: &[u8]) -> &[Self::Raw] {
        bytes.as_chunks().0
    }

    #[inline(always)]
    fn load([raw]: Self::Raw) -> Self {
        Self(u8::from(raw != 0))
    }
}

macro_rules! bool_operators {
    ($($operator:ident, $function:ident;)*) => {$(
        impl std::ops::$operator for Bool {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                Self(self.0.$function(other.0))
            }
        }
    )*};
}

bool_operators! { BitAnd, bitand; BitOr, bitor; BitXor, bitxor; }

/// An IEEE 754 half-precision float, by its bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half(u16);

impl Element for Half {
    type Raw = [u8; 2];

    #[inline(always)]
    fn raws(bytes: &[u8]) -> &[Self::Raw] {
        bytes.as_chunks().0
    }

    #[inline(always)]
    fn load(raw: Self::Raw) -> Self {
        Self(u16::from_le_bytes(raw))
    }
}

impl From<Half> for f64 {
    #[inline(always)]
    fn from(Half(bits): Half) -> Self {
        let (exponent, fraction) = (u64::from(bits >> 10 & 0x1f), u64::from(bits & 0x3ff));
        let sign = u64::from(bits >> 15) << 63;
        let magnitude = match exponent {
            // Subnormals count in units of 2⁻²⁴.
            0 => (fraction as f64 * 2.0_f64.powi(-24)).to_bits(),
            31 => 0x7ff << 52 | fraction << 42,
            _ => (exponent + 1023 - 15) << 52 | fraction << 42,
        };
        f64::from_bits(sign | magnitude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(bits: u16) -> f64 {
        Half::load(bits.to_le_bytes()).into()
    }

    #[test]
    fn halves_are_read_as_ieee_says() {
        assert_eq!(half(0x3c00), 1.0);
        assert_eq!(half(0xc500), -5.0);
        assert_eq!(half(0x7bff), 65504.0);
        assert_eq!(half(0x0001), 2.0_f64.powi(-24));
        assert_eq!(half(0x03ff), 1023.0 * 2.0_f64.powi(-24));
        assert_eq!(half(0x0400), 2.0_f64.powi(-14));
        assert_eq!(half(0x7c00), f64::INFINITY);
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        assert!(half(0x7e00).is_nan());
        assert_eq!(half(0x8000).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(half(0x3555), 0.333_251_953_125);
    }

    #[test]
    fn any_byte_but_zero_is_true() {
        assert_eq!(Bool::load([0]), Bool(0));
        assert_eq!(Bool::load([255]), Bool(1));
    }
}
