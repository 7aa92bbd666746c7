//! Inputs as they travel.

use protocol::encode_value;
use serde::Serialize;

use super::error::Error;
use crate::pool::ARENA_BYTES;

/// Appends an encoded input, or nothing where it is too long.
pub(super) fn encode_input<I: Serialize + 'static>(input: &I, bytes: &mut Vec<u8>) -> Result<(), Error> {
    let begin = bytes.len();
    encode_value(input, bytes).map_err(|error| Error::codec(&error))?;
    let length = bytes.len() - begin;
    if length > ARENA_BYTES {
        bytes.truncate(begin);
        return Err(Error::too_large(length, ARENA_BYTES));
    }
    Ok(())
}
