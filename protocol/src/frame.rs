//! Frames: a length (`u32`, little endian) and as many bytes.
//!
//! The reading side is the coordinator's and believes nothing: it never blocks, reads a bounded amount at a
//! time so that one worker can't starve the others, holds at most one frame's worth of memory, and uses
//! plain `read(2)`, which throws away any descriptors that a hijacked worker may send along.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use crate::MAX_FRAME;

const PREFIX: usize = size_of::<u32>();
/// The reader's memory when it is new; most frames fit.
const SMALL: usize = 16 << 10;
const FULL: usize = MAX_FRAME + PREFIX;

/// A length that no frame has.
///
/// ```
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
///
/// let (ours, mut theirs) = UnixStream::pair()?;
/// theirs.write_all(&u32::MAX.to_le_bytes())?;
/// let mut frames = protocol::FrameReader::new();
/// frames.fill(&ours)?;
/// assert_eq!(frames.next_frame(), Err(protocol::FrameError { length: u32::MAX as usize }));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {length} bytes, where 1 to {MAX_FRAME} are allowed")]
pub struct FrameError {
    /// What the frame claims, in bytes.
    pub length: usize,
}

/// What [`FrameReader::fill`] found.
///
/// ```
/// use std::os::unix::net::UnixStream;
///
/// use protocol::{Filled, FrameReader, FrameWriter};
///
/// let (ours, theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let mut writer = FrameWriter::new(theirs.into());
///
/// let mut reader = FrameReader::new();
/// assert_eq!(reader.fill(&ours)?, Filled::WouldBlock);
/// writer.write(|frame| frame.push(7))?;
/// assert_eq!(reader.fill(&ours)?, Filled::Bytes(5));
/// drop(writer);
/// assert_eq!(reader.fill(&ours)?, Filled::Closed);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// That many bytes, at least one; there may be more.
    Bytes(usize),
    /// Nothing for now.
    WouldBlock,
    /// The worker has closed its end, and everything it wrote has been read.
    Closed,
}

/// Cuts a stream of bytes into frames.
///
/// ```
/// use std::os::unix::net::UnixStream;
///
/// use protocol::{Filled, FrameReader, FrameWriter};
///
/// let (ours, theirs) = UnixStream::pair()?;
/// let mut writer = FrameWriter::new(theirs.into());
/// writer.write(|frame| frame.extend_from_slice(b"hello"))?;
/// drop(writer);
///
/// let mut reader = FrameReader::new();
/// while reader.fill(&ours)? != Filled::Closed {
///     while let Some(frame) = reader.next_frame()? {
///         assert_eq!(frame, b"hello");
///     }
/// }
/// assert!(!reader.is_mid_frame());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct FrameReader {
    // Invariant: start <= end <= buffer.len() <= FULL, and the unread bytes are buffer[start..end].
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameReader {
    /// A reader without memory; it takes some as it is used, at most about [`MAX_FRAME`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads what there is, with one `read(2)` of at most about [`MAX_FRAME`]. Take all whole frames with
    /// [`next_frame`](Self::next_frame) before the next call.
    ///
    /// # Errors
    /// The stream can't be read.
    pub fn fill(&mut self, stream: impl AsFd) -> io::Result<Filled> {
        self.make_room();
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        if room.is_empty() {
            // A whole frame is waiting to be taken.
            return Ok(Filled::WouldBlock);
        }
        loop {
            match rustix::io::read(&stream, &mut *room) {
                Ok(0) | Err(Errno::CONNRESET) => return Ok(Filled::Closed),
                Ok(read) => {
                    self.end += read;
                    return Ok(Filled::Bytes(read));
                }
                Err(Errno::AGAIN) => return Ok(Filled::WouldBlock),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next whole frame, without its length; `None`: more must be read first.
    ///
    /// # Errors
    /// The next frame is empty or longer than [`MAX_FRAME`]. Nothing can be read after that.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let Some(length) = self.announced() else { return Ok(None) };
        if length == 0 || length > MAX_FRAME {
            return Err(FrameError { length });
        }
        let from = self.start + PREFIX;
        let to = from + length;
        if to > self.end {
            return Ok(None);
        }
        self.start = to;
        Ok(self.buffer.get(from..to))
    }

    /// True where [`next_frame`](Self::next_frame) has one.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn has_frame(&self) -> Result<bool, FrameError> {
        match self.announced() {
            Some(length) if length == 0 || length > MAX_FRAME => Err(FrameError { length }),
            Some(length) => Ok(self.end - self.start >= length + PREFIX),
            None => Ok(false),
        }
    }

    /// True where the beginning of a frame is there and its end is not: if the stream is
    /// [`Closed`](Filled::Closed), the worker died while it wrote.
    pub fn is_mid_frame(&self) -> bool {
        self.start < self.end
    }

    /// The length of the next frame, as far as it has been read.
    fn announced(&self) -> Option<usize> {
        let prefix = self.buffer.get(self.start..self.end)?.first_chunk()?;
        Some(u32::from_le_bytes(*prefix) as usize)
    }

    /// Moves unread bytes to the front, and takes more memory where the next frame or a full buffer asks
    /// for it.
    fn make_room(&mut self) {
        let full = self.start == 0 && self.end == self.buffer.len();
        let wanted = self.announced().map_or(0, |length| length.saturating_add(PREFIX));
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let length = if full { 2 * self.buffer.len() } else { self.buffer.len() };
        let length = length.max(wanted).clamp(SMALL, FULL);
        if length > self.buffer.len() {
            self.buffer.resize(length, 0);
        }
    }
}

/// Writes frames; waits where the stream is full.
///
/// ```
/// use std::io::Read;
/// use std::os::unix::net::UnixStream;
///
/// let (mut ours, theirs) = UnixStream::pair()?;
/// let mut writer = protocol::FrameWriter::new(theirs.into());
/// writer.write(|frame| frame.extend_from_slice(b"hello"))?;
/// let mut bytes = [0; 9];
/// ours.read_exact(&mut bytes)?;
/// assert_eq!(bytes, *b"\x05\0\0\0hello");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FrameWriter {
    stream: OwnedFd,
    frame: Vec<u8>,
}

