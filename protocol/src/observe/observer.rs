//! The observer's side: connects to a run's socket and reads what it tells.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::socket::connect;
use super::{Greeting, Observation, ObserveError, RunInfo};
use crate::{Filled, FrameReader, monotonic_nanos};

/// How long a run may take to greet.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether a run has begun.
const NAP: Duration = Duration::from_millis(20);

/// Observes a run: an iterator over what is told of it, that ends behind the run's [end](Observation::End).
///
/// After an error nothing more comes.
///
/// ```no_run
/// use std::time::Duration;
///
/// use protocol::observe::Observer;
///
/// // `Observer::connect` is for a run that goes on already.
/// let mut observer = Observer::connect_within("run.sock", Duration::from_secs(60))?;
/// println!("observing {}", observer.run().job);
/// while !observer.is_over() {
///     match observer.next_timeout(Duration::from_secs(1))? {
///         Some(observation) => println!("{observation:?}"),
///         None => println!("nothing new"),
///     }
/// }
/// # Ok::<(), protocol::observe::ObserveError>(())
/// ```
#[derive(Debug)]
pub struct Observer {
    stream: OwnedFd,
    frames: FrameReader,
    run: RunInfo,
    over: bool,
}

impl Observer {
    /// Connects to the run whose socket is at `path` (`coordinator run --observe PATH`), and waits for its greeting.
    ///
    /// # Errors
    /// No run [is there](ObserveError::is_absent), or one that [has enough observers](ObserveError::is_full), that
    /// speaks [another version](ObserveError::is_version_mismatch), or that [does not
    /// answer](ObserveError::is_timeout) within 10 s.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, ObserveError> {
        Self::connect_by(path.as_ref(), after(PATIENCE))
    }

    /// The same, where the run may begin only within `patience`.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub fn connect_within(path: impl AsRef<Path>, patience: Duration) -> Result<Self, ObserveError> {
        let deadline = after(patience);
        loop {
            match Self::connect(path.as_ref()) {
                Err(error) if error.is_absent() && monotonic_nanos() < deadline => std::thread::sleep(NAP),
                connected => return connected,
            }
        }
    }

    fn connect_by(path: &Path, deadline: u64) -> Result<Self, ObserveError> {
        let stream = loop {
            match connect(path) {
                // Many want to be let in.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if monotonic_nanos() >= deadline {
                        return Err(ObserveError::silent());
                    }
                    std::thread::sleep(NAP);
                }
                stream => break stream.map_err(|error| ObserveError::absent(path, error))?,
            }
        };
        let mut frames = FrameReader::new();
        let gone = || ObserveError::absent(path, io::ErrorKind::ConnectionReset.into());
        let greeting = match next_frame(&mut frames, &stream, Some(deadline))? {
            Next::Frame(frame) => Greeting::decode(frame)?,
            Next::Late => return Err(ObserveError::silent()),
            Next::Closed => return Err(gone()),
        };
        match greeting {
            Greeting::Run(run) => Ok(Self { stream, frames, run, over: false }),
            Greeting::Full { observers } => Err(ObserveError::full(observers)),
        }
    }

    /// What is observed.
    pub fn run(&self) -> &RunInfo {
        &self.run
    }

    /// True where nothing more comes: the run's end was told, or an error.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What is told next, waited for no longer than this (zero: not at all); `None`: nothing came, or nothing more
    /// comes ([`is_over`](Self::is_over)).
    ///
    /// # Errors
    /// The run [went in the middle](ObserveError::is_cut), or what came
    /// [makes no sense](ObserveError::is_malformed).
    pub fn next_timeout(&mut self, limit: Duration) -> Result<Option<Observation>, ObserveError> {
        self.next_by(Some(after(limit)))
    }

    fn next_by(&mut self, deadline: Option<u64>) -> Result<Option<Observation>, ObserveError> {
        if self.over {
            return Ok(None);
        }
        let told = match next_frame(&mut self.frames, &self.stream, deadline) {
            Ok(Next::Frame(frame)) => Observation::decode(frame).map(Some).map_err(ObserveError::malformed),
            Ok(Next::Late) => Ok(None),
            Ok(Next::Closed) => Err(ObserveError::cut()),
            Err(error) => Err(error),
        };
        self.over = matches!(told, Err(_) | Ok(Some(Observation::End(_))));
        told
    }
}

impl Iterator for Observer {
    type Item = Result<Observation, ObserveError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_by(None).transpose()
    }
}

/// Readable when there is something to be told: for an event loop of one's own, with
/// [`next_timeout`](Observer::next_timeout) of zero.
impl AsFd for Observer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

enum Next<'a> {
    Frame(&'a [u8]),
    /// None came until the deadline.
    Late,
    Closed,
}

/// Waits for the next whole frame, for ever where there is no deadline.
fn next_frame<'a>(
    frames: &'a mut FrameReader,
    stream: &OwnedFd,
    deadline: Option<u64>,
) -> Result<Next<'a>, ObserveError> {
    while !frames.has_frame().map_err(ObserveError::malformed)? {
        match frames.fill(stream).map_err(ObserveError::io)? {
            Filled::Bytes(_) => {}
            Filled::Closed => return Ok(Next::Closed),
            Filled::WouldBlock if wait(stream, deadline)? => {}
            Filled::WouldBlock => return Ok(Next::Late),
        }
    }
    let frame = frames.next_frame().map_err(ObserveError::malformed)?;
    Ok(Next::Frame(frame.unwrap_or_default()))
}

