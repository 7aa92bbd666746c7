//! The greeting: the one message whose shape never changes, so that any version can read any other's.
//!
//! Written by hand, little endian: magic (8 bytes), version (`u32`), build id (`u16` length, bytes), number
//! of kinds (`u16`), and for each its name (`u16` length, bytes).

use crate::{DecodeError, MAX_FRAME, PROTOCOL_VERSION};

/// What every greeting begins with. No other frame begins with this byte.
const MAGIC: [u8; 8] = *b"COORDWRK";
/// Far more kinds than anyone has; bounds what a greeting makes the coordinator allocate.
const MAX_KINDS: usize = 1024;

/// A worker's first frame.
///
/// ```
/// use protocol::{Hello, PROTOCOL_VERSION};
///
/// let hello = Hello { version: PROTOCOL_VERSION, build: "0.1.0", kinds: vec!["upper"] };
/// let mut frame = Vec::new();
/// hello.encode(&mut frame);
/// assert_eq!(Hello::decode(&frame)?, hello);
/// assert!(hello.check().is_ok());
/// # Ok::<(), protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The version of the protocol that the worker speaks.
    pub version: u32,
    /// Which build the worker is.
    pub build: &'a str,
    /// The kinds that it knows.
    pub kinds: Vec<&'a str>,
}

/// Two programs of different versions.
///
/// ```
/// let hello = protocol::Hello { version: 99, build: "9.9.9", kinds: vec![] };
/// let mismatch = hello.check().expect_err("of another version");
/// assert_eq!((mismatch.worker, mismatch.coordinator), (99, protocol::PROTOCOL_VERSION));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the worker speaks version {worker} of the protocol, the coordinator version {coordinator}: \
     use a worker program of the same release"
)]
pub struct VersionMismatch {
    /// The worker's version.
    pub worker: u32,
    /// The coordinator's.
    pub coordinator: u32,
}

/// Refuses two versions that differ.
pub(crate) fn check_version(worker: u32, coordinator: u32) -> Result<(), VersionMismatch> {
    if worker == coordinator { Ok(()) } else { Err(VersionMismatch { worker, coordinator }) }
}

impl<'a> Hello<'a> {
    /// Refuses a worker of another version, in a sentence.
    ///
    /// # Errors
    /// The worker does not speak [`PROTOCOL_VERSION`].
    pub fn check(&self) -> Result<(), VersionMismatch> {
        check_version(self.version, PROTOCOL_VERSION)
    }

    /// Reads a worker's first frame. Bytes after the kinds are ignored: a later version may add some.
    ///
    /// # Errors
    /// It is not a greeting.
    pub fn decode(frame: &'a [u8]) -> Result<Self, DecodeError> {
        if frame.len() > MAX_FRAME {
            return Err(DecodeError::TooLong { length: frame.len(), limit: MAX_FRAME });
        }
        let mut rest = frame.strip_prefix(&MAGIC).ok_or(DecodeError::Greeting)?;
        let version = take(&mut rest).map(u32::from_le_bytes)?;
        let build = take_text(&mut rest)?;
        let count = usize::from(take(&mut rest).map(u16::from_le_bytes)?);
        if count > MAX_KINDS {
            return Err(DecodeError::Greeting);
        }
        let kinds = (0..count).map(|_| take_text(&mut rest)).collect::<Result<_, _>>()?;
        Ok(Self { version, build, kinds })
    }

    /// Appends the greeting to `out`. Names are cut at 255 bytes, the list at 1024.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let kinds = self.kinds.get(..MAX_KINDS).unwrap_or(&self.kinds);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.version.to_le_bytes());
        put_text(out, self.build);
        out.extend_from_slice(&(kinds.len() as u16).to_le_bytes());
        kinds.iter().for_each(|kind| put_text(out, kind));
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let cut = text.get(..text.floor_char_boundary(255)).unwrap_or_default();
    out.extend_from_slice(&(cut.len() as u16).to_le_bytes());
    out.extend_from_slice(cut.as_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (taken, left) = rest.split_first_chunk().ok_or(DecodeError::Greeting)?;
    *rest = left;
    Ok(*taken)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, DecodeError> {
    let length = usize::from(take(rest).map(u16::from_le_bytes)?);
    let (text, left) = rest.split_at_checked(length).ok_or(DecodeError::Greeting)?;
    *rest = left;
    std::str::from_utf8(text).map_err(|_| DecodeError::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(version: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        Hello { version, build: "0.1.0", kinds: vec!["primes", "reduce"] }.encode(&mut bytes);
        bytes
    }

    #[test]
    fn a_greeting_of_any_version_can_be_read() {
        let mut bytes = greeting(77);
        bytes.extend_from_slice(b"what version 77 adds");
        let hello = Hello::decode(&bytes).unwrap();
        assert_eq!(hello, Hello { version: 77, build: "0.1.0", kinds: vec!["primes", "reduce"] });
    }

    #[test]
    fn another_version_is_refused_in_a_sentence_that_names_both() {
        let bytes = greeting(PROTOCOL_VERSION + 1);
        let sentence = Hello::decode(&bytes).unwrap().check().unwrap_err().to_string();
        let ours = format!("the coordinator version {PROTOCOL_VERSION}:");
        let theirs = format!("the worker speaks version {}", PROTOCOL_VERSION + 1);
        assert!(sentence.contains(&ours) && sentence.contains(&theirs), "{sentence}");
    }

    #[test]
    fn a_greeting_cut_anywhere_is_refused() {
        let bytes = greeting(1);
        for end in 0..bytes.len() {
            assert_eq!(Hello::decode(&bytes[..end]), Err(DecodeError::Greeting), "{end}");
        }
    }

    #[test]
    fn a_greeting_with_countless_kinds_is_refused() {
        let mut bytes = greeting(1);
        bytes.truncate(8 + 4 + 2 + 5);
        bytes.extend_from_slice(&[0xff; 2]);
        bytes.resize(MAX_FRAME, 0);
        assert_eq!(Hello::decode(&bytes), Err(DecodeError::Greeting));
    }
}
