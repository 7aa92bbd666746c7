//! The thread that lets observers in and tells them what happens. It waits for none of them.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, TryRecvError};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocol::monotonic_nanos;
use protocol::observe::{
    Ending, Greeting, Listener, MAX_LISTED, Observation, RunInfo, Snapshot, WorkerState, WorkerView,
};

use super::board::Desk;
use super::client::Client;
use super::feed::{Feed, Frame, Process};
use super::pace::Pace;
use queue::WorkerId;

/// How often it is looked how the run stands.
pub(super) const TICK: Duration = Duration::from_millis(200);
/// How many observers a run may have at a time.
const OBSERVERS: usize = 32;
/// How long an observer that is only a little behind may take for the end of the run.
const LINGER: Duration = Duration::from_millis(250);
/// Who has taken nothing for this long is not waited for.
const STUCK: Duration = Duration::from_millis(100);
/// How many are let in at once.
const CROWD: usize = 64;

/// What the run has to say.
#[derive(Debug)]
pub(super) enum Word {
    /// What it is.
    Run(RunInfo),
    /// It is over; none: without a word.
    End(Option<Ending>),
}

#[derive(Debug)]
pub(super) struct Server {
    listener: Listener,
    feed: Arc<Feed>,
    words: Receiver<Word>,
    pace: Pace,
    // Nobody is let in before.
    greeting: Option<Vec<u8>>,
    clients: Vec<Client>,
    // What was told last, without what changes all the time.
    told: Option<Snapshot>,
    look_at: u64,
    // The process has no more files: nobody is let in until the next look.
    deaf: bool,
}

impl Server {
    pub(super) fn new(listener: Listener, feed: Arc<Feed>, words: Receiver<Word>) -> Self {
        Self {
            listener,
            feed,
            words,
            pace: Pace::default(),
            greeting: None,
            clients: Vec::new(),
            told: None,
            look_at: 0,
            deaf: false,
        }
    }

