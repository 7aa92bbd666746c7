//! The codec: `bincode` with a limit. No other module names it, derives apart.
//!
//! Decoding borrows from the message, rejects bytes after its end and never believes a length: without the
//! limit, a claimed length of 2⁶³ would abort the process.

use std::any::Any;

use bincode::config;
use bincode::{BorrowDecode, Encode};
use serde::{Serialize, de::DeserializeOwned};

use crate::DecodeError;

/// What decoding a value may claim in memory: more than the longest value can hold in earnest.
const MAX_CLAIM: usize = 1 << 30;

/// A value can't be turned into bytes, or bytes into a value.
///
/// ```
/// let error = protocol::decode_value::<u64>(b"\x07\x08").expect_err("a byte too many");
/// assert_eq!(error.to_string(), "1 bytes follow a value");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(String);

/// Decodes one message that fills `bytes` exactly and is at most `LIMIT` bytes long.
pub(crate) fn decode<'a, M, const LIMIT: usize>(bytes: &'a [u8]) -> Result<M, DecodeError>
where
    M: BorrowDecode<'a, ()>,
{
    if bytes.len() > LIMIT {
        return Err(DecodeError::TooLong { length: bytes.len(), limit: LIMIT });
    }
    let config = config::standard().with_limit::<LIMIT>();
    let (message, read) =
        bincode::borrow_decode_from_slice(bytes, config).map_err(|_| DecodeError::Format)?;
    match bytes.len().saturating_sub(read) {
        0 => Ok(message),
        extra => Err(DecodeError::Trailing { extra }),
    }
}

/// Appends the encoded message to `out`.
pub(crate) fn encode<M: Encode>(message: &M, out: &mut Vec<u8>) {
    let encoded = bincode::encode_into_std_write(message, out, config::standard());
    // A vector takes every byte, and no type of ours has a field that can't be encoded.
    debug_assert!(encoded.is_ok(), "{encoded:?}");
}

/// Appends a value of one's own, in the encoding of all messages, to `out`; [`decode_value`] reads it back. For
/// payloads, settings and results of handlers that have nothing better.
///
/// A `Vec<u8>` is copied in one go. One inside of another type goes byte by byte, unless its field says
/// `#[serde(with = "serde_bytes")]` (of the crate of that name); the bytes on the wire are the same.
///
/// The encoding does not describe itself, so types that need that (`#[serde(untagged)]`, `#[serde(flatten)]`,
/// `serde_json::Value`) can be written, and not be read.
///
/// ```
/// let mut bytes = Vec::new();
/// protocol::encode_value(&(7_u64, "seven"), &mut bytes)?;
/// assert_eq!(bytes, *b"\x07\x05seven");
/// assert_eq!(protocol::decode_value::<(u64, String)>(&bytes)?, (7, "seven".to_owned()));
/// # Ok::<(), protocol::CodecError>(())
/// ```
///
/// # Errors
/// The type's own: a length that is not known before its end, or what its `Serialize` refuses.
pub fn encode_value<T: Serialize + 'static>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let begin = out.len();
    let config = config::standard();
    let encoded = match (value as &dyn Any).downcast_ref::<Vec<u8>>() {
        // The same bytes, in one go: serde knows a vector only element by element.
        Some(bytes) => bincode::encode_into_std_write(bytes, out, config),
        None => bincode::serde::encode_into_std_write(value, out, config),
    };
    match encoded {
        Ok(_) => Ok(()),
        Err(error) => {
            out.truncate(begin);
            Err(CodecError(error.to_string()))
        }
    }
}

/// Reads a value that [`encode_value`] wrote. Lengths are not believed.
///
/// ```
/// assert_eq!(protocol::decode_value::<(u64, String)>(b"\x07\x05seven")?, (7, "seven".to_owned()));
/// assert!(protocol::decode_value::<Vec<u64>>(&[0xfc, 0xff, 0xff, 0xff, 0xff]).is_err());
/// # Ok::<(), protocol::CodecError>(())
/// ```
///
/// # Errors
/// The bytes are not such a value, or not only that.
pub fn decode_value<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = config::standard().with_limit::<MAX_CLAIM>();
    let mut plain: Option<T> = None;
    let decoded = match (&mut plain as &mut dyn Any).downcast_mut::<Option<Vec<u8>>>() {
        Some(plain) => bincode::decode_from_slice::<Vec<u8>, _>(bytes, config).map(|(value, read)| {
            *plain = Some(value);
            read
        }),
        None => bincode::serde::decode_from_slice(bytes, config).map(|(value, read)| {
            plain = Some(value);
            read
        }),
    };
    let unlike = |error| CodecError(format!("{} bytes are not such a value: {error}", bytes.len()));
    let read = decoded.map_err(|error| unlike(error.to_string()))?;
    let value = plain.ok_or_else(|| unlike("there is none".to_owned()))?;
    match bytes.len().saturating_sub(read) {
        0 => Ok(value),
        extra => Err(CodecError(format!("{extra} bytes follow a value"))),
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    /// As a vector, and serde knows no better way.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(Vec<u8>);

    #[test]
    fn bytes_in_one_go_are_the_bytes_one_by_one() {
        for length in [0, 1, 250, 251, 65_535, 65_536, 3_000_000] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 253) as u8).collect();
            let (mut fast, mut slow) = (Vec::new(), Vec::new());
            encode_value(&bytes, &mut fast).unwrap();
            encode_value(&Wrapped(bytes.clone()), &mut slow).unwrap();
            assert!(fast == slow, "{length} bytes");
            assert!(decode_value::<Vec<u8>>(&slow).unwrap() == bytes, "{length} bytes");
            assert!(decode_value::<Wrapped>(&fast).unwrap().0 == bytes, "{length} bytes");
        }
    }

    #[test]
    fn bytes_whose_length_is_a_lie_are_refused() {
        for lie in [&[3, 1, 2][..], &[1, 1, 2], &[253, 255, 255, 255, 255, 255, 255, 255, 127], &[]] {
            assert!(decode_value::<Vec<u8>>(lie).is_err(), "{lie:?}");
        }
    }
}
