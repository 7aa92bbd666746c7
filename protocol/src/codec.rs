//! The codec: `bincode` with a limit. No other module names it, derives apart.
//!
//! Decoding borrows from the message, rejects bytes after its end and never believes a length: without the
//! limit, a claimed length of 2⁶³ would abort the process.

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
pub fn encode_value<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let begin = out.len();
    match bincode::serde::encode_into_std_write(value, out, config::standard()) {
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
pub fn decode_value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = config::standard().with_limit::<MAX_CLAIM>();
    let (value, read) = bincode::serde::decode_from_slice(bytes, config)
        .map_err(|error| CodecError(format!("{} bytes are not such a value: {error}", bytes.len())))?;
    match bytes.len().saturating_sub(read) {
        0 => Ok(value),
        extra => Err(CodecError(format!("{extra} bytes follow a value"))),
    }
}