impl FrameWriter {
    /// A writer to a stream socket that blocks.
    pub fn new(stream: OwnedFd) -> Self {
        Self { stream, frame: Vec::new() }
    }

    /// Writes one frame, which `encode` appends to the buffer it is given (what stands there is not its
    /// to touch).
    ///
    /// # Errors
    /// The frame is empty or longer than [`MAX_FRAME`] (nothing has been written), or the stream can't be
    /// written: `BrokenPipe` where the coordinator is gone. There is no `SIGPIPE`.
    pub fn write(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        write_frame(self.stream.as_fd(), &mut self.frame, encode)
    }
}

/// Makes one frame of what `encode` appends, with its length in front. Returns that length.
fn frame_into(frame: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) -> usize {
    frame.clear();
    frame.extend_from_slice(&[0; PREFIX]);
    encode(frame);
    let length = frame.len().saturating_sub(PREFIX);
    if let Some(prefix) = frame.first_chunk_mut() {
        *prefix = (length as u32).to_le_bytes();
    }
    length
}

/// A frame of what `encode` appends, with its length in front.
pub(crate) fn framed(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = Vec::new();
    frame_into(&mut frame, encode);
    frame
}

/// Writes one frame to a stream socket, by way of this buffer.
pub(crate) fn write_frame(
    stream: BorrowedFd<'_>,
    frame: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>),
) -> io::Result<()> {
    let length = frame_into(frame, encode);
    if length == 0 || length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, FrameError { length }));
    }
    let mut rest = frame.as_slice();
    while !rest.is_empty() {
        match send(stream, rest, SendFlags::NOSIGNAL) {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl AsFd for FrameWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (UnixStream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (ours, theirs)
    }

    /// Fills until the stream has no more and returns the frames.
    fn drain(reader: &mut FrameReader, stream: &UnixStream) -> (Vec<Vec<u8>>, Filled) {
        let mut frames = Vec::new();
        loop {
            let filled = reader.fill(stream).unwrap();
            while let Some(frame) = reader.next_frame().unwrap() {
                frames.push(frame.to_vec());
            }
            if !matches!(filled, Filled::Bytes(_)) {
                return (frames, filled);
            }
        }
    }

    #[test]
    fn frames_of_every_size_come_back_in_order() {
        let (ours, theirs) = pair();
        let sizes = [1, 2, SMALL - 5, SMALL - 4, SMALL - 3, SMALL, MAX_FRAME - 1, MAX_FRAME, 3];
        let writer = std::thread::spawn(move || {
            let mut writer = FrameWriter::new(theirs.into());
            for (index, &size) in sizes.iter().enumerate() {
                writer.write(|out| out.resize(out.len() + size, index as u8)).unwrap();
            }
        });
        ours.set_nonblocking(false).unwrap();
        let (frames, filled) = drain(&mut FrameReader::new(), &ours);
        writer.join().unwrap();
        assert_eq!(filled, Filled::Closed);
        let got: Vec<_> = frames.iter().map(|frame| (frame[0], frame.len())).collect();
        let sent: Vec<_> = sizes.iter().enumerate().map(|(index, &size)| (index as u8, size)).collect();
        assert_eq!(got, sent);
    }

    #[test]
    fn a_frame_that_comes_byte_by_byte_is_whole_only_at_its_end() {
        let (ours, mut theirs) = pair();
        let mut reader = FrameReader::new();
        let bytes = [3, 0, 0, 0, b'a', b'b', b'c'];
        for (index, byte) in bytes.iter().enumerate() {
            theirs.write_all(&[*byte]).unwrap();
            let (frames, filled) = drain(&mut reader, &ours);
            assert_eq!(filled, Filled::WouldBlock);
            assert_eq!(frames.len(), usize::from(index == bytes.len() - 1));
        }
        assert!(!reader.is_mid_frame());
    }

    #[test]
    fn an_empty_frame_and_one_that_is_too_long_are_refused() {
        for length in [0, MAX_FRAME as u32 + 1, u32::MAX] {
            let (ours, mut theirs) = pair();
            let mut reader = FrameReader::new();
            theirs.write_all(&length.to_le_bytes()).unwrap();
            reader.fill(&ours).unwrap();
            let length = length as usize;
            assert_eq!(reader.next_frame(), Err(FrameError { length }));
            // The claim is not believed: no memory was taken for it.
            reader.fill(&ours).unwrap();
            assert!(reader.buffer.len() <= FULL);
        }
    }

    #[test]
    fn a_worker_that_dies_in_mid_frame_is_told_from_one_that_closes() {
        let (ours, mut theirs) = pair();
        let mut reader = FrameReader::new();
        theirs.write_all(&[9, 0, 0, 0, 1]).unwrap();
        drop(theirs);
        assert_eq!(drain(&mut reader, &ours), (vec![], Filled::Closed));
        assert!(reader.is_mid_frame());
    }

    #[test]
    fn one_fill_reads_a_bounded_amount() {
        let (ours, theirs) = pair();
        let writer = std::thread::spawn(move || {
            let mut writer = FrameWriter::new(theirs.into());
            // Ends when the reader is dropped.
            while writer.write(|out| out.extend_from_slice(&[0; 1000])).is_ok() {}
        });
        ours.set_nonblocking(false).unwrap();
        let mut reader = FrameReader::new();
        for _ in 0..100 {
            let Filled::Bytes(bytes) = reader.fill(&ours).unwrap() else { panic!("nothing to read") };
            assert!(bytes <= FULL);
            while reader.next_frame().unwrap().is_some() {}
        }
        drop(ours);
        writer.join().unwrap();
    }

    #[test]
    fn a_frame_that_is_too_long_is_not_written() {
        let (_ours, theirs) = pair();
        let mut writer = FrameWriter::new(theirs.into());
        let error = writer.write(|out| out.resize(out.len() + MAX_FRAME + 1, 0)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_reader_that_is_gone_is_an_error_and_no_signal() {
        let (ours, theirs) = pair();
        drop(ours);
        let error = FrameWriter::new(theirs.into()).write(|out| out.push(1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
