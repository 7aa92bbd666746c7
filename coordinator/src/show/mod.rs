//! What a person sees while a run goes: progress on a terminal, a plain line now and then elsewhere.
//!
//! The pool's thread only counts (`board`); a thread of its own works out the numbers (`pace`), puts them into
//! lines that fit (`text`) and draws them (`screen`), ten times a second at most.

mod screen;
mod text;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use jobs::Presenter;

use self::screen::Drawing;
use self::text::{View, WorkerView, worker_lines};
use crate::observe::board::{Board, Desk, Noter};
use crate::observe::pace::Pace;
use crate::pool::{Observer, Observers, PoolEvent};
use crate::queue::{Time, WorkerId};

pub use self::screen::aside;
pub(crate) use self::screen::{Stderr, Stdout, cover, width};

/// When progress is shown, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProgressMode {
    /// A bar on a terminal, a plain line every 10 s elsewhere; nothing of a run that is over at once.
    #[default]
    Auto,
    /// The same from the beginning, and a plain line every second.
    Always,
    /// Not at all.
    Never,
    /// As always; on a terminal with a line for each worker.
    Full,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Drawn on the terminal, after this long.
    Drawn { after: Duration, workers: bool },
    /// A line each time that this long has passed.
    Lines { every: Duration },
}

/// How often progress is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// A run that is over sooner is not drawn.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the pace is taken where nothing is drawn.
const TAKE: Duration = Duration::from_secs(1);

fn manner(mode: ProgressMode, quiet: bool, terminal: bool) -> Option<Manner> {
    let workers = mode == ProgressMode::Full;
    match mode {
        ProgressMode::Never => None,
        ProgressMode::Auto if quiet => None,
        ProgressMode::Auto if terminal => Some(Manner::Drawn { after: PATIENCE, workers }),
        ProgressMode::Auto => Some(Manner::Lines { every: Duration::from_secs(10) }),
        ProgressMode::Always | ProgressMode::Full if terminal => {
            Some(Manner::Drawn { after: Duration::ZERO, workers })
        }
        ProgressMode::Always | ProgressMode::Full => Some(Manner::Lines { every: TAKE }),
    }
}

/// What is to be shown.
pub struct ProgressSettings {
    /// When, and how much.
    pub mode: ProgressMode,
    /// Nothing but errors is wanted.
    pub quiet: bool,
    /// With colours.
    pub colour: bool,
    /// The job's name.
    pub job: String,
    /// How many tasks there are, where that is known.
    pub total: Option<u64>,
    /// Turns payloads into what the user gave.
    pub presenter: Box<dyn Presenter>,
}

/// Shows how a run goes, until it is dropped; nothing of it is left on a terminal then.
#[derive(Debug)]
pub struct Progress {
    board: Arc<Board>,
    look: Duration,
    // Closed when it ends.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to show a run on the standard error; `None` where nothing is to be shown.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(settings: ProgressSettings) -> io::Result<Option<Self>> {
        // A terminal that can't move its cursor is like a file.
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let terminal = io::stderr().is_terminal() && !dumb;
        let Some(manner) = manner(settings.mode, settings.quiet, terminal) else { return Ok(None) };
        let board = Arc::new(Board::new(settings.total));
        let (stop, stopped) = bounded(0);
        let shower = Shower { settings, board: board.clone(), pace: Pace::default(), stopped };
        let thread =
            std::thread::Builder::new().name("progress".into()).spawn(move || shower.show(manner))?;
        let look = if matches!(manner, Manner::Drawn { .. }) { FRAME } else { TAKE };
        Ok(Some(Self { board, look, stop: Some(stop), thread: Some(thread) }))
    }

    /// What tells it how the run goes.
    pub fn observer(&self) -> Box<dyn Observer> {
        let noter = Noter { board: self.board.clone(), look: self.look };
        Box::new(Observers::new().with([noter]).with([Uncover]))
    }
}

/// Draws again what a pause had covered.
#[derive(Debug)]
struct Uncover;

impl Observer for Uncover {
    fn on_event(&mut self, _: Time, event: &PoolEvent<'_>) {
        if matches!(event, PoolEvent::Resumed { .. }) {
            screen::uncover();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Showing went wrong: the run has not.
            let _ = thread.join();
        }
    }
}

struct Shower {
    settings: ProgressSettings,
    board: Arc<Board>,
    pace: Pace,
    stopped: Receiver<()>,
}

impl Shower {
    fn show(mut self, manner: Manner) {
        match manner {
            Manner::Drawn { after, workers } => self.draw(after, workers),
            Manner::Lines { every } => self.write(every),
        }
    }

    /// True where it is to go on after this long.
    fn wait(&self, time: Duration) -> bool {
        self.stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }

    fn draw(&mut self, after: Duration, workers: bool) {
        if !after.is_zero() && !self.wait(after) {
            return;
        }
        let drawing = Drawing::start();
        loop {
            let (_, desks) = self.board.measure(&mut self.pace);
            // A column is left free, since some terminals wrap with the last one; and a line below.
            let (width, height) = screen::size();
            let width = width.saturating_sub(1);
            let mut lines = vec![self.view().line(width, self.settings.colour)];
            if workers {
                let views: Vec<_> =
                    (0..).zip(&desks).map(|(index, desk)| self.worker(WorkerId(index), desk)).collect();
                lines.extend(worker_lines(&views, width, height.saturating_sub(2)));
            }
            drawing.draw(&lines);
            if !self.wait(FRAME) {
                return;
            }
        }
    }

    fn write(&mut self, every: Duration) {
        let mut since = Duration::ZERO;
        while self.wait(TAKE) {
            self.board.measure(&mut self.pace);
            since += TAKE;
            if since >= every {
                since = Duration::ZERO;
                // Nobody listens on a closed standard error, and that is no reason to fail.
                let _ = io::stderr().write_all(format!("{}\n", self.view().sentence()).as_bytes());
            }
        }
    }

    fn view(&self) -> View<'_> {
        let standing = self.board.standing();
        let here = standing.total.map(|total| total.saturating_sub(standing.skipped));
        View {
            job: &self.settings.job,
            standing,
            rate: self.pace.rate(),
            remaining: here.and_then(|total| self.pace.remaining(total)),
        }
    }

    fn worker(&self, worker: WorkerId, desk: &Desk) -> WorkerView {
        let name = worker.to_string();
        match desk {
            Desk::Starting => WorkerView { name, what: "starting".into(), attempt: 1, elapsed: None },
            Desk::Waiting => WorkerView { name, what: "waiting".into(), attempt: 1, elapsed: None },
            Desk::Task { task, attempt, since, payload } => {
                let mut what = String::new();
                if self.settings.presenter.input(payload, &mut what).is_err() {
                    what = format!("task {}", task.0);
                }
                let elapsed = Some(self.board.now().since(*since));
                WorkerView { name, what, attempt: *attempt, elapsed }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_drawn_on_terminals_only() {
        let drawn = |mode, quiet| matches!(manner(mode, quiet, true), Some(Manner::Drawn { .. }));
        assert!(drawn(ProgressMode::Auto, false) && drawn(ProgressMode::Full, true));
        assert!(!drawn(ProgressMode::Auto, true) && !drawn(ProgressMode::Never, false));
        let seconds = |mode| match manner(mode, false, false) {
            Some(Manner::Lines { every }) => Some(every.as_secs()),
            _ => None,
        };
        assert_eq!(seconds(ProgressMode::Auto), Some(10));
        assert_eq!(seconds(ProgressMode::Full), Some(1));
        assert_eq!(seconds(ProgressMode::Never), None);
    }
}