    pub(super) fn serve(mut self) {
        loop {
            self.wait();
            loop {
                match self.words.try_recv() {
                    Ok(Word::Run(run)) => self.greeting = Some(Greeting::Run(run).to_frame()),
                    Ok(Word::End(ending)) => return self.finish(ending),
                    Err(TryRecvError::Disconnected) => return self.finish(None),
                    Err(TryRecvError::Empty) => break,
                }
            }
            // Before newcomers, whose snapshot counts these.
            self.pass_on();
            self.let_in();
            let now = monotonic_nanos();
            if now >= self.look_at {
                self.look_at = now.saturating_add(nanos(TICK));
                self.deaf = false;
                self.look();
            }
            self.write();
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self) {
        let idle = self.clients.is_empty() && !self.deaf;
        let left = self.look_at.saturating_sub(monotonic_nanos()).div_ceil(1_000_000);
        let left = u16::try_from(left).unwrap_or(u16::MAX);
        let patience = if idle { PollTimeout::NONE } else { left.into() };
        let mut polled = vec![PollFd::new(self.feed.woken(), PollFlags::POLLIN)];
        let hears = self.greeting.is_some() && !self.deaf;
        let knock = if hears { PollFlags::POLLIN } else { PollFlags::empty() };
        polled.push(PollFd::new(self.listener.as_fd(), knock));
        polled.extend(self.clients.iter().map(|client| {
            let wanted = if client.is_behind() { PollFlags::POLLOUT } else { PollFlags::empty() };
            PollFd::new(client.as_fd(), wanted)
        }));
        // A wait that is cut short is a look too many.
        let _ = poll(&mut polled, patience);
        let over = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
        let gone: Vec<bool> = polled
            .iter()
            .skip(2)
            .map(|one| one.revents().is_some_and(|what| what.intersects(over)))
            .collect();
        self.feed.reset();
        let mut gone = gone.into_iter();
        self.clients.retain(|_| gone.next() != Some(true));
        self.note_watched();
    }

    fn note_watched(&self) {
        self.feed.set_watched(!self.clients.is_empty());
    }

    /// Passes the events on.
    fn pass_on(&mut self) {
        let (lost, events) = self.feed.take();
        for client in &mut self.clients {
            client.lose(lost);
            events.iter().for_each(|event| client.tell(event.clone()));
        }
    }

    fn let_in(&mut self) {
        let Some(greeting) = &self.greeting else { return };
        let mut newcomers = Vec::new();
        for _ in 0..CROWD {
            match self.listener.accept() {
                Ok(Some(stream)) if self.clients.len() + newcomers.len() < OBSERVERS => {
                    newcomers.push(Client::new(stream, greeting));
                }
                Ok(Some(stream)) => {
                    let full = Greeting::Full { observers: OBSERVERS as u32 }.to_frame();
                    Client::new(stream, &full).write();
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(%error, "no observer can be let in");
                    self.deaf = true;
                    break;
                }
            }
        }
        if newcomers.is_empty() {
            return;
        }
        // What happens from here on is an event, what has happened is in the snapshot.
        self.feed.set_watched(true);
        let snapshot = self.snapshot();
        let frame = Frame::from(Observation::Snapshot(snapshot).to_frame());
        newcomers.iter_mut().for_each(|client| client.show(frame.clone()));
        self.clients.append(&mut newcomers);
    }

    /// Tells how the run stands, where that has changed.
    fn look(&mut self) {
        if self.clients.is_empty() {
            return;
        }
        let snapshot = self.snapshot();
        let lasting = lasting(&snapshot);
        if self.told.as_ref() != Some(&lasting) {
            self.told = Some(lasting);
            let frame = Frame::from(Observation::Snapshot(snapshot).to_frame());
            self.clients.iter_mut().for_each(|client| client.show(frame.clone()));
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        let (standing, desks) = self.feed.board.measure(&mut self.pace);
        let now = self.feed.board.now();
        let processes = self.feed.processes().clone();
        let state = |desk: &Desk| match desk {
            Desk::Starting => WorkerState::Starting,
            Desk::Waiting => WorkerState::Waiting,
            Desk::Task { task, attempt, since, .. } => {
                let seconds = now.since(*since).as_secs_f64();
                WorkerState::Running { task: *task, attempt: *attempt, seconds }
            }
        };
        let view = |(number, process): (u32, &Process)| {
            let desk = desks.get(number as usize).filter(|_| process.alive);
            WorkerView {
                name: WorkerId(number).to_string(),
                pid: process.pid,
                incarnation: process.incarnation,
                state: desk.map_or(WorkerState::Gone, state),
            }
        };
        let running = desks.iter().filter(|desk| matches!(desk, Desk::Task { .. })).count();
        let here = standing.total.map(|total| total.saturating_sub(standing.skipped));
        let remaining = here.and_then(|total| self.pace.remaining(total));
        Snapshot {
            elapsed_seconds: standing.elapsed.as_secs_f64(),
            planned: standing.total,
            skipped: standing.skipped,
            ok: standing.ok,
            failed: standing.failed,
            retried: standing.retried,
            restarts: standing.restarts,
            running: u32::try_from(running).unwrap_or(u32::MAX),
            tasks_per_second: self.pace.rate(),
            remaining_seconds: remaining.map(|left| left.as_secs_f64()),
            workers: (0..).zip(processes.iter().take(MAX_LISTED)).map(view).collect(),
        }
    }

    fn write(&mut self) {
        self.clients.retain_mut(Client::write);
        self.note_watched();
    }

    /// Tells the end to all who still take something.
    fn finish(mut self, ending: Option<Ending>) {
        // Who sees the end of a run finds no socket any more.
        self.listener.close();
        self.pass_on();
        self.let_in();
        if let Some(ending) = ending {
            let end = Frame::from(Observation::End(ending).to_frame());
            self.clients.iter_mut().for_each(|client| client.tell_end(end.clone()));
        }
        let begun = monotonic_nanos();
        let stuck = begun.saturating_sub(nanos(STUCK));
        self.clients.retain(|client| client.stuck_since().is_none_or(|since| since > stuck));
        loop {
            self.clients.retain_mut(Client::write);
            self.clients.retain(Client::is_behind);
            let left = nanos(LINGER).saturating_sub(monotonic_nanos().saturating_sub(begun));
            if self.clients.is_empty() || left == 0 {
                return;
            }
            let mut polled: Vec<_> =
                self.clients.iter().map(|client| PollFd::new(client.as_fd(), PollFlags::POLLOUT)).collect();
            let left = u16::try_from(left.div_ceil(1_000_000)).unwrap_or(u16::MAX);
            let _ = poll(&mut polled, PollTimeout::from(left));
        }
    }
}

/// What is told only together with something else: it changes all the time.
fn lasting(snapshot: &Snapshot) -> Snapshot {
    let mut lasting = snapshot.clone();
    (lasting.elapsed_seconds, lasting.tasks_per_second, lasting.remaining_seconds) = (0.0, None, None);
    for worker in &mut lasting.workers {
        if let WorkerState::Running { seconds, .. } = &mut worker.state {
            *seconds = 0.0;
        }
    }
    lasting
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
