//! The element types that files hold, all little endian.

/// The type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dtype {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    F32,
    F64,
}

/// Every type: its name here, NumPy's name, NumPy's code without the byte order.
const NAMES: [(Dtype, &str, &str, &str); 12] = [
    (Dtype::Bool, "bool", "bool_", "b1"),
    (Dtype::I8, "i8", "int8", "i1"),
    (Dtype::I16, "i16", "int16", "i2"),
    (Dtype::I32, "i32", "int32", "i4"),
    (Dtype::I64, "i64", "int64", "i8"),
    (Dtype::U8, "u8", "uint8", "u1"),
    (Dtype::U16, "u16", "uint16", "u2"),
    (Dtype::U32, "u32", "uint32", "u4"),
    (Dtype::U64, "u64", "uint64", "u8"),
    (Dtype::F16, "f16", "float16", "f2"),
    (Dtype::F32, "f32", "float32", "f4"),
    (Dtype::F64, "f64", "float64", "f8"),
];

impl Dtype {
    /// The names that a job file may use.
    pub(super) fn names() -> String {
        NAMES.map(|(_, name, ..)| name).join(", ")
    }

    /// The type that a job file calls `name`: `i64`, or `int64` as NumPy says.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, short, long, _)| *short == name || *long == name).map(|(dtype, ..)| *dtype)
    }

    /// The type with NumPy's code (`i8` is eight bytes there), without the byte order, or with its name.
    pub(super) fn numpy(code: &str) -> Option<Self> {
        let code = match code {
            "?" | "bool" => "b1",
            code => code,
        };
        NAMES.iter().find(|(_, _, name, numpy)| [*name, *numpy].contains(&code)).map(|(dtype, ..)| *dtype)
    }

    /// Its name here.
    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(dtype, ..)| *dtype == self).map_or("?", |(_, name, ..)| name)
    }

    /// Its code in bytes.
    pub(super) fn code(self) -> u8 {
        NAMES.iter().position(|(dtype, ..)| *dtype == self).unwrap_or(0) as u8
    }

    /// The type with this code.
    pub(super) fn coded(code: u8) -> Option<Self> {
        NAMES.get(usize::from(code)).map(|(dtype, ..)| *dtype)
    }

    /// Bytes an element.
    pub(super) fn size(self) -> u64 {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// True for numbers with a fraction.
    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }

    /// All ones: what `and` gives for no numbers of an unsigned type; `None` for the others.
    pub(super) fn unsigned_ones(self) -> Option<u64> {
        match self {
            Self::U8 => Some(u8::MAX.into()),
            Self::U16 => Some(u16::MAX.into()),
            Self::U32 => Some(u32::MAX.into()),
            Self::U64 => Some(u64::MAX),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_each_of_its_names() {
        for (index, (dtype, short, long, numpy)) in NAMES.into_iter().enumerate() {
            assert_eq!(Dtype::named(short), Some(dtype));
            assert_eq!(Dtype::named(long), Some(dtype));
            assert_eq!(Dtype::numpy(numpy), Some(dtype));
            assert_eq!(Dtype::coded(index as u8), Some(dtype));
            assert_eq!((dtype.name(), usize::from(dtype.code())), (short, index));
        }
        assert_eq!(Dtype::coded(12), None);
    }
}
