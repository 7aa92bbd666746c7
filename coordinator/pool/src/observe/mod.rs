//! Being observed: a socket at which other processes see how a run goes (`--observe`, `coordinator watch`).
//!
//! The pool's thread only counts and hands events over (`feed`, `note`); a thread of its own lets observers in and
//! tells them (`server`). What an observer has not read yet waits in a bounded queue of its own, out of which the
//! oldest events fall (`client`). Nothing is ever read from an observer. What goes over the wire is
//! [`protocol::observe`]'s.

pub mod board;
mod client;
mod feed;
mod note;
pub mod pace;
mod server;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use protocol::observe::{Ending, ListenError, Listener, RunInfo, cut};

use self::feed::Feed;
use self::note::Noter;
use self::server::{Server, Word};
use crate::pool::{Observer, Observers};

/// The socket of a run, and the thread that tells observers; both go with it.
#[derive(Debug)]
pub struct Post {
    feed: Arc<Feed>,
    words: Sender<Word>,
    thread: Option<JoinHandle<()>>,
}

/// Why a run can't be observed.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// There can be no socket at that path.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The machine has no more threads or files.
    #[error("no thread for observers can be had: {0}")]
    Thread(#[from] io::Error),
}

impl Post {
    /// Makes the socket. Observers wait to be let in until the run is [announced](Self::announcer). `total` is how
    /// many tasks there are, where that is known.
    ///
    /// # Errors
    /// No socket or no thread can be had.
    pub fn open(path: &Path, total: Option<u64>) -> Result<Self, PostError> {
        let listener = Listener::open(path)?;
        let feed = Arc::new(Feed::new(total)?);
        // What the run is, and its end.
        let (words, said) = bounded(2);
        let server = Server::new(listener, feed.clone(), said);
        let thread = std::thread::Builder::new().name("observers".into()).spawn(move || server.serve())?;
        Ok(Self { feed, words, thread: Some(thread) })
    }

    /// What tells it how the run goes.
    pub fn observer(&self) -> Box<dyn Observer> {
        let counts = board::Noter { board: self.feed.board.clone(), look: server::TICK };
        Box::new(Observers::new().with([counts]).with([Noter::new(self.feed.clone())]))
    }

    /// Says what the run is, once that is known, and lets observers in.
    pub fn announcer(&self) -> impl FnOnce(RunInfo) + Send + 'static {
        let (words, feed) = (self.words.clone(), self.feed.clone());
        move |run| {
            // Of a run that is over, nobody wants to know.
            let _ = words.try_send(Word::Run(run));
            feed.wake();
        }
    }

    /// Tells the run's end, and returns when the observers have it, or can't be waited for.
    pub fn end(mut self, ending: Ending) {
        self.close(Some(ending));
    }

    fn close(&mut self, ending: Option<Ending>) {
        let Some(thread) = self.thread.take() else { return };
        let _ = self.words.try_send(Word::End(ending));
        self.feed.wake();
        // Telling went wrong: the run has not.
        let _ = thread.join();
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.close(None);
    }
}

/// What a run is, in texts that are not too long.
pub fn run_info(run_id: &str, job: &str, kind: &str, workers: u32, planned: Option<u64>) -> RunInfo {
    let [run_id, job, kind] = [run_id, job, kind].map(|text| cut(text).to_owned());
    RunInfo { run_id, job, kind, workers, planned }
}