/// False where nothing came until the deadline.
fn wait(stream: &impl AsFd, deadline: Option<u64>) -> Result<bool, ObserveError> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_sub(monotonic_nanos()));
        if left == Some(0) {
            return Ok(false);
        }
        let left = left.map(|nanos| Timespec {
            tv_sec: (nanos / 1_000_000_000) as i64,
            tv_nsec: (nanos % 1_000_000_000) as i64,
        });
        match poll(&mut [PollFd::new(stream, PollFlags::IN)], left.as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(ObserveError::io(error)),
        }
    }
}

/// This long from now.
fn after(limit: Duration) -> u64 {
    monotonic_nanos().saturating_add(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::thread::JoinHandle;

    use super::*;
    use crate::observe::{Ending, Listener};

    fn info() -> RunInfo {
        RunInfo {
            run_id: "r1".into(),
            job: "primes".into(),
            kind: "primes".into(),
            workers: 2,
            planned: None,
        }
    }

    /// Connects to a run that says this and goes.
    fn told(frames: Vec<Vec<u8>>) -> Result<Observer, ObserveError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.sock");
        let listener = Listener::open(&path).unwrap();
        let run: JoinHandle<()> = std::thread::spawn(move || {
            wait(&listener, None).unwrap();
            let stream = listener.accept().unwrap().unwrap();
            rustix::io::write(&stream, &frames.concat()).unwrap();
        });
        let observer = Observer::connect(&path);
        run.join().unwrap();
        observer
    }

    fn greeting() -> Vec<u8> {
        Greeting::Run(info()).to_frame()
    }

    #[test]
    fn an_observer_sees_what_is_told_up_to_the_end_and_no_more() {
        let lost = Observation::Lost { events: 7 };
        let end = Observation::End(Ending { exit_code: Some(1), ..Ending::default() });
        let frames = [&lost, &end, &lost].map(Observation::to_frame);
        let mut observer = told([vec![greeting()], frames.to_vec()].concat()).unwrap();
        assert_eq!(observer.run(), &info());
        let seen: Vec<_> = observer.by_ref().map(Result::unwrap).collect();
        assert_eq!(seen, [lost, end]);
        assert!(observer.is_over() && observer.next().is_none());
    }

    #[test]
    fn a_run_that_goes_in_the_middle_is_told_from_one_that_ends() {
        let cut = vec![9, 0, 0, 0, 2];
        let mut observer = told(vec![greeting(), cut]).unwrap();
        assert!(observer.next().unwrap().unwrap_err().is_cut());
        assert!(observer.next().is_none());
    }

    #[test]
    fn nonsense_is_an_error_and_no_harm() {
        for nonsense in [vec![1, 0, 0, 0, 99], vec![0; 4], vec![0xff; 4], vec![3, 0, 0, 0, 6, 7, 8]] {
            let mut observer = told(vec![greeting(), nonsense]).unwrap();
            assert!(observer.next().unwrap().unwrap_err().is_malformed());
        }
        assert!(told(vec![b"\x05\0\0\0HTTP/".to_vec()]).unwrap_err().is_malformed());
        assert!(told(vec![Greeting::Full { observers: 32 }.to_frame()]).unwrap_err().is_full());
        assert!(told(vec![]).unwrap_err().is_absent());
    }

    #[test]
    fn a_run_of_another_version_is_refused_in_a_sentence_that_names_both() {
        let mut greeting = greeting();
        greeting[4 + 8] = 9;
        let error = told(vec![greeting]).unwrap_err();
        let sentence = error.to_string();
        assert!(error.is_version_mismatch(), "{sentence}");
        assert!(sentence.contains("version 9") && sentence.contains("version 1"), "{sentence}");
    }

    #[test]
    fn nobody_there_is_an_error_that_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.sock");
        let error = Observer::connect_within(&path, Duration::from_millis(50)).unwrap_err();
        assert!(error.is_absent() && error.to_string().contains("run.sock"), "{error}");
    }

    #[test]
    fn nothing_is_waited_for_longer_than_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.sock");
        let listener = Listener::open(&path).unwrap();
        let late = Observer::connect_by(&path, after(Duration::from_millis(20)));
        assert!(late.unwrap_err().is_timeout());
        let waiting = std::thread::spawn(move || Observer::connect(&path).unwrap());
        let mut streams = Vec::new();
        while streams.len() < 2 {
            streams.extend(listener.accept().unwrap());
        }
        rustix::io::write(&streams[1], &greeting()).unwrap();
        let mut observer = waiting.join().unwrap();
        assert!(observer.next_timeout(Duration::ZERO).unwrap().is_none() && !observer.is_over());
        rustix::io::write(&streams[1], &Observation::Lost { events: 1 }.to_frame()).unwrap();
        assert!(observer.next_timeout(Duration::from_secs(60)).unwrap().is_some());
    }
}
