//! The greeting: the first frame that an observer gets. Its beginning never changes, so that any version can read any
//! other's: magic (8 bytes), version (`u32`, little endian).

use super::{OBSERVE_VERSION, ObserveError, RunInfo};
use crate::frame::framed;
use crate::{MAX_FRAME, codec};

const MAGIC: [u8; 8] = *b"COORDOBS";

/// What a run says first to whoever connects.
///
/// ```
/// use protocol::observe::Greeting;
///
/// let greeting = Greeting::Full { observers: 8 };
/// let frame = greeting.to_frame();
/// // A frame begins with its length, in four bytes.
/// assert!(matches!(Greeting::decode(&frame[4..])?, Greeting::Full { observers: 8 }));
/// # Ok::<(), protocol::observe::ObserveError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Greeting {
    /// What is to be observed.
    Run(RunInfo),
    /// There are as many observers as there may be. Nothing follows.
    Full {
        /// How many.
        observers: u32,
    },
}

impl Greeting {
    /// Reads a run's first frame, without its length.
    ///
    /// # Errors
    /// [`ObserveError::is_version_mismatch`] where the run speaks another version; [`ObserveError::is_malformed`]
    /// where it is not a greeting.
    pub fn decode(frame: &[u8]) -> Result<Self, ObserveError> {
        let rest = frame.strip_prefix(&MAGIC).and_then(<[u8]>::split_first_chunk);
        let (version, rest) = rest.ok_or_else(|| ObserveError::malformed("not a greeting"))?;
        match u32::from_le_bytes(*version) {
            OBSERVE_VERSION => Ok(codec::decode::<_, MAX_FRAME>(rest).map_err(ObserveError::malformed)?),
            other => Err(ObserveError::version(other)),
        }
    }

    /// The greeting as a frame, with its length: what goes over the wire.
    pub fn to_frame(&self) -> Vec<u8> {
        framed(|out| {
            out.extend_from_slice(&MAGIC);
            out.extend_from_slice(&OBSERVE_VERSION.to_le_bytes());
            codec::encode(self, out);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Vec<u8> {
        let full = Greeting::Full { observers: 32 };
        let frame = full.to_frame();
        assert_eq!(Greeting::decode(&frame[4..]).unwrap(), full);
        frame[4..].to_vec()
    }

    #[test]
    fn another_version_is_refused_in_a_sentence_that_names_both() {
        let mut bytes = greeting();
        bytes[8] = 2;
        bytes.extend_from_slice(b"what version 2 adds");
        let error = Greeting::decode(&bytes).unwrap_err();
        let sentence = error.to_string();
        assert!(error.is_version_mismatch());
        assert!(sentence.contains("version 2") && sentence.contains("version 1"), "{sentence}");
    }

    #[test]
    fn a_greeting_cut_anywhere_is_refused() {
        let bytes = greeting();
        for end in 0..bytes.len() {
            assert!(Greeting::decode(&bytes[..end]).unwrap_err().is_malformed(), "{end}");
        }
    }
}
