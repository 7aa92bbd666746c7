//! The codec: `bincode` with a limit. No other module names it, derives apart.
//!
//! Decoding borrows from the message, rejects bytes after its end and never believes a length: without the
//! limit, a claimed length of 2⁶³ would abort the process.

use bincode::config;
use bincode::{BorrowDecode, Encode};

use crate::DecodeError;

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
