//! The header of a `.npy` file: which numbers it holds, how many, and where they start.
//!
//! Source: NumPy's "NEP 1 — A simple file format for NumPy arrays" and `numpy.lib.format`, versions 1.0, 2.0
//! and 3.0.

use std::io::{self, Read};

use crate::reduce::dtype::Dtype;

/// Where an array lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reduce) struct Layout {
    pub(in crate::reduce) dtype: Dtype,
    /// Elements, of whatever shape.
    pub(in crate::reduce) count: u64,
    /// Bytes before the first element.
    pub(in crate::reduce) offset: u64,
}

/// Why a file is no array that can be reduced.
#[derive(Debug, thiserror::Error)]
pub(in crate::reduce) enum NpyError {
    #[error("can't be read: {0}")]
    Io(#[from] io::Error),
    #[error("is not a .npy file: it does not start with \\x93NUMPY")]
    Magic,
    #[error("is of .npy version {0}.{1}; versions 1 to 3 are known")]
    Version(u8, u8),
    #[error("is cut short in its header")]
    ShortHeader,
    #[error("has a header of {0} bytes; at most {MAX_HEADER} are read")]
    LongHeader(u64),
    #[error("has a damaged header: {0}")]
    Header(&'static str),
    #[error(
        "holds big-endian numbers ({0}); save it little endian: \
         numpy.save(path, array.astype(array.dtype.newbyteorder('<')))"
    )]
    BigEndian(String),
    #[error(
        "holds elements of type {0}, which can't be reduced; types: bool, integers of 8 to 64 bits, floats \
         of 16 to 64 bits"
    )]
    Dtype(String),
    #[error("is in Fortran order; save it in C order: numpy.save(path, numpy.ascontiguousarray(array))")]
    Fortran,
    #[error("is truncated: its header promises {promised} bytes, {found} are there; save it again")]
    Truncated { promised: u128, found: u64 },
    #[error("has {0} bytes after the array; save it again, one array a file")]
    Trailing(u64),
}

const MAX_HEADER: u64 = 1 << 20;
const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads the header of a file of `length` bytes from its start, and checks that the file is as long as the
/// header says.
///
/// # Errors
/// See [`NpyError`].
pub(in crate::reduce) fn layout(mut file: impl Read, length: u64) -> Result<Layout, NpyError> {
    let [magic @ .., major, minor] = take::<8>(&mut file)?;
    if magic != MAGIC {
        return Err(NpyError::Magic);
    }
    let (header_len, before) = match (major, minor) {
        (1, 0) => (u64::from(u16::from_le_bytes(take(&mut file)?)), 10),
        (2 | 3, 0) => (u64::from(u32::from_le_bytes(take(&mut file)?)), 12),
        _ => return Err(NpyError::Version(major, minor)),
    };
    if header_len > MAX_HEADER {
        return Err(NpyError::LongHeader(header_len));
    }
    let mut header = Vec::new();
    file.take(header_len).read_to_end(&mut header)?;
    if header.len() as u64 != header_len {
        return Err(NpyError::ShortHeader);
    }
    let header = Header::parse(&String::from_utf8_lossy(&header))?;
    let dtype = header.dtype()?;
    // The order of elements in memory is the same for both where there is at most one axis.
    if header.fortran && header.shape.len() > 1 {
        return Err(NpyError::Fortran);
    }
    let offset = before + header_len;
    let promised = header.bytes(dtype).ok_or(NpyError::Header("its shape overflows"))?;
    let found = length.saturating_sub(offset);
    match u64::try_from(promised) {
        Ok(promised) if promised == found => Ok(Layout { dtype, count: promised / dtype.size(), offset }),
        Ok(promised) if promised < found => Err(NpyError::Trailing(found - promised)),
        _ => Err(NpyError::Truncated { promised, found }),
    }
}

fn take<const N: usize>(file: &mut impl Read) -> Result<[u8; N], NpyError> {
    let mut bytes = [0; N];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(NpyError::ShortHeader),
        Err(error) => Err(error.into()),
    }
}

/// The three entries of the dictionary.
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<u64>,
}

impl Header {
    /// Reads a Python dictionary of the one form that NumPy writes, with any spacing and order of keys.
    fn parse(text: &str) -> Result<Self, NpyError> {
        let mut rest = Scan(text.trim());
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        rest.expect('{')?;
        while !rest.accept('}') {
            let key = rest.string()?;
            rest.expect(':')?;
            match key {
                "descr" => descr = Some(rest.descr()?),
                "fortran_order" => fortran = Some(rest.bool()?),
                "shape" => shape = Some(rest.tuple()?),
                _ => return Err(NpyError::Header("it has an unknown key")),
            }
            if !rest.accept(',') {
                rest.expect('}')?;
                break;
            }
        }
        match (descr, fortran, shape, rest.0.trim()) {
            (Some(descr), Some(fortran), Some(shape), "") => Ok(Self { descr, fortran, shape }),
            _ => Err(NpyError::Header("it lacks descr, fortran_order or shape")),
        }
    }

    fn dtype(&self) -> Result<Dtype, NpyError> {
        let unknown = || NpyError::Dtype(self.descr.clone());
        let code = self.descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(&self.descr);
        let dtype = Dtype::numpy(code).ok_or_else(unknown)?;
        // A single byte has no order; where none is named, NumPy takes the machine's.
        let is_big = match self.descr.chars().next() {
            _ if dtype.size() == 1 => false,
            Some('<') => false,
            Some('>') => true,
            _ => cfg!(target_endian = "big"),
        };
        if is_big { Err(NpyError::BigEndian(self.descr.clone())) } else { Ok(dtype) }
    }

    fn bytes(&self, dtype: Dtype) -> Option<u128> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape
            .iter()
            .try_fold(u128::from(dtype.size()), |bytes, side| bytes.checked_mul(u128::from(*side)))
    }
}

/// Text being read from the front, blanks skipped.
struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    fn accept(&mut self, wanted: char) -> bool {
        self.0 = self.0.trim_start();
        let Some(rest) = self.0.strip_prefix(wanted) else { return false };
        self.0 = rest;
        true
    }

    fn expect(&mut self, wanted: char) -> Result<(), NpyError> {
        if self.accept(wanted) { Ok(()) } else { Err(NpyError::Header("it is not a dictionary")) }
    }

    fn string(&mut self) -> Result<&'a str, NpyError> {
        let quote = if self.accept('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.expect('\'')?;
        }
        let (text, rest) = self.0.split_once(quote).ok_or(NpyError::Header("a quote is left open"))?;
        self.0 = rest;
        Ok(text)
    }

    /// A type's code, or, for records, the list that describes them.
    fn descr(&mut self) -> Result<String, NpyError> {
        if self.0.trim_start().starts_with('[') {
            return Err(NpyError::Dtype("a record".into()));
        }
        self.string().map(str::to_owned)
    }

    fn bool(&mut self) -> Result<bool, NpyError> {
        self.0 = self.0.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(NpyError::Header("fortran_order is neither True nor False"))
    }

    fn tuple(&mut self) -> Result<Vec<u64>, NpyError> {
        let mut sides = Vec::new();
        self.expect('(')?;
        while !self.accept(')') {
            self.0 = self.0.trim_start();
            let digits = self.0.len() - self.0.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, rest) = self.0.split_at(digits);
            sides.push(number.parse().map_err(|_| NpyError::Header("its shape is not a tuple of sizes"))?);
            // Python 2 wrote long integers with an L.
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(sides)
    }
}

#[cfg(test)]
mod tests;
